"""Figures that a source has published, as a recipe gives them, and how they are set beside ours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from isoglot.training.fields import Strict

__all__ = ["Beside", "Published", "PublishedFigures"]


class PublishedFigures(Strict):
    """Figures of one measure on one evaluation, as a source has them.

    Attributes:
        on: what the source measured on: the name of an evaluation.
        setting: of the measure; `macro_multilingual` and `macro_bias` are averages over query languages.
        measure: the measure.
        averaged: how the source averages it.
        arms: arm -> figure.
    """

    on: str
    setting: Literal["monolingual", "cross_lingual", "multilingual", "bias", "macro_multilingual", "macro_bias"]
    measure: str
    averaged: str
    arms: dict[str, float] = Field(min_length=1)


class Published(Strict):
    """What a source has found, to be set beside what is found here.

    Attributes:
        source: where the figures are from.
        note: what to know of them.
        figures: the figures.
    """

    source: str
    note: str | None = None
    figures: list[PublishedFigures] = Field(min_length=1)


class Beside(Strict):
    """How published figures are set beside those of a profile.

    Attributes:
        comparable: whether they can be compared.
        differs: what differs from the published set-up.
        arms: arm here -> arm of the source; by equal names if not given.
    """

    comparable: bool = True
    differs: str = Field(min_length=1)
    arms: dict[str, str] | None = Field(default=None, min_length=1)
