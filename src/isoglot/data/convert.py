"""From the forms that others publish in to a collection folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isoglot.collections.folder import collection_folders, share_cached
from isoglot.collections.writing import write_splits
from isoglot.data.catalogue.loading import load_splits
from isoglot.data.forms.afriqa import read_afriqa
from isoglot.data.forms.aligned import read_aligned
from isoglot.data.forms.dpr import read_dpr
from isoglot.data.forms.dream import read_dream
from isoglot.data.forms.dureader import read_dureader
from isoglot.data.forms.dureader_retrieval import read_dureader_retrieval
from isoglot.data.forms.lareqa import Candidates, read_lareqa
from isoglot.data.forms.mkqa import read_mkqa
from isoglot.data.forms.reading import Reading, Splits
from isoglot.data.forms.squad import read_squad
from isoglot.data.forms.tatoeba import read_tatoeba
from isoglot.data.forms.tldr import read_tldr
from isoglot.errors import InputError

__all__ = ["FORMS", "Reading", "Splits", "convert", "read_form"]


def _folder(source: Path, reading: Reading) -> Splits:
    return load_splits(source, split=reading.split, language=reading.language, lenient=reading.lenient)


def _lareqa(source: Path, reading: Reading) -> Splits:
    if reading.split is not None:
        raise InputError(f"{source} has no split {reading.split!r}: the form lareqa has no splits")
    candidates = reading.candidates or "sentence"
    return {None: read_lareqa(source, candidates, language=reading.language, lenient=reading.lenient)}


FORMS: dict[str, Callable[[Path, Reading], Splits]] = {
    "afriqa": read_afriqa,
    "aligned": read_aligned,
    "beir": _folder,
    "dpr": read_dpr,
    "dream": read_dream,
    "dureader": read_dureader,
    "dureader-retrieval": read_dureader_retrieval,
    "jsonl": _folder,
    "lareqa": _lareqa,
    "mkqa": read_mkqa,
    "parquet": _folder,
    "squad": read_squad,
    "tatoeba": read_tatoeba,
    "tldr": read_tldr,
}
"""A reader for each form. `jsonl` and `parquet` read any collection and are also forms to write."""

WITH_CANDIDATES = ("lareqa", "squad")
WITH_CORPUS = ("mkqa",)
WITH_LANGUAGE = ("beir", "dpr", "jsonl", "lareqa", "mkqa", "parquet", "squad")


def read_form(source: str | Path, form: str, reading: Reading | None = None) -> Splits:
    """Read a source of a published form.

    Args:
        source: the folder or file.
        form: one of `FORMS`.
        reading: how; by default strictly, and all splits.

    Raises:
        InputError: the form is unknown, the source is not of this form, or the reading asks for what the form does
            not have.
    """
    if form not in FORMS:
        raise InputError(f"unknown form {form!r}; the forms are {', '.join(FORMS)}")
    reading = reading or Reading()
    for option, value, forms in (
        ("--candidates", reading.candidates, WITH_CANDIDATES),
        ("--corpus", reading.corpus, WITH_CORPUS),
    ):
        if value is not None and form not in forms:
            raise InputError(f"{option} is for the form {' and '.join(forms)}, not for {form}; leave it out")
    without_corpus = form in WITH_CORPUS and reading.corpus is None
    if reading.language is not None and (form not in WITH_LANGUAGE or without_corpus):
        raise InputError(
            f"--lang is for texts that do not say their language; those of the form {form} do: leave it out"
        )
    return FORMS[form](Path(source), reading)


def convert(
    source: str | Path,
    form: str,
    to: str | Path,
    *,
    candidates: Candidates | None = None,
    language: str | None = None,
    split: str | None = None,
    lenient: bool = False,
    corpus: str | Path | None = None,
) -> Splits:
    """Convert a source to a collection folder, with all its splits; the folder appears whole or not at all.

    Splits with documents of their own, as of a folder with a collection folder for each, are written so again.

    Args:
        source: the folder or file to read; for `parquet` and `jsonl` also a name, as `load_collection` takes it.
        form: its form, one of `FORMS`. `parquet` and `jsonl` say how to write: they read any collection and write
            its Parquet or its JSON-lines form. Other forms are written as JSON lines.
        to: the folder to write; must not exist, or be empty.
        candidates: what is retrieved, in the form `lareqa`: `sentence` (if None), `sentence+context` or
            `paragraph`; in the form `squad` it is `paragraph`.
        language: tag of texts that have none (all of them, in a BEIR folder).
        split: keep only this split.
        lenient: leave bad rows out and say how many, instead of failing.
        corpus: in the form `mkqa`, passages to retrieve from: a collection or BEIR folder, or DPR's table.

    Returns:
        What was written, by split (key None if the source has no splits).

    Raises:
        InputError: the form is unknown, the source is not of this form or has bad rows, or `to` is not free.
    """
    reading = Reading(candidates, language, split, lenient, None if corpus is None else Path(corpus))
    splits = read_form(source, form, reading)
    write_splits(splits, to, form="parquet" if form == "parquet" else "jsonl")
    if split is None and FORMS[form] is _folder and None in collection_folders(Path(source)):
        share_cached(source, to, language=language)
    return splits
