import shutil

import mteb
import numpy as np
import pytest

from isoglot.collections.select import keep_languages, take_part
from isoglot.collections.writing import write_collection
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.data.mteb import MLQARRetrieval, XQuADRRetrieval, collection_from_mteb
from isoglot.data.mteb.collection_task import POOL
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.evaluation.mteb import evaluate_mteb


@pytest.fixture(scope="module")
def small(shared_data, tmp_path_factory):
    """German, English and Thai of XQuAD-R, the first two articles."""
    import json

    folder = tmp_path_factory.mktemp("data") / "xquad-r"
    folder.mkdir()
    for tag in ("de", "en", "th"):
        content = json.loads((shared_data / "xquad-r" / f"{tag}.json").read_text(encoding="utf-8"))
        content["data"] = content["data"][:2]
        (folder / f"{tag}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_subsets_are_121_language_pairs_and_the_pool():
    langs = XQuADRRetrieval.metadata.eval_langs
    assert len(langs) == 122
    assert langs["de-en"] == ["deu-Latn", "eng-Latn"]
    assert len(langs[POOL]) == 11
    assert len(MLQARRetrieval.metadata.eval_langs) == 50


def test_mteb_evaluates_it_as_we_do(small):
    task = XQuADRRetrieval(small)
    model = static_encoder(read_lareqa(small), vocabulary=4000)
    found = mteb.evaluate(
        model,
        tasks=[task],
        cache=None,
        co2_tracker=False,
        encode_kwargs={"batch_size": 256, "show_progress_bar": False},
    ).task_results[0]
    ours = evaluate(model, collection_from_mteb(XQuADRRetrieval(small)), measures=("AP@1000",), bootstrap=0)
    theirs = {entry["hf_subset"]: entry["main_score"] for entry in found.scores["test"]}
    expected = {f"{row['query_lang']}-{row['doc_lang']}": row["AP@1000"] for row in ours.pairs}
    assert theirs == pytest.approx({**expected, POOL: ours.multilingual["AP@1000"]}, abs=6e-6)


def test_data_lies_where_the_variable_says(small, monkeypatch):
    monkeypatch.delenv("ISOGLOT_DATA", raising=False)
    with pytest.raises(InputError, match="set ISOGLOT_DATA"):
        evaluate_mteb(None, "XQuADRRetrieval")
    monkeypatch.setenv("ISOGLOT_DATA", str(small.parent))
    collection = collection_from_mteb("XQuADRRetrieval", languages=["de", "th"])
    assert collection.languages == ("de", "th")
    assert collection.documents.num_rows == keep_languages(read_lareqa(small), ["de", "th"]).documents.num_rows
    with pytest.raises(InputError, match="missing"):
        collection_from_mteb("MLQARRetrieval")


def test_data_may_be_a_collection_folder(small, tmp_path, monkeypatch):
    write_collection(read_lareqa(small), tmp_path / "xquad-r", "parquet")
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path))
    assert collection_from_mteb("XQuADRRetrieval").documents.equals(read_lareqa(small).documents)


def test_candidates_can_be_paragraphs(small):
    sentences = XQuADRRetrieval(small, languages=["de"]).selected()
    paragraphs = XQuADRRetrieval(small, languages=["de"], candidates="paragraph").selected()
    assert paragraphs.documents.num_rows < sentences.documents.num_rows


def test_a_language_that_the_task_lacks_is_said(small, tmp_path):
    shutil.copytree(small, tmp_path / "more")
    shutil.copy(small / "de.json", tmp_path / "more" / "fr.json")
    with pytest.raises(InputError, match="no subset"):
        XQuADRRetrieval(tmp_path / "more").load_data()


def test_part_of_a_collection_keeps_its_judgments(small):
    whole = read_lareqa(small)
    part = keep_languages(whole, ["de", "en"])
    part = take_part(part, np.ones(part.documents.num_rows, bool), part.query_index < 5)
    assert len(part.query_ids) == 5
    assert part.queries.num_rows == 10
    assert part.languages == ("de", "en")
    for index in range(5):
        identifier = part.query_ids[index].as_py()
        before = whole.relevance.of(whole.query_ids.to_pylist().index(identifier))
        ids = {name for name in whole.documents["_id"].take(before).to_pylist() if not name.startswith("th/")}
        assert set(part.documents["_id"].take(part.relevance.of(index)).to_pylist()) == ids
