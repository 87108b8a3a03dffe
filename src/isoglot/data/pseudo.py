"""Queries made of documents that nobody has asked about: titles, first sentences, or sentences drawn by chance.

A sentence that is drawn by chance and taken out is the inverse cloze task (ICT; Lee et al., "Latent retrieval for
weakly supervised open domain question answering", ACL 2019, arXiv 1906.00300); here it is always taken out.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa

from isoglot.collections.building import build_collection
from isoglot.collections.collection import PSEUDO_QUERIES, Collection
from isoglot.collections.problems import Problems
from isoglot.data.forms.columns import read_columns
from isoglot.data.groups import Groups
from isoglot.data.translation.sentences import Piece, find_sentences, sentence_splitter
from isoglot.data.unjudged import Unjudged, of_collections, of_table
from isoglot.errors import InputError
from isoglot.files import content_hash
from isoglot.languages.scripts import letters_of
from isoglot.names import did_you_mean

__all__ = ["How", "make_pseudo_queries", "pseudo_collection"]

logger = logging.getLogger(__name__)

How = Literal["title", "first-sentence", "crop"]
FEWEST_LETTERS = 10
"""Letters that a query has at least; shorter sentences take the next ones with them."""
FEWEST_CHARACTERS = 5
"""The same in Chinese, Japanese and Korean, whose characters say more."""


class _Made(NamedTuple):
    """A query, and what is left of its document."""

    query: str
    title: str
    text: str


def pseudo_collection(
    documents: Any,
    how: How = "first-sentence",
    *,
    seed: int = 0,
    document: str | None = None,
    title: str | None = None,
    language: str | None = None,
    id: str | None = None,
    parallel: Any = None,
    name: str | None = None,
) -> Collection:
    """Make a collection of documents with queries made of them; see `make_pseudo_queries`.

    Args:
        documents: a collection, whose own queries and judgments only tell which documents are translations of one
            another; or a table, as `collection_from_table` takes it.
        how: `title`, `first-sentence` or `crop`.
        seed: of `crop`.
        document: column of the documents; this and what follows only of a table.
        title: column of their titles.
        language: column of their language tags, or the language of all.
        id: column of what translations share.
        parallel: tag -> (None, column of documents), where a row holds a document in several languages.
        name: what the collection is called.

    Raises:
        InputError: the documents are none, or no query can be made of any.
    """
    if isinstance(documents, Collection):
        if any(value is not None for value in (document, title, language, id, parallel)):
            raise InputError("columns are those of a table; a collection has none: leave them out")
        unjudged = of_collections([documents])
    else:
        unjudged = of_table(documents, read_columns(None, document, title, id, parallel), language)
    return make_pseudo_queries(unjudged._replace(name=name or unjudged.name), how, seed=seed)


# -------------------------------------------------------------------------------------------------------- queries


def make_pseudo_queries(source: Unjudged, how: How = "first-sentence", *, seed: int = 0) -> Collection:
    """Make a query of each document, which is relevant to it, and so are its translations.

    - `title`: the title. The document loses it; where the text has it too, that stays, and is counted.
    - `first-sentence`: the first sentence, taken out of the document.
    - `crop`: a sentence drawn by chance, taken out of the document; of translations with equally many sentences the
      same one. Others have queries of their own, to which all translations are relevant too, though these may still
      hold the sentence in their language.

    No query is made of a document without a title, or of one sentence; where the sentence stands in what is left;
    or where several documents of a language would have the same query, or be left the same. Such documents stay as
    they are. Documents that were linked are versions of one query if each language has one of them at most.

    Args:
        source: the documents.
        how: `title`, `first-sentence` or `crop`.
        seed: of `crop`; another one draws other sentences.

    Returns:
        A collection with `pseudo_queries: HOW` in its metadata, which evaluations show.

    Raises:
        InputError: no query can be made of any document.
    """
    if how not in get_args(How):
        raise InputError(f"no queries {how!r}{did_you_mean(how, get_args(How))}: choose {', '.join(get_args(How))}")
    columns = (source.documents[name].to_pylist() for name in ("_id", "lang", "title", "text"))
    ids, tags, titles, texts = (list(column) for column in columns)
    left_out: Counter[str] = Counter()
    group = _linked(source.name, tags, source.linked)
    asked = group
    made: dict[int, _Made] = {}
    if how == "title":
        for row, (title, text) in enumerate(zip(titles, texts, strict=True)):
            if not title or not title.strip():
                left_out["document without a title"] += 1
            elif not text.strip():
                left_out["document without a text"] += 1
            else:
                made[row] = _Made(title.strip(), "", text)
    else:
        cut = [_pack(find_sentences(text, tag), tag) for text, tag in zip(texts, tags, strict=True)]
        places = [0.0] * len(ids)
        if how == "crop":
            places = [int(content_hash(f"{seed}\0{ids[first]}", 4), 16) / 2**32 for first in group]
            asked = _with_as_many_sentences(source.name, group, cut)
        made = _sentences_taken(titles, cut, places, left_out)
    _leave_repeated_out(made, list(zip(tags, titles, texts, strict=True)), left_out)
    metadata: dict[str, Any] = {**source.metadata, PSEUDO_QUERIES: how}
    if how == "title":
        metadata["titles_in_text"] = sum(one.query in one.text for one in made.values())
    else:
        metadata["sentences"] = sentence_splitter()
    if how == "crop":
        metadata["seed"] = seed
    if left_out:
        metadata["left_out"] = dict(left_out)
        told = "; ".join(f"{count:,} × {reason}" for reason, count in left_out.items())
        logger.info("%s: no query is made of %s", source.name, told)
    if not made:
        raise InputError(f"{source.name}: no query can be made of any document by {how}; try another --from")
    return _build(source, made, ids, group, asked, metadata)


def _linked(name: str, tags: list[str], linked: list[list[int]]) -> list[int]:
    """Return (D,) the first document of each one's group of translations; itself of a document without any."""
    groups: Groups[int] = Groups()
    for listed in linked:
        for row in listed[1:]:
            groups.join(row, listed[0])
    members: dict[int, list[int]] = {}
    for row in range(len(tags)):
        members.setdefault(groups.of(row), []).append(row)
    first = list(range(len(tags)))
    several = 0
    for rows in members.values():
        if len({tags[row] for row in rows}) == len(rows):
            for row in rows:
                first[row] = rows[0]
        elif len({tags[row] for row in rows}) > 1:
            several += 1
    if several:
        logger.info(
            "%s: %s links are left out: a language has several of their documents, and which are translations of "
            "one another is not told",
            name,
            f"{several:,}",
        )
    return first


