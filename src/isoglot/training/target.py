"""Unlabelled text of a target domain: the documents of a collection, or of a folder with nothing else in it."""

from __future__ import annotations

from pathlib import Path

from isoglot.collections import Collection
from isoglot.collections.folder import collection_folders, read_documents
from isoglot.data import load_collection
from isoglot.data.catalogue.loading import named
from isoglot.data.forms.read import holds_collection
from isoglot.errors import InputError

__all__ = ["load_target"]


def load_target(name: str, *, language: str | None = None, lenient: bool = False) -> Collection:
    """Load the documents of a collection, for domain batches; queries and judgments need not be there.

    Args:
        name: what `load_collection` takes, or a folder with nothing but `corpus.jsonl` or `corpus.parquet`.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: there is no such collection or folder, or its documents are not as they should be.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    folder = Path(name)
    if folder.is_file():
        raise InputError(f"the target {name} is a file, not a folder")
    if None not in collection_folders(folder) and holds_collection(folder):  # one for each split, or XQuAD-R's
        return load_collection(name, prefer_split="train", language=language, lenient=lenient)
    if folder.is_dir():
        return read_documents(folder, language=language, lenient=lenient)
    if named(name) is None:
        raise InputError(f"the target {name} is missing")
    return load_collection(name, prefer_split="train", language=language, lenient=lenient)
