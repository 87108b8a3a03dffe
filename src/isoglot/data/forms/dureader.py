"""DuReader: Chinese questions to a search engine, with the pages that it found, or with passages to retrieve from.

Sources: He et al., "DuReader: a Chinese machine reading comprehension dataset from real-world applications",
arXiv 1711.05073, https://github.com/baidu/DuReader; Qiu et al., "DuReader-retrieval: A large-scale Chinese
benchmark for passage retrieval from web search engine", arXiv 2203.10232,
https://github.com/baidu/DuReader/tree/master/DuReader-Retrieval.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from isoglot.collections.negatives import KEY
from isoglot.data.forms.files import (
    Bad,
    check_text,
    count_lines,
    files_of,
    identifier,
    json_file,
    json_lines,
    packed_or_not,
    reporting,
    shown,
    take,
    text_lines,
    texts,
)
from isoglot.data.forms.names import source_files, split_of
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.errors import InputError
from isoglot.files import why_no_file

__all__ = ["read_dureader", "read_dureader_retrieval"]

LANGUAGE = "zh"
ENDINGS = (".json", ".json.gz")

QUESTIONS = re.compile(r"^(train|dev|test)\.json(\.gz)?$")
PASSAGES = re.compile(r"^part-\d+(\.gz)?$")
PAIRS = "dual.train.tsv"
MAP = "passage2id.map.json"


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
    for file in source_files(source, lambda path: path.name.endswith(ENDINGS), "search.train.json"):
        for place, entry in json_lines(file.path, rows.problems):
            with reporting(rows.problems, place):
                _add_question(rows, file.split, entry)
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


# -------------------------------------------------------------------------------------------- DuReader-retrieval


def read_dureader_retrieval(source: Path, reading: Reading) -> Splits:
    """Read DuReader-retrieval as its publisher packs it, or its annotated questions alone.

    Of a folder are read, in it or in folders in it:

    - `passage-collection/part-00` …: passages, tab-separated, the text in the third column, their ids in
      `passage2id.map.json` by line over all parts: the documents;
    - `dev/dev.json`: JSON lines with `question_id`, `question`, `answer_paragraphs` (`paragraph_id`,
      `paragraph_text`): the split dev;
    - `train/dual.train.tsv`: question, a passage that answers it and one that does not, in the first, third and
      fifth column: the split train. A question's id is `train/` and a fingerprint of it; the passages that do not
      answer it are its hard negatives. Passages that the collection lacks are added to it.

    Without a collection the passages that the other files hold are the documents.

    Args:
        source: the folder, or one file such as `dev.json`.
        reading: how.

    Raises:
        InputError: there is no such file, or it is not of this form or has bad lines.
    """
    rows = Rows(source, reading)

    def wanted(path: Path) -> bool:
        return (
            bool(QUESTIONS.match(path.name) or PASSAGES.match(path.name)) or path.name.removesuffix(".gz") == PAIRS
        )

    files = files_of(source, wanted, "dev.json")
    parts = [path for path in files if path != source and PASSAGES.match(path.name)]
    ids = _add_passages(rows, parts)
    for path in files:
        if path.name.removesuffix(".gz") == PAIRS:
            _add_pairs(rows, None if path == source else "train", path, ids)
        elif path not in parts:
            split = None if path == source else split_of(path)
            for place, entry in json_lines(path, rows.problems):
                with reporting(rows.problems, place):
                    _add_judged_question(rows, split, entry)
    return rows.splits(form="dureader-retrieval")


def _add_passages(rows: Rows, parts: list[Path]) -> dict[str, str]:
    """Add the passages of the collection; return their ids by text.

    Raises:
        InputError: the file of their ids is missing, or is none.
    """
    if not parts:
        return {}
    map_file = packed_or_not(parts[0].parent / MAP)
    if not map_file.is_file():
        raise InputError(f"{map_file} {why_no_file(map_file)}: it holds the ids of the passages in {parts[0].name}")
    names = json_file(map_file)
    ids: dict[str, str] = {}
    before = 0
    for part in parts:
        number = 0
        for number, line in text_lines(part, rows.problems):
            with reporting(rows.problems, f"{part.name} line {number}"):
                fields = line.split("\t")
                if len(fields) < 3:
                    raise Bad("not a passage in the third of tab-separated columns", shown(line))
                text = check_text(fields[2], "passage")
                name = identifier(names, str(before + number - 1))
                rows.document(name, LANGUAGE, text)
                ids.setdefault(text, name)
        # line numbers are those of all lines; the last ones may be unreadable
        before += count_lines(part) if rows.problems.counts else number
    return ids


def _add_judged_question(rows: Rows, split: str | None, entry: Any) -> None:
    query, question = identifier(entry, "question_id"), take(entry, "question", str)
    relevant = []
    for passage in take(entry, "answer_paragraphs", list) if "answer_paragraphs" in entry else ():
        document, text = identifier(passage, "paragraph_id"), take(passage, "paragraph_text", str)
        if not rows.has_document(document):
            rows.document(document, LANGUAGE, text)
        relevant.append(document)
    if not relevant:
        rows.leave_out("question without a relevant passage")
        return
    rows.query(split, query, LANGUAGE, question, relevant=relevant)


def _add_pairs(rows: Rows, split: str | None, path: Path, ids: dict[str, str]) -> None:
    """Add the questions of `dual.train.tsv`, each of which has several lines."""
    positives: dict[str, dict[str, None]] = defaultdict(dict)  # ordered sets of document ids
    negatives: dict[str, dict[str, None]] = defaultdict(dict)
    for number, line in text_lines(path, rows.problems):
        with reporting(rows.problems, f"{path.name} line {number}"):
            fields = line.split("\t")
            if len(fields) < 5:
                raise Bad("not question, passage and passage in the odd ones of tab-separated columns", shown(line))
            question, *passages = (check_text(fields[column], "column") for column in (0, 2, 4))
            for text, found in zip(passages, (positives, negatives), strict=True):
                document = ids.get(text) or content_id(LANGUAGE, text)
                if not rows.has_document(document):
                    rows.document(document, LANGUAGE, text)
                found[question][document] = None
    for question, relevant in positives.items():
        query = f"train/{content_id(LANGUAGE, question).partition('/')[2]}"
        hard = [document for document in negatives[question] if document not in relevant]
        rows.query(split, query, LANGUAGE, question, {KEY: hard} if hard else None, relevant)
