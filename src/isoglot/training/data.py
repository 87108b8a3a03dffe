"""The data of a run: what it trains on, all of it or a sample, and the text of a target domain."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from isoglot.collections import Collection, JoinedCollection, join_collections
from isoglot.collections.collection import PSEUDO_QUERIES
from isoglot.collections.fetching import from_anywhere
from isoglot.collections.folder import collection_folders, read_documents
from isoglot.collections.negatives import has_hard_negatives
from isoglot.data import load_collection
from isoglot.data.catalogue.loading import named, refuse_missing
from isoglot.data.forms.read import holds_collection
from isoglot.data.sampling import sample_collection
from isoglot.errors import InputError
from isoglot.training.config import TrainConfig

__all__ = ["check_negatives", "load_data", "load_target", "parts_of", "sample_training_data", "training_sets"]

TOLD = ("title", "licence", "citation", "source", PSEUDO_QUERIES)
"""What `collection.yaml` says that the record of a run and the card of its model repeat."""
logger = logging.getLogger(__name__)


def load_data(config: TrainConfig) -> Collection:
    """Load the collection that a configuration names; of several, all joined (`JoinedCollection`).

    Raises:
        InputError: one is missing, or not as it should be.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    several = len(config.data) > 1
    if several:
        for one in config.data:  # before the first is read, which may take long
            refuse_missing(one.name)
    found = [
        load_collection(
            one.name,
            split=one.split or config.split,
            prefer_split="train",
            language=one.lang or config.lang,
            lenient=config.lenient,
        )
        for one in config.data
    ]
    return join_collections(found) if several else found[0]


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


def check_negatives(config: TrainConfig, collection: Collection) -> None:
    """Refuse hard negatives of a collection that has none.

    Raises:
        InputError: it has none, or they are not as they should be.
    """
    if config.negatives and not has_hard_negatives(collection):
        raise InputError(
            f"negatives is {config.negatives}, and {collection.name} has no hard negatives: find them by isoglot "
            "mine, or leave negatives out"
        )


@from_anywhere
def load_target(name: str, *, language: str | None = None, lenient: bool = False) -> Collection:
    """Load the documents of a collection, for domain batches; queries and judgments need not be there.

    Args:
        name: what `load_collection` takes, or a folder with nothing but `corpus.jsonl` or `corpus.parquet`.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: there is no such collection or folder, or its documents are not as they should be.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    folder = Path(name)
    if folder.is_file():
        raise InputError(f"the target {name} is a file, not a folder")
    if None not in collection_folders(folder) and holds_collection(folder):  # one for each split, or XQuAD-R's
        return load_collection(name, prefer_split="train", language=language, lenient=lenient)
    if folder.is_dir():
        return read_documents(folder, language=language, lenient=lenient)
    if named(name) is None:
        raise InputError(f"the target {name} is missing")
    return load_collection(name, prefer_split="train", language=language, lenient=lenient)


def parts_of(collection: Collection) -> list[Collection]:
    """Return the data sets of what a run trains on."""
    if isinstance(collection, JoinedCollection):
        return [one.collection for one in collection.parts]
    return [collection]


def training_sets(collection: Collection) -> list[dict[str, Any]]:
    """Say of each data set what it is, whose, and how much of it the run had."""
    found = []
    for part in parts_of(collection):
        metadata = part.metadata
        found.append(
            {
                "name": part.name,
                **{key: str(metadata[key]) for key in TOLD if metadata.get(key)},
                "documents": part.documents.num_rows,
                "queries": part.queries.num_rows,
                "languages": list(part.languages),
            }
        )
    return found
