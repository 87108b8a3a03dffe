"""Tables of one's own: a question and its answer in a row, as in an FAQ; files, or tables in memory.

A row is an entry in one language, or, with parallel columns, in several. Rows that share an id are versions of
one entry.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from isoglot.collections.collection import Collection
from isoglot.data.forms.columns import Columns, Version, read_columns, require_columns
from isoglot.data.forms.files import Bad, check_id, reporting
from isoglot.data.forms.names import SourceFile, language_of, source_files
from isoglot.data.forms.records import Records, cell_text, file_records, is_table, table_records
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.data.groups import Groups
from isoglot.errors import InputError
from isoglot.languages.identify import identify_languages, language_identifier
from isoglot.languages.tags import Tags
from isoglot.names import did_you_mean, in_a_line

__all__ = ["collection_from_table", "documents_of_table", "read_table_documents", "read_table_form"]

logger = logging.getLogger(__name__)

IDENTIFIED = "languages_identified"
"""Key of `collection.yaml`: how many texts or rows had no language and were identified."""


@dataclass(frozen=True)
class _Sheet:
    """One table, and what the name of its file tells."""

    name: str
    records: Records
    file: SourceFile | None = None
    prefix: str = ""

    @property
    def split(self) -> str | None:
        return self.file.split if self.file else None


@dataclass
class _Text:
    """What a row says in one language: a question, an answer, or both."""

    place: str
    split: str | None
    entry: str | None  # id; None of a question that is an entry by itself
    tag: str | None  # None if nothing tells it
    query: str
    title: str
    document: str


@dataclass
class _Entry:
    """A question in its languages, and the documents that answer it; `places` are where the texts are first."""

    places: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, None] = field(default_factory=dict)


def read_table_form(source: Path, reading: Reading) -> Splits:
    """Read tables with a question and its answer in a row: CSV, TSV, JSON lines or Parquet.

    Questions are queries, answers documents, relevant to the question of their row and to all of its versions. Rows
    with the same id, in one file or several, are versions of one entry; without ids a question is an entry by
    itself, and links no languages unless a row holds several (`Columns.parallel`). A question that is asked
    twice in a language is one query, with the answers of both entries, and so are their versions; a document given
    twice is one. An answer without a question is a document all the same; a question without an answer, in whatever
    language, is left out.

    The language of a row is that of its cell in the column `reading.language`, or that of the file by its name, or,
    where there is no such column or it holds something else, `reading.language` itself. Where nothing tells it, it
    is identified by py3langid.

    Args:
        source: a file, or a folder of files whose names tell their splits and perhaps their languages.
        reading: how; its `columns` say what is where.

    Raises:
        InputError: a column is not there, a row is bad, languages are told by nothing and cannot be identified, or
            nothing is left.
    """
    columns = reading.columns
    if not columns.have_queries:
        raise InputError(
            f"{source}: no column of questions is named: give --query COLUMN; of documents alone, `isoglot data "
            "pseudo` makes questions"
        )
    rows, texts, told = _read(source, reading)
    if columns.id is None and not columns.parallel and len({text.tag for text in texts}) > 1:
        logger.info("%s: questions are not linked to their translations: name what they share with --id", source)
    return _splits(rows, texts, told)


def read_table_documents(source: Path, reading: Reading) -> tuple[pa.Table, list[list[str]]]:
    """Read the documents of tables as `read_table_form` does, and no questions.

    Returns:
        A table with columns `_id`, `lang`, `title` and `text`; and for each entry with an id, or row with
        parallel columns, the ids of its documents.

    Raises:
        InputError: as for `read_table_form`.
    """
    rows, texts, _ = _read(source, reading)
    return _documents(rows, texts)


def documents_of_table(
    table: Any, columns: Columns, language: str | None = None, name: str = "table"
) -> tuple[pa.Table, list[list[str]]]:
    """Return what `read_table_documents` does, of a table in memory; arguments are as for `collection_from_table`.

    Raises:
        InputError: as for `collection_from_table`.
    """
    rows = Rows(Path(name), Reading(label=name, columns=columns))
    texts, _ = _texts(rows, [_Sheet(name, table_records(table))], columns, language)
    return _documents(rows, texts)


def _documents(rows: Rows, texts: list[_Text]) -> tuple[pa.Table, list[list[str]]]:
    """Return the documents that rows hold, and those of each entry."""
    linked: dict[str, dict[str, None]] = {}
    for text in texts:
        with reporting(rows.problems, text.place):
            document = _add_document(rows, text)
            if document and text.entry is not None:
                linked.setdefault(text.entry, {})[document] = None
    rows.problems.finish()
    rows.tags.tell(rows.problems.source)
    documents = rows.documents()
    if not documents.num_rows:
        raise InputError(f"{rows.source} holds no document")
    return documents, [list(found) for found in linked.values()]


def collection_from_table(
    table: Any,
    *,
    query: str | None = None,
    document: str | None = None,
    title: str | None = None,
    language: str | None = None,
    id: str | None = None,
    parallel: Mapping[str, str | Sequence[str | None] | Version] | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
    name: str = "table",
) -> Collection:
    """Make a collection of a table with a question and its answer in a row; `read_table_form` says how.

    Args:
        table: a pandas DataFrame, a `datasets.Dataset`, a PyArrow table, or a list of dicts.
        query: column of the questions.
        document: column of the answers.
        title: column of the documents' titles.
        language: column of the rows' language tags; or, where no column is called so (but one of those named here),
            the language of all rows.
        id: column of what the language versions of an entry share, each in a row of its own.
        parallel: where a row holds an entry in several languages: tag -> column of questions, or (questions,
            answers) or (questions, answers, titles). Without a column of answers, they are those of `document`.
        lenient: leave bad rows out and say how many, instead of failing.
        keep_tags: leave language tags as they are written.
        name: what the collection is called.

    Raises:
        InputError: it is no table, a column is not there, a row is bad, languages are told by nothing and cannot be
            identified, or nothing is left.

    Example:
        >>> rows = [{"q": "Wie lange ist offen?", "a": "Bis acht Uhr.", "lang": "de", "n": 1},
        ...         {"q": "How long are you open?", "a": "Until eight.", "lang": "en", "n": 1}]
        >>> collection_from_table(rows, query="q", document="a", language="lang", id="n")
        Collection('table': 2 documents, 2 queries (1 ids), 2 judgments, 2 languages)
    """
    columns = read_columns(query, document, title, id, parallel)
    if not columns.have_queries:
        raise InputError("no column of questions is named: give query; `isoglot.pseudo_collection` makes questions")
    rows = Rows(Path(name), Reading(lenient=lenient, label=name, keep_tags=keep_tags, columns=columns))
    texts, told = _texts(rows, [_Sheet(name, table_records(table))], columns, language)
    return replace(_splits(rows, texts, told)[None], name=name)


def _read(source: Path, reading: Reading) -> tuple[Rows, list[_Text], dict[str, Any]]:
    """Read the files of a source."""
    columns, language = reading.columns, reading.language
    rows = Rows(source, replace(reading, language=None))  # which may be a column
    wanted = [*columns.named, *([language] if language else [])]
    sheets = []
    for file in source_files(source, is_table, "faq.csv, faq.de.csv, faq.jsonl or faq.parquet"):
        prefix = "" if file.path == source else f"{file.name}/"
        sheets.append(_Sheet(str(file.path), file_records(file.path, wanted, rows.problems), file, prefix))
    return rows, *_texts(rows, sheets, columns, language)


# ---------------------------------------------------------------------------------------------- rows and languages


def _texts(
    rows: Rows, sheets: list[_Sheet], columns: Columns, language: str | None
) -> tuple[list[_Text], dict[str, Any]]:
    """Return what the rows of tables say in each language; and what is to be told of it in `collection.yaml`."""
    # a column called `en` that holds questions is not that of languages: then English is meant
    there = any(language in sheet.records.columns for sheet in sheets)
    column = language if language and there and language not in columns.named else None
    if language is not None and column is None:
        rows.tags = _tags_of_all(rows, sheets[0], language)
    found: list[_Text] = []
    for sheet in sheets:
        require_columns([*columns.named, *([column] if column else [])], sheet.records.columns, sheet.name)
        told = rows.tags.default
        if sheet.file is not None and (told or sheet.file.language):
            told = language_of(sheet.file, rows.source, rows.tags)
        for number, (place, record) in enumerate(sheet.records.rows, start=1):
            with reporting(rows.problems, place):
                entry = _entry_id(record, columns, f"{sheet.prefix}{number}")
                versions = list(_versions(rows, record, columns, column, told))
                found += [_Text(place, sheet.split, entry, *version) for version in versions]
                if not versions:
                    rows.leave_out("row without a question and an answer")
    nameless = [text for text in found if text.tag is None]
    if not nameless:
        return found, {}
    _identify(rows, nameless)
    return [text for text in found if text.tag is not None], {IDENTIFIED: len(nameless)}


def _tags_of_all(rows: Rows, sheet: _Sheet, language: str) -> Tags:
    """Return what reads tags where the language of all rows is given.

    Raises:
        InputError: it is neither a language nor a column.
    """
    try:
        return Tags(language, rows.reading.keep_tags)
    except InputError:
        have = ", ".join(map(in_a_line, sheet.records.columns))
        meant = did_you_mean(language, sheet.records.columns)
        raise InputError(
            f"--lang {language}: {sheet.name} has no such column{meant}, and it is no language tag; its columns "
            f"are {have or 'none'}"
        ) from None


def _entry_id(record: Mapping[str, Any], columns: Columns, number: str) -> str | None:
    """Return the id of a row's entry: its own, or where a row holds several languages its number."""
    if columns.id is None:
        return number if columns.parallel else None
    identifier = check_id(cell_text(record, columns.id))
    if not identifier:
        raise Bad(f"empty {columns.id!r}")
    return identifier


