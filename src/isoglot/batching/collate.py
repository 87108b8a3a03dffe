"""From the batch of a step to encoder inputs, put together while the last ones are computed with."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
from torch.utils.data import DataLoader

from isoglot.batching.confusable import ConfusableQueries
from isoglot.batching.draws import Series, generator
from isoglot.batching.relations import Grouped, Versions, lowest
from isoglot.batching.sampler import Batch, StepSampler
from isoglot.batching.strategies import is_english
from isoglot.batching.tokens import FlatTokenizer, TokenCache, flat_features
from isoglot.collections import Collection, JoinedCollection
from isoglot.collections.negatives import hard_negative_rows
from isoglot.collections.texts import number_texts
from isoglot.errors import InputError
from isoglot.objectives.batch import BatchLabels, Role

__all__ = ["StepCollator", "StepLoader"]

NO_LANGUAGE = -1
AHEAD = 2  # batches ready at most
PATIENCE = 1.0  # seconds of waiting for a batch after which somebody is told


class Switcher(Protocol):
    """Replaces words of texts by translations, the same ones whenever the same step is asked for."""

    def switch(
        self, texts: list[str], languages: list[str], step: int, side: Literal["query", "document"]
    ) -> list[str]:
        """Return the texts with some words replaced."""


class StepCollator:
    """Turns a step into the inputs of its whole batch.

    In sentence-transformers' own trainer it is the `data_collator` of a data set whose rows are steps,
    `{"step": 0}`, one a batch: docs/extending.md shows it.

    Args:
        sampler: composes the batches.
        collate: sentence-transformers' data collator of the model: it tokenises, with prompts and routes; or the
            model, for one with its own prompts for queries and documents.
        tokens: caches of all query texts and of all document texts, which then take the place of `collate`.
        versions: add to every text one version of it in another language, where there is one: the English one, or
            of an English text any. Where queries find their translations, never one that is also on the other side.
        negatives: hard negatives added for each query, of those that the collection has for it.
        negative_queries: hard-negative queries added for each query: those that its hard negatives answer.
        switcher: replaces words of queries and documents by translations.
    """

    def __init__(
        self,
        sampler: StepSampler,
        collate: SentenceTransformer | Callable[[list[dict[str, Any]]], dict[str, Any]],
        tokens: tuple[TokenCache, TokenCache] | None = None,
        *,
        versions: bool = False,
        negatives: int = 0,
        negative_queries: int = 0,
        switcher: Switcher | None = None,
    ) -> None:
        self.sampler = sampler
        self.collate = _collator_of(collate) if isinstance(collate, SentenceTransformer) else collate
        self.valid_label_columns: list[
            str
        ] = []  # that the trainer asks data collators for: columns of its data set
        self.tokens = tokens
        self.switcher = switcher
        collection = sampler.collection
        self._negatives = negatives
        hard = Grouped(*reversed(hard_negative_rows(collection))) if negatives or negative_queries else None
        self._hard = hard if negatives else None
        self._versions = Versions(collection) if versions or hard is not None else None
        self._confusable = None
        if hard is not None and self._versions is not None and negative_queries:
            self._confusable = ConfusableQueries(collection, hard, self._versions, negative_queries)
        if self._hard is not None:
            shown = np.union1d(collection.relevance.documents, self._hard.values)
            self._texts = number_texts(collection, shown)
        self._adds_versions = versions
        self._translations = _find_translations(collection)
        self._english = is_english(collection.languages)

    def __call__(self, steps: Sequence[int | Mapping[str, int]]) -> dict[str, Any]:
        """Return the inputs of one step: `query_…` and `document_…` features and `label`.

        Args:
            steps: the one step to make, as a number or as the row `{"step": number}` of a data set.

        Returns:
            Features of N queries and M documents, flat (`input_ids` (T,), `offsets`) or as the model's tokenizer
            gives them, and `label` (N + M, 7), which `BatchLabels.unpack` takes apart.
        """
        if len(steps) != 1:
            raise InputError(
                f"a StepCollator makes one step at a time, not {len(steps)}: give the trainer "
                "per_device_train_batch_size=1, the size of batches being the sampler's"
            )
        step = steps[0]["step"] if isinstance(steps[0], Mapping) else steps[0]
        batch = self.sampler[step]
        if batch.kind == "domain":
            return self._domain_inputs(batch)
        queries, documents, labels = self._texts_of(batch)
        inputs = self._features("query", queries, step) | self._features("document", documents, step)
        inputs["label"] = labels
        return inputs

    # -- which texts --

    def _texts_of(self, batch: Batch) -> tuple[np.ndarray, np.ndarray, torch.Tensor]:
        """Return query rows (N,), document rows (M,) and labels (N + M, 7) of a batch and what is added to it."""
        collection = self.sampler.collection
        ids = collection.query_index[batch.queries].astype(np.int64)
        paired = batch.document_ids is None
        own_ids = ids if batch.document_ids is None else batch.document_ids
        parts = [(Role.QUERY, batch.queries, ids)]
        others = self._others(batch, ids) if self._adds_versions and paired else []
        parts += others[:1]
        if self._confusable is not None:
            rng = generator(self.sampler.seed, Series.NEGATIVE_QUERIES, batch.step)
            rows = self._confusable.draw(batch.queries, others[0][1] if others else batch.queries, rng)
            parts.append((Role.OTHER_QUERY, rows, collection.query_index[rows].astype(np.int64)))
        parts.append((Role.DOCUMENT if paired else Role.UNPAIRED_DOCUMENT, batch.documents, own_ids))
        if self._hard is not None:
            parts.append(self._hard_negatives(batch, ids))
        parts += others[1:]
        labels: list[torch.Tensor] = []
        sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for role, rows, query_ids in parts:
            of_queries = role in (Role.QUERY, Role.OTHER_QUERY)
            language = collection.query_language if of_queries else collection.document_language
            sides[0 if of_queries else 1].append(rows)
            own = query_ids if of_queries else rows
            among_all = rows if of_queries else rows + np.int64(collection.queries.num_rows)
            added = self._adds_versions
            label = BatchLabels.of(role, language[rows], own, query_ids, rows=among_all, versions=added)
            labels.append(label.pack())
        queries, documents = (np.concatenate(side) for side in sides)
        return queries, documents, torch.cat(labels)

    def _others(self, batch: Batch, ids: np.ndarray) -> list[tuple[Role, np.ndarray, np.ndarray]]:
        """Choose a version of every query, and one of every document, in another language than its own.

        Where queries find their translations, a query and a document of one id and language are one text, which a
        term would compare with itself: there all that is chosen differs in language from all else of its id.
        """
        assert self._versions is not None
        collection = self.sampler.collection
        asked, answered = collection.query_language[batch.queries], collection.document_language[batch.documents]
        apart = self._translations[ids]
        rows, owner = self._versions.queries.of(ids)
        language = collection.query_language[rows]
        chosen = self._choose(batch, 0, language, owner, asked, np.where(apart, answered, NO_LANGUAGE))
        versions = np.full(len(ids), NO_LANGUAGE)
        versions[owner[chosen]] = language[chosen]
        queries = (Role.OTHER_QUERY, rows[chosen], ids[owner[chosen]])

        rows, owner = self._versions.documents.of(ids)
        language = collection.document_language[rows]
        taken = (np.where(apart, one, NO_LANGUAGE) for one in (asked, versions))
        chosen = self._choose(batch, 1, language, owner, answered, *taken)
        return [queries, (Role.OTHER_DOCUMENT, rows[chosen], ids[owner[chosen]])]

    def _choose(
        self, batch: Batch, side: int, language: np.ndarray, owner: np.ndarray, *taken: np.ndarray
    ) -> np.ndarray:
        """Choose of each owner's texts one in none of the languages taken, each (B,): English first, else any."""
        other = np.flatnonzero(np.all([language != one[owner] for one in taken], axis=0))
        rng = generator(self.sampler.seed, Series.OTHERS, side, batch.step)
        keys = rng.random(len(owner)) - self._english[language]
        return other[lowest(keys[other], owner[other], 1)]

    def _hard_negatives(self, batch: Batch, ids: np.ndarray) -> tuple[Role, np.ndarray, np.ndarray]:
        """Draw hard negatives of every query, each text once, and say which are relevant to another query.

        What is in the batch already is left out, and so is the text of a query. In paired batches those in the
        document's language come first, as others are told by that alone: the query's own, then those of its
        versions in other languages.
        """
        assert self._hard is not None
        assert self._versions is not None
        rows, owner = self._hard.of(batch.queries)
        if batch.document_ids is None:
            rows, owner, later = self._with_versions(batch, ids, rows, owner)
        else:
            later = np.zeros(len(rows), np.int64)
        keys = generator(self.sampler.seed, Series.NEGATIVES, batch.step).random(len(rows)) + later
        rows = np.unique(rows[lowest(keys, owner, self._negatives)])
        texts, asked = self._texts.documents, np.unique(ids)
        rows = rows[np.sort(np.unique(texts[rows], return_index=True)[1])]
        versions = self._versions.queries.of(asked)[0]
        rows = rows[~np.isin(texts[rows], np.concatenate([texts[batch.documents], self._texts.queries[versions]]))]
        relevant, whose = self._versions.documents.of(asked)
        answered = dict(zip(texts[relevant].tolist(), asked[whose].tolist(), strict=True))
        query_ids = np.array([answered.get(text, -1) for text in texts[rows].tolist()], np.int64)
        role = Role.NEGATIVE if batch.document_ids is None else Role.UNPAIRED_DOCUMENT
        return role, rows.astype(np.int32), query_ids

    def _with_versions(
        self, batch: Batch, ids: np.ndarray, rows: np.ndarray, owner: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Add to the hard negatives of queries those of their versions, in the language of their documents.

        Args:
            batch: a paired batch.
            ids: (B,) query id index of its queries.
            rows: (n,) hard negatives that the queries list themselves.
            owner: (n,) whose each is, from 0 to B - 1.

        Returns:
            (m,) document rows, each once for an owner; (m,) owners; (m,) 0 for those to be drawn first, 1 for those
            to be drawn next, 2 for the query's own in other languages.
        """
        assert self._hard is not None
        assert self._versions is not None
        language = self.sampler.collection.document_language
        wanted = language[batch.documents]
        versions, whose = self._versions.queries.of(ids)
        others, version = self._hard.of(versions)
        of = whose[version]
        fits = language[others] == wanted[of]
        rows, owner, later = (
            np.concatenate(pair)
            for pair in (
                (rows, others[fits]),
                (owner, of[fits]),
                (2 * (language[rows] != wanted[owner]), np.ones(fits.sum(), np.int64)),
            )
        )
        once = np.unique(owner * np.int64(len(language)) + rows, return_index=True)[1]  # the query's own come first
        return rows[once], owner[once], later[once]

    # -- their features --

    def _features(self, side: Literal["query", "document"], rows: np.ndarray, step: int) -> dict[str, Any]:
        """Return the features of texts given by row, from the cache where there is one."""
        collection = self.sampler.collection
        if self.tokens is not None and self.switcher is None:
            cache = self.tokens[side == "document"]
            return _named(side, flat_features(*cache.flat(rows), cache.tokenizer.prompt_length))
        read, codes = (
            (collection.query_texts, collection.query_language)
            if side == "query"
            else (collection.document_texts, collection.document_language)
        )
        texts = read(rows)
        if self.switcher is not None:
            tags = [collection.languages[code] for code in codes[rows]]
            texts = self.switcher.switch(texts, tags, step, side)
        return self._tokenised(side, texts)

    def _tokenised(self, side: str, texts: list[str]) -> dict[str, Any]:
        if self.tokens is None:
            return self.collate([{side: text} for text in texts])
        tokenizer: FlatTokenizer = self.tokens[side == "document"].tokenizer
        return _named(side, flat_features(*tokenizer(texts), tokenizer.prompt_length))

    def _domain_inputs(self, batch: Batch) -> dict[str, Any]:
        """Return the inputs of a domain batch: two crops of each text, both read as documents."""
        draws = self.sampler.domain
        assert draws is not None
        rows, step = batch.documents, batch.step
        first, second = draws.crops(rows, step)
        inputs = {
            key.replace("document_", "query_", 1): value
            for key, value in self._tokenised("document", first).items()
        } | self._tokenised("document", second)
        ids, language = draws.text_ids[rows], draws.language[rows]
        labels = (BatchLabels.of(one, language, ids, ids, domain=True) for one in (Role.QUERY, Role.DOCUMENT))
        inputs["label"] = torch.cat([one.pack() for one in labels])
        return inputs


def _collator_of(model: SentenceTransformer) -> SentenceTransformerDataCollator:
    prompts = {side: model.prompts[side] for side in ("query", "document") if model.prompts.get(side)}
    return SentenceTransformerDataCollator(model.preprocess, prompts=prompts)


def _named(side: str, features: dict[str, Any]) -> dict[str, Any]:
    return {f"{side}_{key}": value for key, value in features.items()}


def _find_translations(collection: Collection) -> np.ndarray:
    """Return of every query id (G,) whether it looks for its translations: of joined collections some may."""
    found = np.full(len(collection.query_ids), collection.finds_translations)
    for part in collection.parts if isinstance(collection, JoinedCollection) else ():
        own = part.collection
        found[part.first_query_id : part.first_query_id + len(own.query_ids)] = own.finds_translations
    return found


class StepLoader(DataLoader):
    """Loads the inputs of a run's steps in order; the next ones while the last are computed with.

    Without worker processes a thread loads ahead: computing releases the interpreter lock. Nothing is skipped one
    by one, so that a run goes on at once at any step. The length is that of the whole run, wherever it starts: from
    this the trainer reckons when the run ends.

    Args:
        steps: of the run.
        collate: makes the inputs of `[step]`, such as a `StepCollator`.
        start: the first step to load.
        waiting: called every second that a batch is waited for; what it raises ends the loading.
        **settings: passed on: `num_workers`, `pin_memory`.
    """

    def __init__(
        self,
        steps: int,
        collate: Callable[[list[int]], Any],
        *,
        start: int = 0,
        waiting: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> None:
        self._waiting = waiting
        # Workers' seeds come from a generator of its own, lest an iterator draw from the run's.
        own = {"sampler": range(start, steps), "generator": torch.Generator(), "collate_fn": collate}
        super().__init__(range(steps), **own, **settings)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the inputs in order."""
        batches = super().__iter__()
        return iter(batches) if self.num_workers else _ahead(batches, self._waiting)


def _ahead(batches: Iterator[Any], waiting: Callable[[], None]) -> Iterator[Any]:
    """Take from an iterator in a thread of its own; what it raises is raised here, where it would have been."""
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: tuple[Any, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def load() -> None:
        try:
            for batch in batches:
                if not put((batch, None)):
                    return
        except BaseException as error:
            put((None, error))
        else:
            put((None, StopIteration()))

    thread = threading.Thread(target=load, name="isoglot-batches", daemon=True)
    thread.start()
    try:
        while True:
            try:
                batch, error = ready.get(timeout=PATIENCE)
            except queue.Empty:
                waiting()
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield batch
    finally:
        stopped.set()
        thread.join(PATIENCE)  # one that is stuck is left behind
