"""DuReader 2.0, as preprocessed by its publisher: Chinese questions to a search engine and the pages it found.

Source: He et al., "DuReader: a Chinese machine reading comprehension dataset from real-world applications",
arXiv 1711.05073; https://github.com/baidu/DuReader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isoglot.data.forms.fields import Bad, identifier, reporting, take, texts
from isoglot.data.forms.files import files_of, json_lines, split_of
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id

__all__ = ["read_dureader"]

LANGUAGE = "zh"
ENDINGS = (".json", ".json.gz")


def read_dureader(source: Path, reading: Reading) -> Splits:
    """Read DuReader 2.0: every paragraph of every page is a document.

    A question's relevant documents are, of each page that annotators used for an answer (`is_selected`), the
    paragraph closest to the answer (`most_related_para`). Questions without such a page, and the test questions,
    whose pages are not annotated, are left out; their paragraphs stay to be retrieved. A paragraph that occurs on
    several pages is one document; its id is `zh` and a fingerprint of its text. Page titles, which often repeat the
    question, are kept beside the document, not in it. The words that the publisher segmented are not used.

    Args:
        source: a folder of files whose names tell their splits, such as `search.train.json` and `zhidao.dev.json`,
            or one such file.
        reading: how.

    Raises:
        InputError: there is no such file, or it is not of this form or has bad lines.
    """
    rows = Rows(source, reading)
    for path in files_of(source, lambda path: path.name.endswith(ENDINGS), "search.train.json"):
        split = None if path == source else split_of(path)
        for place, entry in json_lines(path, rows.problems):
            with reporting(rows.problems, place):
                _add_question(rows, split, entry)
    return rows.splits(form="dureader", candidates="paragraph")


def _add_question(rows: Rows, split: str | None, entry: Any) -> None:
    query, question = identifier(entry, "question_id"), take(entry, "question", str)
    relevant = []
    for page in take(entry, "documents", list):
        paragraphs = _add_page(rows, page)
        if "is_selected" in page and take(page, "is_selected", bool):
            if "most_related_para" not in page:
                raise Bad(
                    "a selected page without 'most_related_para', which the preprocessed files have", repr(query)
                )
            number = take(page, "most_related_para", int)
            if not 0 <= number < len(paragraphs) or paragraphs[number] is None:
                raise Bad("'most_related_para' is no paragraph of its page", f"{number} of {len(paragraphs)}")
            relevant.append(paragraphs[number])
    if not relevant:
        rows.leave_out("question without a page selected for an answer")
        return
    answers = texts(entry, "answers") if "answers" in entry else []
    rows.query(split, query, LANGUAGE, question, {"answers": answers} if answers else None, relevant)


def _add_page(rows: Rows, page: Any) -> list[Any]:
    """Add the paragraphs of a page; return their ids, None for blank ones.

    Raises:
        Bad: the page is not of the form.
    """
    filled = set(texts(page, "paragraphs"))
    title = page.get("title")
    ids = []
    for text in page["paragraphs"]:
        if text in filled:
            rows.document(
                content_id(LANGUAGE, text),
                LANGUAGE,
                text,
                extra={"page": title} if isinstance(title, str) else None,
            )
        ids.append(content_id(LANGUAGE, text) if text in filled else None)
    return ids
