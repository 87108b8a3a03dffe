"""How a reader of a form is asked to read, and what it has found so far, as tables that become collections."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from isoglot.collections.arrow import without_empty
from isoglot.collections.building import build_collection
from isoglot.collections.collection import KEEP_TAGS, Collection
from isoglot.collections.folder import folder_name
from isoglot.collections.problems import Problems
from isoglot.data.forms.columns import Columns
from isoglot.data.forms.files import Bad, shown
from isoglot.errors import InputError
from isoglot.languages.tags import Tags

__all__ = ["Candidates", "Reading", "Rows", "Splits", "content_id"]

logger = logging.getLogger(__name__)

CHUNK = 65_536  # rows held as Python objects at a time
LONGEST_CODE = 60  # characters of a language's code that a message shows whole
DOCUMENT = ("_id", "lang", "title", "text", "extra")
QUERY = ("_id", "lang", "text", "extra")

Candidates = Literal["sentence", "sentence+context", "paragraph"]

Splits = dict[str | None, Collection]
"""The collections of a source by split, sharing their documents; the one key is None where there are no splits."""


@dataclass(frozen=True)
class Reading:
    """How to read a source; a form uses what applies to it.

    Attributes:
        candidates: what is retrieved, in the LAReQA form (`sentence` if None); other forms have one kind.
        language: tag of texts that have none.
        split: the one split to read; all of them if None.
        lenient: leave bad rows out and say how many, instead of failing.
        corpus: in the MKQA form, the passages to retrieve from, relevant where they hold an answer.
        label: what messages call the source; its path if None.
        keep_tags: leave language tags as they are written, but for case and separators.
        columns: of a table, which of them hold what.
    """

    candidates: Candidates | None = None
    language: str | None = None
    split: str | None = None
    lenient: bool = False
    corpus: Path | None = None
    label: str | None = None
    keep_tags: bool = False
    columns: Columns = field(default_factory=Columns)


def content_id(tag: str, *parts: str) -> str:
    """Return a document id that a text has wherever it occurs: its language and 64 bits of its SHA-256."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{tag}/{digest[:16]}"


