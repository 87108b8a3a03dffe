"""What is written is read again as it was, whatever ids and texts are: collections, negatives, runs, results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows, read_collection, write_collection
from isoglot.collections.fingerprint import collection_fingerprint
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.errors import InputError
from isoglot.evaluation import Result, evaluate_embeddings, measure

anything = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6).filter(
    lambda text: text.strip()
)
ODD = (
    'say "x"',
    "a,b",
    "tab\there",
    "line\nend",
    "a\u2028b",
    "é e\u0301",
    "#",
    "\\n",
    "0001",
    "null",
    "a/b",
    "'",
    "x ",
    "0\x85",
    "日本\u2029語",
    "\ufeff0",
)


@st.composite
def collections(draw: st.DrawFn, names: st.SearchStrategy[str] = anything) -> Collection:
    """Collections with odd ids, texts and titles, and one query with an irrelevant document."""
    ids = draw(st.lists(names, min_size=3, max_size=5, unique=True))
    asked = draw(st.lists(names, min_size=2, max_size=3, unique=True))
    tags = ("en", "pt-BR", "zh-Hant")
    documents = [(one, tags[at % 3], draw(anything | st.just("")), draw(anything)) for at, one in enumerate(ids)]
    queries = [(one, tag, draw(anything)) for one in asked for tag in tags[:2]]
    qrels = [(one, ids[at % len(ids)], 1 + at) for at, one in enumerate(asked)] + [(asked[0], ids[-1], 0)]
    return collection_from_rows(documents, queries, qrels, name=draw(anything | st.sampled_from(ODD)))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@settings(max_examples=60, deadline=None)
@given(collection=collections(anything | st.sampled_from(ODD)))
def test_collections(tmp_path_factory, collection, form):
    folder = tmp_path_factory.mktemp("written") / "folder"
    ids = [*collection.query_ids.to_pylist(), *collection.documents["_id"].to_pylist()]
    if any(letter in one for one in ids for letter in "\t\n\r"):
        with pytest.raises(InputError, match="an id that is empty or holds a tab or line break"):
            write_collection(collection, folder, form)
        assert not folder.exists()
        return
    write_collection(collection, folder, form)
    again = read_collection(folder)
    assert collection_fingerprint(again) == collection_fingerprint(collection)
    assert again.name == collection.name


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_empty_texts_are_not_written(tmp_path, form):
    collection = collection_from_rows([("d", "en", "", " ")], [("q", "en", "which?")], [("q", "d", 1)], name="bad")
    with pytest.raises(InputError, match="bad: corpus cannot be written: 1 rows have an empty text, such as 'd'"):
        write_collection(collection, tmp_path / "x", form)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@settings(max_examples=30, deadline=None)
@given(collection=collections(st.text("ab\u2028 \"',\\\\/é", min_size=1, max_size=4).filter(str.strip)))
def test_splits_and_hard_negatives(tmp_path_factory, collection, form):
    offsets = np.arange(collection.queries.num_rows + 1)
    offsets[1:] = offsets[1]
    mined = np.setdiff1d(np.arange(collection.documents.num_rows), collection.relevance.of(0))[:1]
    hard = with_hard_negatives(collection, offsets, mined)
    folder = tmp_path_factory.mktemp("written") / "folder"
    write_collection({"train": hard, "test": collection}, folder, form)
    train = read_collection(folder, split="train")
    assert np.array_equal(hard_negative_rows(train)[1], mined)
    assert np.array_equal(hard_negative_rows(train)[0], offsets)
    assert train.query_texts() == hard.query_texts()


def embedded(collection: Collection, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(collection.queries.num_rows, 4)), rng.normal(size=(collection.documents.num_rows, 4))


@settings(max_examples=20, deadline=None)
@given(collection=collections(st.text("ab\"',\\\\/é@#%|", min_size=1, max_size=4)))
def test_runs_results_and_embeddings(tmp_path_factory, collection):
    """A run gives the figures of the embeddings that it was made of, and a result file those of its result."""
    folder = tmp_path_factory.mktemp("written")
    queries, documents = embedded(collection)
    result = evaluate_embeddings(
        queries, documents, collection, trec_run=folder / "runs", bootstrap=0, geometry=False
    )
    again = measure(f"run:{folder / 'runs' / 'multilingual.run'}", collection, bootstrap=0)
    assert again.multilingual == pytest.approx(result.multilingual)
    result.save(folder / "result.json")
    read = Result.from_json(folder / "result.json")
    assert read == result
    assert read.per_query.keys() == result.per_query.keys()
    for name, values in result.per_query.items():
        assert np.array_equal(read.per_query[name], values, equal_nan=values.dtype.kind == "f")
    np.save(folder / "q.npy", queries)
    np.save(folder / "d.npy", documents)
    given_files = measure(f"embeddings:{folder / 'q.npy'},{folder / 'd.npy'}", collection, bootstrap=0)
    assert given_files.multilingual == pytest.approx(result.multilingual)
