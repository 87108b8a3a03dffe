"""`Contest`: which arm is the best, chosen on development data and tested against every other on the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isoglot.measures import better_of, goodness
from isoglot.reporting.study.comparison import Comparison
from isoglot.reporting.study.comparison import Winner as Won
from isoglot.reporting.study.result import Tuned
from isoglot.reporting.study.verdicts import winner_sentence
from isoglot.studies.plan import Plan
from isoglot.studies.recipe import Decisive, Winner

__all__ = ["Contest"]


@dataclass(frozen=True)
class Contest:
    """The arms that may win, and the one that development data says is best.

    Choosing there, and testing on the evaluation, keeps the choice from being a lucky one of many.

    Attributes:
        asked: how the winner is found.
        arms: that were tuned and asked for, and those that recipe or request left out.
        chosen: the best of them on development data; None where none has a value there.
        chosen_on: that data; None likewise.
    """

    asked: Winner
    arms: tuple[str, ...]
    chosen: str | None
    chosen_on: str | None

    @classmethod
    def of(cls, asked: Winner, plan: Plan, tuned: Mapping[str, Tuned]) -> Contest:
        """Choose the arm that is best on the data of tuning; of equal ones the first.

        Args:
            asked: how the winner is found.
            plan: of the study.
            tuned: arm -> trials.
        """
        arms = tuple(asked.among or tuned)
        values = {name: _best(tuned[name]) for name in arms if name in tuned}
        known = {name: value for name, value in values.items() if value is not None}
        chosen = max(known, key=known.__getitem__, default=None)
        tuning = plan.profile.tuning
        return cls(asked, arms, chosen, None if chosen is None or tuning is None else tuning.data)

    def comparisons(self, given: Sequence[Decisive]) -> list[Decisive]:
        """Return the comparisons of the chosen arm with every other one, but for those that are given already. One
        with a margin says whether a difference matters, and not which arm is better."""
        if self.chosen is None:
            return []
        there = {frozenset((one.first, one.second)) for one in given if self._is_of(one, one.on)}
        return [
            Decisive(
                first=self.chosen,
                second=name,
                on=self.asked.on,
                setting=self.asked.setting,
                measure=self.asked.measure,
            )
            for name in self.arms
            if name != self.chosen and frozenset((self.chosen, name)) not in there
        ]

    def _is_of(self, one: Decisive | Comparison, evaluation: str) -> bool:
        asked = (self.asked.on, self.asked.setting, self.asked.measure, None)
        return (evaluation, one.setting, one.measure, one.language) == asked and one.margin is None

    def end(self, weighed: Sequence[Comparison]) -> Won:
        """Say who has won, from all decisive comparisons."""
        found: dict[str, list[str]] = {"better_than": [], "not_shown": [], "worse_than": [], "not_measured": []}
        for one in weighed:
            ends = (one.first, one.second)
            if self.chosen not in ends or not self._is_of(one, one.evaluation):
                continue
            other = one.second if one.first == self.chosen else one.first
            if other not in self.arms:
                continue
            if one.verdict == "not measured":
                found["not_measured"].append(other)
            elif one.verdict in ("first better", "second better"):
                better = one.first if one.verdict == "first better" else one.second
                found["better_than" if better == self.chosen else "worse_than"].append(other)
            else:
                found["not_shown"].append(other)
        beaten = bool(found["better_than"]) and not found["not_shown"] and not found["worse_than"]
        won = Won(
            on=self.asked.on,
            setting=self.asked.setting,
            measure=self.asked.measure,
            chosen_on=self.chosen_on,
            chosen=self.chosen,
            name=self.chosen if beaten else None,
            better_than=tuple(found["better_than"]),
            not_shown=tuple(found["not_shown"]),
            worse_than=tuple(found["worse_than"]),
            not_measured=tuple(found["not_measured"]),
        )
        return won.model_copy(update={"sentence": winner_sentence(won)})


def _best(tuned: Tuned) -> float | None:
    """Return how good the best trial of an arm is; None where all failed."""
    better = better_of(tuned.setting, tuned.measure)
    values = [goodness(trial.value, better) for trial in tuned.trials if trial.value is not None]
    return max(values, default=None)
