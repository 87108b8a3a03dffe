"""What is known of single tasks of mteb: the order of languages in a subset, shared ids, Belebele's own keys.

mteb says which languages a subset has, not which is the queries', and two subsets may use one id for different
queries. What is stated here was read off mteb's source (2.26, and older versions that still built the data),
and where its descriptive statistics can bear it out, a test checks that they do. docs/benchmarks.md says what
remains unverified.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from datasets import load_dataset
from mteb.abstasks import AbsTaskRetrieval

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.data.mteb.library import cannot_load, tag_of_code
from isoglot.errors import InputError

__all__ = [
    "BELEBELE",
    "PAIR_ORDER",
    "SHARED_IDS",
    "PairOrder",
    "belebele_collection",
    "check_shared_ids",
    "split_pair",
]

PairOrder = Literal["document-query", "query-document"]

PAIR_ORDER: dict[str, PairOrder] = {
    "BelebeleRetrieval": "document-query",
    "CUREv1": "query-document",
    "CrossLingualSemanticDiscriminationWMT19": "query-document",
    "CrossLingualSemanticDiscriminationWMT21": "query-document",
    "MLQARetrieval": "document-query",
    "XPQARetrieval": "document-query",
}
"""Task -> which language a subset of two names first."""

SHARED_IDS = {
    # one file of judgments for all languages (load_data)
    "CUREv1",
    # SQuAD's question ids (load_data before the data moved to mteb/XQuADRetrieval); of questions that one language
    # words alike a single one stays, so that a language has 1,181 to 1,186 of 1,190
    "XQuADRetrieval",
}
"""Tasks in which a query id names the same query in every subset.

Not MKQARetrieval, MLQARetrieval, XPQARetrieval and MintakaRetrieval: mteb numbered the queries of each subset in
the arbitrary order of a Python set. Not BelebeleRetrieval: in nine languages two questions are worded alike and
the numbers behind them are shifted; `belebele_collection` reads the publisher's keys instead.
"""

BELEBELE = "BelebeleRetrieval"
COLUMNS = ("link", "question_number", "question", "flores_passage")
"""Of its publisher's data set: a passage is known by `link`, a question by `link` and `question_number`."""

FEWEST_GROUPS = 20
MOST_DISAGREEMENT = 0.1


def split_pair(task: str, tags: list[str], order: PairOrder | None) -> tuple[str, str]:
    """Return query language and document language of a subset.

    Args:
        task: name of the task.
        tags: canonical tags of the subset's languages, in mteb's order.
        order: what the user says; what is known if None.

    Raises:
        InputError: there are two languages and nothing says which is the queries'.
    """
    if order is not None and order not in get_args(PairOrder):
        raise InputError(f"pair_order {order!r} is none of {', '.join(get_args(PairOrder))}")
    first = tags[0]
    if len(tags) != 2 or tags[1] == first:  # three codes are one language and its variants, as no, nb, nn
        return first, first
    order = order or PAIR_ORDER.get(task)
    if order is None:
        raise InputError(
            f"{task} has subsets of two languages ({tags[0]}, {tags[1]}) and mteb does not say which is the "
            "queries': give pair_order, document-query or query-document"
        )
    return (tags[1], first) if order == "document-query" else (first, tags[1])


def check_shared_ids(task: str, subsets: Mapping[str, Mapping[str, Mapping[Any, int]]]) -> None:
    """Make sure, as far as judgments can tell, that a query id names one query in all subsets.

    Translations of two questions about one document are about one document again. So where each query has one
    relevant document, the queries that share theirs are the same in every subset; ids given out in each subset
    on their own agree on that by accident only.

    Args:
        task: name of the task.
        subsets: subset -> query id -> relevant document -> judgment.

    Raises:
        InputError: they disagree.
    """
    first: tuple[str, Mapping[str, Mapping[Any, int]]] | None = None
    for name, judged in subsets.items():
        if any(len(documents) != 1 for documents in judged.values()):
            continue
        if first is None:
            first = (name, judged)
            continue
        common = first[1].keys() & judged.keys()
        left, right = (_groups({query: table[query] for query in common}) for table in (first[1], judged))
        grouped = [query for query in common if len(left[query]) > 1 or len(right[query]) > 1]
        differing = sum(left[query] != right[query] for query in grouped)
        if len(grouped) >= FEWEST_GROUPS and differing > MOST_DISAGREEMENT * len(grouped):
            raise InputError(
                f"{task}: one query id names different queries in {first[0]} and {name} ({differing} of "
                f"{len(grouped)} queries share their document with others): leave out same_ids"
            )


def _groups(judged: Mapping[str, Mapping[Any, int]]) -> dict[str, frozenset[str]]:
    """Return for each query those with the same relevant document."""
    members: dict[Any, set[str]] = defaultdict(set)
    for query, documents in judged.items():
        members[next(iter(documents))].add(query)
    return {query: frozenset(queries) for queries in members.values() for query in queries}


def belebele_collection(task: AbsTaskRetrieval) -> Collection:
    """Read the languages of a task's subsets: 488 passages and 900 questions in each, all parallel.

    By its publisher's keys instead of mteb's numbers. Every question is relevant to its passage in every language,
    so all pairs of the languages are measured, not only those with English that mteb has.

    Source: Bandarkar et al., "The Belebele Benchmark: a Parallel Reading Comprehension Dataset in 122 Language
    Variants", arXiv 2308.16884.

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
        for row in _belebele_rows(task.metadata.dataset, code):
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


def _belebele_rows(dataset: Mapping[str, Any], code: str) -> Iterable[Mapping[str, Any]]:
    name = code.replace("-", "_")
    try:
        loaded = load_dataset(dataset["path"], name=name, revision=dataset["revision"], split="test")
    except Exception as error:
        raise cannot_load(f"Belebele in {name} ({dataset['path']})", error) from error
    missing = [column for column in COLUMNS if column not in loaded.column_names]
    if missing:
        raise InputError(f"Belebele in {name} has no column {missing[0]!r}: {dataset['path']} has changed its form")
    rows: Iterable[Mapping[str, Any]] = loaded
    return rows