def _with_as_many_sentences(name: str, group: list[int], cut: list[list[Piece]]) -> list[int]:
    """Return (D,) the first document of each one's group that has as many sentences as it."""
    first: dict[tuple[int, int], int] = {}
    asked = [first.setdefault((of, len(cut[row])), row) for row, of in enumerate(group)]
    parts = Counter(group[row] for row in first.values())
    if unlike := sum(count > 1 for count in parts.values()):
        logger.info(
            "%s: %s of %s linked documents have different numbers of sentences in their languages: a query has "
            "versions in those with as many, and other translations of its document may still hold it",
            name,
            f"{unlike:,}",
            f"{sum(count > 1 for count in Counter(group).values()):,}",
        )
    return asked


def _sentences_taken(
    titles: list[str | None], cut: list[list[Piece]], places: list[float], left_out: Counter[str]
) -> dict[int, _Made]:
    """Take a sentence out of each document: of n sentences number n times its place, from 0 to below 1."""
    made = {}
    for row, sentences in enumerate(cut):
        if len(sentences) < 2:
            left_out["document of one sentence"] += 1
            continue
        at = int(places[row] * len(sentences))
        query = sentences[at].text
        rest = "".join(piece.text + piece.after for n, piece in enumerate(sentences) if n != at).strip()
        if _plain(query) in _plain(f"{titles[row] or ''} {rest}"):
            left_out["sentence that stands in its document again"] += 1
        else:
            made[row] = _Made(query, titles[row] or "", rest)
    return made


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _pack(sentences: list[Piece], tag: str) -> list[Piece]:
    """Put sentences that say too little together with the next one, and the last with the one before."""
    packed: list[Piece] = []
    for piece in sentences:
        if packed and _is_short(packed[-1].text, tag):
            piece = Piece(packed[-1].text + packed.pop().after + piece.text, piece.after)
        packed.append(piece)
    if len(packed) > 1 and _is_short(packed[-1].text, tag):
        last = packed.pop()
        packed[-1] = Piece(packed[-1].text + packed[-1].after + last.text, last.after)
    return packed


