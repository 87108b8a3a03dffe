"""MKQA: one question in 26 languages, and its answers in each.

Source: Longpre et al., "MKQA: A linguistically diverse benchmark for multilingual open domain question answering",
arXiv 2007.15207; https://github.com/apple/ml-mkqa.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isoglot.data.forms.answers import ANSWERS, judge_by_answers, read_passages
from isoglot.data.forms.files import Bad, files_of, identifier, json_lines, reporting, shown, take, texts
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.errors import InputError

__all__ = ["read_mkqa"]

ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
WITHOUT_ANSWER = ("unanswerable", "long_answer", "binary")


def read_mkqa(source: Path, reading: Reading) -> Splits:
    """Read MKQA: the answers are the documents, or, with a corpus, the passages that hold one.

    A question's id is shared by its 26 versions. Without a corpus, each text that is an answer in a language is a
    document, relevant to all versions of the questions that it answers. With `reading.corpus` the documents are its
    passages, relevant by `judge_by_answers`. Either way the answers of a language, aliases included, are kept under
    `answers` of the query version.

    Questions whose answer is of the type unanswerable, long_answer or binary are left out, as in BGE-M3's
    evaluation (arXiv 2402.03216; research/C_MTEB/MKQA of FlagOpen/FlagEmbedding), which keeps 6,619 of 10,000.

    Args:
        source: `mkqa.jsonl.gz`, unpacked or not, or a folder with one such file.
        reading: how; its language is that of a corpus that tells none.

    Raises:
        InputError: there is no such file, or it is not of this form or has bad lines; the corpus is none, or holds
            no answer.
    """
    rows = Rows(source, reading)
    path, *others = files_of(source, lambda path: path.name.endswith(ENDINGS), "mkqa.jsonl.gz")
    if others:
        raise InputError(
            f"{source} holds several files, {path.name} and {others[0].name}: give one of them, or remove one"
        )
    for place, entry in json_lines(path, rows.problems):
        with reporting(rows.problems, place):
            _add_question(rows, entry)
    if reading.corpus is None:
        return rows.splits(form="mkqa", documents="answers")
    if reading.split is not None:
        raise InputError(f"{source} has no split {reading.split!r}; it has no splits")
    questions = rows.splits(form="mkqa", documents="passages")[None]
    passages = read_passages(reading.corpus, reading.language, reading.lenient)
    return {None: judge_by_answers(questions, passages)}


def _add_question(rows: Rows, entry: Any) -> None:
    query = identifier(entry, "example_id")
    questions = take(entry, "queries", dict)
    versions = {rows.tag(code): take(questions, code, str) for code in questions}
    if not versions:
        raise Bad("a question in no language", repr(query))
    answers = take(entry, "answers", dict)
    found = {rows.tag(code): _answers(take(answers, code, list)) for code in answers}
    if len(versions) < len(questions) or len(found) < len(answers):
        raise Bad(
            "one language under two codes", ", ".join(questions if len(versions) < len(questions) else answers)
        )
    if not any(found.values()):
        kinds = sorted({take(answer, "type", str) for listed in answers.values() for answer in listed})
        rows.leave_out(f"question whose answer is {', '.join(kinds) or 'missing'}")
        return
    for language, text in versions.items():
        spellings = [spelling for answer, aliases in found.get(language, []) for spelling in (answer, *aliases)]
        rows.query(None, query, language, text, {ANSWERS: list(dict.fromkeys(spellings))} if spellings else None)
    for language, listed in found.items():
        for text, _ in listed:
            document = content_id(language, text)
            rows.document(document, language, text)
            rows.judge(None, query, document)


def _answers(listed: list[Any]) -> list[tuple[str, list[str]]]:
    """Return the answers of one language that can be retrieved, each with its aliases.

    Raises:
        Bad: one is not of the form.
    """
    found = []
    for answer in listed:
        if take(answer, "type", str) in WITHOUT_ANSWER:
            continue
        if answer.get("text", "") is None:
            raise Bad("an answer without text", shown(answer))
        aliases = texts(answer, "aliases") if "aliases" in answer else []
        found.append((take(answer, "text", str), aliases))
    return found
