"""Unlabelled text of a target domain: the documents of a folder, whatever else is in it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from isoglot.collections import Collection
from isoglot.collections.building import TEXT_COLUMNS, build_collection
from isoglot.collections.folder import _read_texts, _text_file, folder_name
from isoglot.collections.problems import Problems
from isoglot.data import load_collection
from isoglot.data.catalogue.loading import named
from isoglot.data.forms.lareqa import is_lareqa
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["load_target"]


def load_target(name: str, *, language: str | None = None, lenient: bool = False) -> Collection:
    """Load the documents of a collection, for domain batches; queries and judgments need not be there.

    Args:
        name: what `load_collection` takes, or a folder with nothing but `corpus.jsonl` or `corpus.parquet`.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: there is no such folder, or its documents are not as they should be.
    """
    folder = Path(name)
    if (not folder.exists() and named(name)) or is_lareqa(folder):
        return load_collection(name, prefer_split="train", lenient=lenient)
    if not folder.is_dir():
        raise InputError(f"the target {name} is {'a file, not a folder' if folder.exists() else 'missing'}")
    path = _text_file(folder, "corpus")
    try:
        default = canonical_tag(language) if language is not None else None
    except ValueError as error:
        raise InputError(f"--lang: {error}") from None
    problems = Problems(name, lenient)
    documents, numbers = _read_texts(path, "documents", TEXT_COLUMNS["documents"], problems, default)
    row_name = "row" if path.suffix == ".parquet" else "line"
    none = pa.array([], pa.string())
    collection = build_collection(
        documents,
        pa.table(dict.fromkeys(TEXT_COLUMNS["queries"], none)),
        pa.table({"query-id": none, "corpus-id": none, "score": pa.array([], pa.int32())}),
        name=folder_name(folder),
        problems=problems,
        locate=lambda _, row: f"{path.name} {row_name} {row + 1 if numbers is None else numbers[row]}",
    )
    problems.finish()
    return collection
