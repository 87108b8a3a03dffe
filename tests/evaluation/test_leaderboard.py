"""Leaderboards: what shares a table, in which order, and sentences from figures that would make others wrong."""

from __future__ import annotations

import json
import random
import shlex
from typing import Any

import pytest
from reporting_helpers import make_result, one_language
from typer.main import get_command

from isoglot.cli import program
from isoglot.errors import InputError
from isoglot.evaluation import Result, make_leaderboard
from isoglot.evaluation.leaderboard import names_best_first
from isoglot.evaluation.reservations import common_reservations, model_reservations

HASH = {"collection_hash": "aa"}
POOL = {"languages": ["own", "de"], "without_own_answer": True}
VIEW = {"view": "code-mixed", "rate": 0.5, "seed": 1, "lexicons": ["de-th"], "without_known_word": 0}
VIEW |= {"changed": 3, "queries": 40, "languages": {"de": 3}}


def of(model: str, ap: float | None = 0.45, **changes: Any) -> Result:
    pool = {"AP": ap, "nDCG@10": 0.5, "queries": 40, "documents": 1000}
    return make_result(model, **{"multilingual": pool, "made": dict(HASH), **changes})


def boards(*results: Result) -> list:
    return list(make_leaderboard([(f"{at}.json", one) for at, one in enumerate(results)]).boards)


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_best_first_whatever_the_order_given(seed):
    values = {"a": 0.9, "b": 0.31, "c": 0.3, "d": None, "e": float("nan")}
    results = [of(name, value) for name, value in values.items()]
    random.Random(seed).shuffle(results)
    (board,) = boards(*results)
    assert list(board.results)[:3] == ["a", "b", "c"]
    assert set(board.results) == set(values)
    assert board.ranked_by == "multilingual.AP"


def test_the_order_is_by_what_there_is():
    def lone(name: str, value: float | None) -> Result:
        return of(name, multilingual=None, monolingual={"AP": value, "pairs": 2})

    assert names_best_first({"a": lone("a", 0.1), "b": lone("b", 0.2)}) == (["b", "a"], "monolingual.AP")
    empty = {name: lone(name, None) for name in ("b", "a")}
    for one in empty.values():
        one.cross_lingual = None
    assert names_best_first(empty) == (["b", "a"], None)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([of("a")], "One model: a, with multilingual AP 0.450."),
        ([of("a", 0.5), of("b")], "Of 2 models a has the highest multilingual AP, 0.500."),
        ([of("a"), of("b", 0.45001)], "All 2 models have the same multilingual AP, 0.450."),
        ([of("a"), of("b"), of("c", 0.1)], "Of 3 models a and b have the highest multilingual AP, 0.450."),
        (
            [of("a"), of("b"), of("d"), of("c", 0.1)],
            "Of 4 models a, b and d have the highest multilingual AP, 0.450.",
        ),
        ([of("a", 0.0), of("b", 0.0)], "All 2 models have the same multilingual AP, 0.000."),
        ([of("a"), of("b", None)], "Of 2 models a has the highest multilingual AP, 0.450."),
    ],
)
def test_which_comes_first(results, said):
    (board,) = boards(*results)
    assert board.finding() == said