def _versions(
    rows: Rows, record: Mapping[str, Any], columns: Columns, column: str | None, told: str | None
) -> Iterator[tuple[str | None, str, str, str]]:
    """Yield (language, question, title, answer) of what a row holds; one without both is not yielded.

    Raises:
        Bad: a cell holds no text, or no language's tag.
    """
    for tag, version in columns.parallel.items():
        query, document = cell_text(record, version.query), cell_text(record, version.document)
        if query or document:
            yield rows.tag(tag), query, cell_text(record, version.title), document
    query, document = cell_text(record, columns.query), cell_text(record, columns.document)
    if query or document:
        written = cell_text(record, column)
        yield rows.tag(written) if written else told, query, cell_text(record, columns.title), document


def _identify(rows: Rows, texts: list[_Text]) -> None:
    """Identify the languages of texts that have none, and say how many there are.

    Raises:
        InputError: py3langid is not installed.
    """
    if language_identifier() is None:
        raise InputError(
            f"{rows.source}: {len(texts):,} rows have no language ({texts[0].place}, …): name their column, or the "
            "language of all, with --lang, or have languages identified by pip install 'isoglot[identify]'"
        )
    counts: Counter[str] = Counter()
    for text, tag in zip(texts, identify_languages([f"{t.query}\n{t.document}" for t in texts]), strict=True):
        with reporting(rows.problems, text.place):
            if tag is None:
                raise Bad("a row whose language cannot be identified")
            text.tag = rows.tag(tag)
            counts[text.tag] += 1
    told = ", ".join(f"{count:,} {tag}" for tag, count in counts.most_common())
    logger.info(
        "%s: %s rows have no language; identified by py3langid: %s. It errs on short texts: a column of languages "
        "is surer",
        rows.source,
        f"{len(texts):,}",
        told,
    )


