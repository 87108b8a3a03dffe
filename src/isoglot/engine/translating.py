"""Texts translated by workers, each with the model, as `Translator` translates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from isoglot.data.translation import Translator
from isoglot.engine.cluster import Shared, Workers

__all__ = ["translator_on"]

Found = list[tuple[int, str]]


@dataclass(frozen=True)
class _Window:
    """Texts that are translated together, and their positions among all."""

    rows: list[int]
    texts: list[str]
    source: str
    target: str


def _translate(translator: Translator, window: _Window) -> Found:
    found = translator.translate(window.texts, window.source, window.target)
    return [(window.rows[at], text) for part in found for at, text in part]


@dataclass(eq=False)
class _OnWorkers:
    """A translator whose texts go to workers; see `Translates`."""

    name: str
    translator: Translator
    workers: Workers
    shared: Shared

    def check(self, source: str, target: str) -> None:
        """Check that the model translates between two languages."""
        self.translator.check(source, target)

    def context(self, source: str, target: str) -> str:
        """Return what besides the text decides a translation: the same as without workers."""
        return self.translator.context(source, target)

    def describe(self) -> dict[str, Any]:
        """Return name, family, fingerprint and settings of the model."""
        return self.translator.describe()

    def translate(self, texts: Sequence[str], source: str, target: str) -> Iterator[Found]:
        """Yield (position, translation) of the texts of a window, as workers finish them."""
        windows = self.translator.windows(texts, source, target)
        pieces = (_Window(rows, [texts[row] for row in rows], source, target) for rows in windows)
        yield from self.workers.map(_translate, [self.shared], pieces)


@contextmanager
def translator_on(workers: Workers, translator: Translator) -> Iterator[_OnWorkers]:
    """Have a translator's texts translated by workers as long as the block runs.

    Each worker loads the model once, from where the translator's name says. Texts are put together as without
    workers, so translations are the same where processors are of one kind and have as many threads.

    Args:
        workers: of `start_workers`.
        translator: of `load_translator`.
    """
    with workers.share(translator) as shared:
        yield _OnWorkers(translator.name, translator, workers, shared)
