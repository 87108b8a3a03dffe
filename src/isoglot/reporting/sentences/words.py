"""Small words."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["article", "listed", "plural"]


def listed(parts: Sequence[str]) -> str:
    """Join parts: `a`, `a and b`, `a, b and c`."""
    return "".join(parts) if len(parts) < 2 else ", ".join(parts[:-1]) + " and " + parts[-1]


def plural(number: int, word: str) -> str:
    """Return `1 language`, `1,190 languages`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def article(name: str) -> str:
    """Return a name with its indefinite article: `a German`, `an English`."""
    return f"{'an' if name[:1] in tuple('AEIOaeio') or name.startswith(('Um', 'Ud')) else 'a'} {name}"
