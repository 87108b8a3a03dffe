"""From the forms that others publish in to a collection folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_collection, read_splits
from isoglot.collections.lareqa import Candidates, read_lareqa
from isoglot.collections.writing import write_collection
from isoglot.errors import InputError

__all__ = ["FORMS", "Reading", "Splits", "convert", "read_form"]

Splits = dict[str | None, Collection]
"""The collections of a source by split; the one key is None where there are no splits."""


@dataclass(frozen=True)
class Reading:
    """How to read a source; a form uses what applies to it.

    Attributes:
        candidates: what is retrieved, in the LAReQA form.
        language: tag of texts that have none.
        split: the one split to read; all of them if None.
        lenient: leave bad rows out and say how many, instead of failing.
    """

    candidates: Candidates = "sentence"
    language: str | None = None
    split: str | None = None
    lenient: bool = False


def _folder(source: Path, reading: Reading) -> Splits:
    if reading.split is None:
        return read_splits(source, language=reading.language, lenient=reading.lenient)
    one = read_collection(source, split=reading.split, language=reading.language, lenient=reading.lenient)
    return {reading.split: one}


def _lareqa(source: Path, reading: Reading) -> Splits:
    if reading.split is not None:
        raise InputError(f"{source} has no split {reading.split!r}: the form lareqa has no splits")
    one = read_lareqa(source, reading.candidates, language=reading.language, lenient=reading.lenient)
    return {None: one}


FORMS: dict[str, Callable[[Path, Reading], Splits]] = {
    "beir": _folder,
    "jsonl": _folder,
    "lareqa": _lareqa,
    "parquet": _folder,
}
"""A reader for each form. `jsonl` and `parquet` read any collection folder and are also forms to write."""


def read_form(source: str | Path, form: str, reading: Reading | None = None) -> Splits:
    """Read a source of a published form.

    Args:
        source: the folder or file.
        form: one of `FORMS`.
        reading: how; by default strictly, and all splits.

    Raises:
        InputError: the form is unknown, or the source is not of this form.
    """
    if form not in FORMS:
        raise InputError(f"unknown form {form!r}; the forms are {', '.join(FORMS)}")
    return FORMS[form](Path(source), reading or Reading())


def convert(
    source: str | Path,
    form: str,
    to: str | Path,
    *,
    candidates: Candidates = "sentence",
    language: str | None = None,
    split: str | None = None,
    lenient: bool = False,
) -> Splits:
    """Convert a source to a collection folder, with all its splits; the folder appears whole or not at all.

    Args:
        source: the folder or file to read.
        form: its form, one of `FORMS`. `parquet` and `jsonl` say how to write: they read any collection
            folder and write its Parquet or its JSON-lines form. Other forms are written as JSON lines.
        to: the folder to write; must not exist, or be empty.
        candidates: what is retrieved, in the form `lareqa`: `sentence`, `sentence+context` or `paragraph`.
        language: tag of texts that have none (all of them, in a BEIR folder).
        split: keep only this split.
        lenient: leave bad rows out and say how many, instead of failing.

    Returns:
        What was written, by split (key None if the source has no splits).

    Raises:
        InputError: the form is unknown, the source is not of this form or has bad rows, or `to` is not free.
    """
    reading = Reading(candidates, language, split, lenient)
    splits = read_form(source, form, reading)
    write_collection(splits, to, form="parquet" if form == "parquet" else "jsonl")
    return splits
