"""The layout that SQuAD JSON, XQuAD, MLQA and LAReQA share: articles of paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoglot.collections.problems import Problems
from isoglot.data.forms.fields import reporting, take
from isoglot.data.forms.files import json_file
from isoglot.errors import InputError

__all__ = ["articles", "paragraphs"]


def articles(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (place for messages, content) of each article of a file.

    Raises:
        InputError: the file cannot be read, is no JSON, or has no list `data`.
    """
    content = json_file(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise InputError(f"{path} is not SQuAD JSON: it has no list 'data'")
    for number, article in enumerate(content["data"]):
        yield f"{path.name} article {number}", article


def paragraphs(path: Path, problems: Problems) -> Iterator[tuple[int, int, str, Any]]:
    """Yield (article, paragraph, place for messages, content) of each paragraph of a file, counted from 0.

    Raises:
        InputError: as for `articles`.
    """
    for article, (place, content) in enumerate(articles(path)):
        with reporting(problems, place):
            for paragraph, entry in enumerate(take(content, "paragraphs", list)):
                yield article, paragraph, f"{place} paragraph {paragraph}", entry
