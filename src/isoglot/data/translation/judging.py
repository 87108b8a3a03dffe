"""Judging the translations of one pair of languages: the quality gates, and translating back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from isoglot.data.translation.chrf import chrf
from isoglot.data.translation.gates import Pair, length_ratio, reject

__all__ = ["ROUND_TRIP", "Verdict", "judge"]

ROUND_TRIP = "round-trip"
"""The reason to reject what does not come back, beside the gates'."""


@dataclass(frozen=True)
class Verdict:
    """What was found of a translation.

    Attributes:
        reason: why it is rejected; None if it is not.
        chrf: how alike source and back translation are, 0 to 100, to one decimal; None without a round trip.
    """

    reason: str | None
    chrf: float | None = None


def judge(
    texts: Sequence[str],
    translations: Sequence[str],
    source: str,
    target: str,
    *,
    without: Collection[str] = (),
    back: Sequence[str] | None = None,
    min_chrf: float | None = None,
) -> list[Verdict]:
    """Judge translations; what is usual for their lengths is learnt from them.

    Args:
        texts: the sources (n,).
        translations: their translations (n,). Texts that have no letter are right as they are.
        source: canonical tag.
        target: canonical tag.
        without: gates that are switched off.
        back: the translations, translated back (n,).
        min_chrf: reject what comes back less alike than this.
    """
    pairs = list(zip(texts, translations, strict=True))
    judged = {text: there for text, there in pairs if any(map(str.isalpha, text))}
    lengths = [(len(text), len(there)) for text, there in judged.items() if there.strip()]
    pair = Pair(source, target, *length_ratio(source, target, lengths))
    verdicts = []
    for row, (text, translation) in enumerate(pairs):
        if text not in judged:
            verdicts.append(Verdict(None))
            continue
        score = None if back is None else round(chrf(back[row], text), 1)
        reason = reject(text, translation, pair, without)
        if reason is None and score is not None and min_chrf is not None and score < min_chrf:
            reason = ROUND_TRIP
        verdicts.append(Verdict(reason, score))
    return verdicts
