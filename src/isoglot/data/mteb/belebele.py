"""Belebele as one parallel collection, by its publisher's keys instead of mteb's numbers.

Source: Bandarkar et al., "The Belebele Benchmark: a Parallel Reading Comprehension Dataset in 122 Language
Variants", arXiv 2308.16884. A passage is known by `link`, a question by `link` and `question_number`; both are
the same in all languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datasets import load_dataset
from mteb.abstasks import AbsTaskRetrieval

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.data.mteb.languages import tag_of_code
from isoglot.errors import InputError, IsoglotError

__all__ = ["BELEBELE", "belebele_collection"]

BELEBELE = "BelebeleRetrieval"
COLUMNS = ("link", "question_number", "question", "flores_passage")


def _rows(dataset: Mapping[str, Any], code: str) -> Iterable[Mapping[str, Any]]:
    name = code.replace("-", "_")
    try:
        loaded = load_dataset(dataset["path"], name=name, revision=dataset["revision"], split="test")
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise IsoglotError(
            f"Belebele in {name} ({dataset['path']}) cannot be loaded: {reason}. It comes from the Hugging Face "
            "hub: connect to it once (HF_HUB_OFFLINE must not be set), after which it is cached"
        ) from error
    missing = [column for column in COLUMNS if column not in loaded.column_names]
    if missing:
        raise InputError(f"Belebele in {name} has no column {missing[0]!r}: {dataset['path']} has changed its form")
    rows: Iterable[Mapping[str, Any]] = loaded
    return rows


def belebele_collection(task: AbsTaskRetrieval) -> Collection:
    """Read the languages of a task's subsets: 488 passages and 900 questions in each, all parallel.

    Every question is relevant to its passage in every language, so all pairs of the languages are measured, not
    only those with English that mteb has.

    Args:
        task: mteb's task, limited to the languages wanted.

    Raises:
        IsoglotError: the data cannot be downloaded.
        InputError: it has another form than its publisher's.
    """
    codes = task.metadata.hf_subsets_to_langscripts
    documents: dict[str, tuple[str, str, str, str]] = {}
    queries: dict[tuple[str, str], tuple[str, str, str]] = {}
    asked: dict[str, str] = {}
    for code in sorted({code for subset in task.hf_subsets for code in codes[subset]}):
        tag = tag_of_code(code)
        for row in _rows(task.metadata.dataset, code):
            link, question = row["link"], f"{row['link']}#{row['question_number']}"
            documents[f"{tag}/{link}"] = (f"{tag}/{link}", tag, "", row["flores_passage"])
            queries[question, tag] = (question, tag, row["question"])
            asked[question] = link
    tags = sorted({document[1] for document in documents.values()})
    return collection_from_rows(
        documents.values(),
        queries.values(),
        [
            (question, f"{tag}/{link}", 1)
            for question, link in asked.items()
            for tag in tags
            if f"{tag}/{link}" in documents
        ],
        name=task.metadata.name,
    )
