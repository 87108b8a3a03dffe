"""`Library`: the collections of a study by the names that its recipe gives them, and views of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.batching import CodeSwitcher
from isoglot.collections import Collection, select
from isoglot.collections.collection import TRANSLATIONS
from isoglot.collections.fingerprint import collection_fingerprint
from isoglot.data import load_collection, load_worldfacts
from isoglot.data.catalogue.loading import copy_of, named
from isoglot.data.forms.read import holds_collection, read_form
from isoglot.data.forms.rows import Reading, Splits
from isoglot.data.lexicons import Lexicon, gather_lexicons, induce_lexicons
from isoglot.errors import InputError, IsoglotError
from isoglot.files import data_folder
from isoglot.languages.tags import read_tag
from isoglot.stores import is_address
from isoglot.studies.recipe import DataSource, LexiconSource

__all__ = [
    "Absent",
    "Library",
    "Unseen",
    "data_folders",
    "first_articles",
    "keep_languages",
    "switched_view",
    "translations_view",
]


class Absent(IsoglotError):
    """The data of a source is not here."""


class Unseen(Absent):
    """The data of a source is loaded by name, perhaps from afar, and was not asked for."""


def data_folders(beside: Path | None = None, given: str | None = None) -> list[Path]:
    """Return the folders that paths of a recipe are looked up in, in this order.

    These are the folder of the recipe, where it is not one of ours, what it gives as its `data_folder`, and the
    folder of data sets (`$ISOGLOT_DATA`).

    Args:
        beside: the folder that the recipe is in.
        given: its `data_folder`.
    """
    own = None if given is None else (beside or Path()) / Path(given).expanduser()
    places = (beside, own, data_folder())
    return [place for place in places if place is not None]


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
        self._expected: dict[str, str] = {}
        self._loaded: dict[str, Collection] = {}
        self._absent: dict[str, str] = {}
        self._forms: dict[tuple[Path, str, Reading], Splits] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Go to another process without the collections, which that reads when it needs them."""
        return {**vars(self), "_loaded": {}, "_forms": {}}

    def expect(self, name: str, fingerprint: str) -> None:
        """Refuse other contents of a source when it is read again, in another process: runs are named by these."""
        self._expected[name] = fingerprint

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
            InputError: it is there and bad, or has other contents than those that are expected.
        """
        source = self.sources[name]
        if name not in self._loaded and name not in self._absent:
            try:
                collection = self._read(source)
                if name in self._expected and collection_fingerprint(collection) != self._expected[name]:
                    raise InputError(
                        f"{source.collection} has changed since the study began: give the same command again"
                    )
                self._loaded[name] = collection
            except Unseen:
                raise
            except Absent as error:
                self._absent[name] = str(error)
        if name in self._loaded:
            return self._loaded[name]
        if source.fallback is not None:
            return self.load(source.fallback)
        raise Absent(self._absent[name])

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
                raise Absent(f"the lexicon {path} is not in {self._places()}")
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
        return gather_lexicons(self.lexicon_files(name))

    def _read_whole(self, source: DataSource) -> Collection:
        if source.collection == "worldfacts":
            return _worldfacts(source)
        mteb = source.collection.startswith("mteb:")
        place = None if mteb else self.find(source.collection)
        form = source.form
        if place is not None and named(source.collection):
            if holds_collection(place):
                form = None  # our copy of it, whose publisher's form is read already
            elif form is None:
                place = None  # its publisher's files, or some of them: only a form says how they are to be read
        if place is None and not self.by_name:
            raise Unseen(f"{source.collection} is loaded, or downloaded, when the study runs")
        if mteb:
            return _mteb(source)
        if place is None:
            return self._named(source)
        if form is None:
            return _load(place, source)
        reading = Reading(language=source.language, lenient=source.lenient)
        if source.candidates is not None:
            reading = replace(reading, candidates=source.candidates)
        key = (place, form, reading)
        if key not in self._forms:  # all splits of a source are read at once
            self._forms[key] = read_form(place, form, reading)
        splits = self._forms[key]
        wanted = source.split if source.split is not None or len(splits) > 1 else next(iter(splits))
        if wanted not in splits:
            known = ", ".join(str(split) for split in splits)
            raise InputError(f"{place} has no split {wanted!r}; it has {known}")
        return splits[wanted]

    def _named(self, source: DataSource) -> Collection:
        """Load what is not found as a path: a name that `load_collection` knows."""
        try:
            return _load(source.collection, source)
        except IsoglotError as error:
            entry, _ = named(source.collection) or (None, None)
            here = is_address(source.collection) or (entry is not None and copy_of(entry).exists())
            if isinstance(error, InputError) and here:
                raise  # it is here, and bad, or has no such split
            raise Absent(
                f"{source.collection} is not in {self._places()}, and cannot be loaded by name: {error}"
            ) from None

    def _places(self) -> str:
        """Say where paths were looked up, and how to have them looked up elsewhere."""
        return f"{', '.join(map(str, self.folders))} (set ISOGLOT_DATA to the folder that holds it)"


def _read_tags(tags: Sequence[str], where: str) -> list[str]:
    return [read_tag(tag, where) for tag in tags]


def _load(place: str | Path, source: DataSource) -> Collection:
    return load_collection(
        place, split=source.split, prefer_split="test", language=source.language, lenient=source.lenient
    )


def _worldfacts(source: DataSource) -> Collection:
    wanted = source.languages
    splits = load_worldfacts(None if wanted is None else tuple(_read_tags(wanted, "languages of worldfacts")))
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


def keep_languages(collection: Collection, languages: Sequence[str]) -> Collection:
    """Return a collection of the texts in these languages, and of their judgments.

    Raises:
        InputError: a tag is none, or the collection has nothing in one of the languages.
    """
    tags = _read_tags(languages, f"languages of {collection.name}")
    return select.only_judged(select.keep_languages(collection, tags))


def first_articles(collection: Collection, count: int) -> Collection:
    """Return a collection of the first articles alone, and the questions that these answer.

    Args:
        collection: its documents' ids are those of the form `lareqa`, `<language>/<article>/…`.
        count: articles.

    Raises:
        InputError: the ids of documents tell no articles.
    """
    found = pc.extract_regex(collection.documents["_id"], r"^[^/]+/(?P<article>\d+)/")
    if found.null_count:
        raise InputError(
            f"{collection.name}: articles are told by document ids such as en/0/1/2, of the form lareqa; "
            f"{collection.documents['_id'][0].as_py()!r} has none"
        )
    articles = pc.cast(pc.struct_field(found, "article"), pa.int64()).to_numpy()
    documents = articles < count
    judgments = collection.judgments
    answered = np.zeros(len(collection.query_ids), bool)
    answered[judgments["query"].to_numpy()[documents[judgments["document"].to_numpy()]]] = True
    return select.only_judged(select.take_part(collection, documents, answered[collection.query_index]))


def translations_view(collection: Collection) -> Collection:
    """Return a collection in which the documents are the queries: each looks for its versions in other languages.

    A query is also a document, which is kept out of its own pool (`Collection.finds_translations`); so there is no
    monolingual setting.
    """
    rows = collection.queries.num_rows
    names = [
        f"{tag}/{name}"
        for name, tag in zip(*(collection.queries[c].to_pylist() for c in ("_id", "lang")), strict=True)
    ]
    documents = pa.table(
        {
            "_id": pa.array(names, pa.string()),
            "lang": collection.queries["lang"],
            "title": pa.array([""] * rows, pa.string()),
            "text": collection.queries["text"],
        }
    )
    judgments = pa.table(
        {
            "query": pa.array(collection.query_index, pa.int32()),
            "document": pa.array(np.arange(rows), pa.int32()),
            "score": pa.array(np.ones(rows), pa.int32()),
        }
    )
    return replace(
        collection,
        documents=documents,
        judgments=judgments,
        name=f"{collection.name}, translations",
        metadata={**collection.metadata, TRANSLATIONS: True},
        dropped={},
    )


def switched_view(
    collection: Collection, lexicons: Sequence[Lexicon], into: Sequence[str], rate: float
) -> Collection:
    """Return a collection with a version of each query in further languages, made by replacing its words.

    Args:
        collection: its queries have one version each.
        lexicons: from its language into the others.
        into: languages of the versions; the queries themselves stay.
        rate: probability that a word that a lexicon knows is replaced.

    Raises:
        InputError: a tag is none, a query has several versions, or no lexicon leads into a language.
    """
    tags = _read_tags(into, f"languages to switch the queries of {collection.name} into")
    if len(collection.query_ids) < collection.queries.num_rows:
        raise InputError(
            f"the queries of {collection.name} have versions in several languages: nothing is to be made"
        )
    switcher = CodeSwitcher(lexicons, rate)
    texts, languages = collection.query_texts(), collection.queries["lang"].to_pylist()
    queries, index = [collection.queries.select(["_id", "lang", "text"])], [collection.query_index]
    for number, tag in enumerate(tags):
        if not all(tag in switcher.targets(language) for language in set(languages)):
            raise InputError(f"no lexicon leads from {' or '.join(sorted(set(languages)))} into {tag}")
        versions = switcher.switch(texts, languages, number, "query", to=[tag] * len(texts))
        queries.append(
            pa.table(
                {
                    "_id": collection.queries["_id"],
                    "lang": pa.array([tag] * len(texts), pa.string()),
                    "text": pa.array(versions, pa.string()),
                }
            )
        )
        index.append(collection.query_index)
    return replace(
        collection,
        queries=pa.concat_tables(queries),
        query_index=np.concatenate(index),
        name=f"{collection.name}, code-switched",
    )
