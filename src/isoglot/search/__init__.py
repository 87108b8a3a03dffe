"""Search: documents of all languages in an index on disk, found by questions in any language."""

from isoglot.search.build import build_index
from isoglot.search.index import Hit, Index, open_index
from isoglot.search.rows import read_ids

__all__ = ["Hit", "Index", "build_index", "open_index", "read_ids"]
