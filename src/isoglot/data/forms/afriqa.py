"""AfriQA: questions in African languages, their translations, and passages that answer them.

Source: Ogundepo et al., "AfriQA: Cross-lingual open-retrieval question answering for African languages",
arXiv 2305.06897; https://github.com/masakhane-io/afriqa.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from isoglot.data.forms.files import files_of, identifier, json_lines, optional_text, reporting, take, texts
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.errors import InputError

__all__ = ["read_afriqa"]

NAME = re.compile(r"^gold_span_passages\.afriqa\.([a-z]{2,3})\.([a-z]{2,3})\.(train|dev|test)\.json$")


def read_afriqa(source: Path, reading: Reading) -> Splits:
    """Read AfriQA's gold passages.

    A line holds the question as it was asked (`question_lang`), its translation into the pivot language,
    English or French (`question_translated`), and the passage of that language's Wikipedia that answers it
    (`context`, `title`). Both questions are versions of one query; the passage is its relevant document. Query
    ids are `<language>/<split>/<id>`, document ids the pivot language and a fingerprint of the passage, which
    may answer several questions. Questions for which no passage was found (`context` is null or empty) are left
    out. The answers, in either language, are kept with the query versions.

    Args:
        source: a folder of files named like `gold_span_passages.afriqa.hau.en.test.json`, which tell the two
            languages and the split and may lie in folders in it, or one such file.
        reading: how.

    Raises:
        InputError: there is no such file, or it is not of this form or has bad lines.
    """
    rows = Rows(source, reading)
    expected = "gold_span_passages.afriqa.hau.en.test.json"
    for path in files_of(source, lambda path: NAME.match(path.name) is not None, expected):
        found = NAME.match(path.name)
        if found is None:
            raise InputError(f"{path}: its name does not tell languages and split, as {expected} does")
        with reporting(rows.problems, path.name):
            language, pivot = rows.tag(found[1]), rows.tag(found[2])
            split = None if path == source else found[3]
            for place, entry in json_lines(path, rows.problems):
                with reporting(rows.problems, place):
                    _add_question(rows, split, f"{language}/{found[3]}", language, pivot, entry)
    return rows.splits(form="afriqa")


def _add_question(rows: Rows, split: str | None, prefix: str, language: str, pivot: str, entry: Any) -> None:
    question, translated = take(entry, "question_lang", str), take(entry, "question_translated", str)
    query = f"{prefix}/{identifier(entry, 'id')}"
    if "context" in entry and not optional_text(entry, "context"):
        rows.leave_out("question without a passage")
        return
    context, title = take(entry, "context", str), optional_text(entry, "title")
    # an answer may be a number, or lacking: it is beside the point of retrieval
    answer = entry.get("answer_lang")
    own = {"answers": [answer]} if isinstance(answer, str) else None
    answers = texts(take(entry, "answer_pivot", dict), "text")
    document = content_id(pivot, title, context)
    rows.document(document, pivot, context, title)
    rows.query(split, query, language, question, own)
    rows.query(split, query, pivot, translated, {"answers": answers} if answers else None, [document])
