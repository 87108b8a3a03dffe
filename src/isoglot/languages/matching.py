"""Which of a model's language codes stands for a BCP-47 tag, and which one comes closest if none does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import langcodes

__all__ = ["closest_tag", "is_language_group", "macrolanguage", "match_tag", "script_of"]

NEAR = 1
"""Largest CLDR distance of two names for one language: no and nb have 1, hr and bs 4."""


class _Key(NamedTuple):
    """What decides whether two tags mean the same written language."""

    language: str
    script: str | None


@lru_cache(maxsize=1)
def _registry() -> tuple[dict[str, str], frozenset[str]]:
    """Read the IANA registry: the macrolanguage of a language, and the subtags of groups of languages."""
    from langcodes.registry_parser import parse_registry

    macrolanguages: dict[str, str] = {}
    groups = set()
    for entry in parse_registry():
        if entry.get("Type") != "language":
            continue
        if entry.get("Scope") == "collection":
            groups.add(entry["Subtag"])
        if "Macrolanguage" in entry:
            macrolanguages[entry["Subtag"]] = entry["Macrolanguage"]
    return macrolanguages, frozenset(groups | {"mul"})


def is_language_group(code: str) -> bool:
    """Tell whether a code is one of ISO 639-5, such as `zle` (East Slavic), or `mul`: no one language."""
    return code.lower() in _registry()[1]


def macrolanguage(tag: str) -> str:
    """Return the macrolanguage of a tag's language (`zh` for `yue`), or the language itself if it has none."""
    language = langcodes.Language.get(tag).language or "und"
    return _registry()[0].get(language, language)


@lru_cache(maxsize=4096)
def script_of(tag: str) -> str | None:
    """Return the ISO 15924 script of a tag: the one that it names, else the likely one (CLDR); None if unknown.

    Example:
        >>> script_of("sr"), script_of("sr-Latn"), script_of("zh-TW"), script_of("pbt")
        ('Cyrl', 'Latn', 'Hant', None)
    """
    given = langcodes.Language.get(tag)
    if given.script:
        return given.script
    likely = given.maximize()
    # a language that CLDR does not know gets the script and the territory of English
    if likely.territory == "US" and given.territory is None and given.language != "en":
        return None
    return likely.script


@lru_cache(maxsize=4096)
def _key(tag: str) -> _Key:
    return _Key(langcodes.Language.get(tag).language or "und", script_of(tag))


@lru_cache(maxsize=4096)
def _macro(tag: str) -> str:
    """Return the language subtag that CLDR prefers: `sw` for `swh`, `ar` for `arb`, but `arz` for `arz`."""
    return langcodes.Language.get(langcodes.standardize_tag(tag, macro=True)).language or "und"


def _rank(tag: str, other: str) -> tuple[bool, bool, bool, str]:
    """Order candidates of one language and script: the same tag; one of no other territory; the same subtag."""
    mine, theirs = langcodes.Language.get(tag).maximize().territory, langcodes.Language.get(other).territory
    return tag != other, theirs not in (None, mine), _key(tag).language != _key(other).language, other


def match_tag(tag: str, supported: Iterable[str]) -> str | None:
    """Find the supported tag that means the same written language as `tag`; None if there is none.

    Language and script must be the same: `zh-TW` is not `zh`, which is written in another script, and `sr-Latn` is
    not `sr`. Territories do not matter, except among several candidates: `pt-BR` is `pt`. A macrolanguage stands
    for its usual member (`ar` for `arb`, `sw` for `swh`), or for the only one supported (`qu` for `quy`); a member
    that is not the usual one (`arz`, `yue`) does not stand for the macrolanguage.

    Args:
        tag: a canonical BCP-47 tag.
        supported: canonical BCP-47 tags.
    """
    wanted = _key(tag)
    scripts = [other for other in supported if wanted.script is None or _key(other).script in (None, wanted.script)]
    same = [other for other in scripts if _key(other).language == wanted.language or _macro(other) == _macro(tag)]
    if same:
        return min(same, key=lambda other: _rank(tag, other))
    members = [other for other in scripts if _registry()[0].get(_key(other).language) == wanted.language]
    near = members or [other for other in scripts if langcodes.tag_distance(tag, other) <= NEAR]
    if len(near) > 1:  # of several members, the one that CLDR takes for the same: nb of nb and nn for no
        near = [other for other in near if langcodes.tag_distance(tag, other) <= NEAR]
    return near[0] if len(near) == 1 else None


def closest_tag(tag: str, supported: Mapping[str, str]) -> str:
    """Return the supported tag nearest to one that is not supported, by CLDR's distance of languages.

    Args:
        tag: a canonical tag.
        supported: canonical tag -> the model's code; not empty.
    """
    macro = _registry()[0].get(_key(tag).language)

    def distance(other: str) -> tuple[int, int, float, str]:
        related = _key(other).language in (_key(tag).language, macro)
        alike = difflib.SequenceMatcher(None, tag, other).ratio()
        return (not related, langcodes.tag_distance(tag, other), -alike, other)

    return min(supported, key=distance)
