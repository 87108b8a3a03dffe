"""SQuAD JSON: a user's own, XQuAD (`xquad.de.json`) and MLQA (`test-context-de-question-en.json`).

Sources: Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text", arXiv 1606.05250, and
"Know what you don't know", arXiv 1806.03822; Artetxe et al. (XQuAD), arXiv 1910.11856; Lewis et al. (MLQA),
arXiv 1910.07475.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.collections.problems import Problems
from isoglot.data.forms.files import EMPTY, Bad, identifier, is_blank, json_file, reporting, take
from isoglot.data.forms.names import SourceFile, language_of, source_files
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.errors import InputError
from isoglot.languages.tags import Tags

__all__ = ["paragraphs", "read_squad"]

MLQA = re.compile(r"^(dev|test)-context-([A-Za-z_-]+)-question-([A-Za-z_-]+)\.json(\.gz)?$")


@dataclass(frozen=True)
class _File:
    """One file, and what its name tells: its split, the language of its paragraphs and of its questions."""

    path: Path
    split: str | None
    context: str
    question: str


def read_squad(source: Path, reading: Reading) -> Splits:
    """Read SQuAD JSON, version 1.1 or 2.0, of one or of several languages.

    Each paragraph (`context`) is a document, whatever number of files it occurs in; its id is its language and a
    fingerprint of its text. A question's id is shared by its translations, as XQuAD and MLQA publish them, so the
    paragraphs that answer it are relevant in every language. Questions marked `is_impossible` have no relevant
    document and are left out. The article's title is kept beside the document, not in it: XQuAD's titles are
    English in every language.

    Args:
        source: a file, or a folder of files, which may lie in folders in it. A file's name tells its language
            (`de.json`, `xquad.de.json`), those of paragraphs and questions (`test-context-de-question-en.json`) and
            the split (`train-v1.1.json`); where it tells no language, `reading.language` does. One file has no
            splits.
        reading: how.

    Raises:
        InputError: sentences are asked for, which this form does not mark, no language is told, or a file is not of
            this form or has bad entries.
    """
    if reading.candidates not in (None, "paragraph"):
        raise InputError(
            f"--candidates {reading.candidates}: SQuAD files mark no sentences, so their paragraphs are what is "
            "retrieved; XQuAD-R and MLQA-R mark them (--form lareqa)"
        )
    rows = Rows(source, reading)
    for file in _files(source, rows.tags):
        for _, title, place, paragraph in paragraphs(file.path, rows.problems):
            with reporting(rows.problems, place):
                _add_paragraph(rows, file, place, title, paragraph)
    return rows.splits(form="squad", candidates="paragraph")


def paragraphs(path: Path, problems: Problems) -> Iterator[tuple[str, Any, str, Any]]:
    """Yield what SQuAD JSON of all kinds holds: articles of paragraphs.

    Args:
        path: the file.
        problems: where articles that are none are reported.

    Returns:
        Of each paragraph its number, `<article>/<paragraph>`, counted from 0, the article's title, the place for
        messages, and the content.

    Raises:
        InputError: the file cannot be read, is no JSON, or has no list `data`.
    """
    content = json_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise InputError(f"{path} is not SQuAD JSON: it has no list 'data'")
    if not content["data"]:
        problems.add(EMPTY, path.name)
    for number, article in enumerate(content["data"]):
        place = f"{path.name} article {number}"
        with reporting(problems, place):
            for paragraph, entry in enumerate(take(article, "paragraphs", list)):
                yield f"{number}/{paragraph}", article.get("title"), f"{place} paragraph {paragraph}", entry


def _add_paragraph(rows: Rows, file: _File, place: str, title: Any, paragraph: Any) -> None:
    """Add a paragraph and its questions; questions that are bad are reported.

    Raises:
        Bad: the paragraph as a whole is.
    """
    context = take(paragraph, "context", str)
    questions = take(paragraph, "qas", list)
    document = content_id(file.context, context)
    rows.document(document, file.context, context, extra={"article": title} if isinstance(title, str) else None)
    for number, entry in enumerate(questions):
        where = f"{place} question {number}"
        with reporting(rows.problems, where):
            query = identifier(entry, "id")
            question = take(entry, "question", str)
            if "is_impossible" in entry and take(entry, "is_impossible", bool):
                rows.leave_out("unanswerable question")
                continue
            answers = take(entry, "answers", list)
            for answer in answers:
                if not is_blank(answer, "text"):  # retrieval does not use it
                    take(answer, "text", str)
            if not answers:
                raise Bad("a question without an answer that is not marked as unanswerable", repr(query))
            rows.query(file.split, query, file.question, question, relevant=[document])


def _files(source: Path, tags: Tags) -> list[_File]:
    """Return the files to read with what their names tell.

    Raises:
        InputError: there is none, or a name does not tell the language and it is not given.
    """

    def wanted(path: Path) -> bool:
        return path.name.endswith((".json", ".json.gz"))

    files = source_files(source, wanted, "xquad.de.json or train.json")
    return [_describe(file, source, tags) for file in files]


def _describe(file: SourceFile, source: Path, tags: Tags) -> _File:
    if found := MLQA.match(file.path.name):
        context, question = (_named(found[part], file.path, tags) for part in (2, 3))
        return _File(file.path, file.split, context, question)
    language = language_of(file, source, tags)
    return _File(file.path, file.split, language, language)


def _named(code: str, path: Path, tags: Tags) -> str:
    try:
        return tags(code)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
