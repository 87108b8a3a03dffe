"""The language identifier py3langid, where it is installed: loaded once, whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from isoglot.files import require

__all__ = ["NO_LANGUAGE", "identify_languages", "language_identifier"]

NO_LANGUAGE = "zxx"
"""The label of what is no language, such as program code."""

CERTAIN = 0.9
"""Probability from which on a language is taken as it is identified."""


@lru_cache(maxsize=1)
def language_identifier() -> Any | None:
    """Return the classifier with its labels and probabilities; None if py3langid is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def identify_languages(texts: Sequence[str]) -> list[str | None]:
    """Identify the language of each of some texts that belong together.

    What is identified with a probability of 0.9 or more is taken as it is. Other texts, short ones above all, get
    the likeliest of the languages found so; of all languages, where none was.

    Args:
        texts: (n,) the texts.

    Returns:
        (n,) py3langid's labels, which are language tags; None for what is no language.

    Raises:
        InputError: py3langid is not installed.
    """
    require("py3langid", "identify", "identifying languages")
    identifier = language_identifier()
    assert identifier is not None
    first = [identifier.classify(text) for text in texts]
    certain = {tag for tag, probability in first if probability >= CERTAIN} - {NO_LANGUAGE}
    found: list[str | None] = []
    for text, (tag, probability) in zip(texts, first, strict=True):
        if certain and (probability < CERTAIN or tag == NO_LANGUAGE) and any(map(str.isalpha, text)):
            tag = next(label for label, _ in identifier.rank(text) if label in certain)
        found.append(None if tag == NO_LANGUAGE or not any(map(str.isalpha, text)) else tag)
    return found
