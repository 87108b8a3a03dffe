"""Names that users give: which one may have been meant, and classes of their own by where they lie."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from isoglot.errors import InputError

__all__ = ["did_you_mean", "is_path", "own_class"]

MOST = 3
ALIKE = 0.6  # of difflib's ratio
FURTHER = 0.1  # than the best one: no longer named beside it


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question to put behind a name that is not known, such as ` (did you mean hybrid?)`; empty where no
    known name is like it. Upper and lower case, hyphens and underscores are the same.

    Example:
        >>> f"no term 'infonce'{did_you_mean('infonce', ['InfoNCE', 'KLAlignment'])}"
        "no term 'infonce' (did you mean InfoNCE?)"
    """
    folded = {_folded(one): one for one in known}
    close = difflib.get_close_matches(_folded(word), folded, MOST, ALIKE)
    alike = [difflib.SequenceMatcher(None, one, _folded(word)).ratio() for one in close]
    close = [one for one, ratio in zip(close, alike, strict=True) if ratio > alike[0] - FURTHER]
    return f" (did you mean {' or '.join(folded[one] for one in close)}?)" if close else ""


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
