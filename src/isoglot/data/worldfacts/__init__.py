"""Worldfacts: the embedded default collection, built from Unicode CLDR through Babel, with no download.

Documents are fact sheets of the inhabited countries and territories, one per territory and language. Queries
are natural questions about them, in both directions: which currency a territory has, and where a currency is
used. The same question exists in every language in which CLDR has the names it needs: everything is parallel.

- `facts`: what CLDR knows about a territory, as codes, in no language.
- `wordings`: what CLDR calls these codes in a language, and how sheets and questions are said in it (`templates/`).
- `build`: which questions are asked about which facts; documents, queries and relevance judgments.
"""

from __future__ import annotations

from collections.abc import Sequence

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.files import require

__all__ = ["load_worldfacts"]


def load_worldfacts(languages: Sequence[str] | None = None) -> dict[str, Collection]:
    """Build the embedded default collection.

    Args:
        languages: only these; all if None.

    Returns:
        Split ("train", "test") -> collection. The splits share their documents; their queries differ.

    Raises:
        InputError: a language that worldfacts does not have, or Babel is not installed.
    """
    require("babel", "data", "worldfacts")
    from isoglot.data.worldfacts.build import SPLITS, build_worldfacts

    tables = build_worldfacts(languages)
    return {
        split: collection_from_rows(
            tables.documents,
            tables.queries[split],
            tables.qrels[split],
            name=f"worldfacts/{split}",
            metadata=dict(tables.metadata),
        )
        for split in SPLITS
    }
