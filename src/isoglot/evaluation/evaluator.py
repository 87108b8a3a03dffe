"""`MultilingualEvaluator`: this evaluation, during training with sentence-transformers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentence_transformers.base.evaluation import SentenceEvaluator

from isoglot.collections.cautions import QUERY_VIEW, caution_of
from isoglot.collections.collection import PSEUDO_QUERIES, Collection
from isoglot.evaluation.embed import Encoding
from isoglot.evaluation.measuring import evaluate
from isoglot.evaluation.result import Result
from isoglot.measures import COUNTS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = ["MultilingualEvaluator", "flat_metrics"]

logger = logging.getLogger(__name__)


def flat_metrics(result: Result) -> dict[str, float]:
    """Return the scalar values of a result by flat names: `multilingual_AP`, `rank_distance`, …, and averages over
    query languages as `macro_multilingual_AP`, `macro_rank_distance`, ….

    Values that are None are left out, since trainers log numbers only.
    """
    macro = result.macro or {}
    groups: tuple[tuple[str, dict[str, Any] | None], ...] = (
        ("multilingual_", result.multilingual),
        ("monolingual_", result.monolingual),
        ("cross_lingual_", result.cross_lingual),
        ("", result.bias),
        ("macro_multilingual_", macro.get("multilingual")),
        ("macro_", macro.get("bias")),
        ("", result.geometry),
    )
    return {
        prefix + name: float(value)
        for prefix, values in groups
        for name, value in (values or {}).items()
        if isinstance(value, (int, float)) and name not in COUNTS
    }


class MultilingualEvaluator(SentenceEvaluator):
    """Evaluates monolingual, cross-lingual and multilingual retrieval and language bias while training.

    Give it to a `SentenceTransformerTrainer` or `HybridTrainer` as `evaluator`; the best checkpoint is kept
    with `metric_for_best_model="eval_multilingual_AP"`, or any other of the names that `flat_metrics`
    returns. For measures such as `rank_distance`, of which less is better, also give
    `greater_is_better=False` to the trainer's arguments.

    Args:
        collection: what to evaluate on, usually a development split.
        name: put before all names of metrics, as other evaluators do: `name_multilingual_AP`.
        measures: rank measures by ir_measures' names; must include AP, which is the primary metric.
        rank_correlation: whether to measure it, and `mrc@10`; it makes ranking up to twice as long.
        geometry: whether to measure the geometry of the query embeddings.
        **encoding: how texts are encoded, as for `embed_collection`: `batch_size`, `batch_tokens`, `progress`, ...

    Example:
        >>> from isoglot import collection_from_rows, static_encoder
        >>> dev = collection_from_rows(
        ...     [("d1", "en", "", "Ottawa is the capital"), ("d2", "de", "", "Hauptstadt ist Ottawa")],
        ...     [("q", "en", "capital of Canada"), ("q", "de", "Hauptstadt von Kanada")],
        ...     [("q", "d1", 1), ("q", "d2", 1)],
        ... )
        >>> evaluator = MultilingualEvaluator(dev, "dev")
        >>> metrics = evaluator(static_encoder(dev, dimensions=8, vocabulary=60))
        >>> metrics["dev_multilingual_AP"], metrics["dev_rank_distance"]  # two documents, both relevant
        (1.0, 1.0)
    """

    def __init__(
        self,
        collection: Collection,
        name: str = "",
        *,
        measures: Sequence[str] = ("AP", "nDCG@10", "R@10"),
        rank_correlation: bool = False,
        geometry: bool = False,
        **encoding: Unpack[Encoding],
    ) -> None:
        super().__init__()
        if sentence := caution_of({key: collection.metadata.get(key) for key in (PSEUDO_QUERIES, QUERY_VIEW)}):
            logger.info("note: %s: %s", collection.name, sentence)
        self.collection = collection
        self.name = name
        self.measures = tuple(dict.fromkeys(("AP", *measures)))
        self.encoding = encoding
        self.rank_correlation = rank_correlation
        self.geometry = geometry
        self.primary_metric = "multilingual_AP"
        self.greater_is_better = True
        self.result: Result | None = None

    def __call__(
        self, model: SentenceTransformer, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Evaluate a model.

        Args:
            model: the model.
            output_path: a folder for the result file, or None.
            epoch: for the name of the result file.
            steps: for the name of the result file.

        Returns:
            `flat_metrics` of the result, which also stays in `self.result`.
        """
        self.result = evaluate(
            model,
            self.collection,
            measures=self.measures,
            bootstrap=0,
            rank_correlation=self.rank_correlation,
            geometry=self.geometry,
            keep_embeddings=True,
            **self.encoding,
        )
        assert self.result.embeddings is not None  # they were asked for
        further, self.result.embeddings = self.further_metrics(*self.result.embeddings), None
        if output_path is not None:
            parts = [
                "multilingual",
                self.name,
                f"epoch{epoch}" if epoch >= 0 else "",
                f"step{steps}" if steps >= 0 else "",
            ]
            self.result.to_json(Path(output_path) / ("_".join(part for part in parts if part) + ".json"))
        metrics = self.prefix_name_to_metrics(flat_metrics(self.result) | further, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    def further_metrics(self, queries: Any, documents: Any) -> dict[str, float]:
        """Return what else is to be reported of the embeddings; nothing, unless a subclass does.

        Args:
            queries: (q, d) of the queries with a relevant document, in order.
            documents: (D, d) of all documents, in order.
        """
        return {}

    @property
    def description(self) -> str:
        """What the model card calls this evaluation."""
        return "Multilingual Information Retrieval"
