"""Who loses, in a terminal; and a result in a notebook."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_helpers import parallel_collection
from sentence_transformers import SentenceTransformer

from isoglot.collections.fingerprint import collection_fingerprint
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import Result, evaluate, evaluate_embeddings
from isoglot.evaluation.losers import language_rows, who_loses

COLLECTION = parallel_collection(languages=3)


def lame(language: int = 1) -> Result:
    """What a model gives whose questions in one language mean nothing."""
    rng = np.random.default_rng(0)
    documents = np.tile(np.eye(12), (3, 1))
    queries = documents.copy()
    queries[12 * language : 12 * (language + 1)] = rng.standard_normal((12, 12))
    return evaluate_embeddings(queries, documents, COLLECTION, bootstrap=0, keep_embeddings=True)


@pytest.mark.parametrize("language", [0, 1, 2])
def test_the_language_that_loses_comes_first(language):
    result = lame(language)
    rows = language_rows(result)
    assert rows[0].language == COLLECTION.languages[language]
    assert [row.pool for row in rows] == sorted(row.pool for row in rows)
    own = result.per_query["lang"] == rows[0].language
    assert rows[0].pool == pytest.approx(result.per_query["multilingual_AP"][own].mean())
    assert rows[0].rank_distance == result.bias["by_query_language"][rows[0].language]["rank_distance"]
    pair = {(row["query_lang"], row["doc_lang"]): row["AP"] for row in result.pairs}
    assert rows[0].own == pair[rows[0].language, rows[0].language]
    others = [value for (asked, found), value in pair.items() if asked == rows[0].language != found]
    assert rows[0].others == pytest.approx(np.mean(others))
    sentences = who_loses(result)
    assert len(sentences) == 3
    assert f"({rows[0].pool:.3f}) find least" in sentences[0]
    assert "lower is better" in sentences[2]


def test_a_result_in_a_notebook():
    result = lame()
    assert len(repr(result)) < 250
    assert "multilingual AP" in repr(result)
    assert "<td>" in result._repr_html_()
    result.model = "<script>"
    assert "<script>" not in result._repr_html_()
    frame = result.to_frame(per_query=True)
    assert len(frame) == 36
    assert frame["multilingual_AP"].mean() == pytest.approx(result.multilingual["AP"])
    for name in ("pairs", "rank_distance", "own_language", "distances", "origin", "space"):
        assert "mark" in str(getattr(result.plot, name)().to_dict()), name
    result.embeddings = None
    with pytest.raises(InputError, match="no space to draw; it needs keep_embeddings"):
        result.plot.space()


def test_a_result_says_how_it_was_made(tmp_path):
    model = static_encoder(COLLECTION, dimensions=8, vocabulary=60)
    assert isinstance(model, SentenceTransformer)
    result = evaluate(model, COLLECTION, bootstrap=0, query_prompt="ask: ", device="cpu")
    assert result.made["query_prompt"] == "ask: "
    assert result.made["device"] == "cpu"
    assert result.made["dtype"] == "float32"
    assert result.made["collection_hash"] == collection_fingerprint(COLLECTION)
    result.to_json(tmp_path / "r.json")
    assert Result.from_json(tmp_path / "r.json").made == result.made
