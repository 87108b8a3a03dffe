"""`Comparison`: two arms of a study by one measure; `Winner`: what comparisons make of the best arm."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from isoglot.measures import Better

__all__ = ["Comparison", "Part", "Verdict", "Winner"]

Verdict = Literal["first better", "second better", "no difference shown", "within margin", "not measured"]


class Part(BaseModel):
    """A part of a result: it does not change, and passes over what it does not know."""

    model_config = ConfigDict(frozen=True)


class Comparison(Part):
    """A decisive comparison and what came of it.

    Attributes:
        first: an arm.
        second: another.
        evaluation: what they were measured on.
        setting: of the measure.
        measure: the measure.
        language: only queries of it; None for all.
        better: which values are good.
        margin: differences up to this do not matter.
        expect: what the hypothesis says.
        first_mean: mean of the first arm over the seeds that both have.
        second_mean: of the second.
        difference: first minus second.
        low: lower end of its 95 % interval.
        high: upper end.
        p: of the test.
        p_holm: the same, corrected for all decisive comparisons of the study.
        test: `randomisation over queries` or `t over seeds`.
        query_ids: how many queries, a query with all its language versions counting once.
        seeds: how many seeds.
        verdict: what came of it.
        as_expected: whether the hypothesis said so; None where it says nothing, or nothing was measured.
        reason: why nothing was measured.
        sentence: all of it in words.
    """

    first: str
    second: str
    evaluation: str
    setting: str
    measure: str
    language: str | None = None
    better: Better
    margin: float | None = None
    expect: str | None = None
    first_mean: float | None = None
    second_mean: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    test: str | None = None
    query_ids: int | None = None
    seeds: int = 0
    verdict: Verdict = "not measured"
    as_expected: bool | None = None
    reason: str | None = None
    sentence: str = ""

    def is_of(self, evaluation: str, setting: str, measure: str) -> bool:
        """Tell whether it is about this measure."""
        return (self.evaluation, self.setting, self.measure) == (evaluation, setting, measure)


class Winner(Part):
    """Which arm is the best, if any.

    Attributes:
        on: the evaluation on which the best arm was compared with the others.
        setting: of the measure.
        measure: the measure.
        chosen_on: the development data on which it was found best; None where there is no such arm.
        chosen: that arm.
        name: the same, if it is better than every other one; None if no arm has won.
        better_than: arms that it is better than.
        not_shown: arms of which that is not shown.
        worse_than: arms that are better.
        not_measured: arms that it could not be compared with.
        sentence: all of it in words.
    """

    on: str
    setting: str
    measure: str
    chosen_on: str | None = None
    chosen: str | None = None
    name: str | None = None
    better_than: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()
    worse_than: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    sentence: str = ""
