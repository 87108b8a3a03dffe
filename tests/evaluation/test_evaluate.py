"""From embeddings or a model to a result, its file, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from evaluation_helpers import make_collection, parallel_collection

from isoglot.collections.building import collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import DEFAULT_MEASURES, Result, embed_collection, evaluate, evaluate_embeddings
from isoglot.evaluation.result import sidecar_of

KEYS = [
    "collection", "model", "languages", "monolingual", "cross_lingual", "multilingual", "bias", "macro", "geometry",
    "intervals", "pairs", "seconds", "versions", "hardware", "made", "fair",
]  # fmt: skip


def random_result(collection, **options) -> Result:
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((len(collection.query_index), 16))
    documents = rng.standard_normal((collection.documents.num_rows, 16))
    return evaluate_embeddings(queries, documents, collection, **options)


def leaves(value):
    if isinstance(value, dict):
        for name, part in value.items():
            assert type(name) is str
            yield from leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def test_the_result_file(tmp_path):
    result = random_result(make_collection(0, ids=20), bootstrap=50, name="random")
    path = tmp_path / "sub" / "r.json"
    result.save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == KEYS
    assert all(type(leaf) in (str, int, float, type(None)) for leaf in leaves(result.to_dict()))
    assert set(DEFAULT_MEASURES) | {"queries", "documents"} == set(content["multilingual"])
    assert set(DEFAULT_MEASURES) | {"pairs"} == set(content["monolingual"]) == set(content["cross_lingual"])
    assert {"query_lang", "doc_lang", "queries", *DEFAULT_MEASURES} == set(content["pairs"][0])
    assert {
        "rank_distance", "max_rank", "max_rank_log", "complete@10", "complete@100", "own_language_share@10",
        "language_share@10", "recall_gap@10", "recall_gap@100", "peer@10", "peer@100", "rank_correlation",
        "best_rank", "by_query_language", "tlr@10", "tlr@20", "mrc@10", "relevant_own@1", "relevant_other@1",
        "irrelevant_own@1", "irrelevant_other@1",
    } == set(content["bias"])  # fmt: skip
    assert set(content["bias"]["language_share@10"]) == {"de", "en", "fr"}
    for setting, names in (("multilingual", DEFAULT_MEASURES), ("bias", ["rank_distance", "recall_gap@10"])):
        for name in names:
            low, high = content["intervals"][setting][name]
            assert low <= content[setting][name] <= high

    back = Result.from_json(path)
    assert back == result
    for name, values in result.per_query.items():
        np.testing.assert_array_equal(back.per_query[name], values)
    sidecar_of(path).unlink()
    assert Result.from_json(path).per_query == {}


def test_settings_that_a_collection_does_not_have_are_null():
    single = collection_from_rows(
        [(f"d{at}", "en", "", f"document {at}") for at in range(12)],
        [(f"q{at}", "en", f"query {at}") for at in range(12)],
        [(f"q{at}", f"d{at}", 1) for at in range(12)],
    )
    result = random_result(single, bootstrap=20)
    assert result.cross_lingual is None
    assert result.intervals["cross_lingual"] is result.intervals["bias"] is None
    assert set(result.bias.values()) == {None}
    assert result.monolingual["AP"] == pytest.approx(result.multilingual["AP"])
    assert result.monolingual["pairs"] == 1

    foreign = collection_from_rows(
        [(f"d{at}", "en", "", f"document {at}") for at in range(12)],
        [(f"q{at}", tag, f"query {at}") for at in range(12) for tag in ("sw", "yo")],
        [(f"q{at}", f"d{at}", 1) for at in range(12)],
    )
    result = random_result(foreign, bootstrap=20)
    assert result.monolingual is None
    assert result.cross_lingual["pairs"] == 2
    assert result.bias["rank_distance"] is result.bias["own_language_share@10"] is result.bias["peer@10"] is None
    assert -1 <= result.bias["rank_correlation"] <= 1
    assert -1 <= result.bias["mrc@10"] <= 1
    assert random_result(foreign, bootstrap=0, geometry=False).intervals is None
    assert random_result(foreign, bootstrap=0, rank_correlation=False).bias["rank_correlation"] is None


def test_only_judged_queries_count():
    rows = [("q0", "en", "a"), ("q1", "en", "b"), ("q0", "de", "c")]
    texts = [("d0", "en", "", "x"), ("d1", "de", "", "y")]
    collection = collection_from_rows(texts, rows, [("q0", "d0", 1), ("q1", "d1", 0)])
    all_rows = np.random.default_rng(0).standard_normal((3, 4))
    documents = np.random.default_rng(1).standard_normal((2, 4))
    result = evaluate_embeddings(all_rows, documents, collection, bootstrap=0)
    assert result.multilingual["queries"] == 2
    judged = evaluate_embeddings(all_rows[[0, 2]], documents, collection, bootstrap=0)
    assert judged.multilingual == result.multilingual
    nothing = collection_from_rows(texts, rows, [("q1", "d1", 0)])
    with pytest.raises(InputError, match="no query with a relevant document"):
        evaluate_embeddings(all_rows, documents, nothing)


def test_embeddings_that_cannot_be_evaluated():
    collection = parallel_collection()
    good = np.ones((36, 4))
    with pytest.raises(InputError, match="documents have shape"):
        evaluate_embeddings(good, good[:5], collection)
    bad = good.copy()
    bad[7, 1] = np.inf
    with pytest.raises(InputError, match="row 7"):
        evaluate_embeddings(bad, good, collection)
    with pytest.raises(InputError, match="no measure 'MAP'"):
        evaluate_embeddings(good, good, collection, measures=["MAP"])


def test_to_frame():
    frame = random_result(parallel_collection(), bootstrap=0).to_frame()
    assert len(frame) == 9
    assert {"query_lang", "doc_lang", "AP"} <= set(frame.columns)


@pytest.mark.parametrize("text", ["not json", "[1]", '{"collection": "x"}'])
def test_files_that_are_no_results(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a result file"):
        Result.from_json(path)
    with pytest.raises(InputError, match="cannot read"):
        Result.from_json(tmp_path / "absent.json")


class Counting:
    """Encodes a text as a vector of its letters and counts how often it is asked."""

    device = type("device", (), {"type": "cpu"})()

    def __init__(self):
        self.asked = []

    def encode_query(self, texts, prompt=None, **options):
        self.asked += [("query", prompt, text) for text in texts]
        return np.stack([np.bincount([ord(letter) % 32 for letter in text], minlength=32) for text in texts])

    def encode_document(self, texts, prompt=None, **options):
        self.asked += [("document", prompt, text) for text in texts]
        return np.full((len(texts), 32), np.nan) if texts[0] == "nan" else self.encode_query(texts)


def test_texts_are_encoded_once_and_with_their_prompts():
    texts = [("d0", "en", "Title", "same"), ("d1", "de", "Title", "same"), ("d2", "de", "", "other")]
    rows = [("q0", "en", "ask"), ("q0", "de", "ask"), ("q1", "en", "never judged")]
    collection = collection_from_rows(texts, rows, [("q0", "d0", 1)])
    model = Counting()
    found, queries, documents = embed_collection(model, collection, query_prompt="q: ", document_prompt="d: ")
    assert found.tolist() == [0, 1]
    assert [entry for entry in model.asked if entry[1]] == [
        ("query", "q: ", "ask"), ("document", "d: ", "Title same"), ("document", "d: ", "other"),
    ]  # fmt: skip
    np.testing.assert_array_equal(queries[0], queries[1])
    np.testing.assert_array_equal(documents[0], documents[1])
    assert np.linalg.norm(documents, axis=1) == pytest.approx([1, 1, 1])
    assert queries.dtype == documents.dtype == np.float32


def test_a_model_that_has_diverged():
    collection = collection_from_rows([("d", "en", "", "nan")], [("q", "en", "ask")], [("q", "d", 1)])
    with pytest.raises(InputError, match="documents of collection are NaN"):
        evaluate(Counting(), collection)


def test_a_real_encoder(minilm):
    english = ["How do I list files?", "How do I remove a folder?", "What is the capital of France?"]
    answers = ["ls lists files in a directory", "rmdir deletes a folder", "Paris is the capital of France"]
    german = ["ls listet Dateien eines Ordners", "rmdir löscht einen Ordner", "Paris ist Frankreichs Hauptstadt"]
    collection = collection_from_rows(
        [(f"en{at}", "en", "", text) for at, text in enumerate(answers)]
        + [(f"de{at}", "de", "", text) for at, text in enumerate(german)],
        [(f"q{at}", "en", text) for at, text in enumerate(english)],
        [(f"q{at}", f"{tag}{at}", 1) for at in range(3) for tag in ("en", "de")],
    )
    result = evaluate(minilm, collection, bootstrap=10)
    assert result.monolingual["Success@1"] == 1
    assert result.seconds["encode"] > 0
    assert "minilm" in result.model.lower()
