"""Collections: documents, queries and judgments with a language each; their forms on disk."""

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection, Relevance
from isoglot.collections.folder import read_collection, splits_of
from isoglot.collections.joining import JoinedCollection, join_collections
from isoglot.collections.loading import load_collection, load_worldfacts
from isoglot.collections.quality import Leakage, find_leakage
from isoglot.collections.sampling import sample_collection
from isoglot.collections.writing import write_collection

__all__ = [
    "Collection",
    "JoinedCollection",
    "Leakage",
    "Relevance",
    "collection_from_rows",
    "find_leakage",
    "join_collections",
    "load_collection",
    "load_worldfacts",
    "read_collection",
    "sample_collection",
    "splits_of",
    "write_collection",
]