def _is_short(text: str, tag: str) -> bool:
    fewest = FEWEST_CHARACTERS if tag.partition("-")[0] in ("zh", "ja", "ko", "yue", "wuu") else FEWEST_LETTERS
    return len(letters_of(text)) < fewest


def _leave_repeated_out(
    made: dict[int, _Made], documents: list[tuple[str, str | None, str]], left_out: Counter[str]
) -> None:
    """Leave queries out that would be judged for one document alone where others are as good.

    Args:
        made: the queries by row, changed in place.
        documents: (language, title, text) of each row, as they were.
        left_out: where they are counted.
    """

    def queries() -> dict[int, tuple[str, ...]]:
        return {row: (documents[row][0], _plain(one.query)) for row, one in made.items()}

    def rest() -> dict[int, tuple[str, ...]]:
        left: dict[int, tuple[str, ...]] = {
            row: (documents[row][0], one.title, one.text) for row, one in made.items()
        }
        whole: dict[int, tuple[str, ...]] = {
            row: (tag, title or "", text) for row, (tag, title, text) in enumerate(documents)
        }
        return whole | left

    for what, reason in (
        (queries, "query that several documents have"),
        (rest, "document that would be left the same as another"),
    ):
        while True:  # a document that stays whole may be what is left of another
            found = what()
            times = Counter(found.values())
            repeated = [row for row in made if times[found[row]] > 1]
            if not repeated:
                break
            left_out[reason] += len(repeated)
            for row in repeated:
                del made[row]


def _build(
    source: Unjudged,
    made: dict[int, _Made],
    ids: list[str],
    group: list[int],
    asked: list[int],
    metadata: dict[str, Any],
) -> Collection:
    """Make the collection: documents of one `asked` are asked about as one, and all of their group are relevant."""
    documents = source.documents
    for name in ("title", "text"):
        values = documents[name].to_pylist()
        for row, one in made.items():
            values[row] = getattr(one, name)
        column = pa.array([value or "" for value in values], pa.string())
        documents = documents.set_column(documents.column_names.index(name), name, column)
    members: dict[int, list[int]] = {}
    for row, first in enumerate(group):
        members.setdefault(first, []).append(row)
    queries = sorted({asked[row] for row in made})
    judged = [(ids[query], ids[row]) for query in queries for row in members[group[query]]]
    rows = sorted(made)
    problems = Problems(source.name)
    collection = build_collection(
        documents,
        pa.table(
            {
                "_id": pa.array([ids[asked[row]] for row in rows], pa.string()),
                "lang": source.documents["lang"].take(pa.array(np.array(rows, np.int64))),
                "text": pa.array([made[row].query for row in rows], pa.string()),
            }
        ),
        pa.table(
            {
                "query-id": pa.array([query for query, _ in judged], pa.string()),
                "corpus-id": pa.array([document for _, document in judged], pa.string()),
                "score": pa.array([1] * len(judged), pa.int32()),
            }
        ),
        name=source.name,
        problems=problems,
        locate=lambda table, row: f"{table}, row {row + 1}",
        metadata=metadata,
    )
    problems.finish()
    return collection
