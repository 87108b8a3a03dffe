"""The data wing: what `isoglot data` does, in rooms named as it names them."""

from isoglot.data.catalogue.loading import load_collection
from isoglot.data.quality import Leakage, find_leakage
from isoglot.data.sampling import sample_collection
from isoglot.data.worldfacts import load_worldfacts

__all__ = ["Leakage", "find_leakage", "load_collection", "load_worldfacts", "sample_collection"]
