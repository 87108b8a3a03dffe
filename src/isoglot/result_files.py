"""Result files: JSON with stable keys, written whole, read with a clear word where they are something else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.errors import InputError

__all__ = ["read_result_file", "write_result_file"]


def write_result_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a result file; folders on the way to it are made.

    Raises:
        InputError: the file cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def read_result_file(
    path: str | Path, keys: Sequence[str], kind: str, remedy: str = "", *, optional: Sequence[str] = ()
) -> dict[str, Any]:
    """Read a result file; return these keys of it.

    Args:
        path: the file.
        keys: all of which it must have.
        kind: what it is called in messages, such as "a result file".
        remedy: what to do about a file that is none.
        optional: of the keys, those that older files lack; they are not in what is returned then.

    Raises:
        InputError: the file is missing, not JSON, or lacks a key.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the result {path}: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is not {kind}: it is not JSON{remedy}") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in {*content, *optional}]
    if missing:
        raise InputError(f"{path} is not {kind}: it lacks {missing[0]!r}{remedy}")
    return {key: content[key] for key in keys if key in content}
