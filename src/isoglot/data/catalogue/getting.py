"""Getting a named data set: its files found or downloaded, read, and written as a collection folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isoglot.collections import select
from isoglot.collections.collection import Collection
from isoglot.collections.folder import collection_folders, only_split_of, read_folders
from isoglot.collections.writing import share_documents, write_splits
from isoglot.data.catalogue.entry import Built, Entry, FormReader, IrDatasetsReader, MtebReader, Wordnets
from isoglot.data.catalogue.files import Wanted, fetch, find_files, folder_of, laid_out
from isoglot.data.catalogue.irds import read_ir_datasets
from isoglot.data.catalogue.matching import refuse_another
from isoglot.data.forms.read import read_form
from isoglot.data.forms.rows import Reading, Splits
from isoglot.data.lexicons import Lexicon, wordnet_lexicons, write_lexicons
from isoglot.data.worldfacts import load_worldfacts
from isoglot.errors import InputError
from isoglot.files import refuse_taken
from isoglot.languages.tags import read_tag

__all__ = ["Got", "get_data", "read_data", "wanted_languages"]

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
        tag = read_tag(text, "--languages")
        found = [have for have in entry.languages if _speaks(have, [tag])]
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


def _speaks(tag: str, wanted: Iterable[str]) -> bool:
    """Tell whether a language is wanted: `zh` stands for `zh-TW` as well."""
    return any(tag == want or tag.startswith(f"{want}-") for want in wanted)


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
    refuse_taken(to)  # before hours of download
    if isinstance(entry.reader, Wordnets):
        return _get_lexicons(entry, to, wanted)
    splits, missing = read_data(entry, wanted)
    write_splits(splits, to, form)
    return Got(splits, missing=missing)


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
    write_lexicons(lexicons, to)
    return Got(lexicons=lexicons, missing=tuple(missing))


def read_data(entry: Entry, wanted: Wanted) -> tuple[Splits, tuple[str, ...]]:
    """Read a data set, without writing it.

    Returns:
        Its collections, by split or part, and the paths of files that were not there.

    Raises:
        InputError: its files are not as they should be, or hold nothing that is wanted.
        IsoglotError: they cannot be downloaded.
    """
    folders: dict[str | None, Path] = {}
    if wanted.source is not None:
        wanted = replace(wanted, source=(source := folder_of(entry, wanted.source)))
        if not isinstance(entry.reader, Built):  # collection folders may lie there, not the publisher's files
            folders = collection_folders(source, entry.reader.parts if isinstance(entry.reader, FormReader) else ())
    splits, missing = _read(entry, wanted, folders)
    separate = not share_documents(splits)
    found: Splits = {}
    for split, one in splits.items():
        name = f"{entry.name}/{split}" if separate else entry.name
        one = one if split is None else select.only_judged(one)  # no split has the queries of another
        part = _keep_languages(replace(one, name=name), wanted.languages)
        if folders or (wanted.source is not None and isinstance(entry.reader, FormReader)):
            refuse_another(entry, split, part, wanted.source, published=not folders)
        found[split] = replace(part, metadata=_metadata(entry, one, missing))
    return found, tuple(missing)


def _read(entry: Entry, wanted: Wanted, folders: dict[str | None, Path]) -> tuple[Splits, list[str]]:
    """Read a data set, from collection folders if there are any; tell which of its files are missing."""
    reader, source = entry.reader, wanted.source
    lenient = wanted.lenient or entry.lenient
    if isinstance(reader, Wordnets):
        raise InputError(
            f"{entry.name} is wordnets, not a collection: `isoglot data get {entry.name}` makes lexicons of it"
        )
    if isinstance(reader, Built):
        if source is not None:
            raise InputError(f"{entry.name} is built by isoglot and has no files: leave --from out")
        return dict(load_worldfacts(wanted.languages).items()), []
    if folders:
        language = entry.languages[0] if len(entry.languages) == 1 else None
        return read_folders(folders, language=language, lenient=lenient), []
    if isinstance(reader, IrDatasetsReader):
        return read_ir_datasets(entry, reader, wanted.languages, source, lenient), []
    if isinstance(reader, MtebReader):
        if source is not None:
            raise InputError(
                f"{source} is no collection folder: {entry.name} is read from mteb's cache; leave --from out"
            )
        from isoglot.data.mteb import collection_from_mteb  # needs the extra, and takes seconds to import

        return {None: collection_from_mteb(reader.task, reader.split, languages=wanted.languages)}, []
    with laid_out(entry, wanted) as (folder, missing):
        return read_published(reader, folder, lenient, None if folder == source else entry.name), missing


def read_published(reader: FormReader, folder: Path, lenient: bool, label: str | None) -> Splits:
    """Read the files of a data set, laid out as their publisher has them, by split or by part.

    Args:
        reader: the form of the data set.
        folder: what holds the files.
        lenient: leave bad rows out and say how many, instead of failing.
        label: what messages call the folder, if it will be gone when they are read.

    Raises:
        InputError: they are not of the form.
    """
    reading = replace(Reading(**reader.options), lenient=lenient, label=label)
    if not reader.parts:
        source = folder / reader.source
        return read_form(source if source.exists() else folder, reader.form, reading)
    found: Splits = {}
    for part, path in reader.parts.items():
        if (folder / path).exists():
            found[part] = only_split_of(read_form(folder / path, reader.form, reading), folder / path)
    if not found:
        raise InputError(f"{folder} has none of {', '.join(reader.parts.values())}")
    return found


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


def _keep_languages(collection: Collection, wanted: Iterable[str] | None) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        wanted: canonical tags; `zh` keeps `zh-TW` as well. All if None.

    Raises:
        InputError: nothing is left that is judged, or one language of a collection that `finds_translations`.
    """
    if wanted is None:
        return collection
    wanted = tuple(wanted)
    kept = [tag for tag in collection.languages if _speaks(tag, wanted)]
    if len(kept) == len(collection.languages):
        return collection
    chosen = select.keep_languages(collection, kept)
    if chosen.judgments.num_rows and not (len(chosen.languages) == 1 and chosen.finds_translations):
        return chosen
    asked = ", ".join(wanted)
    problem = (
        f"every query is its own answer in {asked} alone"
        if chosen.judgments.num_rows
        else f"no query in {asked} has a relevant document in {'it' if len(wanted) == 1 else 'them'}"
    )
    others = _answering(collection, kept)
    remedy = f"; ask for {others[0]} as well: --languages {','.join((*wanted, others[0]))}" if others else ""
    raise InputError(f"{collection.name}: {problem}{remedy}")


def _answering(collection: Collection, kept: list[str]) -> list[str]:
    """Return the languages in which queries of some languages are answered, other than these; the usual one first.

    Args:
        collection: the collection.
        kept: the languages that the queries are in.
    """
    among = np.isin(collection.languages, kept)
    asked = np.zeros(len(collection.query_ids), bool)
    asked[collection.query_index[among[collection.query_language]]] = True
    document = collection.judgments["document"].to_numpy()[asked[collection.judgments["query"].to_numpy()]]
    counts = np.bincount(collection.document_language[document], minlength=len(among))
    return [collection.languages[at] for at in np.argsort(-counts, kind="stable") if counts[at] and not among[at]]
