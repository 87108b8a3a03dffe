"""Domain batches: pairs of crops of the same unlabelled text (arXiv 2112.09118)."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from isoglot.batching.draws import Series, generator
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["DomainDraws", "crop"]

# A crop is a span of 5 to 50 % of a text, as in 2112.09118, but of at least so many words.
SHORTEST, LONGEST, FEWEST_WORDS = 0.05, 0.5, 4
WORD = re.compile(r"\S+\s*")


class DomainDraws:
    """Draws texts of a target collection, in endless passes, and crops two spans from each.

    Args:
        target: its documents are the texts; languages are matched by tag.
        languages: the training collection's languages; those it lacks are numbered after them.
        batch_size: texts of a batch; all where there are fewer.
        seed: decides the order and the spans.

    Raises:
        InputError: the target collection has no document.
    """

    def __init__(self, target: Collection, languages: tuple[str, ...], batch_size: int, seed: int) -> None:
        if not target.documents.num_rows:
            raise InputError(f"{target.name} has no documents to crop")
        self.target = target
        self.seed = seed
        texts = pa.array(target.document_texts()).dictionary_encode()
        self.text_ids = texts.indices.to_numpy().astype(np.int64)  # repeated texts are no negatives of each other
        every = [*languages, *(tag for tag in target.languages if tag not in languages)]
        self.language = np.array([every.index(tag) for tag in target.languages])[target.document_language]
        self.batch_size = min(batch_size, len(self.text_ids))
        self.batches = len(self.text_ids) // self.batch_size
        self._pass = (-1, np.empty(0, np.int64))

    def __getitem__(self, occurrence: int) -> np.ndarray:
        """Return the document rows (B,) of domain batch number `occurrence`."""
        number, batch = divmod(occurrence, self.batches)
        if self._pass[0] != number:
            self._pass = (number, generator(self.seed, Series.TEXTS, number).permutation(len(self.text_ids)))
        return self._pass[1][batch * self.batch_size : (batch + 1) * self.batch_size]

    def crops(self, rows: np.ndarray, step: int) -> tuple[list[str], list[str]]:
        """Return two crops of each text, given by document row (B,)."""
        rng = generator(self.seed, Series.CROPS, step)
        texts = self.target.document_texts(rows)
        return [crop(text, rng) for text in texts], [crop(text, rng) for text in texts]


def crop(text: str, rng: np.random.Generator) -> str:
    """Cut a random span of whole words out of a text; of characters, where it has hardly any spaces.

    Args:
        text: not empty.
        rng: decides length and place.

    Returns:
        5 to 50 % of the text; more of one so short that this would be under 4 words.
    """
    pieces = WORD.findall(text)
    if len(pieces) * 20 < len(text):  # Chinese, Japanese, Thai and others have no spaces between words
        pieces = list(text)
    wanted = round(len(pieces) * rng.uniform(SHORTEST, LONGEST))
    length = min(max(wanted, FEWEST_WORDS), len(pieces))
    start = int(rng.integers(len(pieces) - length + 1))
    return "".join(pieces[start : start + length]).strip() or text
