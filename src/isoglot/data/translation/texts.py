"""Translating a list of texts, each different one once, by way of the journal."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from isoglot.data.translation.journal import Journal, text_key
from isoglot.data.translation.translator import Translates
from isoglot.files import content_hash

__all__ = ["Store", "translate_texts", "translation_store"]

Notify = Callable[[int, int], None]


class Store:
    """Journals of translations, one for each model, setting and pair of languages.

    Args:
        folder: where they lie; made when something is kept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def journal(self, source: str, target: str, context: str) -> Journal:
        """Open the journal of one context (`Translates.context`)."""
        name = content_hash(context, 8)
        return Journal(self.folder / f"{source}-{target}-{name}")


@contextmanager
def translation_store(cache: str | Path | None, out: str | Path) -> Iterator[Store]:
    """Yield where translations are kept as they are made.

    Args:
        cache: a folder for all runs; None keeps them beside the output until that is complete, so that a run that
            was killed can still be resumed.
        out: the output folder.
    """
    if cache is not None:
        yield Store(Path(cache).expanduser() / "translations")
        return
    target = Path(out).resolve()
    folder = target.parent / f".{target.name}-translations"
    yield Store(folder)
    shutil.rmtree(folder, ignore_errors=True)


def translate_texts(
    translator: Translates,
    texts: Sequence[str],
    source: str,
    target: str,
    store: Store,
    notify: Notify = lambda done, total: None,
) -> tuple[list[str], int]:
    """Translate texts; what the journal holds is not translated again, and what is new is kept in it at once.

    A text without a letter, such as a number, is its own translation.

    Args:
        translator: translates.
        texts: the texts (n,).
        source: canonical tag of their language.
        target: canonical tag of the language wanted.
        store: where translations are kept.
        notify: told how many of the texts to be translated now are done, and of how many.

    Returns:
        The translations (n,), and how many texts the translator was given.
    """
    context = translator.context(source, target)
    keys = {text: text_key(context, text) for text in texts if any(map(str.isalpha, text))}
    if not keys:
        return list(texts), 0
    with store.journal(source, target, context) as journal:
        new = [text for text, key in keys.items() if journal.get(key) is None]
        done = 0
        notify(done, len(new))
        for batch in translator.translate(new, source, target) if new else ():
            journal.add((keys[new[row]], translation) for row, translation in batch)
            done += len(batch)
            notify(done, len(new))
        known = {text: journal.translations[key] for text, key in keys.items()}
    return [known.get(text, text) for text in texts], len(new)
