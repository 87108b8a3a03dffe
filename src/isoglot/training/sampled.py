"""The part of its data that a run trains on: so many queries of a language, and nothing of languages held out."""

from __future__ import annotations

import logging

from isoglot.collections import Collection
from isoglot.data.sampling import sample_collection
from isoglot.training.config import TrainConfig

__all__ = ["sample_training_data"]

logger = logging.getLogger(__name__)


def sample_training_data(config: TrainConfig, collection: Collection, *, tell: bool = True) -> Collection:
    """Return the sample that a configuration asks for; the collection itself where it asks for none.

    Args:
        config: its budgets, which several data sets share, the languages it holds out, and the seed of its sample.
        collection: what to draw from.
        tell: say how much of it was drawn.

    Raises:
        InputError: a language is not in the collection, or is held out and has a budget; or no query is left.
    """
    if config.sample is None and config.default_budget is None and config.hold_out_languages is None:
        return collection
    drawn = sample_collection(
        collection,
        {tag: None if budget == "all" else budget for tag, budget in (config.sample or {}).items()},
        config.default_budget,
        config.sample_seed,
        config.hold_out_languages or (),
    )
    if tell:
        logger.info(
            "training on a sample of %s: %s of its %s queries, %s of its %s documents",
            collection.name,
            *(
                f"{getattr(one, table).num_rows:,}"
                for table in ("queries", "documents")
                for one in (drawn, collection)
            ),
        )
    return drawn
