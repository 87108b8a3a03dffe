"""From the forms that others publish in to a collection folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isoglot.collections.fetching import from_anywhere
from isoglot.collections.folder import collection_folders, share_cached
from isoglot.collections.writing import write_splits
from isoglot.data.catalogue.loading import load_splits
from isoglot.data.forms.columns import Columns, read_columns
from isoglot.data.forms.read import COLLECTIONS, FORMS, check_reading, read_form
from isoglot.data.forms.rows import Candidates, Reading, Splits
from isoglot.files import refuse_taken

__all__ = ["FORMS", "Columns", "Reading", "Splits", "convert", "read_columns", "read_form"]


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
    keep_tags: bool = False,
    columns: Columns | None = None,
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
        keep_tags: leave language tags as they are written, and have the folder say so (`keep_tags: true`).
        columns: in the form `table`, which columns hold what (`read_columns`); `language` may be a column there.

    Returns:
        What was written, by split (key None if the source has no splits).

    Raises:
        InputError: the form is unknown, the source is not of this form or has bad rows, or `to` is not free.
    """
    passages = None if corpus is None else Path(corpus)
    reading = Reading(
        candidates, language, split, lenient, passages, keep_tags=keep_tags, columns=columns or Columns()
    )
    check_reading(form, reading)
    refuse_taken(to)  # before it is read, which may take long
    return _converted(source, form, to, reading)


@from_anywhere
def _converted(source: str | Path, form: str, to: str | Path, reading: Reading) -> Splits:
    """Read a source, write it as a collection folder, and return what was written."""
    if form not in COLLECTIONS:
        splits = read_form(source, form, reading)
    else:
        how: dict[str, Any] = {"language": reading.language, "lenient": reading.lenient}
        splits = load_splits(source, split=reading.split, keep_tags=reading.keep_tags, **how)
    write_splits(splits, to, form="parquet" if form == "parquet" else "jsonl")
    if reading.split is None and form in COLLECTIONS and None in collection_folders(Path(source)):
        share_cached(source, to, language=reading.language, keep_tags=reading.keep_tags)
    return splits
