"""Collections: documents, queries and judgments with a language each; their forms on disk."""

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection, Relevance
from isoglot.collections.folder import read_collection, splits_of
from isoglot.collections.joining import JoinedCollection, join_collections
from isoglot.collections.writing import write_collection

__all__ = [
    "Collection",
    "JoinedCollection",
    "Relevance",
    "collection_from_rows",
    "join_collections",
    "read_collection",
    "splits_of",
    "write_collection",
]
