"""Two-stage systems: a tiny cross-encoder over run files and models ranks as sorting by hand does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluation_helpers import parallel_collection
from sentence_transformers import CrossEncoder
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

from isoglot.cli import main
from isoglot.collections import write_collection
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import Result, embed_collection, judgments_of, measure_reranked
from isoglot.evaluation.reranking import Reranker, load_reranker

COLLECTION = parallel_collection(languages=3, ids=5)
ROWS = COLLECTION.judged_query_rows()
JUDGED = judgments_of(COLLECTION, ROWS)
OPTIONS = {"bootstrap": 0, "measures": ["AP", "RR"], "device": "cpu"}


@pytest.fixture(scope="module")
def bi_encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bi")
    scratch_encoder(COLLECTION, dimensions=64, vocabulary=200).save(str(folder))
    return folder


def cross_encoder(folder, bi_encoder, labels):
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=labels, initializer_range=0.3,
    )  # fmt: skip
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)
    scratch_encoder(COLLECTION, dimensions=64, vocabulary=200).tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reranker(tmp_path_factory, bi_encoder):
    return cross_encoder(tmp_path_factory.mktemp("cross"), bi_encoder, 1)


@pytest.fixture(scope="module")
def first():
    return static_encoder(COLLECTION, dimensions=16, vocabulary=200).to("cpu")


@pytest.fixture(scope="module")
def pair_scores(reranker):
    """(q, D) by the library, one query at a time."""
    model = CrossEncoder(str(reranker), device="cpu")
    texts = COLLECTION.document_column(np.arange(COLLECTION.documents.num_rows)).to_pylist()
    asked = COLLECTION.query_column(ROWS).to_pylist()
    return np.array(
        [model.predict([(query, text) for text in texts], activation_fn=torch.nn.Identity()) for query in asked]
    )


def by_hand(first_scores, second_scores, depth, per_language):
    """Sort each row: what the second stage sees by its score, then the rest by that of the first stage."""
    language = COLLECTION.document_language
    rankings = []
    for one, two in zip(first_scores, second_scores, strict=True):
        listed = sorted((doc for doc in range(len(one)) if one[doc] > -np.inf), key=lambda doc: (-one[doc], doc))
        seen = listed[:depth]
        if per_language:
            parts = [[doc for doc in listed if language[doc] == code][:depth] for code in set(language.tolist())]
            seen = [doc for part in parts for doc in part]
        best = sorted(seen, key=lambda doc: (-two[doc], doc))
        rankings.append(best + [doc for doc in listed if doc not in seen])
    return rankings


def reciprocal_ranks(rankings):
    """RR in the pool of every judged query."""
    found = []
    for query, ranking in enumerate(rankings):
        relevant = set(JUDGED.documents[JUDGED.offsets[query] : JUDGED.offsets[query + 1]].tolist())
        places = [place for place, doc in enumerate(ranking, 1) if doc in relevant]
        found.append(1 / places[0] if places else 0.0)
    return found


@pytest.mark.parametrize("per_language", [False, True])
@pytest.mark.parametrize("depth", [1, 3, 100])
def test_over_a_model_ranks_are_those_sorted_by_hand(reranker, first, pair_scores, depth, per_language):
    _, queries, documents = embed_collection(first, COLLECTION)
    result = measure_reranked(
        str(reranker), COLLECTION, first, depth=depth, per_language=per_language, cache=None, **OPTIONS
    )
    rankings = by_hand(queries @ documents.T, pair_scores, depth, per_language)
    assert result.per_query["multilingual_RR"].tolist() == pytest.approx(reciprocal_ranks(rankings))
    first_ranks = [[ranking.index(doc) + 1 for doc in JUDGED.documents[a:b]] for ranking, a, b in zip(
        rankings, JUDGED.offsets[:-1], JUDGED.offsets[1:], strict=True)]  # fmt: skip
    distance = np.mean([max(ranks) - min(ranks) for ranks in first_ranks])  # one relevant document a language
    assert result.bias["rank_distance"] == pytest.approx(distance)
    assert result.geometry is None
    assert result.made["rerank_depth"] == depth


@pytest.mark.parametrize("per_language", [False, True])
def test_over_a_run_ranks_are_those_sorted_by_hand_and_what_it_lacks_stays_out(
    reranker, pair_scores, per_language, tmp_path
):
    rng = np.random.default_rng(1)
    scores = rng.random(pair_scores.shape)
    scores[rng.random(scores.shape) < 0.3] = -np.inf  # not in the run
    ids, tags = COLLECTION.documents["_id"].to_pylist(), COLLECTION.languages
    lines = []
    for query, row in zip(ROWS, scores, strict=True):
        name = COLLECTION.query_ids[int(COLLECTION.query_index[query])].as_py()
        tag = tags[COLLECTION.query_language[query]]
        lines += [f"{name}@{tag} Q0 {ids[doc]} 1 {row[doc]} x" for doc in np.flatnonzero(row > -np.inf)]
    run = tmp_path / "first.run"
    run.write_text("\n".join(lines) + "\n")
    result = measure_reranked(
        str(reranker), COLLECTION, f"run:{run}", depth=2, per_language=per_language, **OPTIONS
    )
    expected = reciprocal_ranks(by_hand(scores, pair_scores, 2, per_language))
    assert result.per_query["multilingual_RR"].tolist() == pytest.approx(expected)
    assert result.bias["unretrieved"] > 0


def test_on_the_command_line(reranker, bi_encoder, tmp_path, capsys):
    data, file = tmp_path / "data", tmp_path / "r.json"
    write_collection(COLLECTION, data)
    given = ["evaluate", f"rerank:{reranker}", str(data), "--bootstrap", "0", "--json", str(file), "--no-cache"]
    assert main([*given, "--first", str(bi_encoder), "--depth", "4", "--rerank-per-language", "--name", "two"]) == 0
    result = Result.from_json(file)
    assert result.model == "two"
    assert (result.made["rerank_depth"], result.made["rerank_per_language"]) == (4, True)
    assert result.made["first"] == str(bi_encoder)
    capsys.readouterr()
    for flags, message in (
        (
            [f"rerank:{bi_encoder}", str(data), "--first", str(bi_encoder)],
            "is no cross-encoder (XLMRobertaModel",
        ),
        ([f"rerank:{reranker}", str(data)], "give --first run:FILE or --first MODEL"),
        ([str(bi_encoder), str(data), "--depth", "4"], "go with rerank:MODEL, a cross-encoder"),
        (
            [f"rerank:{reranker}", str(data), "--first", str(bi_encoder), "--fair", "fuse"],
            "--fair does not apply to a",
        ),
        ([f"rerank:{reranker}", str(data), "--first", "run:no.run"], "no.run"),
        ([f"rerank:{tmp_path / 'none'}", str(data), "--first", "run:no.run"], "does not exist"),
    ):
        assert main(["evaluate", *flags]) == 2
        said = capsys.readouterr().err
        assert message in " ".join(said.split())
        assert "Traceback" not in said


def test_several_scores_and_no_depth_are_refused(bi_encoder, reranker, tmp_path):
    with pytest.raises(InputError, match="gives 3 scores of a pair: give a cross-encoder of one"):
        load_reranker(str(cross_encoder(tmp_path, bi_encoder, 3)))
    with pytest.raises(InputError, match="depth of reranking must be at least 1, not 0"):
        Reranker(None, COLLECTION, JUDGED, depth=0)
