"""Names and order of languages on the page."""

from __future__ import annotations

from collections.abc import Iterable

from isoglot.languages.tags import language_name

__all__ = ["name_and_tag", "name_of", "order_of"]


def name_of(tag: str) -> str:
    """Return the English name of a language, or the text itself if it is not a tag that has one."""
    try:
        return language_name(tag)
    except (ValueError, KeyError, LookupError):
        return tag


def name_and_tag(tag: str) -> str:
    """Return `German (de)`, or only the tag where it has no name."""
    name = name_of(tag)
    return tag if name == tag else f"{name} ({tag})"


def order_of(tags: Iterable[str]) -> list[str]:
    """Return the distinct tags in the order of every figure and table: by tag, so that variants lie together."""
    return sorted(set(tags))
