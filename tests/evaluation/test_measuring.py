"""One way through evaluation for every source; what it is given stays as it was, and what it writes is whole."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from evaluation_helpers import parallel_collection

from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import (
    Result,
    embed_collection,
    evaluate,
    evaluate_bm25,
    evaluate_embeddings,
    evaluate_run,
    measure,
    mine_hard_negatives,
    result,
)

COLLECTION = parallel_collection(languages=2, ids=6)
OPTIONS = {"bootstrap": 0, "measures": ["AP", "R@5"]}


@pytest.fixture(scope="module")
def model():
    return static_encoder(COLLECTION, dimensions=16, vocabulary=100).to("cpu")


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    return rng.standard_normal((12, 8)), rng.standard_normal((12, 8))


def same(one: Result, other: Result) -> None:
    """Equal but for time."""
    changing = {"seconds": None, "made": None}
    assert {**one.to_dict(), **changing} == {**other.to_dict(), **changing}


def test_every_source_is_measured_as_by_its_own_function(model, embeddings, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    for name, rows in zip("qd", embeddings, strict=True):
        np.save(tmp_path / f"{name}.npy", rows)
    model.save(str(tmp_path / "model"))
    same(measure(model, COLLECTION, **OPTIONS), evaluate(model, COLLECTION, **OPTIONS))
    run = tmp_path / "runs" / "multilingual.run"
    expected = evaluate(model, COLLECTION, name="mine", trec_run=tmp_path / "runs", **OPTIONS)
    for source in (tmp_path / "model", str(tmp_path / "model")):
        same(measure(source, COLLECTION, name="mine", device="cpu", **OPTIONS), expected)
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 2
    same(measure(f"run:{run}", COLLECTION, **OPTIONS), evaluate_run(run, COLLECTION, **OPTIONS))
    same(measure("bm25", COLLECTION, name="words", **OPTIONS), evaluate_bm25(COLLECTION, name="words", **OPTIONS))
    pair = f"embeddings:{tmp_path / 'q.npy'},{tmp_path / 'd.npy'}"
    same(measure(pair, COLLECTION, **OPTIONS), evaluate_embeddings(*embeddings, COLLECTION, name="q", **OPTIONS))


def test_options_that_say_nothing_about_a_source_are_refused(model):
    for source, options, flag in (
        ("bm25", {"batch_size": 3}, "--batch-size does not apply to bm25"),
        ("bm25", {"cache": None}, "--no-cache does not apply to bm25"),
        ("run:x", {"trec_run": "y"}, "--trec-run does not apply to run:…"),
        ("embeddings:a,b", {"pooling": "cls"}, "--pooling does not apply to embeddings:…"),
        (model, {"pooling": "cls"}, "--pooling does not apply to a model that is loaded"),
    ):
        with pytest.raises(InputError, match=flag):
            measure(source, COLLECTION, **options)
    with pytest.raises(InputError, match="--truncate-dim does not apply to mteb's own measures"):
        measure(model, "mteb:NFCorpus", truncate_dim=4)
    with pytest.raises(InputError, match="'some/folder' is no mteb:TASK; a collection is loaded first"):
        measure(model, "some/folder")


def test_embeddings_are_kept_for_who_asks(model):
    rows, queries, documents = embed_collection(model, COLLECTION)
    for found in (
        evaluate(model, COLLECTION, keep_embeddings=True, **OPTIONS),
        evaluate_embeddings(3 * queries, 5 * documents, COLLECTION, keep_embeddings=True, **OPTIONS),
        measure(model, COLLECTION, keep_embeddings=True, **OPTIONS),
    ):
        np.testing.assert_allclose(found.embeddings[0], queries, atol=1e-6)
        np.testing.assert_allclose(found.embeddings[1], documents, atol=1e-6)
    assert len(rows) == 12
    assert evaluate(model, COLLECTION, **OPTIONS).embeddings is None
    assert measure("bm25", COLLECTION, keep_embeddings=True, **OPTIONS).embeddings is None


def test_texts_become_python_strings_a_few_at_a_time(model, monkeypatch):
    read = []
    column = type(COLLECTION).document_column

    def watch(self, rows=None):
        read.append(None if rows is None else len(rows))
        return column(self, rows)

    monkeypatch.setattr(type(COLLECTION), "document_column", watch)
    monkeypatch.setattr("isoglot.evaluation.batches.READ", 4)
    monkeypatch.setattr("isoglot.evaluation.batches.AT_ONCE", 5)
    _, _, documents = embed_collection(model, COLLECTION)
    assert read
    assert max(read) == 5
    monkeypatch.undo()
    np.testing.assert_array_equal(embed_collection(model, COLLECTION)[2], documents)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_the_model_is_left_as_it_was(kind, fails, monkeypatch):
    model = scratch_encoder(COLLECTION, dimensions=64, layers=1, vocabulary=100).to("cpu").to(kind)
    before = copy.deepcopy(model.state_dict())
    if fails:
        monkeypatch.setattr(model, "encode_document", lambda texts, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluate(model, COLLECTION, dtype="float32", device="cpu", **OPTIONS)
    else:
        evaluate(model, COLLECTION, dtype="float32", device="cpu", **OPTIONS)
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype, name
        assert torch.equal(value, before[name]), name


def test_the_model_returns_to_its_device(model, monkeypatch):
    moves = []
    monkeypatch.setattr(model, "to", lambda device: moves.append(str(device)) or model)
    monkeypatch.setattr("isoglot.evaluation.embed.check_device", torch.device)
    evaluate(model, COLLECTION, device="cpu:0", **OPTIONS)
    mine_hard_negatives(model, COLLECTION, device="cpu:0", depth=5, negatives=1)
    assert moves == ["cpu:0", "cpu"] * 2


def test_old_keywords_are_understood(model, embeddings):
    with pytest.warns(DeprecationWarning, match="evaluate_embeddings\\(model=…\\) is called name now"):
        assert evaluate_embeddings(*embeddings, COLLECTION, model="old", **OPTIONS).model == "old"
    with pytest.warns(DeprecationWarning, match="is called negatives now"):
        found = mine_hard_negatives(model, COLLECTION, k=2, depth=5)
    np.testing.assert_array_equal(
        found.documents, mine_hard_negatives(model, COLLECTION, negatives=2, depth=5).documents
    )


@pytest.mark.parametrize("broken", ["r.json", "r.queries.parquet"])
def test_a_result_is_written_with_its_values_per_query_or_not_at_all(embeddings, tmp_path, monkeypatch, broken):
    first = evaluate_embeddings(*embeddings, COLLECTION, **OPTIONS)
    first.save(tmp_path / "r.json")
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = evaluate_embeddings(*embeddings[::-1], COLLECTION, **OPTIONS)
    replace = Path.replace

    def fail(self, target):
        if Path(target).name == broken:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    def full(table, file, **options):
        raise OSError(28, "No space left on device")

    if broken == "r.json":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(result.pq, "write_table", full)
    with pytest.raises(InputError, match=r"cannot write .*: No space left"):
        second.save(tmp_path / "r.json")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole


def test_a_frame_is_one_of_pandas(embeddings):
    found = evaluate_embeddings(*embeddings, COLLECTION, **OPTIONS)
    frame = found.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("records") == found.pairs
