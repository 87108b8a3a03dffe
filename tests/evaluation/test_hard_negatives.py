"""Mining: against a loop that does the same slowly, against sentence-transformers, and as a command."""

from __future__ import annotations

import numpy as np
import pytest
import typer
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.util import mine_hard_negatives as mine_by_library

from isoglot.cli.mine import _splits as mined_splits
from isoglot.cli.mine import mine
from isoglot.collections import collection_from_rows, read_collection, splits_of, write_collection
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import judgments_of
from isoglot.evaluation.hard_negatives import WHERE, mine_embeddings, mine_hard_negatives

TAGS = ("de", "en", "fr", "sw")


def make_collection(rng, ids=6, documents=40):
    """Queries without some versions, relevant documents in some languages only, none in Swahili."""
    languages = [TAGS[at] for at in rng.integers(3, size=documents)]
    queries = [(f"q{g}", tag, f"{g} {tag}") for g in range(ids) for tag in TAGS if rng.random() < 0.7]
    queries = queries or [("q0", "en", "0")]
    qrels = [
        (name, f"d{at}", int(rng.random() < 0.8))
        for name in dict.fromkeys(query[0] for query in queries)
        for at in rng.choice(documents, size=int(rng.integers(1, 6)), replace=False)
    ]
    qrels.append((queries[0][0], "extra", 1))
    texts = [(f"d{at}", tag, "", f"document {at}") for at, tag in enumerate(languages)]
    return collection_from_rows([*texts, ("extra", "de", "", "one more")], queries, qrels)


def unit(rng, rows, dimensions=8):
    vectors = rng.normal(size=(rows, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def slowly(scores, row, collection, negatives, where, margin, depth, range_min):
    """What one query gets, by its definition."""
    relevant = collection.relevance.of(int(collection.query_index[row])).tolist()
    language = collection.document_language
    positive = {
        code: min(scores[d] for d in relevant if language[d] == code) for code in {language[d] for d in relevant}
    }
    own = int(collection.query_language[row])
    places = {"any": [set(language.tolist())], "language": [{code} for code in positive]}
    places["own"] = [{own}] if (language == own).any() else places["language"]
    found = []
    for place in places[where]:
        ranked = [d for d in np.argsort(-scores, kind="stable") if language[d] in place and d not in relevant][
            :depth
        ]
        bound = [positive.get(language[d], min(positive.values())) for d in ranked]
        kept = [d for d, p in zip(ranked, bound, strict=True) if margin is None or scores[d] <= p - margin * abs(p)]
        found += kept[range_min : range_min + negatives]
    return sorted(found, key=lambda d: -scores[d])


@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from(WHERE),
    st.sampled_from([None, 0.0, 0.05, 0.5]),
    st.integers(0, 2),
    st.integers(0, 30),
)
@settings(max_examples=60, deadline=None)
def test_it_is_what_the_definition_says(seed, k, where, margin, range_min, deeper):
    rng = np.random.default_rng(seed)
    collection = make_collection(rng)
    rows = collection.judged_query_rows()
    queries, documents = unit(rng, len(rows)), unit(rng, collection.documents.num_rows)
    options = {
        "negatives": k,
        "where": where,
        "margin": margin,
        "depth": k + range_min + deeper,
        "range_min": range_min,
    }
    judged = judgments_of(collection, rows)
    mined = mine_embeddings(queries, documents, judged, collection, **options)
    scores = queries @ documents.T
    for at, row in enumerate(rows):
        got = slice(mined.offsets[row], mined.offsets[row + 1])
        assert mined.documents[got].tolist() == slowly(scores[at], row, collection, **options)
        assert mined.scores[got] == pytest.approx(scores[at][mined.documents[got]], abs=1e-6)
    assert mined.offsets[-1] == len(mined.documents)
    blocks = mine_embeddings(queries, documents, judged, collection, memory=1000, **options)
    assert np.array_equal(blocks.documents, mined.documents)
    hard_negative_rows(with_hard_negatives(collection, mined.offsets, mined.documents))  # none is relevant


@given(st.integers(0, 10**6), st.sampled_from(WHERE))
@settings(max_examples=40, deadline=None)
def test_no_negative_has_the_text_of_a_relevant_document_or_of_the_query(seed, where):
    rng = np.random.default_rng(seed)
    pages = [
        (f"d{at}", TAGS[at % 3], "a" * int(rng.integers(2)), str(rng.choice(list("abcdef")))) for at in range(40)
    ]
    queries = [(f"q{at}", TAGS[at % 3], str(rng.choice(list("abcdef")))) for at in range(8)]
    qrels = [(f"q{at}", f"d{rng.integers(40)}", 1) for at in range(8) for _ in range(2)]
    collection = collection_from_rows(pages, queries, list(dict.fromkeys(qrels)))
    rows = collection.judged_query_rows()
    judged = judgments_of(collection, rows)
    embedded = unit(rng, len(rows)), unit(rng, 40)
    mined = mine_embeddings(*embedded, judged, collection, where=where, margin=None, negatives=40)
    texts, bare = collection.document_texts(), collection.documents["text"].to_pylist()
    some = mine_embeddings(*embedded, judged, collection, where=where, margin=None, negatives=40, memory=1000)
    assert np.array_equal(some.documents, mined.documents)
    for row, query in enumerate(collection.query_texts()):
        known = {query, *(texts[at] for at in collection.relevance.of(int(collection.query_index[row])))}
        found = mined.documents[mined.offsets[row] : mined.offsets[row + 1]].tolist()
        assert not any(texts[at] in known or bare[at] == query for at in found)
        if where == "any":
            asked = set(collection.query_texts())  # a copy of some query counts as the same with any title
            assert {at for at in range(40) if texts[at] not in known and bare[at] not in asked} <= set(found)


@pytest.mark.parametrize("range_min", [0, 3])
@pytest.mark.parametrize("margin", [None, 0.05, 0.3])
def test_in_one_language_it_is_what_sentence_transformers_mines(margin, range_min):
    words = [f"word{at}" for at in range(40)]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, size=6)) for _ in range(60)]
    asked = [" ".join(rng.choice(text.split(), size=2, replace=False)) + f" {words[0]}" for text in texts[:25]]
    collection = collection_from_rows(
        [(f"d{at}", "en", "", text) for at, text in enumerate(texts)],
        [(f"q{at}", "en", text) for at, text in enumerate(asked)],
        [(f"q{at}", f"d{at}", 1) for at in range(25)],
    )
    model = static_encoder(collection, dimensions=16, vocabulary=500).to("cpu")
    expected = mine_by_library(
        Dataset.from_dict({"query": asked, "answer": texts[:25]}),
        model,
        corpus=texts,
        relative_margin=margin,
        range_min=range_min,
        range_max=30,
        num_negatives=4,
        verbose=False,
    )
    theirs: dict[str, list[str]] = {}
    for query, negative in zip(expected["query"], expected["negative"], strict=True):
        theirs.setdefault(query, []).append(negative)
    mined = mine_hard_negatives(model, collection, negatives=4, margin=margin, range_min=range_min, depth=30)
    for row, query in enumerate(asked):
        found = mined.documents[mined.offsets[row] : mined.offsets[row + 1]]
        assert [texts[at] for at in found] == theirs.get(query, [])


