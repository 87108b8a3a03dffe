"""Amounts as people write them: numbers, sizes of memory, precisions, and budgets of languages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from isoglot.errors import InputError

__all__ = ["check_dtype", "is_number", "read_budget", "read_budgets", "read_size"]


DTYPES = ("float32", "bfloat16", "float16")


def check_dtype(dtype: str) -> None:
    """Check the name of a precision.

    Raises:
        InputError: there is none of this name.
    """
    if dtype not in DTYPES:
        raise InputError(f"no precision {dtype!r}: choose one of {', '.join(DTYPES)}")


def is_number(text: str) -> bool:
    """Tell whether a text is a number, as Python writes them."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_size(text: str, alone: int = 1000) -> int:
    """Return the bytes of a size such as `8GiB` (units of 1024), `512MB` (of 1000) or `1000000`.

    Args:
        text: the size.
        alone: what a letter alone is a unit of, as in `8G`.

    Raises:
        ValueError: it is no size.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])(i?)(b?)|b?)", text.strip().lower())
    if match is None:
        raise ValueError("should be a number of bytes, or one with a unit, such as 4GB")
    number, unit, binary, byte = match.groups()
    base = 1024 if binary else 1000 if byte else alone
    return int(float(number) * base ** (" kmgt".index(unit) if unit else 0))


def read_budget(value: object, option: str | None = None) -> int | None:
    """Return how many queries of a language are drawn; None for `all`.

    Args:
        value: a number, also as text, or `all`.
        option: of the command line that gives it, if one does.

    Raises:
        ValueError: it is neither; an `InputError` that names the option, if there is one.
    """
    text = str(value).strip()
    if value is None or text == "all":
        return None
    if text.isdecimal():
        return int(text)
    if option is not None:
        raise InputError(f"{option}: {value!r} is neither a number of queries nor all")
    raise ValueError("should be a number of queries, or all")


def read_budgets(texts: Iterable[str], option: str) -> dict[str, int | None]:
    """Return the budgets that an option of the command line gives: canonical tag -> queries, None for all.

    Args:
        texts: each `TAG=N` or `TAG=all`.
        option: what messages call it.

    Raises:
        InputError: a text is nothing of the kind, or a language has two budgets.
    """
    from isoglot.languages.tags import read_tag  # slow to import, and the command line need not know of it

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
