"""Samples with a budget of queries for each language: what stays, what goes, and that it is always the same."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, read_collection, write_collection
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.data import load_collection
from isoglot.errors import InputError

LANGUAGES = ("de", "en", "sw", "th")


def parallel(ids: int, seed: int | None = None, present: float = 1.0) -> Collection:
    """Queries and documents in four languages, each version there with a probability; rows shuffled by the seed."""
    there = random.Random(17)
    queries, documents, qrels = [], [], []
    for number in range(ids):
        for tag in LANGUAGES:
            if tag == "en" or there.random() < present:
                queries.append((f"q{number}", tag, f"question {number} in {tag}"))
                documents.append((f"{tag}/{number}", tag, "", f"answer {number} in {tag}"))
                qrels.append((f"q{number}", f"{tag}/{number}", 1))
    if seed is not None:
        for rows in (queries, documents, qrels):
            random.Random(seed).shuffle(rows)
    return collection_from_rows(documents, queries, qrels, name="parallel")


def versions(collection: Collection, tag: str | None = None) -> set[tuple[str, str]]:
    found = zip(collection.queries["_id"].to_pylist(), collection.queries["lang"].to_pylist(), strict=True)
    return {version for version in found if tag in (None, version[1])}


def judged(collection: Collection) -> set[tuple[str, str]]:
    ids, names = collection.query_ids.to_pylist(), collection.documents["_id"].to_pylist()
    rows = zip(*(collection.judgments[name].to_pylist() for name in ("query", "document")), strict=True)
    return {(ids[query], names[document]) for query, document in rows}


# ------------------------------------------------------------------------------------------------ queries


@given(
    st.dictionaries(st.sampled_from(LANGUAGES), st.one_of(st.none(), st.integers(0, 40)), max_size=4),
    st.one_of(st.none(), st.integers(1, 40)),
    st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_every_language_has_its_budget_or_all_there_is(budgets, default, seed):
    collection = parallel(30, present=0.7)
    available = {tag: len(versions(collection, tag)) for tag in LANGUAGES}
    wanted = {
        tag: available[tag] if (limit := budgets.get(tag, default)) is None else min(limit, available[tag])
        for tag in LANGUAGES
    }
    if not any(wanted.values()):
        with pytest.raises(InputError, match="no query of parallel is left"):
            ig.sample_collection(collection, budgets, default, seed)
        return
    drawn = ig.sample_collection(collection, budgets, default, seed)
    assert {tag: len(versions(drawn, tag)) for tag in LANGUAGES} == wanted
    assert versions(drawn) <= versions(collection)
    assert judged(drawn) <= judged(collection)


@given(st.integers(1, 29), st.integers(1, 29), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_smaller_sample_lies_within_a_larger_one(one: int, other: int, seed: int):
    collection = parallel(30)
    small, large = (ig.sample_collection(collection, {}, n, seed) for n in sorted((one, other)))
    assert versions(small) <= versions(large)
    assert judged(small) <= judged(large)
    assert set(small.documents["_id"].to_pylist()) <= set(large.documents["_id"].to_pylist())


@given(st.integers(0, 10**6), st.integers(0, 30))
@settings(max_examples=25, deadline=None)
def test_neither_order_nor_other_budgets_change_what_is_drawn(order: int, german: int):
    first = ig.sample_collection(parallel(30), {"sw": 10}, None, seed=3)
    again = ig.sample_collection(parallel(30, seed=order), {"sw": 10, "de": german}, 7, seed=3)
    assert versions(first, "sw") == versions(again, "sw")


def test_seeds_draw_other_queries_evenly():
    collection = parallel(40)
    draws = [versions(ig.sample_collection(collection, {}, 10, seed), "sw") for seed in range(60)]
    assert len({frozenset(draw) for draw in draws}) == 60
    times = np.array([sum((f"q{number}", "sw") in draw for draw in draws) for number in range(40)])
    assert times.sum() == 600
    assert times.min() >= 3  # 15 expected, standard deviation 3.4
    assert times.max() <= 30
    german = versions(ig.sample_collection(collection, {}, 10, 0), "de")
    assert {one for one, _ in german} != {one for one, _ in draws[0]}


def test_rows_keep_their_order():
    collection = parallel(20, seed=4)
    drawn = ig.sample_collection(collection, {}, 8)
    kept = versions(drawn)
    order = list(zip(*(collection.queries[name].to_pylist() for name in ("_id", "lang")), strict=True))
    assert [one for one in order if one in kept] == list(
        zip(*(drawn.queries[name].to_pylist() for name in ("_id", "lang")), strict=True)
    )


# ---------------------------------------------------------------------------------------------- documents


def test_other_languages_bring_no_more_of_a_language_in_than_its_budget():
    drawn = ig.sample_collection(parallel(30), {"sw": 5}, None)
    sampled = {identifier for identifier, _ in versions(drawn, "sw")}
    assert {query for query, document in judged(drawn) if document.startswith("sw/")} == sampled
    assert len(drawn.pairs("en", "sw")[0]) == len(drawn.pairs("sw", "sw")[0]) == 5
    assert len(drawn.pairs("en", "de")[0]) == 30
    assert drawn.documents["lang"].to_pylist().count("sw") == 5
    assert drawn.documents["lang"].to_pylist().count("en") == 30


@pytest.mark.parametrize("how", ["held out", "budget 0"])
def test_nothing_is_left_of_a_language_that_is_held_out(how: str):
    collection = parallel(12)
    if how == "held out":
        drawn = ig.sample_collection(collection, {}, None, hold_out=["th", "sw"])
    else:
        drawn = ig.sample_collection(collection, {"th": 0, "sw": 0})
    assert drawn.languages == ("de", "en")
    assert not any(document.startswith(("th", "sw")) for _, document in judged(drawn))
    assert drawn.pair_counts.tolist() == [[12, 12], [12, 12]]


def test_all_leaves_a_collection_as_it_is():
    collection = collection_from_rows(
        [("a", "en", "T", "one"), ("b", "en", "", "never judged")],
        [("q", "en", "which?"), ("r", "en", "unjudged?")],
        [("q", "a", 2)],
    )
    drawn = ig.sample_collection(collection, {})
    assert drawn.documents.equals(collection.documents)
    assert drawn.queries.equals(collection.queries)
    assert drawn.judgments.equals(collection.judgments)


def test_documents_that_nobody_asks_for_in_their_language_are_not_limited():
    """English passages that are asked about in Swahili only."""
    collection = collection_from_rows(
        [("a", "en", "", "one"), ("b", "en", "", "two"), ("c", "sw", "", "tatu")],
        [("p", "sw", "moja?"), ("q", "sw", "mbili?"), ("r", "en", "three?")],
        [("p", "a", 1), ("q", "b", 1), ("r", "c", 1), ("r", "a", 0)],
    )
    assert judged(ig.sample_collection(collection, {}, 5)) == judged(collection)
    (query,) = versions(drawn := ig.sample_collection(collection, {"en": 1, "sw": 1}), "sw")
    assert judged(drawn) == {(query[0], {"p": "a", "q": "b"}[query[0]]), ("r", "c"), ("r", "a")}


def test_queries_without_a_relevant_document_are_not_drawn():
    collection = collection_from_rows(
        [("a", "en", "", "one"), ("b", "en", "", "two")],
        [("p", "en", "one?"), ("q", "en", "two?"), ("r", "en", "none?"), ("s", "en", "unjudged?")],
        [("p", "a", 1), ("q", "b", 1), ("r", "a", 0)],
    )
    drawn = ig.sample_collection(collection, {"en": 4})
    assert versions(drawn) == {("p", "en"), ("q", "en")}
    assert judged(drawn) == {("p", "a"), ("q", "b")}


def test_hard_negatives_are_among_the_documents_left():
    collection = parallel(6)
    size = collection.queries.num_rows
    all_documents = np.tile(np.arange(collection.documents.num_rows), size)
    of = np.repeat(np.arange(size), collection.documents.num_rows)
    wrong = ~np.isin(
        collection.query_index[of] * 1000 + all_documents,
        collection.relevance.queries * 1000 + collection.relevance.documents,
    )
    offsets = np.concatenate([[0], np.cumsum(np.bincount(of[wrong], minlength=size))])
    mined = with_hard_negatives(collection, offsets, all_documents[wrong])
    drawn = ig.sample_collection(mined, {"sw": 2}, 3, hold_out=["th"])
    offsets, rows = hard_negative_rows(drawn)  # raises if one is unknown or relevant
    assert len(rows) > 0
    assert set(np.diff(offsets)) <= {drawn.documents.num_rows - n for n in range(5)}


def test_the_sample_says_how_it_was_drawn_and_is_read_back(tmp_path: Path):
    drawn = ig.sample_collection(parallel(12), {"sw": 3}, None, seed=5, hold_out=["th"])
    write_collection(drawn, tmp_path / "out")
    read = read_collection(tmp_path / "out")
    assert read.metadata["sample"] == {"seed": 5, "budgets": {"de": "all", "en": "all", "sw": 3, "th": 0}}
    assert read.metadata["languages"] == ["de", "en", "sw"]
    assert versions(read) == versions(drawn)
    assert judged(read) == judged(drawn)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"fr": 3},), "has no language 'fr'"),
        (({}, None, 0, ["fr"]), "has no language 'fr'"),
        (({"sw": -1},), "the budget of sw is -1; it must not be negative"),
        (({}, -1), "the default is -1"),
        (({"sw": 3}, None, 0, ["sw"]), "sw is held out and has a budget"),
        (({"sw": None}, None, 0, ["sw"]), "sw is held out and has a budget"),
        (({}, 0), "no query of parallel is left"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        ig.sample_collection(parallel(4), *arguments)


def test_a_sample_of_real_data(shared_data: Path):
    collection = load_collection(shared_data / "tldr" / "train")
    small, large = (
        ig.sample_collection(collection, {"ko": n}, None, seed=1, hold_out=["ja", "th"]) for n in (100, 1000)
    )
    assert len(versions(small, "ko")) == 100
    assert len(versions(large, "ko")) == 1000
    assert versions(small, "ko") <= versions(large, "ko")
    assert versions(small, "de") == versions(large, "de") == versions(collection, "de")
    assert {"ja", "th"}.isdisjoint(large.languages)
    # by hand: a Korean page is left, and paired with a question, if this was drawn in Korean
    drawn = {one for one, _ in versions(small, "ko")}
    korean = {(query, page) for query, page in judged(collection) if page.startswith("ko/")}
    left = {(query, page) for query, page in korean if query in drawn}
    assert {(query, page) for query, page in judged(small) if page.startswith("ko/")} == left
    pages = {one for one in small.documents["_id"].to_pylist() if one.startswith("ko/")}
    assert pages == {page for _, page in left}
    assert len(left) < 200 < 10_000 < len(korean)


# ------------------------------------------------------------------------------------------ command line


def test_the_command_draws_from_the_training_split(tmp_path, capsys):
    write_collection({"train": parallel(20), "test": parallel(2)}, tmp_path / "data")
    command = ["data", "sample", str(tmp_path / "data"), "--budget", "sw=5", "--budget", "DE=all", "--default", "8"]
    command += ["--hold-out-languages", "tha", "--seed", "3", "--form", "parquet", "--to", str(tmp_path / "out")]
    assert main(command) == 0
    assert "Wrote" in capsys.readouterr().out
    drawn = read_collection(tmp_path / "out")
    assert {tag: len(versions(drawn, tag)) for tag in LANGUAGES} == {"de": 20, "en": 8, "sw": 5, "th": 0}
    assert (tmp_path / "out" / "corpus.parquet").is_file()
    assert json.dumps(drawn.metadata["sample"]["budgets"]) == '{"de": "all", "en": 8, "sw": 5, "th": 0}'


def test_queries_left_without_a_document_are_told_of(tmp_path, capsys):
    data = collection_from_rows(
        [("a", "en", "", "one"), ("b", "en", "", "two")],
        [("p", "en", "one?"), ("p", "sw", "moja?"), ("q", "en", "two?"), ("q", "sw", "mbili?")],
        [("p", "a", 1), ("q", "b", 1)],
    )
    write_collection(data, tmp_path / "data")
    assert main(["data", "sample", str(tmp_path / "data"), "--budget", "en=1", "--to", str(tmp_path / "out")]) == 0
    assert "1 of its queries have no relevant document left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "sw"], "--budget 'sw' is not a language and a number, such as sw=100"),
        (["--budget", "sw=many"], "'many' is neither a number of queries nor all"),
        (["--budget", "xx=3"], "--budget: 'xx' is not a registered language tag"),
        (["--default", "-3"], "'-3' is neither a number"),
        (["--hold-out-languages", "fr"], "has no language 'fr'"),
        (["--form", "word"], "no form 'word'"),
    ],
)
def test_bad_arguments_are_one_sentence(tmp_path, capsys, arguments, message):
    write_collection(parallel(3), tmp_path / "data")
    assert main(["data", "sample", str(tmp_path / "data"), "--to", str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()
