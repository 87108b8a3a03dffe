"""How a report was made: command, versions, time, data and its licence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isoglot.errors import InputError

__all__ = ["Fact", "making", "time_text"]


@dataclass(frozen=True)
class Fact:
    """One line: a name and a text, which may be a link or code."""

    name: str
    text: str
    link: str = ""
    code: bool = False


def time_text(seconds: float) -> str:
    """Write a duration: 0.4 s, 12 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def _seconds(seconds: float | Mapping[str, float]) -> str:
    if not isinstance(seconds, Mapping):
        return time_text(seconds)
    parts = ", ".join(f"{name} {time_text(value)}" for name, value in seconds.items())
    return f"{time_text(sum(seconds.values()))} ({parts})"


def _link(text: str) -> str:
    """Return a text as a link target if it is a web address and nothing else."""
    return text if text.startswith(("https://", "http://")) and not any(mark.isspace() for mark in text) else ""


def making(
    collections: Sequence[str],
    *,
    command: str | None,
    seconds: float | Mapping[str, float] | None,
    versions: Mapping[str, str],
    metadata: Mapping[str, Any] | None,
) -> list[Fact]:
    """Collect the facts, leaving out what is not known.

    Args:
        collections: names of the collections.
        command: the command line.
        seconds: in all, or of each step.
        versions: package -> version.
        metadata: of the collection: `licence`, `source`, `citation`.

    Raises:
        InputError: metadata is not a mapping.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InputError("the metadata of a report must be a mapping, as a collection's `metadata` is")
    facts = [Fact("Collection", ", ".join(dict.fromkeys(collections)))]
    for name, keys in (
        ("Data licence", ("licence", "license")),
        ("Data source", ("source",)),
        ("Cite", ("citation",)),
    ):
        found = next((metadata[key] for key in keys if metadata and metadata.get(key)), None)
        for text in found if isinstance(found, (list, tuple)) else [found] if found else []:
            facts.append(Fact(name, str(text), _link(str(text))))
    if command:
        facts.append(Fact("Command", command, code=True))
    if seconds:
        facts.append(Fact("Time", _seconds(seconds)))
    if versions:
        facts.append(Fact("Versions", ", ".join(f"{name} {value}" for name, value in versions.items())))
    facts.append(
        Fact(
            "Measures",
            "Rank measures follow trec_eval; ranks are exact, over the whole pool. Ties in score are broken by "
            "document position. Intervals are 95 %.",
        )
    )
    return facts
