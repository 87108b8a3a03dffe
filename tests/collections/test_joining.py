"""Several collections as one: nothing of one set is taken for another's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.batching import Hybrid, JointSampler
from isoglot.collections import collection_from_rows, join_collections, write_collection
from isoglot.collections.collection import Collection
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.data import load_collection, sample_collection
from isoglot.errors import InputError
from isoglot.studies.library import translations_view

IDS = st.sampled_from(["a", "1", "1/a", "2/a", "11/a", "a/1", "/"])


@st.composite
def collections(draw: st.DrawFn) -> Collection:
    documents = draw(
        st.lists(st.tuples(IDS, st.sampled_from(["en", "de"])), max_size=5, unique_by=lambda row: row[0])
    )
    queries = draw(st.lists(st.tuples(IDS, st.sampled_from(["en", "sw"])), max_size=5, unique=True))
    pairs = [(query, document) for query in sorted({row[0] for row in queries}) for document, _ in documents]
    judged = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return collection_from_rows(
        [(one, lang, "title", f"{one} in {lang}") for one, lang in documents],
        [(one, lang, f"{one} in {lang}?") for one, lang in queries],
        [(query, document, draw(st.integers(0, 2))) for query, document in judged],
        name=draw(st.sampled_from(["one", "two"])),
    )


def triples(collection: Collection) -> list[tuple[str, str, int]]:
    """Judgments by id."""
    rows = collection.judgments.to_pydict()
    ids, documents = collection.query_ids.to_pylist(), collection.documents["_id"].to_pylist()
    return [
        (ids[q], documents[d], s) for q, d, s in zip(rows["query"], rows["document"], rows["score"], strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(collections(), min_size=1, max_size=12))
def test_every_set_is_found_again_and_no_ids_clash(several):
    joined = join_collections(several)
    for ids, own in (
        (joined.query_ids, [one.query_ids for one in several]),
        (joined.documents["_id"], [one.documents["_id"] for one in several]),
    ):
        assert len(set(ids.to_pylist())) == len(ids) == sum(map(len, own))
    assert len({part.collection.name for part in joined.parts}) == len(several)
    assert joined.languages == tuple(sorted({tag for one in several for tag in one.languages}))
    assert joined.document_texts() == [text for one in several for text in one.document_texts()]
    assert joined.query_texts() == [text for one in several for text in one.query_texts()]
    assert [joined.query_ids[int(row)].as_py() for row in joined.query_index] == joined.queries["_id"].to_pylist()
    found = 0
    for number, (part, one) in enumerate(zip(joined.parts, several, strict=True), 1):
        own = part.collection
        assert own.name in (one.name, f"{one.name} ({number})")
        assert own.languages == one.languages
        for table in ("documents", "queries"):
            ours, theirs = getattr(own, table), getattr(one, table)
            assert ours.drop_columns("_id").equals(theirs.drop_columns("_id"))
            assert ours["_id"].to_pylist() == [f"{number}/{row}" for row in theirs["_id"].to_pylist()]
        assert triples(own) == [(f"{number}/{q}", f"{number}/{d}", s) for q, d, s in triples(one)]
        assert np.array_equal(own.query_index, one.query_index)
        whole = triples(joined)
        assert whole[found : found + one.judgments.num_rows] == triples(own)
        found += one.judgments.num_rows
        rows = np.arange(own.queries.num_rows)
        assert joined.query_texts(rows + part.first_query) == one.query_texts()
        rows = np.arange(own.documents.num_rows)
        assert joined.document_texts(rows + part.first_document) == one.document_texts()
        assert (
            own.query_index + part.first_query_id == joined.query_index[part.first_query :][: len(own.query_index)]
        ).all()


def small(name: str, tags: tuple[str, ...] = ("en", "de"), pages: int = 6) -> Collection:
    return collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{name} page {n} in {tag}") for tag in tags for n in range(pages)],
        [(f"q{n}", tag, f"{name} {n}?") for tag in tags for n in range(pages)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in tags for n in range(pages)],
        name=name,
    )


def test_hard_negatives_stay_each_sets_own_and_a_set_may_have_none(tmp_path):
    plain, other = small("plain"), small("other", pages=3)
    counts = np.zeros(other.queries.num_rows + 1, np.int64)
    counts[2:] = 2  # of the second query row
    mined = with_hard_negatives(other, counts, np.array([2, 0]))
    write_collection(mined, tmp_path / "mined")
    joined = join_collections([plain, load_collection(tmp_path / "mined"), plain])
    offsets, documents = hard_negative_rows(joined)
    first = joined.parts[1]
    row = first.first_query + 1
    assert offsets[row] == 0
    assert offsets[row + 1] == 2 == offsets[-1]
    assert documents.tolist() == [first.first_document + 2, first.first_document]
    assert hard_negative_rows(first.collection)[1].tolist() == [2, 0]
    assert not len(hard_negative_rows(joined.parts[2].collection)[1])


def test_bad_hard_negatives_are_told_of_where_they_are_read():
    other = small("other")
    extra = [json.dumps({"hard_negatives": ["nowhere"]})] + [None] * (other.queries.num_rows - 1)

    other = replace(other, queries=other.queries.append_column("extra", pa.array(extra, pa.string())))
    with pytest.raises(InputError, match=r"'2/nowhere' of the query '2/q0'"):
        hard_negative_rows(join_collections([small("plain"), other]))


def test_a_sample_of_joined_collections_is_one_too():
    joined = join_collections([small("one"), small("two"), small("gone", ("sw",)), small("four", ("en", "sw"))])
    sample = sample_collection(joined, {"en": 4}, hold_out=["sw"])
    assert [part.collection.name for part in sample.parts] == ["one", "two", "gone", "four"]
    # the budget is that of all sets together
    english = [part.collection.queries["lang"].to_pylist().count("en") for part in sample.parts]
    assert sum(english) == 4
    assert sample.parts[2].collection.queries.num_rows == 0
    assert "sw" not in sample.languages
    assert [triple for part in sample.parts for triple in triples(part.collection)] == triples(sample)


def test_the_forms_of_collections_join(tmp_path):
    """JSON lines with a column of other keys, mapped Parquet, and rows."""
    one = small("one")
    write_collection(one, tmp_path / "parquet", "parquet")
    write_collection(one, tmp_path / "jsonl")
    lines = (tmp_path / "jsonl" / "corpus.jsonl").read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"url": "there"})
    (tmp_path / "jsonl" / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    joined = join_collections([load_collection(tmp_path / "parquet"), load_collection(tmp_path / "jsonl"), one])
    assert joined.documents.num_rows == 3 * one.documents.num_rows
    assert [part.collection.pair_counts.tolist() for part in joined.parts] == [one.pair_counts.tolist()] * 3
    write_collection(joined, tmp_path / "joined", "parquet")
    assert triples(load_collection(tmp_path / "joined")) == triples(joined)


def test_what_cannot_be_joined():
    with pytest.raises(InputError, match="no collection to join"):
        join_collections([])
    with pytest.raises(InputError, match="2 collections have 1 names"):
        join_collections([small("a"), small("b")], ["a"])


def test_a_set_of_translations_stays_one_in_a_joined_collection(toy: Collection):
    """Hybrid batches over both sets: those of the sentences are across languages only, whichever was drawn."""
    sentences = translations_view(toy)
    joined = join_collections([sentences, toy])
    assert [part.collection.finds_translations for part in joined.parts] == [True, False]
    sampler = JointSampler(joined, Hybrid(alpha=0.5), 2, seed=0)
    seen = {True: 0, False: 0}  # of sentences or not -> batches
    for step in range(40):
        batch = sampler[step]
        of_sentences = bool(batch.documents[0] < sentences.documents.num_rows)
        seen[of_sentences] += 1
        if of_sentences:
            own = joined.query_language[batch.queries] == joined.document_language[batch.documents]
            assert not own.any()
    assert min(seen.values()) > 0
