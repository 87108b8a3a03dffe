"""DREAM: dialogues with questions and choices of answers, in English.

Source: Sun et al., "DREAM: A challenge dataset and models for dialogue-based reading comprehension",
arXiv 1902.00164; https://github.com/nlpdata/dream.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from isoglot.data.forms.files import (
    EMPTY,
    Bad,
    check_id,
    check_text,
    json_file,
    reporting,
    shown,
    take,
    texts,
)
from isoglot.data.forms.names import source_files, split_of
from isoglot.data.forms.rows import Reading, Rows, Splits
from isoglot.errors import InputError

__all__ = ["read_dream"]

LANGUAGE = "en"


def read_dream(source: Path, reading: Reading) -> Splits:
    """Read DREAM: a dialogue is a document, a question about it a query.

    An entry is `[[turn, …], [{"question", "choice", "answer"}, …], id]`. Document ids are the dialogues' ids, and
    the text is the turns, a line each. Query ids are `<dialogue id>/<number>`, counted from 0: a question asked of
    several dialogues ("What does the man mean?") is a query for each of them. A few dialogues occur twice under
    two ids; a question about one is answered by the other. The choices and the answer are kept with the query.

    Args:
        source: a folder with `train.json`, `dev.json` and `test.json`, which are its splits, or one such file.
        reading: how.

    Raises:
        InputError: there is no such file, or it is not of this form or has bad entries.
    """
    rows = Rows(source, reading)
    same: dict[str, list[str]] = defaultdict(list)  # dialogues by what is said in them
    asked: list[tuple[str | None, str, str]] = []
    for file in source_files(source, _is_dream, "train.json"):
        path = file.path
        content = json_file(path)
        if not isinstance(content, list):
            raise InputError(f"{path} is not DREAM JSON: it is not a list of dialogues")
        if not content:
            rows.problems.add(EMPTY, path.name)
        for number, entry in enumerate(content):
            place = f"{path.name} dialogue {number}"
            with reporting(rows.problems, place):
                dialogue, text, questions = _parts(entry)
                rows.document(dialogue, LANGUAGE, text)
                if dialogue not in same[text]:
                    same[text].append(dialogue)
                for count, question in enumerate(questions):
                    with reporting(rows.problems, f"{place} question {count}"):
                        query = f"{dialogue}/{count}"
                        extra = {"choices": texts(question, "choice"), "answers": [take(question, "answer", str)]}
                        rows.query(file.split, query, LANGUAGE, take(question, "question", str), extra)
                        asked.append((file.split, query, text))
    for split, query, text in asked:
        for dialogue in same[text]:
            rows.judge(split, query, dialogue)
    return rows.splits(form="dream")


def _is_dream(path: Path) -> bool:
    return path.name.endswith((".json", ".json.gz")) and split_of(path) is not None


def _parts(entry: Any) -> tuple[str, str, list[Any]]:
    """Return the id, the text and the questions of a dialogue.

    Raises:
        Bad: it is no dialogue.
    """
    if not isinstance(entry, list) or len(entry) != 3:
        raise Bad("not a list of turns, questions and id", shown(entry))
    turns, questions, dialogue = entry
    named = {"turns": turns, "questions": questions, "id": dialogue}
    check_id(take(named, "id", str))
    return dialogue, check_text("\n".join(texts(named, "turns")), "dialogue"), take(named, "questions", list)
