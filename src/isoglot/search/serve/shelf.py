"""The indexes of a server by name, and what is searched in them."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Literal

from isoglot.errors import InputError, IsoglotError
from isoglot.languages.scripts import is_right_to_left
from isoglot.languages.tags import canonical_tag, language_name
from isoglot.names import did_you_mean
from isoglot.search.serve.guard import Refusal
from isoglot.search.serve.messages import Answer, Found, IndexFacts, LanguageFacts

__all__ = ["Shelf", "answer", "linked_id"]

logger = logging.getLogger(__name__)


class Shelf:
    """Some indexes, each by a name of its own.

    Raises:
        InputError: there is none.
    """

    def __init__(self, indexes: Sequence[Any]) -> None:
        if not indexes:
            raise InputError("a server needs an index: isoglot index MODEL DATA --to DIR makes one")
        self._indexes = dict(zip(_names(indexes), indexes, strict=True))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the indexes, as they were given."""
        return tuple(self._indexes)

    def documents(self) -> dict[str, int]:
        """Return index -> how many documents it holds now."""
        return {name: len(index) for name, index in self._indexes.items()}

    def facts(self) -> list[IndexFacts]:
        """Say what each index holds now."""
        return [
            IndexFacts(
                name=name,
                model=_last_part(index.model_name),
                dimension=index.dimension,
                repair=index.repair,
                documents=len(index),
                languages=[_language_facts(tag, number) for tag, number in sorted(index.languages.items())],
            )
            for name, index in self._indexes.items()
        ]

    def _resolve(self, asked: Any) -> Any:
        """Return a query whose languages are canonical tags, `within` as a list."""
        if asked.index not in self._indexes:
            meant = did_you_mean(asked.index, self._indexes)
            raise Refusal(404, f"no index {asked.index!r} here{meant}: choose {' or '.join(self._indexes)}")
        have = self._indexes[asked.index].languages
        within = asked.within.split(",") if isinstance(asked.within, str) else asked.within
        tags = None if within is None else list(dict.fromkeys(_tag(one) for one in within))
        for tag in tags or ():
            if tag not in have:
                raise Refusal(404, f"no document of {asked.index} is in {tag}: choose of {', '.join(sorted(have))}")
        lang = None if asked.lang is None else _tag(asked.lang)
        return asked.model_copy(update={"within": tags, "lang": lang})

    def search(self, asked: Any) -> tuple[Any, list[Any]]:
        """Search for a query of `query_models`.

        Returns:
            The query, its languages as canonical tags and `within` as a list, and the documents.

        Raises:
            Refusal: (404) there is no such index or language; (422) this cannot be asked; (500) the index cannot be
                searched: it was removed, built anew, or its model is gone. That is for the log, which may say where
                things are.
        """
        asked = self._resolve(asked)
        index = self._indexes[asked.index]
        options = {"language": asked.lang, "within": asked.within, "fair": asked.fair, "hybrid": asked.hybrid}
        try:
            return asked, list(index.search(asked.q, k=asked.k, **options))
        except IsoglotError as error:
            if isinstance(error, InputError) and str(index.path) not in str(error):
                raise Refusal(422, str(error)) from None
            logger.error("%s", error)
            raise Refusal(500, f"{asked.index} cannot be searched; the log of the server says why") from None

    def warm(self) -> None:
        """Search each index once, so that models are there before anybody asks, or it is said why not."""
        for index in self._indexes.values():
            index.search("isoglot", k=1)


def answer(asked: Any, hits: Sequence[Any], seconds: float) -> Answer:
    """Put what was found beside what was asked for."""
    return Answer(
        index=asked.index,
        q=asked.q,
        k=asked.k,
        lang=asked.lang,
        within=asked.within,
        fair=asked.fair,
        hybrid=asked.hybrid,
        seconds=round(seconds, 6),
        mix=dict(Counter(hit.language for hit in hits).most_common()),
        hits=[
            Found(
                rank=hit.rank,
                score=hit.score,
                id=hit.id,
                linked=linked_id(hit.id, hit.language),
                language=hit.language,
                title=hit.title,
                text=hit.text,
            )
            for hit in hits
        ],
    )


def _names(indexes: Sequence[Any]) -> list[str]:
    """Return the names of indexes: of their collections, or where one has several, of their folders, numbered if
    need be."""
    names = [str(index.name) for index in indexes]
    if len(set(names)) < len(names):
        names = [Path(index.path).name for index in indexes]
    return [f"{name}-{at + 1}" if names.count(name) > 1 else name for at, name in enumerate(names)]


def _last_part(path: str) -> str:
    """Return the name of a folder without where it is, which is nobody's business; another name as it is."""
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _language_facts(tag: str, documents: int) -> LanguageFacts:
    direction: Literal["ltr", "rtl"] = "rtl" if is_right_to_left(tag) else "ltr"
    return LanguageFacts(tag=tag, name=language_name(tag), direction=direction, documents=documents)


def _tag(text: str) -> str:
    try:
        return canonical_tag(text)
    except ValueError as error:
        raise Refusal(404, str(error)) from None


def linked_id(document: str, language: str) -> str:
    """Return an id with `*` for its language, where that is a part of it between `/`, `:` or `#`, or stands at an
    end next to `-`, `_` or `.`; as it is where it is not.

    Documents with the same one are taken for translations of each other, as their ids say.

    Example:
        >>> linked_id("de/common/tar", "de"), linked_id("tar_de", "de"), linked_id("code", "de")
        ('*/common/tar', 'tar_*', 'code')
    """
    tag = re.escape(language).replace(r"\-", "[-_]")
    places = rf"(?:^|(?<=[/:#])){tag}(?=[/:#]|$)|^{tag}(?=[-_.])|(?<=[-_.]){tag}$"
    return re.sub(places, "*", document, count=1, flags=re.IGNORECASE)
