"""When two texts count as the same: in the same letters and digits, whatever their case, spacing and punctuation.

Spaces are left out altogether, so that a Chinese text and its segmented form are the same.
"""

from __future__ import annotations

from hashlib import blake2b
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["digests", "normalised"]

# Python's own \W would take the vowel signs of Thai and Devanagari away as well.
BLANK = r"[\p{P}\p{Z}\p{Cc}\p{Cf}]+"
DIGEST_BYTES = 16


def normalised(texts: list[str]) -> list[str]:
    """Return texts in Unicode's NFKC form with case folded, without spaces, punctuation and invisible characters.

    A text of nothing but these keeps its punctuation, so that `?` and `!` stay two texts.
    """
    folded = [normalize("NFKC", normalize("NFKC", text).casefold()) for text in texts]
    bare = pc.replace_substring_regex(pa.array(folded, pa.large_string()), pattern=BLANK, replacement="")
    # Marks that now stand side by side may compose, or change places.
    kept = (normalize("NFKC", text) for text in bare.to_pylist())
    return [short or full.strip() for short, full in zip(kept, folded, strict=True)]


def digests(texts: list[str]) -> NDArray[np.void]:
    """Return (n,) BLAKE2b digests of 16 bytes: equal where the texts are, and in practice only there."""
    joined = b"".join(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest() for text in texts)
    return np.frombuffer(joined, f"V{DIGEST_BYTES}")