# ------------------------------------------------------------------------------------------------------- entries


def _add_document(rows: Rows, text: _Text) -> str | None:
    """Add the document of a text; return its id, or None if there is none."""
    if not text.document or text.tag is None:
        return None
    document = content_id(text.tag, text.title, text.document)
    rows.document(document, text.tag, text.document, text.title)
    return document


def _splits(rows: Rows, texts: list[_Text], told: dict[str, Any]) -> Splits:
    """Make collections of what rows say."""
    entries: dict[tuple[str | None, str], _Entry] = {}
    alone = 0
    for text in texts:
        tag = text.tag or ""
        with reporting(rows.problems, text.place):
            # of an answer without a question and an id nothing is relevant to anything: a document and no more
            name = text.entry or (content_id(tag, text.query) if text.query else None)
            entry = _Entry() if name is None else entries.setdefault((text.split, name), _Entry())
            if text.query and entry.texts.setdefault(tag, text.query) != text.query:
                raise Bad("an id with two questions in one language", f"{name!r} in {tag}")
            entry.places.setdefault(tag, text.place)
            document = _add_document(rows, text)
            if document:
                entry.documents[document] = None
                alone += not text.query
    if alone and rows.reading.columns.query:
        logger.info("%s: %s answers have no question in their row; they are documents", rows.source, f"{alone:,}")
    _add_entries(rows, entries)
    return rows.splits(form="table", **told)


def _add_entries(rows: Rows, entries: dict[tuple[str | None, str], _Entry]) -> None:
    """Add the queries of entries; those that share one have the documents of all, and ask it once."""
    groups: Groups[tuple[str | None, str]] = Groups()
    asked: dict[tuple[str | None, str, str], tuple[str | None, str]] = {}
    for key, entry in entries.items():
        for tag, text in entry.texts.items():
            groups.join(key, asked.setdefault((key[0], tag, text), key))
    documents: dict[tuple[str | None, str], dict[str, None]] = {}
    for key, entry in entries.items():
        documents.setdefault(groups.of(key), {}).update(entry.documents)
    again = 0
    for (split, name), entry in entries.items():
        relevant = documents[groups.of((split, name))]
        for tag, text in entry.texts.items():
            if asked[split, tag, text] != (split, name):
                again += 1
            elif relevant:
                with reporting(rows.problems, entry.places[tag]):  # another split may have the id too
                    rows.query(split, name, tag, text, relevant=relevant)
            else:
                rows.leave_out("question without an answer")
    if again:
        logger.info(
            "%s: %s questions are asked by an earlier entry too: each is one query, with the answers of both",
            rows.source,
            f"{again:,}",
        )
