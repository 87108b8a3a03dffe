"""Names that users give: which one may have been meant, classes of their own by where they lie, and
their settings."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from isoglot.errors import InputError

__all__ = ["checked_settings", "close_names", "did_you_mean", "in_a_line", "is_path", "own_class"]

MOST = 3
ALIKE = 0.6  # of difflib's ratio
FURTHER = 0.15  # than the best one: no longer named beside it


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question to put behind a name that is not known, such as ` (did you mean hybrid?)`; empty where no
    known name is like it. Upper and lower case, hyphens and underscores are the same.

    Example:
        >>> f"no term 'infonce'{did_you_mean('infonce', ['InfoNCE', 'KLAlignment'])}"
        "no term 'infonce' (did you mean InfoNCE?)"
    """
    close = close_names(word, known)
    return f" (did you mean {' or '.join(map(in_a_line, close))}?)" if close else ""


def in_a_line(name: str) -> str:
    r"""Return a name as a sentence holds it: as Python writes it where it would break the line, such as a column's
    whose quote is not closed.

    Example:
        >>> in_a_line("question"), in_a_line("question\n1")
        ('question', "'question\\n1'")
    """
    return name if name.isprintable() else repr(name)


def close_names(word: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are most like a word, the best one first; none where none is like it."""
    folded = {_folded(one): one for one in known}
    close = difflib.get_close_matches(_folded(word), folded, MOST, ALIKE)
    alike = [difflib.SequenceMatcher(None, one, _folded(word)).ratio() for one in close]
    return [folded[one] for one, ratio in zip(close, alike, strict=True) if ratio > alike[0] - FURTHER]


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def is_path(name: str) -> bool:
    """Tell whether a name says where a class lies: `package.module:Class`."""
    module, colon, kind = name.partition(":")
    return bool(colon) and kind.isidentifier() and all(part.isidentifier() for part in module.split("."))


def own_class(path: str, base: type) -> Any:
    """Return a user's class.

    Args:
        path: `package.module:Class`; modules are looked for among what is installed and in the working folder.
        base: what it must be derived from.

    Raises:
        InputError: there is no such module or class, the module cannot be imported, or it is no such class.
    """
    module, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ImportError as error:
        raise InputError(
            f"{path} cannot be imported from {here} or what is installed: {str(error)[:300]}"
        ) from error
    except Exception as error:
        raise InputError(f"{path} cannot be imported: {type(error).__name__}: {str(error)[:300]}") from error
    kind = getattr(found, name, None)
    if kind is None:
        raise InputError(f"{path}: {module} has no {name}{did_you_mean(name, vars(found))}")
    if not isinstance(kind, type) or not issubclass(kind, base):
        public = f"{base.__module__.rpartition('.')[0]}.{base.__name__}"
        raise InputError(f"{path} is not derived from {public}: docs/extending.md shows how")
    return kind


def checked_settings(
    name: str, settings: Mapping[str, Any], known: Iterable[str], types: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a class as its types have them.

    Args:
        name: what is set, which an error begins with.
        settings: as configurations give them.
        known: what the class takes.
        types: the type of each, where it says one.

    Raises:
        InputError: there is no such setting, or its value is of another type.
    """
    from pydantic import TypeAdapter, ValidationError

    known, read = [*known], {}
    for setting, value in settings.items():
        if setting not in known:
            choices = f": choose from {', '.join(known)}" if known else ", and no other"
            raise InputError(f"{name} has no setting {setting!r}{did_you_mean(setting, known)}{choices}")
        try:
            read[setting] = TypeAdapter(types.get(setting, Any)).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise InputError(f"{name}: {setting} cannot be {value!r}: {reason[0].lower()}{reason[1:]}") from None
    return read
