"""Small words: names and order of languages, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isoglot.languages.tags import language_name

__all__ = ["article", "listed", "name_and_tag", "name_of", "order_of"]


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


def listed(parts: Sequence[str]) -> str:
    """Join parts: `a`, `a and b`, `a, b and c`."""
    return "".join(parts) if len(parts) < 2 else ", ".join(parts[:-1]) + " and " + parts[-1]


def article(name: str) -> str:
    """Return a name with its indefinite article: `a German`, `an English`."""
    return f"{'an' if name[:1] in tuple('AEIOaeio') or name.startswith(('Um', 'Ud')) else 'a'} {name}"