class _Table:
    """Rows of text columns, turned into Arrow as they come."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.schema = pa.schema([(column, pa.string()) for column in columns])
        self.rows: list[tuple[str | None, ...]] = []
        self.batches: list[pa.RecordBatch] = []

    def add(self, *row: str | None) -> None:
        self.rows.append(row)
        if len(self.rows) == CHUNK:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self.rows, strict=True)
        arrays = [pa.array(values, pa.string()) for values in columns]
        self.batches.append(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        self.rows = []

    def finish(self) -> pa.Table:
        if self.rows:
            self._flush()
        return without_empty(pa.Table.from_batches(self.batches, schema=self.schema), "extra")


class Rows:
    """Collects documents, query versions and judgments, each once, and turns them into collections.

    A document or a query version may be given again, as published files repeat them; with another text it is bad.

    Args:
        source: what is being read.
        reading: how; by default strictly, and all splits.

    Attributes:
        problems: what is wrong.
        left_out: what is sound and has no place in a collection, by reason: told, and no error.
        tags: reads the tags of languages.
    """

    def __init__(self, source: Path, reading: Reading | None = None) -> None:
        self.source = source
        self.reading = reading or Reading()
        self.problems = Problems(self.reading.label or str(source), self.reading.lenient)
        self.left_out: Counter[str] = Counter()
        self.tags = Tags(self.reading.language, self.reading.keep_tags)
        self._documents = _Table(DOCUMENT)
        self._queries: dict[str | None, _Table] = {}
        self._judgments: dict[str | None, _Table] = {}
        # texts by their hashes: a collection may hold millions
        self._known_documents: dict[str, int] = {}
        self._known_queries: dict[tuple[str, str], int] = {}
        self._judged: set[tuple[str | None, str, str]] = set()
        self._asked: set[tuple[str | None, str, str]] = set()

    def tag(self, code: str) -> str:
        """Return the tag that texts of a language get.

        Raises:
            Bad: it is no language's code.
        """
        try:
            return self.tags(code)
        except ValueError as error:
            raise Bad("not a language tag", str(error) if len(str(code)) < LONGEST_CODE else shown(code)) from None

    def document(
        self, identifier: str, tag: str, text: str, title: str = "", extra: dict[str, Any] | None = None
    ) -> None:
        """Add a document.

        Raises:
            Bad: there is one of this id with another text.
        """
        content = hash((tag, title, text))
        if identifier in self._known_documents:
            if self._known_documents[identifier] != content:
                raise Bad("a document id with two texts", repr(identifier))
            return
        self._known_documents[identifier] = content
        self._documents.add(identifier, tag, title, text, _dumped(extra))

    @property
    def sizes(self) -> tuple[int, int]:
        """How many documents and query versions there are."""
        return len(self._known_documents), len(self._known_queries)

    def has_document(self, identifier: str) -> bool:
        """Tell whether there is a document of this id."""
        return identifier in self._known_documents

    def query(
        self,
        split: str | None,
        identifier: str,
        tag: str,
        text: str,
        extra: dict[str, Any] | None = None,
        relevant: Iterable[str] = (),
    ) -> None:
        """Add a language version of a query, and say which documents are relevant to its id.

        Raises:
            Bad: there is one of this id and language with another text.
        """
        if self._known_queries.setdefault((identifier, tag), hash(text)) != hash(text):
            raise Bad("a query id with two texts in one language", f"{identifier!r} in {tag}")
        if (split, identifier, tag) not in self._asked:
            self._asked.add((split, identifier, tag))
            self._queries.setdefault(split, _Table(QUERY)).add(identifier, tag, text, _dumped(extra))
        for document in relevant:
            self.judge(split, identifier, document)

    def has_query(self, identifier: str, tag: str) -> bool:
        """Tell whether there is a version in a language of a query of this id."""
        return (identifier, tag) in self._known_queries

    def judge(self, split: str | None, query: str, document: str) -> None:
        """Say that a document is relevant to a query id."""
        if (split, query, document) not in self._judged:
            self._judged.add((split, query, document))
            self._judgments.setdefault(split, _Table(("query-id", "corpus-id"))).add(query, document)

    def leave_out(self, reason: str) -> None:
        """Count something that is left out by the rules of the form."""
        self.left_out[reason] += 1

    def documents(self) -> pa.Table:
        """Return the documents alone: `_id`, `lang`, `title`, `text`, and `extra` if some have it."""
        return self._documents.finish()

    def splits(self, **metadata: Any) -> Splits:
        """Return the collections, their documents shared; only the split that is asked for, if one is.

        Args:
            metadata: what `collection.yaml` is to say beside what was left out.

        Raises:
            InputError: there were problems and the reading is strict, nothing is left, there is no such split, or
                only some of the files belong to a split.
        """
        if not self.reading.lenient:
            self.problems.finish()
        judged = {split: table for split, table in self._queries.items() if split in self._judgments}
        documents = self.documents()
        if not documents.num_rows or not judged:
            dropped = self.problems.finish()
            rest = {**self.left_out, **dropped}
            told = "; ".join(f"{count:,} × {reason}" for reason, count in rest.items())
            raise InputError(
                f"{self.source} holds no question with a relevant document{f' (left out: {told})' if told else ''}"
            )
        if None in judged and len(judged) > 1:
            raise InputError(
                f"{self.source}: the names of some files tell a split ({', '.join(sorted(filter(None, judged)))}), "
                "those of others do not; convert them apart"
            )
        if self.left_out:
            told = "; ".join(f"{count:,} × {reason}" for reason, count in self.left_out.items())
            logger.info("%s: left out %s", self.problems.source, told)
            metadata["left_out"] = dict(self.left_out)
        self.tags.tell(self.problems.source)
        if self.tags.keep:
            metadata[KEEP_TAGS] = True
        order = {"train": 0, "dev": 1, "test": 2}
        collections: Splits = {}
        for split in sorted(judged, key=lambda split: (order.get(split or "", 3), split or "")):
            qrels = self._judgments[split].finish()
            collections[split] = build_collection(
                documents,
                judged[split].finish(),
                qrels.append_column("score", pa.array([1] * qrels.num_rows, pa.int32())),
                name=_name(self.source),
                problems=self.problems,
                locate=lambda table, row: f"{table}, row {row + 1}",
                metadata=dict(metadata),
            )
        dropped = self.problems.finish()
        for collection in collections.values():
            collection.dropped.update(dropped)
        return _only_split(collections, self.reading.split, self.source)


def _dumped(extra: dict[str, Any] | None) -> str | None:
    return json.dumps(extra, ensure_ascii=True, sort_keys=True) if extra else None


def _name(source: Path) -> str:
    if source.is_dir():
        return folder_name(source)
    return f"{source.resolve().parent.name}/{source.name.split('.')[0]}"


def _only_split(splits: Splits, split: str | None, source: Path) -> Splits:
    """Return the split that is asked for, or all of them.

    Raises:
        InputError: the source does not have it.
    """
    if split is None:
        return splits
    if split in splits:
        return {split: splits[split]}
    have = ", ".join(str(name) for name in splits if name)
    raise InputError(f"{source} has no split {split!r}; {f'its splits are {have}' if have else 'it has no splits'}")
