"""The entries of the catalogue: found by name."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from isoglot.data.catalogue.entry import Entry
from isoglot.errors import InputError

__all__ = ["all_entries", "entry_names", "find_entry"]

FOLDER = Path(__file__).parent / "entries"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times faster, where libyaml is there


@cache
def entry_names() -> tuple[str, ...]:
    """Return the names of all data sets of the catalogue, sorted; reads no entry."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def find_entry(name: str) -> Entry:
    """Return the entry of a data set.

    Args:
        name: its name, in any case.

    Raises:
        InputError: there is none of this name, or it is that of a part.
    """
    if name.lower() in entry_names():
        name = name.lower()
    else:
        whole, _, part = name.lower().partition("/")
        if part and whole in entry_names():
            raise InputError(
                f"{name} is a part of {whole}, and comes with it: `isoglot data get {whole}` gets all parts, and "
                f"then {whole}/{part} names this one wherever a collection is asked for"
            )
        close = difflib.get_close_matches(name.lower(), entry_names(), n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise InputError(f"the catalogue has no data set {name!r}; {hint}`isoglot data list` shows all")
    return Entry.model_validate(yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_Loader))


def all_entries() -> tuple[Entry, ...]:
    """Return all entries, sorted by name."""
    return tuple(find_entry(name) for name in entry_names())
