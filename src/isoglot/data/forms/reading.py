"""What is asked of a reader of a published form, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isoglot.collections.collection import Collection
from isoglot.data.forms.lareqa import Candidates
from isoglot.errors import InputError

__all__ = ["Reading", "Splits", "only_split"]

Splits = dict[str | None, Collection]
"""The collections of a source by split, sharing their documents; the one key is None where there are no splits."""


@dataclass(frozen=True)
class Reading:
    """How to read a source; a form uses what applies to it.

    Attributes:
        candidates: what is retrieved, in the LAReQA form (`sentence` if None); other forms have one kind.
        language: tag of texts that have none.
        split: the one split to read; all of them if None.
        lenient: leave bad rows out and say how many, instead of failing.
        corpus: in the MKQA form, the passages to retrieve from, relevant where they hold an answer.
        label: what messages call the source; its path if None.
    """

    candidates: Candidates | None = None
    language: str | None = None
    split: str | None = None
    lenient: bool = False
    corpus: Path | None = None
    label: str | None = None


def only_split(splits: Splits, split: str | None, source: Path) -> Splits:
    """Return the split that is asked for, or all of them.

    Raises:
        InputError: the source does not have it.
    """
    if split is None:
        return splits
    if split in splits:
        return {split: splits[split]}
    have = ", ".join(str(name) for name in splits if name)
    raise InputError(f"{source} has no split {split!r}; {f'its splits are {have}' if have else 'it has no splits'}")
