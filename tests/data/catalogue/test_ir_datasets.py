"""Data sets read by ir_datasets: small files where the library keeps them, through the library's own code."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tarfile

import pytest

from isoglot.collections.folder import read_splits
from isoglot.collections.negatives import hard_negative_rows
from isoglot.collections.select import only_judged
from isoglot.data.catalogue import all_entries, find_entry, irds
from isoglot.data.catalogue.entry import IrDatasetsReader
from isoglot.data.catalogue.files import Wanted
from isoglot.data.catalogue.getting import get_data, read_data
from isoglot.errors import InputError, IsoglotError

pytest.importorskip("ir_datasets", reason="the extra data is not installed")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def jsonl(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read(name, home, *languages):
    return read_data(find_entry(name), Wanted(languages=languages or None, source=home))[0]


def texts(collection):
    documents = zip(*(collection.documents[key].to_pylist() for key in ("_id", "title", "text")), strict=True)
    queries = zip(*(collection.queries[key].to_pylist() for key in ("_id", "lang", "text")), strict=True)
    return set(documents), set(queries)


def judged(collection):
    queries, documents = collection.query_ids.to_pylist(), collection.documents["_id"].to_pylist()
    return {
        (queries[row["query"]], documents[row["document"]], row["score"])
        for row in collection.judgments.to_pylist()
    }


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def write_miracl(home):
    base = home / "miracl/v1.0"
    for tag, number in (("sw", 0), ("yo", 1)):
        passages = (
            {"docid": "7#0", "title": "Nyota", "text": f"{tag} first"},
            {"docid": "7#1", "title": "", "text": f"{tag} second"},
            {"docid": "8#0", "title": "", "text": " "},
        )
        write(base / f"{tag}/docs/docs-{number}.jsonl.gz", jsonl(*passages))
        write(base / f"{tag}/dev/topics.tsv", f"1\t{tag} question\n2\tnever judged\n")
        write(base / f"{tag}/dev/qrels.tsv", "1 Q0 7#0 1\n1 Q0 7#1 0\n")
    write(base / "sw/train/topics.tsv", "3\tsw training\n")
    write(base / "sw/train/qrels.tsv", "3 Q0 7#1 1\n")


def test_miracl_has_a_question_in_one_language(home, tmp_path):
    write_miracl(home)
    splits = read("miracl", home, "sw", "yo")
    assert set(splits) == {"train", "dev"}
    documents, queries = texts(splits["dev"])
    assert documents == {
        ("sw/7#0", "Nyota", "sw first"),
        ("sw/7#1", "", "sw second"),
        ("yo/7#0", "Nyota", "yo first"),
        ("yo/7#1", "", "yo second"),
    }
    assert queries == {("sw/1", "sw", "sw question"), ("yo/1", "yo", "yo question")}
    assert judged(splits["dev"]) == {
        *(("sw/1", "sw/7#0", 1), ("sw/1", "sw/7#1", 0)),
        *(("yo/1", "yo/7#0", 1), ("yo/1", "yo/7#1", 0)),
    }
    assert judged(splits["train"]) == {("sw/3", "sw/7#1", 1)}  # Yoruba has no training questions
    assert splits["dev"].dropped == {"empty text": 2}

    get_data(find_entry("miracl"), tmp_path / "out", Wanted(("sw", "yo"), home), "parquet")
    again = read_splits(tmp_path / "out")
    assert judged(again["dev"]) == judged(splits["dev"])
    assert again["dev"].metadata["licence"] == "Apache-2.0"


def test_mr_tydi_is_read_from_its_unpacked_archive(home):
    base = home / "mr-tydi/sw.data/mrtydi-v1.0-swahili"
    write(base / "collection/docs.jsonl.gz", jsonl({"id": "5#0", "contents": "Nyota\n\nni nyota"}))
    for number, split in enumerate(("train", "dev", "test")):
        write(base / f"topic.{split}.tsv", f"{number}\tswali {split}\n")
        write(base / f"qrels.{split}.txt", f"{number} Q0 5#0 1\n")
    write(home / "mr-tydi/irds_version.txt", "v2")
    splits = read("mr-tydi", home, "sw")
    assert {split: judged(one) for split, one in splits.items()} == {
        "train": {("sw/0", "sw/5#0", 1)},
        "dev": {("sw/1", "sw/5#0", 1)},
        "test": {("sw/2", "sw/5#0", 1)},
    }
    assert splits["test"].documents["text"].to_pylist() == ["Nyota\n\nni nyota"]


def write_mmarco(home, triples="10\t0\t1\n"):
    base = home / "mmarco"
    for tag, name in (("de", "german"), ("nl", "dutch")):
        write(base / f"v2/{name}_collection.tsv", f"0\t{tag} null\n1\t{tag} een\n2\t{tag} twee\n")
        write(base / f"v2/{name}.queries.train.tsv", f"10\t{tag} Frage\n11\t{tag} nie\n")
        write(base / f"v2/{name}.queries.dev.tsv", f"20\t{tag} vraag\n21\tnot in the small set\n")
    write(base / "qrels.dev.small.tsv", "20\t0\t1\t1\n")
    write(base / "triples.train.ids.small.tsv", triples)
    english = home / "msmarco-passage"
    write(english / "irds_version.txt", "v2")
    write(english / "collection.tsv", "0\ten null\n1\ten one\n2\ten two\n")
    write(english / "train/queries.tsv", "10\ten question\n11\ten never\n")
    write(english / "dev/small/queries.tsv", "20\ten demand\n")
    write(english / "train/qrels", "10\t0\t0\t1\n")
    write(english / "dev/small/qrels", "20\t0\t1\t1\n")


def test_mmarco_is_parallel(home):
    write_mmarco(home)
    splits = read("mmarco", home, "de", "nl")
    assert judged(splits["dev"]) == {("20", "de/1", 1), ("20", "nl/1", 1)}
    assert judged(splits["train"]) == {("10", "de/0", 1), ("10", "nl/0", 1)}
    assert texts(splits["dev"])[1] == {("20", "de", "de vraag"), ("20", "nl", "nl vraag")}
    assert splits["dev"].pair_counts.tolist() == [[1, 1], [1, 1]]


def test_mmarco_has_ms_marco_as_its_english(home, tmp_path):
    write_mmarco(home)
    get_data(find_entry("mmarco"), tmp_path / "out", Wanted(("en", "de"), home), "parquet")
    splits = read_splits(tmp_path / "out")
    assert judged(splits["train"]) == {("10", "de/0", 1), ("10", "en/0", 1)}
    assert texts(splits["train"])[1] == {
        *(("10", "de", "de Frage"), ("10", "en", "en question")),
        *(("20", "de", "de vraag"), ("20", "en", "en demand")),
    }
    assert splits["train"].pair_counts.tolist() == [[1, 1], [1, 1]]
    assert splits["dev"].pair_counts.tolist() == [[1, 1], [1, 1]]


def negatives(collection):
    """(query id, language) -> the ids of its hard negatives, in order."""
    offsets, rows = hard_negative_rows(collection)
    ids = collection.documents["_id"].to_pylist()
    names = zip(collection.queries["_id"].to_pylist(), collection.queries["lang"].to_pylist(), strict=True)
    return {name: [ids[row] for row in rows[offsets[at] : offsets[at + 1]]] for at, name in enumerate(names)}


def test_triples_are_hard_negatives_in_the_language_of_each_version(home, tmp_path):
    """Each once and in order; triples whose negative is relevant, or of unjudged queries, are passed over."""
    write_mmarco(home, "10\t0\t2\n11\t0\t1\n10\t0\t1\n10\t0\t0\n10\t0\t2\n10\t0\t999\n")
    write(home / "mmarco/v2/german_collection.tsv", "0\tde null\n1\t \n2\tde zwei\n")
    get_data(find_entry("mmarco"), tmp_path / "out", Wanted(("en", "de"), home))
    splits = read_splits(tmp_path / "out")
    assert negatives(only_judged(splits["train"])) == {
        ("10", "de"): ["de/2"],  # the first passage is empty in German
        ("10", "en"): ["en/2", "en/1"],
    }
    assert splits["train"].dropped == {}
    assert splits["train"].metadata["left_out"] == {"empty text": 1}
    assert negatives(only_judged(splits["dev"])) == {("20", "en"): [], ("20", "de"): []}


def test_so_many_negatives_of_a_query_are_kept(home):
    write_mmarco(home, "10\t0\t2\n10\t0\t2\n10\t0\t1\n")
    entry = find_entry("mmarco")
    triples = entry.reader.triples.model_copy(update={"most": 1})
    entry = entry.model_copy(update={"reader": entry.reader.model_copy(update={"triples": triples})})
    splits, _ = read_data(entry, Wanted(("en", "nl"), home))
    assert negatives(splits["train"]) == {("10", "en"): ["en/2"], ("10", "nl"): ["nl/2"]}


def test_missing_triples_are_named(home):
    write_mmarco(home)
    (home / "mmarco/triples.train.ids.small.tsv").unlink()
    with pytest.raises(InputError, match=r"the folder lacks what is downloaded from .*triples\.train\.ids\.small"):
        read("mmarco", home, "de", "en")


def test_neuclir_asks_in_english_and_in_the_language_of_the_documents(home):
    base = home / "neuclir"
    for tag, code in (("zh", "zho"), ("fa", "fas")):
        row = {
            "id": f"{code}-1",
            "title": f"{tag} title",
            "text": f"{tag} text",
            "url": "",
            "time": "",
            "cc_file": "",
        }
        write(base / f"1/{code}/docs.jsonl.gz", jsonl(row))

    def topic(number):
        def one(lang, source):
            title = f"{lang} {number}"
            said = {"topic_title": title, "topic_description": "d", "topic_narrative": "n"}
            return {"lang": lang, "source": source} | said

        kinds = [one(lang, f"{who} translation") for lang in ("zho", "fas") for who in ("human", "machine")]
        return {
            "topic_id": number,
            "topics": [one("eng", "original"), *kinds],
            "languages_with_qrels": ["zho", "fas"],
        }

    write(base / "trec-2022/topics.jsonl", jsonl(topic("1"), topic("2")))
    write(base / "trec-2022/qrels", "1 zho zho-1 3\n1 fas fas-1 1\n")

    first = read("neuclir", home, "en", "zh", "fa")["trec-2022"]
    assert judged(first) == {("1", "zh/zho-1", 3), ("1", "fa/fas-1", 1)}
    assert texts(first)[1] == {("1", "en", "eng 1"), ("1", "zh", "zho 1"), ("1", "fa", "fas 1")}
    chinese = read("neuclir", home, "zh")["trec-2022"]
    assert texts(chinese)[1] == {("1", "zh", "zho 1")}


def test_cranfield_is_read_from_its_publishers_archive(home):
    files = {
        "cran.all.1400": ".I 1\n.T\nwings\n.A\nx\n.B\ny\n.W\non wings\n.I 2\n.T\n.A\n.B\n.W\n",
        "cran.qry": ".I 001\n.W\nhow do wings lift\n.I 004\n.W\nwhat is heat\n",
        "cranqrel": "1 1 2\n2 1 -1\n2 2 4\n",
    }
    home.joinpath("cranfield").mkdir(parents=True)
    with tarfile.open(home / "cranfield/cran.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    collection = read("cranfield", home)["test"]
    assert texts(collection) == (
        {("1", "wings", "on wings")},
        {("1", "en", "how do wings lift"), ("2", "en", "what is heat")},
    )
    assert judged(collection) == {("1", "1", 2), ("2", "1", -1)}  # the second abstract is empty
    assert collection.dropped == {"empty text": 1}


def test_the_readers_names_are_names_of_the_library():
    import ir_datasets

    for entry in all_entries():
        if isinstance(entry.reader, IrDatasetsReader):
            tags = [tag for tag in entry.languages if tag != entry.reader.query_language]
            for tag in tags:
                code = entry.reader.codes.get(tag, tag)
                named = entry.reader.elsewhere.get(tag, entry.reader.splits)
                names = [name.format(language=code) for name in named.values()]
                assert any(name in ir_datasets.registry for name in names), (entry.name, tag)
            for pattern in entry.reader.splits.values():
                codes = (entry.reader.codes.get(tag, tag) for tag in tags)
                assert any(pattern.format(language=code) in ir_datasets.registry for code in codes), pattern


def test_a_folder_without_its_files_is_said_and_nothing_is_downloaded(home):
    write_miracl(home)
    (home / "miracl/v1.0/sw/dev/qrels.tsv").unlink()
    with pytest.raises(InputError, match=r"holds miracl: the folder lacks what is downloaded from https://"):
        read("miracl", home, "sw")


def test_the_users_own_copy_of_the_library_stays_as_it_was(home, monkeypatch):
    import ir_datasets

    before = ir_datasets.util.RequestsDownload.stream
    monkeypatch.delenv("IR_DATASETS_HOME", raising=False)
    write_miracl(home)
    read("miracl", home, "yo")
    assert sys.modules["ir_datasets"] is ir_datasets
    assert ir_datasets.util.RequestsDownload.stream is before
    assert "IR_DATASETS_HOME" not in os.environ


def test_without_a_connection_the_remedy_is_said(monkeypatch):
    import ir_datasets

    def unreachable(_):
        raise OSError("no route to host")

    monkeypatch.setattr(ir_datasets, "load", unreachable)
    with pytest.raises(IsoglotError, match=r"ir_datasets cannot get miracl: no route to host\. .* --from") as error:
        read_data(find_entry("miracl"), Wanted(("yo",)))
    assert error.value.exit_code == 1


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(irds, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"ir_datasets, which is not installed: pip install 'isoglot\[data\]'"):
        read_data(find_entry("cranfield"), Wanted())
