"""Data of mteb's retrieval tasks as a `Collection`, so that our evaluation measures the pool and bias on it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from datasets import Dataset
from mteb.abstasks import AbsTask, AbsTaskRetrieval

from isoglot.collections.building import build_collection
from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems
from isoglot.collections.select import only_judged
from isoglot.data.mteb.collection_task import CollectionRetrieval
from isoglot.data.mteb.known import (
    BELEBELE,
    SHARED_IDS,
    PairOrder,
    belebele_collection,
    check_shared_ids,
    split_pair,
)
from isoglot.data.mteb.library import quietly, tag_of_codes
from isoglot.data.mteb.tasks import find_task, limit_task, load_task, subset_tags
from isoglot.errors import InputError

__all__ = ["collection_from_mteb"]

logger = logging.getLogger(__name__)


@dataclass
class _Texts:
    """Texts gathered from subsets; one met again in another subset, in the same language, is the same text."""

    ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    seen: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add(self, rows: Iterable[tuple[str, str, str]], tag: str, prefix: str, again: bool) -> dict[str, str]:
        """Add the texts of a subset.

        Args:
            rows: (id, title, text) of each.
            tag: their language.
            prefix: put before ids, so that those of different subsets differ.
            again: whether another subset has texts of this kind and language.

        Returns:
            Id in the subset -> id in the collection.
        """
        names: dict[str, str] = {}
        new: dict[tuple[str, ...], str] = {}
        for identifier, title, text in rows:
            key = (tag, title, text)
            known = self.seen.get(key) if again else None
            names[identifier] = known or f"{prefix}{identifier}"
            if known is None:
                self.ids.append(names[identifier])
                self.tags.append(tag)
                self.titles.append(title)
                self.texts.append(text)
                if again:  # two documents of one subset stay two, whatever they say
                    new.setdefault(key, names[identifier])
        self.seen.update(new)
        return names


def _corpus_rows(corpus: Dataset) -> Iterable[tuple[str, str, str]]:
    columns = corpus.column_names
    titles = corpus["title"] if "title" in columns else [""] * len(corpus)
    for identifier, title, text in zip(corpus["id"], titles, corpus["text"], strict=True):
        yield str(identifier), title or "", text or ""


def _query_rows(task: str, queries: Dataset) -> Iterable[tuple[str, str, str]]:
    instructions = queries["instruction"] if "instruction" in queries.column_names else [None] * len(queries)
    for identifier, text, instruction in zip(queries["id"], queries["text"], instructions, strict=True):
        if not isinstance(text, str):
            raise InputError(f"the queries of {task} are conversations, which a collection does not hold")
        yield str(identifier), "", f"{text} {instruction}" if instruction else text  # as mteb joins them


def _add_shared(texts: _Texts, rows: Iterable[tuple[str, str, str]], tag: str, task: str) -> dict[str, str]:
    """Add queries whose ids are the same in every subset."""
    names: dict[str, str] = {}
    for identifier, _, text in rows:
        names[identifier] = identifier
        known = texts.seen.get((identifier, tag))
        if known is None:
            texts.seen[identifier, tag] = text
            texts.ids.append(identifier)
            texts.tags.append(tag)
            texts.texts.append(text)
        elif known != text:
            raise InputError(
                f"{task}: query id {identifier!r} names two queries in {tag}, {known[:40]!r} and {text[:40]!r}: "
                "leave out same_ids"
            )
    return names


def _split_of(task: AbsTaskRetrieval, split: str | None) -> str:
    splits = list(task.eval_splits)
    if split is not None or len(splits) == 1:
        return split or splits[0]
    if "test" in splits:
        return "test"
    raise InputError(f"{task.metadata.name} has splits {', '.join(splits)}: choose one with --split")


def collection_from_mteb(
    task: str | AbsTask,
    split: str | None = None,
    *,
    languages: Sequence[str] | None = None,
    same_ids: bool | None = None,
    pair_order: PairOrder | None = None,
) -> Collection:
    """Read a retrieval task of mteb as a collection: all its subsets in one pool.

    A subset's documents and queries get the language that mteb states (ISO 639-3 and script) as a canonical tag;
    one of several natural languages gets `mul`, one of program code only `zxx`. Documents of one language that
    occur in several subsets (`eng-deu`, `eng-fra`) are one document if title and text are the same; so are
    queries. Ids of a task with several subsets begin with the subset's name.

    Where query ids are shared (`isoglot.data.mteb.known.SHARED_IDS`), a query is relevant in every language
    that has a relevant document of its id, and its language versions are one query. Elsewhere a query of a
    monolingual subset is relevant in its own language only, and a translation of its answer in another language,
    if there is one, counts as not relevant: cross-lingual values are then null.

    Args:
        task: a name of mteb or of ours, or a task.
        split: the split; `test` or the only one if None.
        languages: only subsets all of whose languages are among these tags; all if None.
        same_ids: whether a query id names the same query in every subset; what is known of the task if None.
        pair_order: which language a subset of two names first; what is known of the task if None.

    Returns:
        The collection, named after the task. `metadata` says licence, source, citation and task; `dropped`
        counts judgments that name no document or query of their subset.

    Raises:
        InputError: there is no such task or split, it reranks given documents, its queries are not texts, query
            ids are not shared that are said to be, or it is unknown which language of a pair is the queries'.
        IsoglotError: its data cannot be downloaded.
    """
    found = limit_task(find_task(task), languages, None if split is None else [split])
    name = found.metadata.name
    found.filter_eval_splits([_split_of(found, split)])
    if isinstance(found, CollectionRetrieval):
        return found.selected()
    if name == BELEBELE and same_ids is not False:
        collection = belebele_collection(found)
    else:
        with quietly(progress=False):
            load_task(found)
        shared = name in SHARED_IDS if same_ids is None else same_ids
        collection = _gather(found, shared, pair_order)
    collection.metadata.update(_metadata(found))
    if found.ignore_identical_ids:
        logger.warning(
            "%s has queries that are documents too; mteb leaves out of a query's ranking the document of its id; "
            "here this is done where the text is the same as well, unless ids had to be told apart by subset",
            name,
        )
    return collection


def _metadata(task: AbsTaskRetrieval) -> dict[str, Any]:
    metadata = task.metadata
    known = {
        "name": metadata.name,
        "licence": metadata.license,
        "source": metadata.reference,
        "citation": (metadata.bibtex_citation or "").strip(),
        "task": f"mteb:{metadata.name}",
    }
    return {key: value for key, value in known.items() if value}


def _gather(task: AbsTaskRetrieval, shared: bool, order: PairOrder | None) -> Collection:
    """Put the subsets of a loaded task together."""
    name, split = task.metadata.name, task.eval_splits[0]
    data: Mapping[str, Mapping[str, Any]] = task.dataset
    codes = task.metadata.hf_subsets_to_langscripts
    multilingual = task.metadata.is_multilingual
    pairs: dict[str, tuple[str, str]] = {}
    for subset in task.hf_subsets:
        tag = tag_of_codes(codes[subset])
        pairs[subset] = split_pair(name, subset_tags(task, subset), order) if multilingual else (tag, tag)
    parts = {subset: data[subset][split] for subset in pairs}
    if any(part.get("top_ranked") is not None for part in parts.values()):
        raise InputError(f"{name} reranks documents given for each query: it has no pool to search")
    if shared and len(pairs) > 1:
        check_shared_ids(name, {subset: _positive(part["relevant_docs"]) for subset, part in parts.items()})
    asked, answered = (Counter(pair[side] for pair in pairs.values()) for side in (0, 1))

    documents, queries = _Texts(), _Texts()
    judged: dict[tuple[str, str], int] = {}
    for subset, part in parts.items():
        query_tag, document_tag = pairs[subset]
        prefix = f"{subset}/" if len(pairs) > 1 else ""
        rows = _corpus_rows(part["corpus"])
        document_names = documents.add(rows, document_tag, prefix, answered[document_tag] > 1)
        rows = _query_rows(name, part["queries"])
        if shared:
            query_names = _add_shared(queries, rows, query_tag, name)
        else:
            query_names = queries.add(rows, query_tag, prefix, asked[query_tag] > 1)
        for query, relevant in part["relevant_docs"].items():
            for document, score in relevant.items():
                key = (
                    query_names.get(str(query), f"{prefix}{query}"),
                    document_names.get(str(document), f"{prefix}{document}"),
                )
                judged[key] = max(int(score), judged.get(key, int(score)))
    return _build(name, documents, queries, judged)


def _positive(judged: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    relevant = {
        query: {document: score for document, score in documents.items() if score > 0}
        for query, documents in judged.items()
    }
    return {query: documents for query, documents in relevant.items() if documents}


def _build(name: str, documents: _Texts, queries: _Texts, judged: Mapping[tuple[str, str], int]) -> Collection:
    def table(**columns: list[str]) -> pa.Table:
        return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})

    problems = Problems(f"mteb:{name}", lenient=True)  # what mteb evaluates is not ours to refuse
    pairs = {"query-id": [query for query, _ in judged], "corpus-id": [document for _, document in judged]}
    collection = build_collection(
        table(_id=documents.ids, lang=documents.tags, title=documents.titles, text=documents.texts),
        table(_id=queries.ids, lang=queries.tags, text=queries.texts),
        table(**pairs).append_column("score", pa.array(judged.values(), pa.int32())),
        name=name,
        problems=problems,
        locate=lambda table, row: f"{table}, row {row + 1}",
    )
    collection.dropped.update(problems.finish())
    return only_judged(collection)