def test_no_value_to_order_by():
    (board,) = boards(of("a", None, monolingual=None, cross_lingual=None))
    assert board.finding() == "No result has a value to order models by."


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "collection": ({"collection": "other", "made": {"collection_hash": "bb"}}, "collection"),
    "texts": ({"made": {"collection_hash": "bb"}}, "texts or judgments (collection_hash)"),
    "no hash": ({"made": None}, "whether the file says its texts (collection_hash)"),
    "pool": ({"made": HASH | {"pool": POOL}}, "which documents are in the pool of a query"),
    "queries": ({"made": {"collection_hash": "bb", "query_view": VIEW}}, "what was done to queries"),
    "itself": ({"made": HASH | {"identical_left_out": 3}}, "whether a query is ranked against itself"),
    "size": ({"multilingual": {"AP": 0.4, "queries": 40, "documents": 7}}, "pool size"),
    "measure": (
        {
            "multilingual": {"nDCG@10": 0.9, "queries": 40, "documents": 1000},
            "monolingual": {"nDCG@10": 0.9, "pairs": 2},
            "cross_lingual": {"nDCG@10": 0.9, "pairs": 2},
        },
        "measure",
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_does_not_compare_never_shares_a_table_and_why_is_said(what):
    changes, why = OTHERS[what]
    found = make_leaderboard([("a.json", of("a")), ("b.json", of("b", **changes)), ("c.json", of("c", 0.9))])
    assert [list(board.results) for board in found.boards] == [["c", "a"], ["b"]]
    assert found.differs == (
        f"These are 2 tables, which differ in {why}: a figure of one does not compare with one of another."
    )


def test_several_reasons_are_all_said_and_none_of_one_table():
    found = make_leaderboard(
        [("a", of("a")), ("b", of("b", **OTHERS["pool"][0])), ("c", of("c", **OTHERS["collection"][0]))]
    )
    assert "These are 3 tables, which differ in which documents are in the pool of a query and collection:" in (
        found.differs
    )
    assert make_leaderboard([("a", of("a")), ("b", of("b", collection="renamed"))]).differs is None


def test_models_of_one_name_are_told_apart_on_one_board_alone():
    one, other = boards(of("e5"), of("e5", 0.5), of("e5", **OTHERS["collection"][0]))
    assert list(one.results) == ["e5 (1.json)", "e5 (0.json)"]
    assert one.files == {"e5 (1.json)": "1.json", "e5 (0.json)": "0.json"}
    assert list(other.results) == ["e5"]


def test_what_is_refused():
    with pytest.raises(InputError, match="a leaderboard needs a result"):
        make_leaderboard([])
    with pytest.raises(InputError, match="named twice"):
        make_leaderboard([("a", of("a")), ("a", of("a"))])


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "isoglot evaluate MODEL toy --json MODEL.json"),
        ({"collection": "my data"}, "isoglot evaluate MODEL 'my data' --json MODEL.json"),
        (
            OTHERS["pool"][0],
            "isoglot evaluate MODEL toy --pool-languages own,de --without-own-answer --json MODEL.json",
        ),
        (
            {"made": HASH | {"pool": {"languages": ["all"], "without_own_answer": True}}},
            "isoglot evaluate MODEL toy --without-own-answer --json MODEL.json",
        ),
        (
            OTHERS["queries"][0],
            "isoglot evaluate MODEL toy --queries code-mixed --lexicon de-th.tsv --mix-rate 0.5 --mix-seed 1 "
            "--json MODEL.json",
        ),
        (
            {"made": HASH | {"identical_left_out": 0, "keep_identical_ids": True}},
            "isoglot evaluate MODEL toy --keep-identical-ids --json MODEL.json",
        ),
        (OTHERS["measure"][0], "isoglot evaluate MODEL toy --measures nDCG@10 --json MODEL.json"),
    ],
)
def test_the_command_that_adds_a_row_is_that_of_the_board(changes, command):
    (board,) = boards(of("a", **changes))
    assert board.command() == command
    get_command(program.app()).commands["evaluate"].make_context("evaluate", shlex.split(command)[2:])


def within(**values: float) -> dict[str, Any]:
    return {"pairs": [{"query_lang": tag, "doc_lang": tag, "queries": 9, "AP": one} for tag, one in values.items()]}


GOOD = {
    "cross_lingual": {"AP": 0.5, "pairs": 2},
    "bias": {"own_language_share@10": 0.1, "rank_distance": 3.0},
    **within(de=0.8, th=0.6),
}


