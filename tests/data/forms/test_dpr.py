"""DPR JSON: positives are relevant, the rest are documents and hard negatives."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_samples import DPR, SAMPLES, as_json, as_lines, documents, extras, judged, lay_out, queries

from isoglot.collections.negatives import hard_negative_rows
from isoglot.data.convert import Reading, read_form
from isoglot.errors import InputError

ENGLISH = Reading(language="en")


def test_passages_are_documents_and_positives_are_relevant(tmp_path: Path):
    (tmp_path / "nq.json").write_bytes(as_json(DPR))
    (collection,) = read_form(tmp_path / "nq.json", "dpr", ENGLISH).values()
    assert queries(collection) == {("0", "en"): "who wrote faust", ("1", "en"): "who wrote the opera"}
    assert judged(collection) == {"0": {"Goethe wrote it."}, "1": {"An opera by Gounod."}}
    found = documents(collection)
    assert found.pop(next(key for key in found if key.startswith("en/"))) == ("en", "", "No id.")
    assert found == {
        "12": ("en", "Faust", "Goethe wrote it."),
        "13": ("en", "Mann", "Mann wrote Doctor Faustus."),
        "14": ("en", "Faust", "An opera by Gounod."),
    }


def test_negatives_are_hard_negatives_the_hard_ones_first_and_never_a_positive(tmp_path: Path):
    (tmp_path / "nq.json").write_bytes(as_json(DPR))
    (collection,) = read_form(tmp_path / "nq.json", "dpr", ENGLISH).values()
    assert extras(collection)["0", "en"] == {"answers": ["Goethe"], "hard_negatives": ["14", "13"]}
    offsets, _ = hard_negative_rows(collection)
    assert offsets.tolist() == [0, 2, 3]


def test_lists_and_lines_are_the_same_and_files_are_splits(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["dpr"]), "dpr", ENGLISH)
    assert {split: list(queries(one)) for split, one in splits.items()} == {
        "train": [("train/0", "en"), ("train/1", "en")],
        "dev": [("dev/0", "en")],
    }
    (tmp_path / "lines.jsonl").write_bytes(as_lines(*DPR))
    (tmp_path / "list.json").write_bytes(b"\n" + as_json(DPR))
    lines, whole = (read_form(tmp_path / name, "dpr", ENGLISH)[None] for name in ("lines.jsonl", "list.json"))
    assert lines.documents.equals(whole.documents)
    assert lines.queries.equals(whole.queries)
    assert lines.judgments.equals(whole.judgments)


def test_questions_without_a_positive_are_left_out_and_told(tmp_path: Path):
    (tmp_path / "nq.json").write_bytes(as_json([*DPR, DPR[0] | {"positive_ctxs": []}]))
    (collection,) = read_form(tmp_path / "nq.json", "dpr", ENGLISH).values()
    assert len(collection.query_ids) == 2
    assert collection.metadata["left_out"] == {"question without a relevant passage": 1}


def test_the_language_is_needed(tmp_path: Path):
    with pytest.raises(InputError, match="give it with --lang"):
        read_form(lay_out(tmp_path, SAMPLES["dpr"]), "dpr")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"question": "a"}, "no 'positive_ctxs'"),
        (DPR[0] | {"question": None}, "'question' is not a string"),
        (DPR[0] | {"positive_ctxs": [{"title": "a"}]}, "no 'text'"),
        (DPR[0] | {"positive_ctxs": ["a"]}, "not a JSON object"),
        (DPR[0] | {"hard_negative_ctxs": {}}, "'hard_negative_ctxs' is not a list"),
        (DPR[0] | {"positive_ctxs": [{"text": "other", "passage_id": 12}]}, "a document id with two texts"),
        (DPR[0] | {"positive_ctxs": [{"text": "other", "passage_id": [1]}]}, "'passage_id' is not a string"),
        (DPR[0] | {"answers": "Goethe"}, "'answers' is not a list"),
    ],
)
def test_a_bad_entry_is_named_and_only_it_is_left_out(tmp_path: Path, entry: dict, message: str):
    path = tmp_path / "nq.json"
    path.write_bytes(as_json([*DPR, entry]))
    with pytest.raises(InputError, match=rf"{message}.*nq\.json entry 3"):
        read_form(path, "dpr", ENGLISH)
    (collection,) = read_form(path, "dpr", Reading(language="en", lenient=True)).values()
    assert collection.query_ids.to_pylist() == ["0", "1"]
