"""Two-stage systems: the best documents of any first stage, ordered anew by a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.encoders.pretrained import check_local
from isoglot.errors import InputError
from isoglot.evaluation.bias import TOP
from isoglot.evaluation.embed import check_device, embed_collection, scoring_device
from isoglot.evaluation.judgments import Judgments, judgments_of, tell_identical
from isoglot.evaluation.keys import documents_of, first_keys, order_keys
from isoglot.evaluation.measuring import load_source, result_of_vectors
from isoglot.evaluation.ranks import LAST, Score
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.run_reading import RunEntries, read_run
from isoglot.evaluation.sources.runs import note_what_is_missing, ranks_of_run
from isoglot.evaluation.summary import Clock, check_measuring, result_of_ranks

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["DEPTH", "Reranker", "load_reranker", "measure_reranked"]

DEPTH = 100
OF_RESULT = ("rank_correlation", "ignore_identical_ids", "memory", "trec_run", "trec_depth")
"""What `measure_reranked` takes for the ranking itself, besides the keywords of measuring."""
MEASURING = ("measures", "bootstrap", "seed")
OF_ENCODING = (
    *("batch_size", "batch_tokens", "query_prompt", "document_prompt", "dtype", "truncate_dim", "cache"),
    *("pooling", "max_length"),
)
CLASSIFIERS = ("ForSequenceClassification", "ForCausalLM")

IntArray = NDArray[np.integer[Any]]


def load_reranker(name: str, device: str | None = None) -> CrossEncoder:
    """Load a cross-encoder of sentence-transformers, from a folder or the Hub.

    Raises:
        InputError: there is none, it cannot be loaded, or the model gives no score of a pair: it has no head that
            was trained for that, as bi-encoders have none, or gives several.
    """
    from sentence_transformers import CrossEncoder

    check_local(name)
    try:
        model = CrossEncoder(name, device=device, model_kwargs={"use_safetensors": True})
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"the cross-encoder {name} cannot be loaded: {said}") from error
    kinds = getattr(model.config, "architectures", None) or ()
    if not any(kind.endswith(CLASSIFIERS) for kind in kinds):
        raise InputError(
            f"rerank:{name} is no cross-encoder ({', '.join(kinds) or 'no architecture'} has no head that scores "
            "pairs): give a cross-encoder, and a bi-encoder as --first"
        )
    if model.num_labels != 1:
        raise InputError(f"rerank:{name} gives {model.num_labels} scores of a pair: give a cross-encoder of one")
    return model


class Reranker:
    """Orders the best documents of a first stage by the scores of a cross-encoder (logits).

    Args:
        model: the cross-encoder.
        collection: the collection.
        judged: what is ranked.
        depth: how many of the best documents of a query are ordered anew.
        per_language: so many of each language, so that the first stage keeps no language from the cross-encoder.
        progress: show progress bars.
    """

    def __init__(
        self,
        model: CrossEncoder,
        collection: Collection,
        judged: Judgments,
        *,
        depth: int = DEPTH,
        per_language: bool = False,
        progress: bool = False,
    ) -> None:
        if depth < 1:
            raise InputError(f"the depth of reranking must be at least 1, not {depth}")
        self.model, self.collection, self.judged = model, collection, judged
        self.depth, self.per_language, self.progress = depth, per_language, progress

    def order(self, queries: Sequence[int], candidates: Sequence[IntArray]) -> list[IntArray]:
        """Return the document rows (n,) of each query position by score, equal scores by row.

        Raises:
            InputError: a score is NaN or infinite.
        """
        rows = self.judged.query_rows[np.asarray(queries, np.int64)]
        asked = self.collection.query_column(rows).to_pylist()
        texts = self.collection.document_column(np.concatenate(candidates)).to_pylist() if candidates else []
        owners = np.repeat(np.arange(len(asked)), [len(one) for one in candidates]).tolist()
        pairs = [(asked[owner], text) for owner, text in zip(owners, texts, strict=True)]
        if not pairs:
            return list(candidates)
        # logits, which tie where a sigmoid of them is 1 in fp32
        found = self.model.predict(pairs, show_progress_bar=self.progress, activation_fn=torch.nn.Identity())
        scores = np.asarray(found, np.float64)
        if not np.isfinite(scores).all():
            raise InputError("the cross-encoder gives scores that are NaN or infinite: load it in fp32")
        edges = np.cumsum([len(one) for one in candidates])[:-1]
        parts = zip(candidates, np.split(scores, edges), strict=True)
        return [rows[np.lexsort((rows, -own))] for rows, own in parts]

    def best(self, keys: NDArray[np.int64], language: IntArray) -> IntArray:
        """Return the candidates among keys (n,) of documents in these languages (n,)."""
        if not self.per_language:
            return documents_of(first_keys(keys, min(self.depth, len(keys))))
        parts = [keys[language == code] for code in np.unique(language)]
        return np.concatenate([documents_of(first_keys(one, min(self.depth, len(one)))) for one in parts])

    def score(self, first: Score) -> Score:
        """Return what scores documents as a first stage does, but its best ones above all others, in the order of
        the cross-encoder: by integers from the best score of the first stage on."""

        def scored(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
            scores = first(positions, columns)
            places, excluded = self.judged.excluded_from(positions)
            scores[places, self.judged.column_of[excluded]] = LAST
            language = self.judged.document_language[columns]
            candidates = []
            for row in scores:
                pool = row > LAST
                candidates.append(self.best(order_keys(row[pool], columns[pool]), language[pool]))
            for row, found in zip(scores, self.order(positions.tolist(), candidates), strict=True):
                row[self.judged.column_of[found]] = np.ceil(row.max()) + np.arange(len(found), 0, -1)
            return scores

        return scored

    def rerank_run(self, entries: RunEntries) -> RunEntries:
        """Return the lines of a run that are of judged queries, with scores that rank as the two stages do."""
        position_of = np.full(int(max(entries.queries.max(initial=0), self.judged.query_rows.max())) + 1, -1)
        position_of[self.judged.query_rows] = np.arange(len(self.judged.query_rows))
        position = position_of[entries.queries]
        kept = np.flatnonzero(position >= 0)
        kept = kept[np.lexsort((entries.documents[kept], -entries.scores[kept], position[kept]))]
        queries, starts = np.unique(position[kept], return_index=True)
        lists = np.split(entries.documents[kept], starts[1:]) if len(kept) else []
        candidates = []
        for query, listed in zip(queries.tolist(), lists, strict=True):
            _, excluded = self.judged.excluded_from(np.array([query]))
            listed = listed[~np.isin(listed, excluded)]
            language = self.judged.document_language[listed]
            codes = np.unique(language) if self.per_language else [None]
            parts = [listed if code is None else listed[language == code] for code in codes]
            candidates.append(np.concatenate([part[: self.depth] for part in parts]) if parts else listed)
        ordered = self.order(queries.tolist(), candidates)
        whole = [
            np.concatenate([found, listed[~np.isin(listed, found)]])
            for found, listed in zip(ordered, lists, strict=True)
        ]
        return replace(
            entries,
            queries=entries.queries[kept],
            documents=np.concatenate(whole) if whole else entries.documents[kept],
            scores=np.concatenate([-np.arange(len(one), dtype=np.float64) for one in whole] or [np.empty(0)]),
        )


def measure_reranked(
    reranker: str,
    collection: Collection,
    first: Any,
    *,
    depth: int = DEPTH,
    per_language: bool = False,
    name: str | None = None,
    device: str | None = None,
    progress: bool = False,
    **options: Any,
) -> Result:
    """Measure a two-stage system: a cross-encoder orders the best documents of a first stage anew.

    The first `depth` documents of a query's pool come in the order of the cross-encoder, all others after them in
    that of the first stage, so ranks are as exact as the first stage's. Within a language, documents rank as in the
    pool. There is no geometry.

    Args:
        reranker: a cross-encoder of sentence-transformers, by name or folder.
        collection: what to evaluate on.
        first: `run:FILE`, a TREC run; or a model, its name or its folder.
        depth: how many documents of a query are ordered anew.
        per_language: the first `depth` of each language instead; all of them are then merged by score.
        name: what the result calls the system.
        device: of both models.
        progress: show progress bars.
        **options: `measures`, `bootstrap`, `seed`, `rank_correlation`, `ignore_identical_ids`; of a model as the
            first stage also `memory`, `trec_run`, `trec_depth`, and how it encodes, as for `measure`.

    Raises:
        InputError: there is no such model or run, the reranker is no cross-encoder, or an option does not apply.
    """
    run = first.removeprefix("run:") if isinstance(first, str) and first.startswith("run:") else None
    known = (*MEASURING, *OF_RESULT[:2]) if run else (*MEASURING, *OF_RESULT, *OF_ENCODING)
    for key in [key for key in options if key not in known]:
        what = "a reranked run" if run else "a two-stage system"
        raise InputError(f"--{key.replace('_', '-')} does not apply to {what}: leave it out")
    if depth < 1:
        raise InputError(f"the depth of reranking must be at least 1, not {depth}")
    check_device(device or "cpu")
    check_measuring({"measures": options.get("measures", ())})
    model = load_reranker(reranker, device)
    settings: dict[str, Any] = {"depth": depth, "per_language": per_language, "progress": progress}
    called = name or f"{reranker} over {first if isinstance(first, str) else type(first).__name__}"
    made = {"reranker": reranker, "rerank_depth": depth, "rerank_per_language": per_language, "first": str(first)}
    rows, clock = collection.judged_query_rows(), Clock()
    measuring = {key: options[key] for key in MEASURING if key in options}
    ranking = {key: options[key] for key in OF_RESULT if key in options}
    if run is None:
        encoder, loaded = load_source(first, {key: options[key] for key in OF_ENCODING if key in options})
        loaded.pop("name", None)
        rows, queries, documents = embed_collection(encoder, collection, device=device, progress=progress, **loaded)
        clock.lap("encode")
        return result_of_vectors(
            rows,
            queries,
            documents,
            collection,
            clock,
            name=called,
            device=scoring_device(encoder, device),
            rerank=lambda judged: Reranker(model, collection, judged, **settings).score,
            geometry=False,
            made=made | {"first": first if isinstance(first, str) else called},
            **ranking,
            **measuring,
        )
    judged = judgments_of(collection, rows, ignore_identical_ids=ranking.get("ignore_identical_ids", True))
    tell_identical(judged, collection.name)
    entries = read_run(run, collection)
    clock.lap("read")
    again = Reranker(model, collection, judged, **settings).rerank_run(entries)
    correlation = ranking.get("rank_correlation", True) and judged.has_versions
    ranks = ranks_of_run(again, judged, top=TOP, correlation=correlation)
    note_what_is_missing(Path(run), entries, ranks, collection)
    clock.lap("rank")
    return result_of_ranks(ranks, collection, name=called, made=made, clock=clock, **measuring)
