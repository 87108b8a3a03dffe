"""Reading a source whatever its form: a collection folder, or the files of a published form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from isoglot.collections.collection import Collection
from isoglot.collections.folder import collection_folders, read_collection, read_folders, read_splits
from isoglot.data.forms.afriqa import read_afriqa
from isoglot.data.forms.aligned import read_aligned
from isoglot.data.forms.dpr import read_dpr
from isoglot.data.forms.dream import read_dream
from isoglot.data.forms.dureader import read_dureader, read_dureader_retrieval
from isoglot.data.forms.lareqa import is_lareqa, read_lareqa
from isoglot.data.forms.mkqa import read_mkqa
from isoglot.data.forms.rows import Reading, Splits
from isoglot.data.forms.squad import read_squad
from isoglot.data.forms.table import read_table_form
from isoglot.data.forms.tatoeba import read_tatoeba
from isoglot.data.forms.tldr import read_tldr
from isoglot.errors import InputError

__all__ = [
    "COLLECTIONS",
    "FORMS",
    "check_reading",
    "holds_collection",
    "load_folder",
    "load_folder_splits",
    "read_form",
]


def holds_collection(folder: Path) -> bool:
    """Tell whether `load_folder` reads a folder: a collection, one for each split, or XQuAD-R's files."""
    return bool(collection_folders(folder)) or is_lareqa(folder)


def load_folder(
    folder: Path,
    split: str | None,
    prefer_split: str | None,
    language: str | None,
    lenient: bool,
    keep_tags: bool = False,
) -> Collection:
    """Load a collection folder, a folder with one for each split, or a folder in the form `lareqa`.

    Args:
        folder: the folder.
        split: which judgments to load where there are several.
        prefer_split: the split taken when `split` is not given and there are several.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.
        keep_tags: leave language tags as they are written.

    Raises:
        InputError: it is missing, or not as it should be.
    """
    if split is None and is_lareqa(folder):
        return read_lareqa(folder, lenient=lenient, keep_tags=keep_tags)
    folders = collection_folders(folder)
    if folders and None not in folders:
        chosen = split if split in folders else prefer_split
        if chosen not in folders:
            missing = f"has no split {split!r}; its splits are" if split else "has splits"
            choice = "" if split else ": choose one with --split"
            raise InputError(f"{folder} {missing} {', '.join(map(str, folders))}{choice}")
        folder, split, prefer_split = folders[chosen], None if split == chosen else split, None
    how: dict[str, Any] = {"language": language, "lenient": lenient, "keep_tags": keep_tags}
    return read_collection(folder, split=split, prefer_split=prefer_split, **how)


def load_folder_splits(
    folder: Path,
    *,
    split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
) -> Splits:
    """Load all splits of what `load_folder` reads, or the one that is asked for.

    Raises:
        InputError: as for `load_folder`.
    """
    if split is not None:
        return {split: load_folder(folder, split, None, language, lenient, keep_tags)}
    if is_lareqa(folder):
        return {None: read_lareqa(folder, lenient=lenient, keep_tags=keep_tags)}
    folders = collection_folders(folder) or {None: folder}
    return read_folders(folders, language=language, lenient=lenient, keep_tags=keep_tags)


def _folder(source: Path, reading: Reading) -> Splits:
    how: dict[str, Any] = {
        "language": reading.language,
        "lenient": reading.lenient,
        "keep_tags": reading.keep_tags,
    }
    if reading.label and reading.split is None and None in collection_folders(source):
        return read_splits(source, label=reading.label, **how)
    return load_folder_splits(source, split=reading.split, **how)


def _lareqa(source: Path, reading: Reading) -> Splits:
    if reading.split is not None:
        raise InputError(f"{source} has no split {reading.split!r}: the form lareqa has no splits")
    how: dict[str, Any] = {
        "language": reading.language,
        "lenient": reading.lenient,
        "label": reading.label,
        "keep_tags": reading.keep_tags,
    }
    return {None: read_lareqa(source, reading.candidates or "sentence", **how)}


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
    "table": read_table_form,
    "tatoeba": read_tatoeba,
    "tldr": read_tldr,
}
"""A reader for each form. `jsonl` and `parquet` read any collection and are also forms to write."""

COLLECTIONS = tuple(form for form, reader in FORMS.items() if reader is _folder)
"""Forms that are any collection folder."""

WITH_CANDIDATES = ("lareqa", "squad")
WITH_CORPUS = ("mkqa",)
WITH_COLUMNS = ("table",)
WITH_LANGUAGE = (*COLLECTIONS, "dpr", "lareqa", "mkqa", "squad", "table")


def check_reading(form: str, reading: Reading) -> None:
    """Refuse a reading that asks for what a form does not have.

    Raises:
        InputError: it does, or the form is unknown.
    """
    if form not in FORMS:
        raise InputError(f"unknown form {form!r}; the forms are {', '.join(FORMS)}")
    for option, value, forms in (
        ("--candidates", reading.candidates, WITH_CANDIDATES),
        ("--corpus", reading.corpus, WITH_CORPUS),
    ):
        if value is not None and form not in forms:
            raise InputError(f"{option} is for the form {' and '.join(forms)}, not for {form}; leave it out")
    if reading.columns and form not in WITH_COLUMNS:
        raise InputError(f"columns are named of the form table, not of {form}: leave --query and the like out")
    if form in WITH_COLUMNS and not reading.columns:
        raise InputError(
            "the form table needs to know its columns: give --query and --document, or --parallel "
            "(see docs/own-data.md)"
        )
    without_corpus = form in WITH_CORPUS and reading.corpus is None
    if reading.language is not None and (form not in WITH_LANGUAGE or without_corpus):
        raise InputError(
            f"--lang is for texts that do not say their language; those of the form {form} do: leave it out"
        )


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
    reading = reading or Reading()
    check_reading(form, reading)
    return FORMS[form](Path(source), reading)
