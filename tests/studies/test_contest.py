"""Which arm is the best: chosen on development data, tested against every other, and told in a sentence."""

from __future__ import annotations

import json

import pytest
from study_helpers import outline_of, run

from isoglot.errors import InputError
from isoglot.reporting.study.comparison import Comparison
from isoglot.reporting.study.result import StudyResult, Trial, Tuned
from isoglot.studies.analysis.contest import Contest
from isoglot.studies.recipe import Decisive, Winner

ASKED = Winner(on="test")
WHAT = " by multilingual AP on test."


def contest(chosen: str | None = "a", arms: tuple[str, ...] = ("a", "b", "c")) -> Contest:
    return Contest(ASKED, arms, chosen, None if chosen is None else "dev")


def compared(first: str, second: str, verdict: str, setting: str = "multilingual") -> Comparison:
    return Comparison(
        first=first, second=second, evaluation="test", setting=setting, measure="AP", better="high", verdict=verdict
    )


@pytest.mark.parametrize(
    ("weighed", "name", "sentence"),
    [
        (
            [compared("a", "b", "first better"), compared("c", "a", "second better")],
            "a",
            f"The winner is a, of 3 arms the best on dev, and better than each of 2 others{WHAT}",
        ),
        (
            [compared("a", "b", "first better"), compared("a", "c", "no difference shown")],
            None,
            f"There is no winner: a, of 3 arms the best on dev, is not shown to be better than c{WHAT}",
        ),
        (
            [compared("a", "b", "second better"), compared("a", "c", "no difference shown")],
            None,
            "There is no winner: a, of 3 arms the best on dev, is not shown to be better than c and is worse than b"
            f"{WHAT}",
        ),
        (
            [compared("a", "b", "first better"), compared("a", "c", "not measured")],
            "a",
            f"The winner is a, of 3 arms the best on dev, and better than the other one{WHAT} It could not be "
            "compared with c.",
        ),
        (
            [compared("a", "b", "not measured"), compared("a", "c", "not measured")],
            None,
            "No winner can be named by multilingual AP on test: a could be compared with no other arm. "
            "It could not be compared with b and c.",
        ),
        (
            [compared("a", "b", "first better", setting="monolingual"), compared("b", "c", "first better")],
            None,
            "No winner can be named by multilingual AP on test: a could be compared with no other arm.",
        ),
    ],
)
def test_only_an_arm_that_beats_all_others_is_called_the_winner(weighed, name, sentence):
    won = contest().end(weighed)
    assert (won.name, won.chosen, won.sentence) == (name, "a", sentence)


def test_without_a_value_on_development_data_there_is_none():
    nobody = contest(chosen=None)
    assert nobody.comparisons([]) == []
    assert nobody.end([compared("a", "b", "first better")]).sentence == (
        "No winner can be named by multilingual AP on test: no arm has a value on the development data."
    )


def test_the_chosen_arm_meets_every_other_once():
    given = [
        Decisive(first="b", second="a", on="test"),
        Decisive(first="a", second="c", on="test", language="de"),
        Decisive(first="a", second="c", on="test", margin=0.02),
    ]
    more = contest().comparisons(given)
    assert [(one.first, one.second, one.on, one.setting, one.measure) for one in more] == [
        ("a", "c", "test", "multilingual", "AP")
    ]


def _tuned(*values: float | None, measure: str = "AP", setting: str = "multilingual") -> Tuned:
    trials = tuple(Trial(settings={"temperature": 0.1}, value=value) for value in values)
    return Tuned(on="dev", setting=setting, measure=measure, trials=trials, chosen=None)


class _Plan:
    """As much of a plan as a contest looks at."""

    class profile:
        class tuning:
            data = "dev"


def test_the_best_trial_on_development_data_chooses():
    tuned = {"a": _tuned(0.1, 0.3), "b": _tuned(0.4, None), "c": _tuned(None, None)}
    found = Contest.of(ASKED, _Plan, tuned)
    assert (found.chosen, found.chosen_on, found.arms) == ("b", "dev", ("a", "b", "c"))
    low = {
        name: _tuned(value, measure="rank_distance", setting="bias") for name, value in (("a", 9.0), ("b", 30.0))
    }
    assert Contest.of(ASKED, _Plan, low).chosen == "a"
    ties = {"a": _tuned(0.3), "b": _tuned(0.3)}
    assert Contest.of(ASKED, _Plan, ties).chosen == "a"
    assert Contest.of(ASKED, _Plan, {}).chosen is None


def _with_winner(profile):
    profile["data"]["dev"] = {"collection": "train"}
    profile["tuning"] = {"data": "dev", "trials": [{"learning_rate": 0.02}, {"learning_rate": 0.1}]}
    profile["train"]["steps"] = 10
    profile["arms"]["repaired"] = {
        "train": {"strategy": "monolingual"},
        "repair": {"method": "erase", "data": "train"},
    }
    profile["winner"] = {"on": "test"}


def test_a_study_names_its_winner_and_repairs_an_arm(write_recipe, tmp_path):
    out = tmp_path / "out"
    study = run(write_recipe(_with_winner), out, seeds=[0], keep_models=True)
    told, arms = study.result["winner"], {arm["name"]: arm for arm in study.result["arms"]}
    best = max(arms, key=lambda name: max(one["value"] for one in arms[name]["tuning"]["trials"]))
    assert told["chosen"] == best
    assert study.result["answer"][0] == told["sentence"]
    others = {*told["better_than"], *told["not_shown"], *told["worse_than"], *told["not_measured"]}
    assert others == set(arms) - {best}
    assert StudyResult.read(json.loads((out / "study.json").read_text())).winner.chosen == best

    assert arms["repaired"]["config"][0]["repair"] == {"method": "erase", "data": "train", "strength": 1.0}
    from sentence_transformers import SentenceTransformer

    from isoglot.encoders.card import repair_of

    kept = {name: SentenceTransformer(str(out / "runs" / arms[name]["runs"]["0"] / "model")) for name in arms}
    assert repair_of(kept["repaired"])["method"] == "erase"
    assert repair_of(kept["mono"]) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda profile: profile.pop("tuning"), "chosen by tuning, and the profile has none"),
        (lambda profile: profile["winner"].update(on="tset"), "no evaluation 'tset'"),
        (lambda profile: profile["winner"].update(measure="R@7"), "does not measure 'R@7'"),
        (lambda profile: profile["winner"].update(among=["mono", "nomo"]), "no arm 'nomo'"),
        (lambda profile: profile["arms"]["repaired"]["repair"].update(method="centre"), "no repair 'centre'"),
        (lambda profile: profile["arms"]["repaired"]["repair"].update(data="trian"), "no data source 'trian'"),
    ],
)
def test_bad_settings_of_winners_and_repairs_are_named(write_recipe, tmp_path, change, message):
    def both(profile):
        _with_winner(profile)
        change(profile)

    with pytest.raises(InputError, match=message):
        outline_of(write_recipe(both), tmp_path / "out")
