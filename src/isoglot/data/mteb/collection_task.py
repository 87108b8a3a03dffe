"""Collections of ours as retrieval tasks of mteb: a subset per language pair, and the multilingual pool.

XQuAD-R and MLQA-R, which mteb lacks, are among them. Source: Roy et al., "LAReQA: Language-agnostic answer
retrieval from a multilingual pool", arXiv 2004.05484; https://github.com/google-research-datasets/lareqa.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
from mteb.abstasks.task_metadata import TaskMetadata

from isoglot.collections.arrow import take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.folder import collection_folders, read_collection
from isoglot.collections.select import keep_languages
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.data.forms.rows import Candidates
from isoglot.data.mteb.library import mteb_code, speaks, tag_of_code
from isoglot.errors import InputError

__all__ = ["POOL", "CollectionRetrieval", "MLQARRetrieval", "XQuADRRetrieval", "local_task"]

POOL = "multilingual"
"""The subset in which every query, of any language, searches the documents of all languages."""

Qrels = dict[str, dict[str, int]]


def _subset_name(query_language: str, document_language: str) -> str:
    """Return the name of the subset of a language pair, query language first: `de-en`."""
    return f"{query_language}-{document_language}"


def _subsets_of(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return mteb's `eval_langs` of language pairs (query, document) of several languages, and of their pool."""
    pairs = list(pairs)
    languages = sorted({tag for pair in pairs for tag in pair})
    codes = {tag: mteb_code(tag) for tag in languages}
    subsets = {_subset_name(a, b): [codes[a], codes[b]] for a, b in pairs}
    return {**subsets, POOL: sorted(set(codes.values()))}


