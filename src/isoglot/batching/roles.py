"""`Role`: what a text is in its batch."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Role"]


class Role(IntEnum):
    """What a text is in its batch: the first column of the labels."""

    QUERY = 0
    OTHER_QUERY = 1  # a version of a query in another language, for terms that compare versions
    DOCUMENT = 2  # in paired batches the own documents, in the order of their queries
    NEGATIVE = 3  # a hard negative
    OTHER_DOCUMENT = 4
    UNPAIRED_DOCUMENT = 5  # documents of batches that are not paired
