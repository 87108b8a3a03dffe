"""DPR JSON: questions with the passages that answer them and passages that do not.

Source: Karpukhin et al., "Dense passage retrieval for open-domain question answering", arXiv 2004.04906;
https://github.com/facebookresearch/DPR.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isoglot.collections.negatives import KEY
from isoglot.data.forms.files import (
    identifier,
    json_records,
    optional_text,
    reporting,
    take,
    texts,
)
from isoglot.data.forms.names import language_of, source_files
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id

__all__ = ["read_dpr"]

ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


def read_dpr(source: Path, reading: Reading) -> Splits:
    """Read the form in which DPR's retriever is trained.

    An entry has `question`, `positive_ctxs`, `hard_negative_ctxs` and `negative_ctxs`, each a list of passages with
    `text` and perhaps `title` and `passage_id` (or `psg_id`); all passages are documents. Positives are relevant;
    the others become the query's hard negatives, `hard_negative_ctxs` first, those that are also positive left out.
    A passage's id is its own, or else its language and a fingerprint of title and text. Query ids are the entry's
    place, counted from 0, after the file's name where there are several: `nq-train/17`. `answers` are kept with the
    query. Questions without a positive passage are left out.

    Args:
        source: a file (a JSON list, held in memory as a whole, or JSON lines; also gzipped), or a folder of files
            whose names tell their splits and perhaps their languages.
        reading: how; its language is that of texts whose file tells none by its name.

    Raises:
        InputError: no language is told, there is no such file, or it is not of this form or has bad entries.
    """
    rows = Rows(source, reading)
    for file in source_files(source, lambda path: path.name.endswith(ENDINGS), "biencoder-nq-train.json"):
        tag = language_of(file, source, rows.tags)
        prefix = "" if file.path == source else f"{file.name}/"
        for number, (place, entry) in enumerate(json_records(file.path, rows.problems)):
            with reporting(rows.problems, place):
                _add_question(rows, file.split, f"{prefix}{number}", tag, entry)
    return rows.splits(form="dpr")


def _add_question(rows: Rows, split: str | None, query: str, tag: str, entry: Any) -> None:
    question = take(entry, "question", str)
    positives = _passages(rows, tag, entry, "positive_ctxs")
    if not positives:
        rows.leave_out("question without a relevant passage")
        return
    negatives: dict[str, None] = {}  # an ordered set
    for key in ("hard_negative_ctxs", "negative_ctxs"):
        if key in entry:
            negatives |= dict.fromkeys(_passages(rows, tag, entry, key))
    extra: dict[str, Any] = {KEY: [one for one in negatives if one not in positives]}
    if "answers" in entry:
        extra["answers"] = texts(entry, "answers")
    rows.query(split, query, tag, question, {key: value for key, value in extra.items() if value}, positives)


def _passages(rows: Rows, tag: str, entry: Any, key: str) -> list[str]:
    """Add the passages of a list; return their ids."""
    ids = []
    for passage in take(entry, key, list):
        text, title = take(passage, "text", str), optional_text(passage, "title")
        own = next((name for name in ("passage_id", "psg_id") if passage.get(name) not in (None, "")), None)
        document = identifier(passage, own) if own else content_id(tag, title, text)
        rows.document(document, tag, text, title)
        ids.append(document)
    return ids
