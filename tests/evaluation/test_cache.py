"""A model that has been evaluated is not asked again; any other is."""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from evaluation_helpers import parallel_collection

from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.evaluation.cache import EmbeddingCache, model_fingerprint, texts_fingerprint
from isoglot.evaluation.embed import embed_collection
from isoglot.files import default_cache

COLLECTION = parallel_collection(languages=2, ids=6)


@pytest.fixture(scope="module")
def static():
    return static_encoder(COLLECTION, dimensions=16, vocabulary=100)


@pytest.fixture(scope="module")
def transformer():
    return scratch_encoder(COLLECTION, dimensions=64, layers=1, vocabulary=100)


@pytest.fixture(params=["static", "transformer"])
def model(request):
    return copy.deepcopy(request.getfixturevalue(request.param))


def forbid(model, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("encoded although the embeddings are kept")

    monkeypatch.setattr(model, "encode", refuse)
    monkeypatch.setattr(model, "forward", refuse)


def test_a_second_evaluation_encodes_nothing(model, tmp_path, monkeypatch):
    first = evaluate(model, COLLECTION, bootstrap=0, cache=tmp_path)
    again = copy.deepcopy(model)
    forbid(again, monkeypatch)
    second = evaluate(again, COLLECTION, bootstrap=0, cache=tmp_path)
    assert second.multilingual == first.multilingual
    assert second.bias == first.bias
    assert second.geometry == first.geometry
    with pytest.raises(AssertionError, match="although"):
        evaluate(again, COLLECTION, bootstrap=0)
    assert not list(tmp_path.rglob("*.partial"))


def test_whatever_changes_an_embedding_changes_the_key(transformer, tmp_path, monkeypatch):
    embed_collection(transformer, COLLECTION, cache=tmp_path)

    def changed(change=lambda model: None, **options):
        model = copy.deepcopy(transformer)
        change(model)
        forbid(model, monkeypatch)
        with pytest.raises(AssertionError, match="although"):
            embed_collection(model, COLLECTION, cache=tmp_path, **options)

    def nudge(model):
        with torch.no_grad():
            next(model.parameters()).view(-1)[7] += 1e-3

    changed(nudge)
    changed(lambda model: model.prompts.update(query="query: "))
    changed(lambda model: setattr(model, "max_seq_length", 3))
    changed(lambda model: setattr(model, "truncate_dim", 8))
    changed(query_prompt="ask: ")
    changed(document_prompt="text: ")
    changed(truncate_dim=8)
    changed(dtype="bfloat16")
    model = copy.deepcopy(transformer)
    forbid(model, monkeypatch)
    with pytest.raises(AssertionError, match="although"):
        embed_collection(model, parallel_collection(languages=2, ids=7), cache=tmp_path)


def test_the_name_of_a_model_and_encoding_do_not_change_the_key(model, tmp_path):
    before = model_fingerprint(model)
    model.encode(["a text of some length", "short"])
    assert model_fingerprint(model) == before
    model.save(str(tmp_path / "saved"))
    from isoglot.encoders import load_encoder

    assert model_fingerprint(load_encoder(tmp_path / "saved", device="cpu")) == before


def test_texts_are_told_apart_by_content_and_order():
    lists = [["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], []]
    assert len({texts_fingerprint(texts) for texts in lists}) == len(lists)


def test_damaged_files_and_folders_that_cannot_be_written_cost_time_only(tmp_path, caplog):
    kept = np.arange(6, dtype=np.float32).reshape(3, 2)
    cache = EmbeddingCache(tmp_path / "c")
    asked = []

    def encode():
        asked.append(1)
        return kept

    for _ in range(2):
        np.testing.assert_array_equal(cache.get(["a", "b", "c"], ["m"], encode), kept)
    assert len(asked) == 1
    (path,) = (tmp_path / "c").rglob("*.npy")
    path.write_bytes(path.read_bytes()[:-5])
    np.testing.assert_array_equal(cache.get(["a", "b", "c"], ["m"], encode), kept)
    assert len(asked) == 2
    assert "cannot be read" in caplog.text
    (tmp_path / "file").touch()
    np.testing.assert_array_equal(EmbeddingCache(tmp_path / "file").get(["a"], [], lambda: kept[:1]), kept[:1])
    assert "cannot be written" in caplog.text


def test_what_several_want_at_once_is_encoded_once(tmp_path):
    cache, begun, encoded = EmbeddingCache(tmp_path), Event(), []

    def slowly():
        begun.set()
        time.sleep(0.3)
        encoded.append("first")
        return np.ones((2, 3))

    def not_again():
        encoded.append("second")
        return np.zeros((2, 3))

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(cache.get, ["a", "b"], ["how"], slowly)
        assert begun.wait(10)
        second = EmbeddingCache(tmp_path).get(["a", "b"], ["how"], not_again)
    assert encoded == ["first"]
    np.testing.assert_array_equal(first.result(), second)
    assert sorted(path.suffix for path in cache.folder.iterdir()) == [".npy", ".xxh128"]


def test_embeddings_of_a_model_that_has_diverged_are_not_kept(static, tmp_path):
    model = copy.deepcopy(static)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="NaN"):
        embed_collection(model, COLLECTION, cache=tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_where_it_lies(monkeypatch):
    monkeypatch.setenv("ISOGLOT_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert default_cache() == Path("/a")
    monkeypatch.delenv("ISOGLOT_CACHE")
    assert default_cache() == Path("/b/isoglot")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path("~/.cache/isoglot").expanduser()


def test_truncated_dimensions_are_the_first_ones(static):
    _, queries, documents = embed_collection(static, COLLECTION, truncate_dim=4)
    _, whole, _ = embed_collection(static, COLLECTION)
    assert queries.shape[1] == documents.shape[1] == 4
    expected = whole[:, :4] / np.linalg.norm(whole[:, :4], axis=1, keepdims=True)
    np.testing.assert_allclose(queries, expected, atol=1e-5)
    with pytest.raises(InputError, match="16 dimensions: they cannot be cut to 17"):
        embed_collection(static, COLLECTION, truncate_dim=17)


def test_half_precision_leaves_the_weights_alone(transformer):
    before = copy.deepcopy(transformer.state_dict())
    _, half, _ = embed_collection(transformer, COLLECTION, dtype="bfloat16")
    _, whole, _ = embed_collection(transformer, COLLECTION, dtype="float32", device="cpu")
    assert not np.array_equal(half, whole)
    np.testing.assert_allclose(half, whole, atol=0.05)
    for name, value in transformer.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_devices_and_precisions_that_are_not(static):
    for options, message in (
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"device": "cuda:99"}, "not available"),
        ({"dtype": "int8"}, "no precision 'int8'"),
    ):
        with pytest.raises(InputError, match=message):
            embed_collection(static, COLLECTION, **options)
