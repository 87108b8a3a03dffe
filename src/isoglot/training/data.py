"""The data of a run: one collection, or several joined to one."""

from __future__ import annotations

from isoglot.collections import Collection, join_collections
from isoglot.data import load_collection
from isoglot.data.catalogue.loading import refuse_missing
from isoglot.training.config import TrainConfig

__all__ = ["load_data"]


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
