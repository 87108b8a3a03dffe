"""Telling whether what lies in a user's folder is the data set that it is taken for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from isoglot.collections.collection import Collection
from isoglot.data.catalogue.entry import Count, Entry, Size, entry_names
from isoglot.errors import InputError

__all__ = ["refuse_another"]

SLACK = 0.05
"""Share by which sizes may differ from those stated: rows are left out, texts given twice are one document."""
LEAST_QUERIES = 0.5
"""Share of the queries stated that must be there: some publishers count those without a judgment."""


def refuse_another(
    entry: Entry, split: str | None, collection: Collection, source: object, *, published: bool = False
) -> None:
    """Refuse a collection that is not what the catalogue's entry is of, so that none gets another's licence.

    What `collection.yaml` says of its name, licence and source must not contradict the entry. Unless all three say
    that it is the data set, as in folders that `isoglot data get` wrote, its languages must be among those of the
    entry and its size must be about the one that is stated, for each language where that is known. Of the
    publisher's own files, which state nothing of the kind, only more than there should be is refused.

    Args:
        entry: the data set that it is taken for.
        split: which split or part it is; None for the only one.
        collection: what was read, with the metadata of its folder.
        source: where it was read from.
        published: whether it was read from files of its publisher's form, not from a collection folder.

    Raises:
        InputError: it is something else.
    """
    remedy = f"give a folder of {entry.name}"
    if reason := _contradiction(entry, collection.metadata):
        remedy += ", or correct collection.yaml"
    elif not _is_named(entry, collection.metadata):
        # a publisher's new release may have more languages than were known; of its files some may be missing
        fixed = not published or any(size.by_language for size in entry.sizes)
        reason = _other_languages(entry, collection) if fixed else None
        reason = reason or _other_size(entry, split, collection, partial=published)
    if reason:
        raise InputError(f"--from {source} is not {entry.name}: {reason}; {remedy}")


def _plain(text: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(text).lower()).strip("-")


def _name_in(text: Any) -> str:
    """Return the longest name of a data set that occurs in a text."""
    return max((name for name in entry_names() if f"-{name}-" in f"-{_plain(text)}-"), key=len, default="")


def _is_named(entry: Entry, said: dict[str, Any]) -> bool:
    """Tell whether metadata, which does not contradict the entry, says all that `isoglot data get` writes."""
    name = str(said.get("name", ""))
    return name.split("/")[0] == entry.name and bool(said.get("licence")) and bool(said.get("source"))


def _contradiction(entry: Entry, said: dict[str, Any]) -> str | None:
    """Return what metadata says that cannot be said of the data set; None if there is nothing."""
    name, licence, place = said.get("name"), said.get("licence") or said.get("license"), said.get("source")
    if name and _name_in(name) != entry.name:
        return f"its collection.yaml names it {str(name)!r}"
    if licence and _plain(licence) != _plain(entry.licence):
        return f"its collection.yaml gives the licence {str(licence)!r}, which is {entry.licence}"
    known = [entry.homepage, entry.address, *(file.url for file in entry.files)]
    if place and not any(_same_place(str(place), one) for one in known if one):
        return f"its collection.yaml gives the source {str(place)!r}, which is {entry.homepage}"
    return None


def _same_place(place: str, other: str) -> bool:
    """Tell whether one address is the other or a part of it, such as `owner/repository`."""
    one, two = (re.sub(r"^https?://(www\.)?|/$|\.git$", "", text.strip().lower()) for text in (place, other))
    return one in two or two in one


def _other_languages(entry: Entry, collection: Collection) -> str | None:
    """Return which languages the data set does not have."""
    others = [tag for tag in collection.languages if tag not in entry.languages]
    if not others:
        return None
    return f"it has {', '.join(others[:5])}{' …' * (len(others) > 5)}, which {entry.name} does not have"


def _size_of(entry: Entry, split: str | None) -> Size:
    """Return what is stated of a split; of the only one, whatever it is called; else what holds for all."""
    named = [size for size in entry.sizes if size.split == split]
    if found := named or (entry.sizes if len(entry.sizes) == 1 else ()):
        return found[0]
    documents = {size.documents for size in entry.sizes}
    return Size(documents=documents.pop() if len(documents) == 1 else None)


def _stated(entry: Entry, size: Size, tags: tuple[str, ...]) -> tuple[Count, bool]:
    """Return what is stated of some languages, and whether it is of these alone."""
    if set(tags) >= set(entry.languages) or not set(tags) <= size.by_language.keys():
        return size, set(tags) >= set(entry.languages)
    sums = {}
    for key in ("documents", "queries"):
        values = [getattr(size.by_language[tag], key) for tag in tags]
        sums[key] = None if None in values else sum(values)
    return Count(**sums), True


def _other_size(entry: Entry, split: str | None, collection: Collection, partial: bool) -> str | None:
    """Return how many documents or queries there are, where that is not what is stated."""
    size = _size_of(entry, split)
    groups = [(tag,) for tag in collection.languages if tag in size.by_language]
    for tags in [collection.languages, *groups]:
        stated, complete = _stated(entry, size, tags)
        for kind, least in (("documents", 1 - SLACK), ("queries", LEAST_QUERIES)):
            expected = getattr(stated, kind)
            language = collection.document_language if kind == "documents" else collection.query_language
            have = int(np.isin(language, [collection.language_index(tag) for tag in tags]).sum())
            fewest = least * expected if expected is not None and complete and not partial else 0
            if expected is None or fewest <= have <= (1 + SLACK) * expected:
                continue
            where = f" in {tags[0]}" if len(tags) == 1 and len(entry.languages) > 1 else ""
            return f"it has {have:,} {kind}{where}, where {entry.name} has {expected:,}"
    return None
