"""The language identifier py3langid, where it is installed: loaded once, whoever asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["NO_LANGUAGE", "language_identifier"]

NO_LANGUAGE = "zxx"
"""The label of what is no language, such as program code."""


@lru_cache(maxsize=1)
def language_identifier() -> Any | None:
    """Return the classifier with its labels and probabilities; None if py3langid is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
