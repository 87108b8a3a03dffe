"""Getting data sets: downloaded or found, read in their publisher's form, written whole or not at all."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace

import pytest
import yaml

from isoglot.collections.folder import read_collection, read_splits, splits_of
from isoglot.collections.writing import write_collection
from isoglot.data.catalogue import find_entry, loading
from isoglot.data.catalogue.download import DownloadError
from isoglot.data.catalogue.entry import File
from isoglot.data.catalogue.files import Wanted, download_folder
from isoglot.data.catalogue.getting import get_data, read_data, wanted_languages
from isoglot.errors import InputError, IsoglotError

AFRIQA = (
    '{"answer_pivot": {"answer_start": [0], "text": ["a"]}, "context": "a b", "id": "1", "title": "t", '
    '"question_lang": "tambaya", "question_translated": "question", "answer_lang": "a"}\n'
)
BEIR = (
    *("msmarco", "trec-covid", "nfcorpus", "nq", "hotpotqa", "fiqa", "arguana", "webis-touche2020", "quora"),
    *("dbpedia-entity", "scidocs", "fever", "climate-fever", "scifact"),
)
LANGUAGES = ("de", "en", "zh")
EXPECTED = {  # documents, query versions, judgments, languages of each split
    "xquad-r": {None: (6, 3, 3, LANGUAGES)},
    "mlqa-r": {None: (6, 3, 3, LANGUAGES)},
    "xquad": {None: (3, 3, 3, LANGUAGES)},
    "mlqa": {"dev": (6, 3, 3, LANGUAGES), "test": (6, 3, 3, LANGUAGES)},
    "dureader-retrieval": {"dev": (2, 1, 1, ("zh",))},
    "cqadupstack": {"android": (1, 1, 1, ("en",)), "tex": (1, 1, 1, ("en",))},
} | {name: {size.split: (1, 1, 1, ("en",)) for size in find_entry(name).sizes} for name in BEIR}


def shape(collection):
    return (
        collection.documents.num_rows,
        collection.queries.num_rows,
        collection.judgments.num_rows,
        collection.languages,
    )


def written(folder):
    """What a folder holds, read strictly."""
    if (folder / "collection.yaml").exists():
        return {split: read_collection(folder, split=split) for split in splits_of(folder) or [None]}
    return {path.name: read_collection(path) for path in folder.iterdir()}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_data_set_is_downloaded_and_converted(serve, data_home, tmp_path, name):
    entry = serve(name)
    get_data(entry, tmp_path / "out")
    found = written(tmp_path / "out")
    assert {split: shape(one) for split, one in found.items()} == EXPECTED[name]
    one = next(iter(found.values()))
    assert one.name.split("/")[0] == name
    assert one.metadata["licence"] == entry.licence
    assert one.metadata["citation"] == entry.citation
    assert one.metadata["source"] == entry.homepage
    if name in BEIR or name == "cqadupstack":
        assert one.metadata["left_out"] == {"empty text": 1}
    for file in entry.files:  # the downloads stay, with nothing but their checksums
        assert (download_folder(name) / f"{file.path}.sha256").exists()
    assert not any(path.name.startswith(".unpacked") for path in download_folder(name).iterdir())


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_on_disk_already_needs_no_network(published, tmp_path, name):
    folder = _put(published(name), tmp_path / "mine")
    splits, _ = read_data(find_entry(name), Wanted(source=folder))
    assert {split: shape(one) for split, one in splits.items()} == EXPECTED[name]


@pytest.mark.parametrize("name", ["mlqa", "nfcorpus", "cqadupstack", "tldr", "dureader-retrieval"])
def test_an_archive_may_be_unpacked_already(published, tmp_path, name):
    folder = _put(published(name), tmp_path / "mine")
    packed, _ = read_data(find_entry(name), Wanted(source=folder))
    for path in list(folder.iterdir()):
        shutil.unpack_archive(path, folder)
        path.unlink()
    inner = next(folder.iterdir())
    entry = find_entry(name).model_copy(update={"sizes": ()})  # ready folders must be as large as is stated
    for source in (folder, inner):
        unpacked, _ = read_data(entry, Wanted(source=source))
        assert {split: shape(one) for split, one in unpacked.items()} == {
            split: shape(one) for split, one in packed.items()
        }


def test_tldr_is_read_from_a_clone_or_a_release(serve, data_home, tmp_path):
    get_data(serve("tldr"), tmp_path / "out")
    (split, collection), *_ = written(tmp_path / "out").items()
    assert split in ("train", "dev", "test")
    assert set(collection.queries["text"].to_pylist()) == {
        *("Extract an archive", "Create an archive", "Entpacke ein Archiv", "Erstelle ein Archiv")
    }
    assert collection.languages == ("de", "en")


def test_only_files_of_the_wanted_languages_are_downloaded(serve, site, data_home, tmp_path):
    entry = serve("xquad")
    wanted = wanted_languages(entry, ["DE", "zh"])
    assert wanted == ("de", "zh")
    get_data(entry, tmp_path / "out", Wanted(wanted))
    assert sorted(path for path, _ in site.requests) == ["/xquad/xquad.de.json", "/xquad/xquad.zh.json"]
    assert read_collection(tmp_path / "out").languages == ("de", "zh")


def test_languages_are_kept_of_an_archive_with_all(serve, data_home, tmp_path):
    get_data(serve("mlqa"), tmp_path / "out", Wanted(("en", "zh")))
    collection = written(tmp_path / "out")["test"]
    assert collection.languages == ("en", "zh")
    assert shape(collection)[1:3] == (2, 2)


def test_a_macrolanguage_stands_for_its_variants():
    assert wanted_languages(find_entry("mkqa"), ["zh", "no"]) == ("zh-CN", "zh-HK", "zh-TW", "no")
    with pytest.raises(InputError, match="xquad-r has no language 'sw'; it has ar, de"):
        wanted_languages(find_entry("xquad-r"), ["sw"])
    with pytest.raises(InputError, match="--languages: 'xx' is not a registered language tag"):
        wanted_languages(find_entry("xquad-r"), ["xx"])


def test_sentences_are_no_answers_to_themselves(tmp_path):
    """In one language alone each sentence of Tatoeba would be sought, and found, in itself."""
    for name, text in (("deu", "Eins.\nZwei.\n"), ("eng", "One.\nTwo.\n")):
        (tmp_path / f"tatoeba.deu-eng.{name}").write_text(text)
    entry = find_entry("tatoeba")
    with pytest.raises(InputError, match=r"its own answer in de alone; ask for en as well: --languages de,en$"):
        read_data(entry, Wanted(("de",), tmp_path))
    splits, _ = read_data(entry, Wanted(("de", "en"), tmp_path))
    assert shape(splits[None]) == (4, 4, 4, ("de", "en"))
    with pytest.raises(InputError, match="tatoeba has no file in en alone: add a language"):
        wanted_languages(entry, ["en"])


def test_notes_name_the_data_set_and_no_passing_folder(published, tmp_path, caplog):
    lines = ('{"context": "", "id": "0", "question_lang": "t", "question_translated": "q"}\n', AFRIQA)
    (tmp_path / "gold_span_passages.afriqa.hau.en.test.json").write_text("".join(lines))
    with caplog.at_level("INFO", logger="isoglot"):
        read_data(find_entry("afriqa"), Wanted(("ha", "en"), tmp_path))
    (note,) = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert note.startswith("afriqa: left out 1")
    with caplog.at_level("INFO", logger="isoglot"):
        read_data(find_entry("nfcorpus"), Wanted(source=_put(published("nfcorpus"), tmp_path / "packed")))
    notes = [record.getMessage() for record in caplog.records]
    assert "nfcorpus: left out empty text (corpus.jsonl line 2: 'd2')" in notes


def test_languages_that_share_no_judgment_are_refused(tmp_path):
    (tmp_path / "gold_span_passages.afriqa.hau.en.test.json").write_text(AFRIQA)
    with pytest.raises(InputError, match=r"no query in ha has .*; ask for en as well: --languages ha,en$"):
        read_data(find_entry("afriqa"), Wanted(("ha",), tmp_path))
    splits, _ = read_data(find_entry("afriqa"), Wanted(("ha", "en"), tmp_path))
    assert shape(splits["test"]) == (1, 2, 1, ("en", "ha"))


def test_without_a_network_the_remedy_is_said(data_home, tmp_path):
    entry = find_entry("xquad-r").model_copy(update={"address": "http://127.0.0.1:9/"})
    with pytest.raises(IsoglotError, match=r"http://127.0.0.1:9/ar.json could not be reached: .*--from") as error:
        get_data(entry, tmp_path / "out")
    assert entry.homepage in str(error.value)
    assert error.value.exit_code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["xquad-r", "mmarco", "miracl"])
def test_data_at_hand_are_named_as_a_remedy_wherever_a_name_is_used(data_home, monkeypatch, name):
    def unreachable(*_args, **_more):
        raise DownloadError("http://x could not be reached: no network")

    monkeypatch.setattr(loading, "get_data", unreachable)
    with pytest.raises(IsoglotError, match=rf"or, where its data .* set ISOGLOT_DATA to .* in a folder {name}$"):
        loading.load_collection(name)


def test_a_file_that_has_gone_is_said_unless_it_may_be_missing(serve, site, data_home, tmp_path):
    entry = serve("xquad")
    gone = File(path="xquad.ro.json", languages=("ro",))
    with pytest.raises(DownloadError, match=r"xquad.ro.json is not there any more \(HTTP 404\)"):
        get_data(entry.model_copy(update={"files": (*entry.files, gone)}), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    may_be = gone.model_copy(update={"optional": True})
    got = get_data(entry.model_copy(update={"files": (*entry.files, may_be)}), tmp_path / "out")
    assert got.missing == ("xquad.ro.json",)
    assert yaml.safe_load((tmp_path / "out/collection.yaml").read_text())["missing_files"] == ["xquad.ro.json"]


def test_a_wrong_checksum_leaves_nothing(serve, data_home, tmp_path):
    entry = serve("nfcorpus", checksums="stated")
    file = entry.files[0].model_copy(update={"checksum": "md5:" + "0" * 32})
    with pytest.raises(DownloadError, match="is not the file that was expected"):
        get_data(entry.model_copy(update={"files": (file,)}), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (download_folder("nfcorpus") / "nfcorpus.zip").exists()


def test_a_damaged_archive_is_said(tmp_path):
    (tmp_path / "nfcorpus.zip").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match=r"nfcorpus.zip is damaged \(.*\): remove it and get it again"):
        read_data(find_entry("nfcorpus"), Wanted(source=tmp_path))
    (tmp_path / "dureader-retrieval-baseline-dataset.tar.gz").write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(InputError, match="is damaged"):
        read_data(find_entry("dureader-retrieval"), Wanted(source=tmp_path))


def test_an_archive_writes_nothing_outside_its_folder(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    with zipfile.ZipFile(inside / "nfcorpus.zip", "w") as archive:
        archive.writestr("../escaped.txt", "x")
    with pytest.raises(InputError):
        read_data(find_entry("nfcorpus"), Wanted(source=inside))
    assert not list(tmp_path.rglob("../escaped.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    "name", ["xquad-r", "mlqa", "nfcorpus", "tldr", "dream", "afriqa", "tatoeba", "mkqa", "omw"]
)
def test_a_folder_without_its_files_is_said(tmp_path, name):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=str(tmp_path)):
        get_data(find_entry(name), tmp_path.parent / f"{tmp_path.name}-out", Wanted(source=tmp_path))
    with pytest.raises(InputError, match="missing"):
        get_data(find_entry(name), tmp_path / "out", Wanted(source=tmp_path / "nowhere"))


def test_two_files_of_one_name_are_not_guessed_between(published, tmp_path):
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "de.json").write_bytes(published("xquad-r")["de.json"])
    with pytest.raises(InputError, match=r"several files de.json: .*new.* and .*old"):
        read_data(find_entry("xquad-r"), Wanted(source=tmp_path))


def test_files_other_than_those_the_catalogue_knows_are_told(published, tmp_path, caplog):
    read_data(find_entry("xquad-r"), Wanted(source=_put(published("xquad-r"), tmp_path)))
    messages = [record.message for record in caplog.records]
    assert any("de.json is not the de.json that the catalogue knows" in message for message in messages)
    assert any(
        "has 3 of the 11 files of xquad-r; it lacks ar.json, el.json, es.json" in message for message in messages
    )


def test_ready_collection_folders_are_taken(published, toy, tmp_path):
    get_data(find_entry("xquad"), tmp_path / "one", Wanted(source=_put(published("xquad"), tmp_path / "from")))
    get_data(find_entry("xquad"), tmp_path / "two", Wanted(source=tmp_path / "one"), "parquet")
    assert shape(read_collection(tmp_path / "two")) == EXPECTED["xquad"][None]
    assert (tmp_path / "two/corpus.parquet").exists()
    for split in ("train", "test"):
        write_collection(replace(toy, metadata={"name": f"tldr/{split}"}), tmp_path / "three" / split)
    got = get_data(find_entry("tldr"), tmp_path / "four", Wanted(("de",), tmp_path / "three"))
    assert list(got.splits) == ["train", "test"]
    assert read_collection(tmp_path / "four", split="test").languages == ("de",)  # the same documents: one folder


def _put(files, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        (folder / path).write_bytes(content)
    return folder


def test_what_is_there_is_not_overwritten(published, site, serve, data_home, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("keep")
    with pytest.raises(InputError, match="already exists"):
        get_data(serve("xquad"), tmp_path / "out")
    assert site.requests == []  # said before anything is downloaded
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_interrupted_conversion_leaves_no_folder(serve, data_home, tmp_path, monkeypatch):
    from isoglot.data.catalogue import getting

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(getting, "read_published", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get_data(serve("mlqa"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not any(path.name.startswith(".unpacked") for path in download_folder("mlqa").iterdir())


def test_wordnets_become_lexicons(tmp_path):
    for code, language, word in (("pol", "pol", "dom"), ("por", "por", "casa")):
        (tmp_path / code).mkdir()
        text = f"# WN\t{language}\thttps://example.org\tCC\n1-n\t{code}:lemma\t{word}\n"
        (tmp_path / code / f"wn-data-{code}.tab").write_text(text)
    got = get_data(find_entry("omw"), tmp_path / "out", Wanted(source=tmp_path))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["pl-pt.tsv", "pt-pl.tsv"]
    assert (tmp_path / "out/pl-pt.tsv").read_text() == "dom\tcasa\n"
    assert len(got.lexicons) == 2
    with pytest.raises(InputError, match="omw is wordnets, not a collection"):
        read_data(find_entry("omw"), Wanted(source=tmp_path))


def test_worldfacts_is_built(tmp_path):
    with pytest.raises(InputError, match="worldfacts is built by isoglot and has no files: leave --from out"):
        get_data(find_entry("worldfacts"), tmp_path / "out", Wanted(source=tmp_path))
    get_data(find_entry("worldfacts"), tmp_path / "out", Wanted(("en", "sw")))
    splits = read_splits(tmp_path / "out")
    assert set(splits) == {"train", "test"}
    assert splits["train"].languages == ("en", "sw")


@pytest.mark.slow
def test_belebele_is_read_through_mteb(tmp_path, monkeypatch):
    pytest.importorskip("mteb", reason="the extra mteb is not installed")
    import datasets

    from isoglot.data.mteb import known

    def rows(path, name, revision, split):
        row = {"link": "l", "question_number": 1, "question": f"{name}?", "flores_passage": f"{name} passage"}
        return datasets.Dataset.from_list([row])

    monkeypatch.setattr(known, "load_dataset", rows)
    entry = find_entry("belebele")
    get_data(entry, tmp_path / "out", Wanted(wanted_languages(entry, ["de", "am"])))
    collection = read_collection(tmp_path / "out")
    assert shape(collection) == (2, 2, 2, ("am", "de"))
    assert collection.pair_counts.tolist() == [[1, 1], [1, 1]]
    assert set(collection.documents["text"].to_pylist()) == {"deu_Latn passage", "amh_Ethi passage"}
    with pytest.raises(InputError, match="read from mteb's cache"):
        read_data(entry, Wanted(source=tmp_path))
