"""The sentence on what a repair bought and cost, with figures that would make another one wrong."""

from __future__ import annotations

import pytest
from reporting_helpers import make_result, one_language

from isoglot.evaluation import Compared
from isoglot.reporting.repairs import repair_sentences


def paired(setting: str, measure: str, first: float, second: float, p: float, **changes) -> Compared:
    shared = {"difference": second - first, "p": p, "p_holm": p, "effect_size": 0.4, "query_ids": 20}
    given = {"model": "after", "language": None, "setting": setting, "measure": measure}
    return Compared(**given | {"first": first, "second": second} | shared | changes)


def results(first="before", second="after"):
    before, after = make_result("e5"), make_result("e5-centred")
    after.made = {"repair_of": "e5", "repair_method": "center"}
    return {first: before, second: after}


def plain(sentences: list[str]) -> list[str]:
    return [text.replace("\u00a0", " ").replace("\u202f", " ") for text in sentences]


DISTANCE = ("bias", "rank_distance")
POOL = ("multilingual", "AP")
MONO = ("monolingual", "AP")


def test_bought_and_paid():
    tests = [
        paired(*MONO, 0.783, 0.777, 0.01),
        paired(*POOL, 0.329, 0.527, 0.0003),
        paired(*DISTANCE, 359, 149, 0.0003),
    ]
    assert plain(repair_sentences(results(), tests, "before")) == [
        "after is before repaired. It bought: rank distance from 359 to 149 (p 0.0003) "
        "and AP over all languages in one pool from 0.329 to 0.527 (p 0.0003). "
        "It cost: AP within one language from 0.783 to 0.777 (p 0.0100)."
    ]


def test_the_first_may_be_the_repaired_one():
    turned = dict(reversed(results().items()))
    tests = [paired(*DISTANCE, 149, 359, 0.0003, model="before"), paired(*MONO, 0.777, 0.783, 0.01, model="before")]
    [text] = plain(repair_sentences(turned, tests, "after"))
    assert text.startswith(
        "after is before repaired. It bought: rank distance from 359 to 149 (p 0.0003). It cost: AP"
    )
    assert "from 0.783 to 0.777" in text


def test_a_tie_is_neither_bought_nor_paid():
    [text] = plain(repair_sentences(results(), [paired(*DISTANCE, 149, 149, 1.0)], "before"))
    assert text == (
        "after is before repaired. It bought: nothing that a test shows. It cost: nothing that a test shows. No "
        "difference is shown: rank distance from 149 to 149 (p 1.0000)."
    )


def test_a_difference_that_chance_may_give_is_not_claimed():
    [text] = repair_sentences(results(), [paired(*POOL, 0.3, 0.5, 0.06)], "before")
    assert "It bought: nothing that a test shows." in text
    assert "No difference is shown: AP over all" in text


def test_a_repair_that_harms_says_so():
    tests = [paired(*POOL, 0.5, 0.3, 0.001), paired(*DISTANCE, 149, 359, 0.001)]
    [text] = plain(repair_sentences(results(), tests, "before"))
    assert "It bought: nothing that a test shows. It cost: rank distance from 149 to 359" in text


def test_tests_of_single_languages_and_other_measures_are_left_out():
    tests = [paired(*POOL, 0.5, 0.3, 0.001, language="de"), paired("multilingual", "nDCG@10", 0.5, 0.3, 0.001)]
    assert repair_sentences(results(), tests, "before") == []


def test_nothing_is_said_of_models_that_are_no_repairs_of_each_other():
    others = results()
    others["after"].made = {"repair_of": "another"}
    tests = [paired(*POOL, 0.3, 0.5, 0.001)]
    assert repair_sentences(others, tests, "before") == []
    others["after"].made = None
    assert repair_sentences(others, tests, "before") == []


def test_without_tests_nothing_is_said():
    assert repair_sentences(results(), [], "before") == []


def test_one_language_has_no_rank_distance():
    before, after = one_language("e5"), one_language("e5-centred")
    after.made = {"repair_of": "e5"}
    [text] = plain(repair_sentences({"before": before, "after": after}, [paired(*MONO, 0.7, 0.7, 1.0)], "before"))
    assert "rank distance" not in text
    assert "No difference is shown: AP within one language from 0.700 to 0.700" in text


def test_a_folder_is_known_by_any_way_of_writing_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = results()
    both["before"].model = "e5/"
    assert len(repair_sentences(both, [paired(*POOL, 0.3, 0.5, 0.001)], "before")) == 1


@pytest.mark.parametrize("number", [1, 2])
def test_each_repair_of_the_first_gets_its_sentence(number):
    many = results()
    tests = [paired(*POOL, 0.3, 0.5, 0.001)]
    for at in range(1, number):
        many[f"after {at}"] = many["after"]
        tests.append(paired(*POOL, 0.3, 0.5, 0.001, model=f"after {at}"))
    assert len(repair_sentences(many, tests, "before")) == number
