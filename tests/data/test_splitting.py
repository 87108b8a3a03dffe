"""Splits by query id: what is tested on is not trained on, in no language, and the sizes are those asked for."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, read_collection, splits_of, write_collection
from isoglot.data.quality.texts import normalised
from isoglot.errors import InputError

SHARES = st.sampled_from([(0.1, 0.2), (0.0, 0.3), (0.25, 0.25), (0.2, 0.0)])


@st.composite
def collections(draw: st.DrawFn) -> Collection:
    """Query ids in up to three languages, some of which ask the same or share a document."""
    size = draw(st.integers(1, 25))
    variety = draw(st.sampled_from([3, 30, 1000]))
    documents = [(f"d{n}", "en", "", f"text {n % variety}") for n in range(size)]
    queries, qrels = [], []
    for n in range(size):
        for tag in draw(st.sets(st.sampled_from(["en", "de", "sw"]), min_size=1)):
            queries.append((f"q{n}", tag, f"What is {tag} {draw(st.integers(0, variety))}{'?' * (n % 2)}"))
        for document in draw(st.sets(st.integers(0, size - 1), max_size=1 if variety > 3 else 3)):
            qrels.append((f"q{n}", f"d{document}", draw(st.sampled_from([1, 1, 2, 0]))))
    return collection_from_rows(documents, queries, qrels, name="drawn")


def groups(collection: Collection, share_documents: bool) -> list[set[str]]:
    """By brute force: the judged ids that hang together."""
    ids = collection.query_ids.to_pylist()
    judged = sorted({ids[one] for one in collection.judgments["query"].to_pylist()})
    texts: dict[str, set[str]] = {one: set() for one in judged}
    for index, text in zip(collection.query_index, collection.query_texts(), strict=True):
        if ids[index] in texts:
            texts[ids[index]].add("q" + normalised([text])[0])
    if not share_documents:
        read = normalised(collection.document_texts())
        for query, document in zip(collection.relevance.queries, collection.relevance.documents, strict=True):
            texts[ids[query]].add("d" + read[document])
    found = [({one}, set(texts[one])) for one in judged]
    while pair := next((p for p in combinations(found, 2) if p[0][1] & p[1][1]), None):
        found = [one for one in found if one not in pair] + [(pair[0][0] | pair[1][0], pair[0][1] | pair[1][1])]
    return [ids for ids, _ in found]


@settings(deadline=None, max_examples=30)
@given(collection=collections(), shares=SHARES, seed=st.integers(0, 5), share_documents=st.booleans())
def test_nothing_crosses_splits_and_sizes_are_those_asked_for(
    collection: Collection, shares: tuple[float, float], seed: int, share_documents: bool
):
    dev, test = shares
    found = groups(collection, share_documents)
    judged = sum(map(len, found))
    wanted = {name: share * judged for name, share in (("dev", dev), ("test", test)) if share}
    small = [len(one) for one in found if len(one) <= max(1.0, min(wanted.values()))]
    sentence = None
    try:
        splits = ig.split_collection(collection, dev=dev, test=test, seed=seed, share_documents=share_documents)
    except InputError as error:
        sentence = str(error)
    if sentence is not None:
        assert "too few for such splits" in sentence
        # there was no room: too few small groups, or none left for a split
        train = judged - sum(wanted.values())
        assert not judged or sum(small) < sum(wanted.values()) or min([*wanted.values(), train]) <= max(small)
        return
    assert list(splits) == [name for name in ("train", "dev", "test") if name == "train" or name in wanted]
    ids = {name: set(split.query_ids.to_pylist()) for name, split in splits.items()}
    assert sum(map(len, ids.values())) == len(set().union(*ids.values())) == judged
    for group in found:
        assert sum(bool(group & one) for one in ids.values()) == 1
    for name, size in wanted.items():
        assert abs(len(ids[name]) - size) <= max(small)
    for name, split in splits.items():
        rows = np.isin(collection.query_index, [collection.query_ids.index(one).as_py() for one in ids[name]])
        assert split.query_texts() == [
            text for text, kept in zip(collection.query_texts(), rows, strict=True) if kept
        ]
        assert split.documents.equals(collection.documents)
    again = ig.split_collection(collection, dev=dev, test=test, seed=seed, share_documents=share_documents)
    assert {name: set(split.query_ids.to_pylist()) for name, split in again.items()} == ids


def many(size: int, documents: int) -> Collection:
    return collection_from_rows(
        [(f"d{n}", "en", "", f"text {n}") for n in range(documents)],
        [(f"q{n}", tag, f"{tag} {n}?") for n in range(size) for tag in ("en", "de")],
        [(f"q{n}", f"d{n % documents}", 1) for n in range(size)],
    )


def test_another_seed_and_another_order_of_rows():
    collection = many(100, 100)
    first, other = (
        {
            name: set(split.query_ids.to_pylist())
            for name, split in ig.split_collection(collection, seed=seed).items()
        }
        for seed in (0, 1)
    )
    assert first != other
    assert {name: len(ids) for name, ids in first.items()} == {"train": 70, "dev": 10, "test": 20}
    rows = [f"q{n}" for n in reversed(range(100))]
    turned = collection_from_rows(
        [(f"d{n}", "en", "", f"text {n}") for n in range(100)],
        [(one, "en", f"en {one[1:]}?") for one in rows],
        [(one, f"d{one[1:]}", 1) for one in rows],
    )
    splits = ig.split_collection(turned, seed=0)
    assert {name: set(split.query_ids.to_pylist()) for name, split in splits.items()} == first


def test_one_document_that_answers_most_queries(caplog: pytest.LogCaptureFixture):
    with pytest.raises(InputError, match=r"60 judged .* 1 groups .* largest of 60: .* --share-documents"):
        ig.split_collection(many(60, 1))
    shared = ig.split_collection(many(60, 1), share_documents=True)
    assert [len(split.query_ids) for split in shared.values()] == [42, 6, 12]
    caplog.set_level("INFO", logger="isoglot")
    qrels = [(f"q{n}", f"d{n}" if n < 60 else "d99", 1) for n in range(100)]
    mixed = collection_from_rows(
        [(f"d{n}", "en", "", f"text {n}") for n in range(100)],
        [(f"q{n}", "en", f"en {n}?") for n in range(100)],
        qrels,
    )
    splits = ig.split_collection(mixed)
    assert [len(split.query_ids) for split in splits.values()] == [70, 10, 20]
    assert {f"q{n}" for n in range(60, 100)} < set(splits["train"].query_ids.to_pylist())
    assert "40 query ids hang together in groups that are larger than a split is to be, and are all in train" in (
        caplog.text
    )


@pytest.mark.parametrize(("dev", "test"), [(0.5, 0.5), (-0.1, 0.2), (0, 0), (0.1, 1.0), (0.01, 0.2)])
def test_shares_that_leave_nothing_are_refused(dev: float, test: float):
    with pytest.raises(InputError):
        ig.split_collection(many(20, 20), dev=dev, test=test)


def test_the_command_writes_splits_that_read_back_and_refuses_those_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_collection(many(50, 50), tmp_path / "data")
    command = ["data", "split", str(tmp_path / "data"), "--to", str(tmp_path / "out"), "--seed", "3"]
    assert main(command) == 0
    assert splits_of(tmp_path / "out") == ("dev", "test", "train")
    for name, split in ig.split_collection(many(50, 50), seed=3).items():
        read = read_collection(tmp_path / "out", split=name)
        assert set(read.query_ids.to_pylist()) == set(split.query_ids.to_pylist())
        assert read.metadata["split"] == {"seed": 3, "dev": 0.1, "test": 0.2, "share_documents": False}
    found = ig.find_leakage(*(read_collection(tmp_path / "out", split=name) for name in ("train", "test")))
    assert not found.queries.exact
    assert main(["data", "split", str(tmp_path / "out"), "--to", str(tmp_path / "again")]) == 2
    assert "has splits already (dev, test, train)" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
