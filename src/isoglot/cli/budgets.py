"""Budgets of languages, as the command line says them: `--budget sw=100 --budget de=all`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["read_budget", "read_budgets", "read_tag"]


def read_budgets(texts: Sequence[str], option: str) -> dict[str, int | None]:
    """Return the budgets of languages: canonical tag -> number of queries, None for all.

    Args:
        texts: each `TAG=N` or `TAG=all`.
        option: what messages call them.

    Raises:
        InputError: a text is nothing of the kind, or a language has two budgets.
    """
    from isoglot.errors import InputError

    budgets: dict[str, int | None] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals:
            raise InputError(f"{option} {text!r} is not a language and a number, such as sw=100")
        tag = read_tag(name, option)
        if tag in budgets:
            raise InputError(f"{option} {text!r}: {tag} has a budget already; give one")
        budgets[tag] = read_budget(number, f"{option} {text}")
    return budgets


def read_tag(text: str, option: str) -> str:
    """Return the canonical tag of a language.

    Raises:
        InputError: the text is none.
    """
    from isoglot.errors import InputError
    from isoglot.languages.tags import canonical_tag

    try:
        return canonical_tag(text)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None


def read_budget(text: str, option: str) -> int | None:
    """Return a number of queries; the word `all` is None.

    Raises:
        InputError: the text is neither.
    """
    from isoglot.errors import InputError

    if text.strip() == "all":
        return None
    if not text.strip().isdecimal():
        raise InputError(f"{option}: {text!r} is neither a number of queries nor all")
    return int(text)
