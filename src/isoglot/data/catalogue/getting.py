"""Getting a named data set: its files found or downloaded, read, and written as a collection folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from isoglot.collections.building import only_judged
from isoglot.collections.collection import Collection
from isoglot.collections.parts import collection_folders, read_folders, share_documents, write_splits
from isoglot.data.catalogue.entry import Built, Entry, FormReader, IrDatasetsReader, MtebReader, Wordnets
from isoglot.data.catalogue.fetching import Wanted, fetch, folder_of, laid_out
from isoglot.data.catalogue.matching import refuse_another
from isoglot.data.catalogue.readers.form import read_published
from isoglot.data.catalogue.readers.irds import read_ir_datasets
from isoglot.data.catalogue.readers.mteb import read_mteb
from isoglot.data.catalogue.selecting import keep_languages
from isoglot.data.catalogue.staging import find_files
from isoglot.data.convert import Splits
from isoglot.data.lexicons.lexicon import Lexicon, write_lexicon
from isoglot.data.lexicons.wordnet import wordnet_lexicons
from isoglot.errors import InputError
from isoglot.files import new_folder
from isoglot.languages.tags import canonical_tag

__all__ = ["Got", "Wanted", "get_data", "read_data", "wanted_languages"]

Form = Literal["jsonl", "parquet"]


@dataclass(frozen=True)
class Got:
    """What was written.

    Attributes:
        splits: the collections, by split or part (None: the only one).
        lexicons: the lexicons, of a data set of wordnets.
        missing: paths of files that were not there, and are not in it.
    """

    splits: Splits = field(default_factory=dict)
    lexicons: tuple[Lexicon, ...] = ()
    missing: tuple[str, ...] = ()


def wanted_languages(entry: Entry, languages: list[str] | None) -> tuple[str, ...] | None:
    """Return the languages of an entry that are wanted, as canonical tags; None for all.

    Args:
        entry: the data set.
        languages: tags as people write them; `zh` stands for `zh-CN` and `zh-TW` as well.

    Raises:
        InputError: one is no tag, or the data set does not have it.
    """
    if languages is None:
        return None
    wanted: list[str] = []
    for text in languages:
        try:
            tag = canonical_tag(text)
        except ValueError as error:
            raise InputError(f"--languages: {error}") from None
        found = [have for have in entry.languages if have == tag or have.startswith(f"{tag}-")]
        if not found:
            raise InputError(f"{entry.name} has no language {tag!r}; it has {', '.join(entry.languages)}")
        wanted += found
    if entry.files and not entry.files_for(tuple(wanted)):
        other = next(tag for tag in entry.languages if entry.files_for((tag,)))
        raise InputError(
            f"{entry.name} has no file in {', '.join(languages)} alone: add a language that goes with it, such as "
            f"{other}"
        )
    return tuple(dict.fromkeys(wanted))


def _ready_folders(entry: Entry, wanted: Wanted) -> dict[str | None, Path]:
    """Return the collection folders that a user's folder holds; empty if it holds the publisher's files."""
    if wanted.source is None or isinstance(entry.reader, Built):
        return {}
    return collection_folders(wanted.source, entry.reader.parts if isinstance(entry.reader, FormReader) else ())


def _read(entry: Entry, wanted: Wanted, folders: dict[str | None, Path]) -> tuple[Splits, list[str]]:
    """Read a data set from collection folders if there are any, else with the reader that its entry names."""
    reader = entry.reader
    lenient = wanted.lenient or entry.lenient
    if isinstance(reader, Wordnets):
        raise InputError(
            f"{entry.name} is wordnets, not a collection: `isoglot data get {entry.name}` makes lexicons of it"
        )
    if isinstance(reader, Built):
        if wanted.source is not None:
            raise InputError(f"{entry.name} is built by isoglot and has no files: leave --from out")
        from isoglot.data.catalogue.loading import load_worldfacts

        built = load_worldfacts(wanted.languages)
        return {split: built[split] for split in built}, []
    if folders:
        language = entry.languages[0] if len(entry.languages) == 1 else None
        return read_folders(folders, language=language, lenient=lenient), []
    if isinstance(reader, IrDatasetsReader):
        return read_ir_datasets(entry, reader, wanted.languages, wanted.source, lenient), []
    if isinstance(reader, MtebReader):
        if wanted.source is not None:
            raise InputError(
                f"{wanted.source} is no collection folder: {entry.name} is read from mteb's cache; leave --from out"
            )
        return read_mteb(reader, wanted.languages), []
    with laid_out(entry, wanted) as (folder, missing):
        return read_published(entry, reader, folder, lenient), missing


def _metadata(entry: Entry, collection: Collection, missing: list[str]) -> dict[str, Any]:
    """Return what `collection.yaml` says of a collection of a data set."""
    known: dict[str, Any] = {
        "title": entry.title,
        "licence": entry.licence,
        "citation": entry.citation,
        "source": entry.homepage,
    }
    if collection.dropped:
        known["left_out"] = dict(collection.dropped)
    if missing:
        known["missing_files"] = missing
    ours = ("name", "languages", "title", "licence", "citation", "source")
    return known | {key: value for key, value in collection.metadata.items() if key not in ours}


def read_data(entry: Entry, wanted: Wanted) -> tuple[Splits, tuple[str, ...]]:
    """Read a data set, without writing it.

    Returns:
        Its collections, by split or part, and the paths of files that were not there.

    Raises:
        InputError: its files are not as they should be, or hold nothing that is wanted.
        IsoglotError: they cannot be downloaded.
    """
    if wanted.source is not None:
        wanted = replace(wanted, source=folder_of(entry, wanted.source))
    folders = _ready_folders(entry, wanted)
    splits, missing = _read(entry, wanted, folders)
    separate = not share_documents(splits)
    found: Splits = {}
    for split, one in splits.items():
        name = f"{entry.name}/{split}" if separate else entry.name
        one = one if split is None else only_judged(one)  # no split has the queries of another
        part = keep_languages(replace(one, name=name), wanted.languages)
        if folders or (wanted.source is not None and isinstance(entry.reader, FormReader)):
            refuse_another(entry, split, part, wanted.source, published=not folders)
        found[split] = replace(part, metadata=_metadata(entry, one, missing))
    return found, tuple(missing)


def _get_lexicons(entry: Entry, to: Path, wanted: Wanted) -> Got:
    """Write a lexicon for each pair of the wordnets of a data set."""
    if wanted.source is None:
        files, missing = fetch(entry, wanted)
    else:
        source = folder_of(entry, wanted.source)
        files, missing = find_files(entry, source, wanted.languages), []
        if not files:
            raise InputError(f"{source} has none of the files of {entry.name}, such as {entry.files[0].path}")
    lexicons = tuple(wordnet_lexicons(sorted(files.values()), lenient=wanted.lenient))
    with new_folder(to) as folder:
        for lexicon in lexicons:
            write_lexicon(lexicon, folder)
    return Got(lexicons=lexicons, missing=tuple(missing))


def get_data(entry: Entry, to: str | Path, wanted: Wanted | None = None, form: Form = "jsonl") -> Got:
    """Get a data set and write it as a collection folder, whole or not at all.

    A set whose splits have documents of their own becomes a folder with a collection folder for each.

    Args:
        entry: the data set.
        to: the folder to write; must not exist, or be empty.
        wanted: which part of it, and from where; by default all of it, downloaded.
        form: how it is written.

    Raises:
        InputError: `to` is not free, or the files are not as they should be.
        IsoglotError: they cannot be downloaded.
    """
    wanted, to = wanted or Wanted(), Path(to)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):  # said before hours of download
        raise InputError(f"{to} already exists and is not an empty folder; remove it or choose another one")
    if isinstance(entry.reader, Wordnets):
        return _get_lexicons(entry, to, wanted)
    splits, missing = read_data(entry, wanted)
    write_splits(splits, to, form)
    return Got(splits, missing=missing)
