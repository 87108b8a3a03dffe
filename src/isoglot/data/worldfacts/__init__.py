"""Worldfacts: the embedded default collection, built from Unicode CLDR through Babel, with no download.

Documents are fact sheets of the inhabited countries and territories, one per territory and language. Queries
are natural questions about them, in both directions: which currency a territory has, and where a currency is
used. The same question exists in every language in which CLDR has the names it needs: everything is parallel.

- `facts`: what CLDR knows about a territory, as codes, in no language.
- `wordings`: what CLDR calls these codes in a language, and how sheets and questions are said in it (`templates/`).
- `build`: which questions are asked about which facts; documents, queries and relevance judgments.
"""

from isoglot.data.worldfacts.build import WorldfactsTables, build_worldfacts, load_worldfacts
from isoglot.data.worldfacts.wordings import worldfacts_languages

__all__ = ["WorldfactsTables", "build_worldfacts", "load_worldfacts", "worldfacts_languages"]