def test_places_hold_what_they_say(toy):
    model = static_encoder(toy, dimensions=16, vocabulary=200).to("cpu")
    language, query_language = toy.document_language, toy.query_language
    for where, per_query in (("language", 3), ("own", 1), ("any", 3)):
        mined = mine_hard_negatives(model, toy, negatives=1 if where != "any" else 3, where=where, margin=None)
        assert np.diff(mined.offsets).tolist() == [per_query] * 6
        rows = np.repeat(np.arange(6), per_query)
        if where == "own":
            assert (language[mined.documents] == query_language[rows]).all()
        if where == "language":
            assert (np.sort(language[mined.documents].reshape(6, 3)) == [0, 1, 2]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": "here"}, "no place 'here'"),
        ({"negatives": 0}, "negatives must be at least 1"),
        ({"range_min": -1}, "range_min 0"),
        ({"negatives": 9, "depth": 8}, "depth of 8 does not hold 0 \\+ 9"),
        ({"margin": -0.1}, "must not be negative"),
    ],
)
def test_settings_out_of_range_are_refused(options, message, toy):
    with pytest.raises(InputError, match=message):
        mine_hard_negatives(static_encoder(toy, dimensions=8, vocabulary=100), toy, **options)


def run(*arguments) -> None:
    app = typer.Typer()
    app.command()(mine)
    app(args=[str(one) for one in arguments], standalone_mode=False)


def test_the_command_writes_all_splits_and_mines_the_training_one(toy, tmp_path, capsys):
    static_encoder(toy, dimensions=16, vocabulary=200).save(str(tmp_path / "model"))
    documents, queries = toy.documents.to_pylist(), toy.queries.to_pylist()
    splits = {
        split: collection_from_rows(
            [tuple(row.values()) for row in documents],
            [tuple(row.values()) for row in queries if row["_id"] == name],
            [(name, f"{tag}/{answer}", 1) for tag in ("en", "de", "th")],
        )
        for split, name, answer in (("test", "list", "ls"), ("train", "unpack", "tar"))
    }
    write_collection(splits, tmp_path / "data")
    for form in ("jsonl", "parquet"):
        out = tmp_path / form
        options = (
            "--out",
            out,
            "--negatives",
            1,
            "--where",
            "own",
            "--no-margin",
            "--form",
            form,
            "--device",
            "cpu",
        )
        run(tmp_path / "model", tmp_path / "data", *options)
        assert "for 3 of 6 queries" in capsys.readouterr().out
        assert set(splits_of(out)) == {"train", "test"}
        train, test = (read_collection(out, split=split) for split in ("train", "test"))
        offsets, rows = hard_negative_rows(train)
        assert np.diff(offsets).tolist() == [1, 1, 1]
        ids = train.documents["_id"].to_pylist()
        assert [ids[row] for row in rows] == [f"{tag}/ls" for tag in train.queries["lang"].to_pylist()]
        assert not len(hard_negative_rows(test)[1])
        assert test.query_texts() == splits["test"].query_texts()
    with pytest.raises(InputError, match="no split 'dev'"):
        run(tmp_path / "model", tmp_path / "data", "--out", tmp_path / "x", "--split", "dev")


def test_of_splits_in_folders_of_their_own_one_is_mined(toy, tmp_path):
    """Another split's documents are not in the pool, so it is not written beside the one that is mined."""
    other = collection_from_rows([("d", "en", "", "text")], [("q", "en", "query")], [("q", "d", 1)])
    for split, one in (("train", toy), ("test", other)):
        write_collection(one, tmp_path / "data" / split)
    found = mined_splits(str(tmp_path / "data"), None, None, False)
    assert {split: one.name for split, one in found.items()} == {"train": "toy"}
    assert list(mined_splits(str(tmp_path / "data"), "test", None, False)) == ["test"]
    with pytest.raises(InputError, match="has no split 'dev': choose one of train, test with --split"):
        mined_splits(str(tmp_path / "data"), "dev", None, False)
