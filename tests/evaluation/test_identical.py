"""A query that is itself a document is not ranked against itself, nor mined as its own negative."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest

from isoglot.collections import collection_from_rows
from isoglot.collections.identical import identical_documents, identical_queries
from isoglot.data.quality.findings import finding_sentences, quality_findings
from isoglot.errors import InputError
from isoglot.evaluation import compare_all, evaluate_embeddings, evaluate_run, judgments_of, mine_embeddings

WORDS = ("bridge", "marble", "meadow", "copper", "anchor", "pebble")
CLAIMS = [f"a claim about {word}" for word in WORDS]


def claims(*judged: tuple[str, str, int], texts=CLAIMS):
    """Claims, each answered by the next, and the same texts as queries under the same ids, as in ArguAna."""
    documents = [(f"a{at}", "en", "Title" if at == 2 else "", text) for at, text in enumerate(CLAIMS)]
    queries = [(f"a{at}", "en", text) for at, text in enumerate(texts)]
    return collection_from_rows(
        documents, queries, [(f"a{at}", f"a{(at + 1) % 6}", 1) for at in range(6)] + [*judged]
    )


def vectors(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((6, 4)).astype(np.float32)


def test_figures_are_those_of_beir(tmp_path, caplog):
    caplog.set_level("WARNING", logger="isoglot")  # whatever commands were run before
    data, table = claims(), vectors()
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    result = evaluate_embeddings(table, table, data, bootstrap=0, measures=["RR", "nDCG@10", "R@1"])
    run = [
        ir_measures.ScoredDoc(f"a{q}", f"a{d}", float(unit[q] @ unit[d]))
        for q in range(6)
        for d in range(6)
        if q != d
    ]
    qrels = [ir_measures.Qrel(f"a{at}", f"a{(at + 1) % 6}", 1) for at in range(6)]
    measures = [ir_measures.parse_measure(name) for name in ("RR", "nDCG@10", "R@1")]
    for measure, value in ir_measures.calc_aggregate(measures, qrels, run).items():
        assert result.multilingual[str(measure)] == pytest.approx(value)
    assert "6 of 6 queries are documents themselves" in caplog.text
    kept = evaluate_embeddings(table, table, data, bootstrap=0, ignore_identical_ids=False)
    assert kept.multilingual["R@1"] == 0  # each finds itself first
    assert (result.made["identical_left_out"], result.made.get("keep_identical_ids")) == (6, None)
    assert (kept.made["identical_left_out"], kept.made["keep_identical_ids"]) == (0, True)
    with pytest.raises(InputError, match="leaves 6 out of their own pool, the other 0"):
        compare_all({"a": result, "b": kept}, ["RR"])

    path = tmp_path / "r.run"  # of a system that did rank them
    lines = [f"a{q} Q0 a{d} 1 {unit[q] @ unit[d]} x" for q in range(6) for d in range(6)]
    path.write_text("\n".join(lines))
    assert evaluate_run(path, data, bootstrap=0, measures=["RR"]).multilingual["RR"] == pytest.approx(
        result.multilingual["RR"]
    )


@pytest.mark.parametrize("own", [0, 3])
def test_only_what_is_the_same_by_id_and_text_is_left_out_and_never_an_answer(own):
    other = [*CLAIMS[:4], "another text", f"  a claim   about {WORDS[5]}"]
    data = claims((f"a{own}", f"a{own}", 1), texts=[*other[:2], f"Title {CLAIMS[2]}", *other[3:]])
    positions, documents = identical_documents(data, np.arange(6))
    assert positions.tolist() == documents.tolist() == [0, 1, 2, 3, 5]
    judged = judgments_of(data, np.arange(6))
    left_out = [at for at in (0, 1, 2, 3, 5) if at != own]
    assert judged.excluded_queries.tolist() == judged.excluded_documents.tolist() == left_out
    assert judged.identical == identical_queries(data) == 4
    assert not len(judgments_of(data, np.arange(6), ignore_identical_ids=False).excluded_queries)


def test_a_query_is_no_hard_negative_of_itself():
    data, table = claims(), vectors()
    for ignore in (True, False):  # nor, in any case, is another document of the same text as an answer
        judged = judgments_of(data, np.arange(6), ignore_identical_ids=ignore)
        mined = mine_embeddings(table, table, judged, data, margin=None)
        rows = np.repeat(np.arange(6), np.diff(mined.offsets))
        assert (rows == mined.documents).sum() == 0


def test_check_tells_of_as_many_as_evaluation_leaves_out():
    (told,) = (one for one in finding_sentences(quality_findings(claims(), near=None)) if "themselves" in one)
    assert told.startswith("6 queries are documents themselves (same id and text)")
    assert "--keep-identical-ids" in told
    others = claims(texts=[f"is it true: {text}" for text in CLAIMS])
    assert identical_queries(others) == 0
    assert not [one for one in finding_sentences(quality_findings(others, near=None)) if "themselves" in one]
