"""The texts of one side of a collection, queries or documents, as they are compared.

Two count as the same in the same letters and digits, whatever their case, spacing and punctuation. Spaces are left
out altogether, so that a Chinese text and its segmented form are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Literal
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
from numpy.typing import NDArray

from isoglot.collections.collection import Collection

__all__ = ["Kind", "Texts", "digests", "ignorable", "normalised"]

IntArray = NDArray[np.integer[Any]]
Kind = Literal["queries", "documents"]

BLOCK = 8_192
LONGEST_SHOWN = 160

# Python's own \W would take the vowel signs of Thai and Devanagari away as well.
BLANK = r"\p{P}\p{Z}\p{Cc}\p{Cf}"
DIGEST_BYTES = 16


@lru_cache(maxsize=1)
def ignorable() -> str:
    """Return all characters that nothing is to be seen of (Unicode's Default_Ignorable_Code_Point, UAX 44), such as
    joiners and variation selectors, as a part of a character class. Arrow does not know the property by name."""
    planes = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000))))
    runs = regex.findall(r"\p{Default_Ignorable_Code_Point}+", planes)
    return "".join(rf"\x{{{ord(run[0]):X}}}-\x{{{ord(run[-1]):X}}}" for run in runs)


def normalised(texts: list[str]) -> list[str]:
    """Return texts in Unicode's NFKC form with case folded, without spaces, punctuation and invisible characters.

    A text of nothing but these keeps its punctuation, so that `?` and `!` stay two texts.
    """
    folded = [normalize("NFKC", normalize("NFKC", text).casefold()) for text in texts]
    bare = _without(folded, BLANK + ignorable())
    for at in (at for at, text in enumerate(bare) if not text):
        bare[at] = _without([folded[at]], ignorable())[0].strip() or folded[at]
    return bare


def _without(texts: list[str], characters: str) -> list[str]:
    """Return texts without characters, given as a part of a character class."""
    bare = pc.replace_substring_regex(
        pa.array(texts, pa.large_string()), pattern=f"[{characters}]+", replacement=""
    )
    # Marks that now stand side by side may compose, or change places.
    return [normalize("NFKC", text) for text in bare.to_pylist()]


def digests(texts: list[str]) -> NDArray[np.void]:
    """Return (n,) BLAKE2b digests of 16 bytes: equal where the texts are, and in practice only there."""
    joined = b"".join(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest() for text in texts)
    return np.frombuffer(joined, f"V{DIGEST_BYTES}")


@dataclass(frozen=True)
class Texts:
    """The queries or the documents of a collection.

    Attributes:
        collection: whose.
        kind: which of the two.
    """

    collection: Collection
    kind: Kind

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def _table(self) -> pa.Table:
        return self.collection.queries if self.kind == "queries" else self.collection.documents

    @property
    def language(self) -> IntArray:
        """(n,) index into the collection's `languages`."""
        return self.collection.query_language if self.kind == "queries" else self.collection.document_language

    @property
    def read(self) -> Callable[[IntArray], list[str]]:
        """The function that returns the texts of rows (n,), as an encoder reads them: documents with titles."""
        return self.collection.query_texts if self.kind == "queries" else self.collection.document_texts

    def normalised(self, rows: IntArray) -> list[str]:
        """Return the normalised texts of rows (n,)."""
        return normalised(self.read(rows))

    @cached_property
    def digests(self) -> NDArray[np.void]:
        """(n,) digests of the normalised texts, made a few thousand texts at a time."""
        starts = range(0, len(self), BLOCK)
        rows = (np.arange(start, min(start + BLOCK, len(self))) for start in starts)
        parts = [digests(self.normalised(block)) for block in rows]
        return np.concatenate(parts) if parts else digests([])

    def by_language(self, rows: IntArray) -> dict[str, int]:
        """Count texts: tag -> how many of rows (k,), languages without any left out."""
        counts = np.bincount(self.language[rows], minlength=len(self.collection.languages))
        return {tag: int(count) for tag, count in zip(self.collection.languages, counts, strict=True) if count}

    def shown(self, row: int) -> dict[str, str]:
        """Return id, language and the beginning of the text of a row, for an example."""
        record = self._table.slice(row, 1).to_pylist()[0]
        line = " ".join(self.read(np.array([row]))[0].split())
        text = line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
        return {"id": record["_id"], "language": record["lang"], "text": text}
