"""Telling the language of a text, with py3langid where it is installed, for the languages that it knows."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import langcodes

from isoglot.languages.identify import NO_LANGUAGE, language_identifier
from isoglot.languages.matching import macrolanguage, match_tag
from isoglot.languages.tags import canonical_tag

__all__ = ["identifies", "identify", "related"]

logger = logging.getLogger(__name__)

RELATED = 10
"""Largest CLDR distance of languages that short texts do not tell apart: hr and bs have 4, ar and arz 10."""


@lru_cache(maxsize=1)
def _identifier() -> tuple[Any, dict[str, str]] | None:
    """Return py3langid's classifier and its labels by canonical tag; None without it."""
    found = language_identifier()
    if found is None:
        logger.warning(
            "py3langid is not installed: the language of translations is judged by their script only "
            "(pip install 'isoglot[translation]')"
        )
        return None
    return found, {canonical_tag(label): label for label in found.labels if label != NO_LANGUAGE}


def identifies(tag: str) -> bool:
    """Tell whether texts of a language can be told from others."""
    found = _identifier()
    return found is not None and match_tag(tag, found[1]) is not None


def identify(text: str) -> tuple[str, float] | None:
    """Return the most probable language of a text (canonical tag) and its probability; None if not possible."""
    found = _identifier()
    if found is None:
        return None
    label, probability = found[0].classify(text)
    return None if label == NO_LANGUAGE else (canonical_tag(label), probability)


@lru_cache(maxsize=4096)
def related(tag: str, other: str) -> bool:
    """Tell whether two languages are the same, or so close that an identifier mixes them up, as hr and sr."""
    ours, theirs = (macrolanguage(one) for one in (tag, other))
    return ours == theirs or langcodes.tag_distance(tag, other) <= RELATED