class CollectionRetrieval(AbsTaskRetrieval):
    """A retrieval task whose data is a `Collection`.

    A collection of several languages has a subset `de-en` for each language pair with a judgment (query language
    first; queries are those with a relevant document in the other) and the subset `multilingual`, in which a
    query is named `<language>/<id>`. One of a single language has mteb's subset `default`. Queries without a
    relevant document are left out, as in our own evaluation, so both average over the same queries.

    Subclasses give `metadata`, and `read` if they are not made with a collection.

    Args:
        collection: the data; None where a subclass reads it.
        languages: only texts in these languages (canonical tags); all if None.
        kwargs: mteb's own arguments.
    """

    def __init__(
        self, collection: Collection | None = None, *, languages: Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.collection = collection
        self.kept: list[str] | None = None
        if languages is not None:
            self.keep_languages(languages)

    def read(self) -> Collection:
        """Return the collection.

        Raises:
            InputError: there is none.
        """
        if self.collection is None:
            raise InputError(f"{self.metadata.name} has no data: it is made with a collection")
        return self.collection

    def selected(self) -> Collection:
        """Return the texts in the languages kept.

        Raises:
            InputError: there is no data, it cannot be read, or it has no text in one of them.
        """
        collection = self.read()
        if self.kept is None:
            return collection
        for tag in self.kept:
            if not any(speaks(have, [tag]) for have in collection.languages):
                have = ", ".join(collection.languages)
                raise InputError(f"{collection.name} has no language {tag!r}; it has {have}")
        return keep_languages(collection, [tag for tag in collection.languages if speaks(tag, self.kept)])

    def keep_languages(self, wanted: Sequence[str]) -> None:
        """Leave out texts of all other languages, from the pool too; takes effect when data is loaded.

        Args:
            wanted: canonical tags.
        """
        if self.data_loaded:
            self.unload_data()
        self.kept = list(wanted)
        codes = self.metadata.hf_subsets_to_langscripts
        self.hf_subsets = [
            name
            for name in self.metadata.hf_subsets
            if name == POOL or all(speaks(tag_of_code(code), self.kept) for code in codes[name])
        ]

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        """Load the data, as mteb asks.

        Raises:
            InputError: the collection cannot be read, or it has no text in a wanted language.
        """
        if self.data_loaded:
            return
        data = _dataset(self.selected())
        split = self.metadata.eval_splits[0]
        self.dataset = {name: {split: part} for name, part in data.items()}
        missing = [name for name in data if name not in self.metadata.hf_subsets]
        if missing:
            have = ", ".join(self.metadata.hf_subsets[:6])
            raise InputError(f"{self.metadata.name} has no subset {missing[0]}; it has {have}, ...")
        self.hf_subsets = [name for name in self.hf_subsets if name in data]
        self.data_loaded = True


def _dataset(collection: Collection) -> dict[str, RetrievalSplitData]:
    """Return the subsets of a collection, by name. Texts of a language are shared between subsets."""
    rows = collection.judged_query_rows()
    ids = np.array(collection.query_ids.to_pylist(), object)[collection.query_index[rows]]
    documents = np.array(collection.documents["_id"].to_pylist(), object)
    texts = collection.query_texts(rows)
    tags = np.array(collection.languages, object)
    query_language = collection.query_language[rows]
    document_language = collection.document_language
    relevance = collection.relevance
    everything = range(len(collection.languages))

    def split(corpus: Dataset, queries: Dataset, relevant: Qrels) -> RetrievalSplitData:
        return RetrievalSplitData(corpus=corpus, queries=queries, relevant_docs=relevant, top_ranked=None)

    def corpus(chosen: np.ndarray) -> Dataset:
        table = take_rows(collection.documents, chosen)
        columns = {"id": table["_id"], "title": table["title"], "text": table["text"]}
        return Dataset.from_dict({name: column.to_pylist() for name, column in columns.items()})

    def queries(chosen: np.ndarray, names: np.ndarray) -> Dataset:
        return Dataset.from_dict({"id": list(names), "text": [texts[row] for row in chosen]})

    def judged(chosen: np.ndarray, language: int | None) -> list[dict[str, int]]:
        found = []
        for row in chosen:
            index = collection.query_index[rows[row]]
            span = slice(relevance.offsets[index], relevance.offsets[index + 1])
            pairs = zip(relevance.documents[span], relevance.scores[span], strict=True)
            own = query_language[row] if collection.finds_translations else None
            found.append(
                {
                    documents[document]: int(score)
                    for document, score in pairs
                    if language in (None, document_language[document]) and own != document_language[document]
                }
            )
        return found

    every_query, every_document = np.arange(len(rows)), np.arange(len(documents))
    if len(tags) == 1:
        relevant = dict(zip(ids, judged(every_query, None), strict=True))
        return {"default": split(corpus(every_document), queries(every_query, ids), relevant)}
    parts: dict[str, RetrievalSplitData] = {}
    corpora = {b: corpus(np.flatnonzero(document_language == b)) for b in everything}
    asked = {a: np.flatnonzero(query_language == a) for a in everything}
    for a in everything:
        for b in everything:
            found = judged(asked[a], b)
            kept = np.array([bool(relevant) for relevant in found], bool)
            if kept.any():
                chosen = asked[a][kept]
                named = dict(zip(ids[chosen], [found[row] for row in np.flatnonzero(kept)], strict=True))
                parts[_subset_name(tags[a], tags[b])] = split(corpora[b], queries(chosen, ids[chosen]), named)
    if collection.finds_translations:
        return parts  # a query would find itself in the pool, which mteb cannot keep out
    names = tags[query_language] + "/" + ids
    pool = dict(zip(names, judged(every_query, None), strict=True))
    parts[POOL] = split(corpus(every_document), queries(every_query, names), pool)
    return parts


def local_task(
    collection: Collection | str | Path,
    *,
    name: str | None = None,
    split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
    main_score: str = "ndcg_at_10",
) -> CollectionRetrieval:
    """Make a task of mteb from a collection, or from a collection or BEIR folder.

    Args:
        collection: the collection or its folder.
        name: name of the task; the collection's if None.
        split: of a folder, which judgments to read where there are several.
        language: of a folder, tag of texts that have none.
        lenient: of a folder, leave bad rows out instead of failing.
        main_score: mteb's name of the main measure.

    Returns:
        A task for `evaluate_mteb` or `mteb.evaluate(model, task)`.

    Raises:
        InputError: the folder is no collection, or no query has a relevant document.
    """
    if not isinstance(collection, Collection):
        collection = read_collection(
            collection, split=split, prefer_split="test", language=language, lenient=lenient
        )
    collection.judged_query_rows()  # says so if there is none
    tags = collection.languages
    name = name or collection.name
    pairs = [(a, b) for i, a in enumerate(tags) for j, b in enumerate(tags) if collection.pair_counts[i, j]]
    metadata = TaskMetadata(
        name=name,
        description=f"The collection {collection.name}.",
        dataset={"path": str(collection.metadata.get("source") or collection.name), "revision": "local"},
        type="Retrieval",
        category="t2t",
        eval_splits=[split or "test"],
        eval_langs=[mteb_code(tags[0])] if len(tags) == 1 else _subsets_of(pairs),
        main_score=main_score,
    )
    made: type[CollectionRetrieval] = type("LocalRetrieval", (CollectionRetrieval,), {"metadata": metadata})
    return made(collection)


DATA_VARIABLE = "ISOGLOT_DATA"

CITATION = r"""@inproceedings{roy-etal-2020-lareqa,
  author = {Roy, Uma and Constant, Noah and Al-Rfou, Rami and Barua, Aditya and Phillips, Aaron and Yang, Yinfei},
  booktitle = {Proceedings of EMNLP 2020},
  title = {{LAReQA}: Language-Agnostic Answer Retrieval from a Multilingual Pool},
  year = {2020},
}"""


def _lareqa_metadata(title: str, languages: Sequence[str], parallel: str, licence: str) -> TaskMetadata:
    return TaskMetadata(
        name=f"{title.replace('-', '')}Retrieval",
        description=f"{title}: questions and the sentences that answer them, in {len(languages)} languages, "
        f"{parallel} parallel: {len(languages) ** 2} language pairs and the multilingual pool.",
        dataset={"path": f"google-research-datasets/lareqa/{title.lower()}", "revision": "local"},
        reference="https://github.com/google-research-datasets/lareqa",
        type="Retrieval",
        category="t2t",
        eval_splits=["test"],
        eval_langs=_subsets_of(product(languages, languages)),
        main_score="map_at_1000",
        domains=["Encyclopaedic", "Written"],
        task_subtypes=["Question answering"],
        license=licence,
        annotations_creators="human-annotated",
        dialect=[],
        bibtex_citation=CITATION,
    )


class LAReQARetrieval(CollectionRetrieval):
    """Answer retrieval of LAReQA: every question searches the sentences of one language, or of all.

    Subsets are named query language first (`de-en`); `multilingual` is the pool of all languages, in which every
    language version of the answer is relevant. The main score is `map_at_1000`, mteb's nearest to the paper's
    mAP over the whole pool, which our own evaluation gives exactly.

    Args:
        source: folder with a file `<language>.json` per language, as published; None for the folder named after
            the data set (`xquad-r`, `mlqa-r`) in the folder that the environment variable ISOGLOT_DATA names.
        candidates: what is retrieved, as in `read_lareqa`.
        languages: only these, in the pool too; all if None.
        kwargs: mteb's own arguments.
    """

    folder: str

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        candidates: Candidates = "sentence",
        languages: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(languages=languages, **kwargs)
        self.source = source
        self.candidates: Candidates = candidates

    def read(self) -> Collection:
        """Read the files.

        Raises:
            InputError: they are nowhere, or not as published.
        """
        source = self.source
        if source is None:
            home = os.environ.get(DATA_VARIABLE)
            if not home:
                raise InputError(
                    f"{self.metadata.name} reads the folder {self.folder} of {self.metadata.reference}: download "
                    f"it and set {DATA_VARIABLE} to the folder that holds it"
                )
            source = Path(home) / self.folder
            if self.candidates == "sentence" and collection_folders(source):  # `isoglot data get` has made it one
                return read_collection(source)
        return read_lareqa(source, self.candidates)


class XQuADRRetrieval(LAReQARetrieval):
    """XQuAD-R: 1,190 questions and 13,014 candidate sentences in 11 languages, all parallel."""

    folder = "xquad-r"
    metadata = _lareqa_metadata(
        "XQuAD-R", ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"), "all", "cc-by-sa-4.0"
    )


class MLQARRetrieval(LAReQARetrieval):
    """MLQA-R: questions and candidate sentences in 7 languages, partly parallel."""

    folder = "mlqa-r"
    metadata = _lareqa_metadata("MLQA-R", ("ar", "de", "en", "es", "hi", "vi", "zh"), "partly", "cc-by-nc-4.0")
