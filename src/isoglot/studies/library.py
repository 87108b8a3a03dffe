"""`Library`: the collections of a study by the names that its recipe gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from isoglot.collections import Collection
from isoglot.data import load_collection, load_worldfacts
from isoglot.data.catalogue.loading import copy_of, named
from isoglot.data.forms.read import holds_collection, read_form
from isoglot.data.forms.rows import Reading, Splits
from isoglot.data.lexicons.induction import induce_lexicons
from isoglot.data.lexicons.lexicon import Lexicon, read_lexicons
from isoglot.data.lexicons.wordnet import wordnet_lexicons
from isoglot.errors import InputError, IsoglotError
from isoglot.languages.tags import canonical_tag
from isoglot.studies.recipe import DataSource, LexiconSource
from isoglot.studies.views import first_articles, keep_languages, switched_view, translations_view

__all__ = ["Absent", "Library", "Unseen", "data_root"]


class Absent(IsoglotError):
    """The data of a source is not here."""


class Unseen(Absent):
    """The data of a source is loaded by name, perhaps from afar, and was not asked for."""


def data_root() -> Path:
    """Return the folder that paths of recipes are looked up in: `$ISOGLOT_SHARED_DATA`, or `../shared/data` beside
    the working directory."""
    return Path(os.environ.get("ISOGLOT_SHARED_DATA") or Path.cwd().parent / "shared" / "data")


class Library:
    """Loads each collection once.

    Args:
        sources: name -> where it comes from.
        folders: where relative paths are looked up, in this order.
        lexicons: name -> where words are taken from.
        by_name: load also what is no path, which may download it; else that is `Unseen`.
    """

    def __init__(
        self,
        sources: Mapping[str, DataSource],
        folders: list[Path],
        lexicons: Mapping[str, LexiconSource] | None = None,
        *,
        by_name: bool = True,
    ) -> None:
        self.sources = dict(sources)
        self.folders = folders
        self.by_name = by_name
        self.lexicon_sources = dict(lexicons or {})
        self._loaded: dict[str, Collection] = {}
        self._absent: dict[str, str] = {}
        self._forms: dict[tuple[Path, str, Reading], Splits] = {}

    def find(self, path: str) -> Path | None:
        """Return where a relative path of the recipe is; None if nowhere."""
        places = [folder / path for folder in self.folders]  # an absolute path replaces the folder
        return next((place for place in places if place.exists()), None)

    def used(self, name: str) -> str:
        """Return the name of the source that is used: this one, or a fallback where it is absent.

        Raises:
            Absent: it is absent and so is what it falls back on, if there is anything.
            InputError: the data is there and bad.
        """
        self.load(name)
        source = self.sources[name]
        return self.used(source.fallback) if name in self._absent and source.fallback else name

    def load(self, name: str) -> Collection:
        """Return a collection, or its fallback where it is absent.

        Raises:
            Absent: it is absent and has no fallback.
            InputError: it is there and bad.
        """
        source = self.sources[name]
        if name not in self._loaded and name not in self._absent:
            try:
                self._loaded[name] = self._read(source)
            except Unseen:
                raise
            except Absent as error:
                self._absent[name] = str(error)
        if name in self._loaded:
            return self._loaded[name]
        if source.fallback is not None:
            return self.load(source.fallback)
        raise Absent(self._absent[name])

    def why_absent(self, name: str) -> str | None:
        """Return why a source, which was asked for before, is absent; None if it is here."""
        return self._absent.get(name)

    def _read(self, source: DataSource) -> Collection:
        collection = self._read_whole(source)
        if source.languages is not None and source.collection != "worldfacts":
            collection = keep_languages(collection, source.languages)
        if source.articles is not None:
            collection = first_articles(collection, source.articles)
        if source.switched is not None:
            tags = sorted({*collection.languages, *source.switched.into})
            lexicons = self.lexicons(source.switched.lexicon, tags)
            return switched_view(collection, lexicons, source.switched.into, source.switched.rate)
        return translations_view(collection) if source.view == "translations" else collection

    def lexicon_files(self, name: str) -> list[str]:
        """Return the files and folders of a lexicon that is given by paths.

        Raises:
            Absent: one is not there.
        """
        found = {path: self.find(path) for path in self.lexicon_sources[name].paths or ()}
        for path, place in found.items():
            if place is None:
                raise Absent(f"the lexicon {path} is not in {', '.join(str(folder) for folder in self.folders)}")
        return [str(place) for place in found.values()]

    def lexicons(self, name: str, languages: list[str] | None = None) -> list[Lexicon]:
        """Read a lexicon, or make it from parallel texts.

        Args:
            name: of the lexicon.
            languages: only between these, where it is made; all if None.

        Raises:
            Absent: what it is read or made from is not here.
            InputError: it is there and bad.
        """
        source = self.lexicon_sources[name]
        if source.induce is not None:
            return induce_lexicons(self.load(source.induce), languages)
        return lexicons_of_files(self.lexicon_files(name))

    def _read_whole(self, source: DataSource) -> Collection:
        if source.collection == "worldfacts":
            return _worldfacts(source)
        mteb = source.collection.startswith("mteb:")
        place = None if mteb else self.find(source.collection)
        if place is not None and source.form is None and named(source.collection) and not holds_collection(place):
            place = None  # its publisher's files, or some of them: only a form says how they are to be read
        if place is None and not self.by_name:
            raise Unseen(f"{source.collection} is loaded, or downloaded, when the study runs")
        if mteb:
            return _mteb(source)
        if place is None:
            return self._named(source)
        if source.form is None:
            return load_collection(
                place,
                split=source.split,
                prefer_split="test",
                language=source.language,
                lenient=source.lenient,
            )
        reading = Reading(language=source.language, lenient=source.lenient)
        if source.candidates is not None:
            reading = replace(reading, candidates=source.candidates)
        key = (place, source.form, reading)
        if key not in self._forms:  # all splits of a source are read at once
            self._forms[key] = read_form(place, source.form, reading)
        splits = self._forms[key]
        wanted = source.split if source.split is not None or len(splits) > 1 else next(iter(splits))
        if wanted not in splits:
            known = ", ".join(str(split) for split in splits)
            raise InputError(f"{place} has no split {wanted!r}; it has {known}")
        return splits[wanted]

    def _named(self, source: DataSource) -> Collection:
        """Load what is not found as a path: a name that `load_collection` knows."""
        try:
            return load_collection(
                source.collection,
                split=source.split,
                prefer_split="test",
                language=source.language,
                lenient=source.lenient,
            )
        except IsoglotError as error:
            entry, _ = named(source.collection) or (None, None)
            if isinstance(error, InputError) and entry is not None and copy_of(entry).exists():
                raise  # it is here, and bad, or has no such split
            places = ", ".join(str(folder) for folder in self.folders)
            raise Absent(
                f"{source.collection} is not in {places}, and cannot be loaded by name: {error} (set "
                "ISOGLOT_SHARED_DATA to the folder that holds it)"
            ) from None


def _worldfacts(source: DataSource) -> Collection:
    try:
        tags = None if source.languages is None else tuple(canonical_tag(tag) for tag in source.languages)
    except ValueError as error:
        raise InputError(f"languages of worldfacts: {error}") from None
    splits = load_worldfacts(tags)
    if source.split not in splits:
        raise InputError(f"worldfacts has no split {source.split!r}: choose one of {', '.join(splits)}")
    return splits[source.split]


def _mteb(source: DataSource) -> Collection:
    from isoglot.data.mteb.library import require_mteb

    try:
        require_mteb()
    except InputError as error:
        raise Absent(str(error)) from None
    from isoglot.data.mteb import collection_from_mteb

    try:
        return collection_from_mteb(
            source.collection.removeprefix("mteb:"), source.split, languages=source.languages
        )
    except InputError:
        raise
    except IsoglotError as error:
        raise Absent(str(error)) from None


def lexicons_of_files(paths: list[str]) -> list[Lexicon]:
    """Read lexicons: files or folders of word pairs, and wordnets (`.tab`), which are joined."""
    wordnets = [path for path in paths if Path(path).suffix == ".tab"]
    found = [one for path in paths if path not in wordnets for one in read_lexicons(path)]
    return found + (wordnet_lexicons(wordnets) if wordnets else [])