def test_of_a_model_whose_averages_hold_nothing_is_said():
    assert model_reservations(of("a", **GOOD)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            within(en=0.8, de=0.39, th=0.0, es=0.4),
            "Within one language it has less than half of its best (English, AP 0.800) in 2 of the other 3 "
            "languages (Thai 0.000, German 0.390): the average does not hold there.",
        ),
        (
            within(en=0.8, th=0.1),
            "Within one language it has less than half of its best (English, AP 0.800) in the other language "
            "(Thai 0.100): the average does not hold there.",
        ),
        (within(en=0.0, th=0.0), "Within one language it finds nothing, in none of the 2 languages (AP 0)."),
        (
            {"cross_lingual": {"AP": 0.07, "pairs": 2}},
            "Across languages it keeps 10 % of its AP within one (0.070 beside 0.700).",
        ),
        (
            {"cross_lingual": {"AP": 0.0, "pairs": 2}},
            "Across languages it keeps none of its AP (0.000 beside 0.700).",
        ),
        (
            {"bias": {"own_language_share@10": 0.841}},
            "Its top 10 hold, on average, 84.1 percentage points more of the question's own language than the pool "
            "does.",
        ),
        ({"intervals": None}, "It has no intervals: it was evaluated with --bootstrap 0."),
        (
            {"fair": "oracle"},
            "It is the upper bound on merging languages anew, which knows the answers: no system.",
        ),
        (
            {"made": HASH | {"repair_data": "toy"}},
            "Its repair was fitted on a collection of this name, toy: figures are of new texts only if that was "
            "another part of it.",
        ),
        (
            {"bias": {"unretrieved_documents": {"multilingual": {"relevant": 200, "unretrieved": 50}}}},
            "Its run does not hold 25 % of 200 relevant documents: each that is missing counts as last of the pool "
            "in rank distance.",
        ),
    ],
)
def test_where_a_claim_does_not_hold(changes, said):
    assert [
        one.replace("\u00a0", " ").replace("\u202f", " ") for one in model_reservations(of("a", **(GOOD | changes)))
    ] == [said]


@pytest.mark.parametrize(
    "changes",
    [
        within(de=0.8, th=0.4),  # half is not less than half
        within(de=0.8),
        {"cross_lingual": {"AP": 0.35, "pairs": 2}},
        {"cross_lingual": None},
        {"monolingual": None},
        {"bias": {"own_language_share@10": -0.6}},
        {"bias": {"unretrieved_documents": {"multilingual": {"relevant": 200, "unretrieved": 0}}}},
        {"fair": "fuse"},
        {"made": HASH | {"repair_data": "another"}},
    ],
)
def test_nothing_is_said_where_it_would_not_be_so(changes):
    assert model_reservations(of("a", **(GOOD | changes))) == []


def test_many_languages_are_counted_and_not_all_named():
    tags = ("de", "el", "es", "hi", "ru", "th", "tr", "vi")
    (said,) = model_reservations(of("a", **(GOOD | within(en=0.9, **dict.fromkeys(tags, 0.1)))))
    assert "in 8 of the other 8 languages (German 0.100, " in said
    assert "Thai 0.100 and 2 more)" in said


def test_what_holds_of_all_rows():
    assert common_reservations([of("a"), of("b")]) == []
    (alone,) = common_reservations([one_language("a")])[:1]
    assert alone == "The collection is in German alone: nothing is said of other languages."
    (crossing,) = common_reservations([of("a", cross_lingual=None), of("b", cross_lingual=None)])
    assert crossing == "No question has an answer in another language: crossing languages is not measured."
    (within_one,) = common_reservations([of("a", monolingual=None)])
    assert within_one == "No question has an answer in its own language: only crossing languages is measured."
    (unknown,) = common_reservations([of("a", made=None), of("b", made=None)])
    assert "cannot be checked" in unknown
    told = common_reservations(
        [
            of("a", versions={"isoglot": "0.1.0"}, hardware={"cpu": "A", "gpus": []}),
            of("b", versions={"isoglot": "0.2.0"}, hardware={"cpu": "A", "gpus": ["H"]}),
            of("c", versions={}),
        ]
    )
    assert [one.partition(" (")[2].partition(")")[0] for one in told] == ["0.1.0, 0.2.0", "A, H"]


def test_the_file_of_a_leaderboard_holds_what_results_hold(tmp_path):
    best = of("a", 0.9, made=HASH | {"dtype": "bfloat16", "date": "2026-01-02T00:00:00", "truncate_dim": None})
    found = make_leaderboard([("b.json", of("b", intervals=None)), ("a.json", best)])
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["differs"] is None
    (board,) = told["boards"]
    assert [row["model"] for row in board["rows"]] == ["a", "b"]
    assert (board["documents"], board["queries"], board["collection_hash"]) == (1000, 40, "aa")
    first, second = board["rows"]
    assert first["figures"]["multilingual.AP"] == {"value": 0.9, "low": 0.43, "high": 0.47}
    assert first["figures"]["rank_distance"] == {"value": 212.4, "low": 200.0, "high": 225.0}
    assert second["figures"]["multilingual.AP"] == {"value": 0.45, "low": None, "high": None}
    assert (first["settings"], first["date"]) == ({"dtype": "bfloat16"}, "2026-01-02T00:00:00")
    assert found.command() == "isoglot leaderboard a.json b.json MODEL.json"
