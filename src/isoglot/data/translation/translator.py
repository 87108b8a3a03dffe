"""`Translator`: a model of transformers that translates lists of texts, in batches of like length."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

from isoglot.data.translation.schemes import Scheme
from isoglot.data.translation.sentences import Piece, join_pieces, split_text
from isoglot.errors import InputError, is_out_of_memory

__all__ = ["GenerationSettings", "Translates", "Translator"]

logger = logging.getLogger(__name__)

WINDOW = 1024
"""Texts that are sorted by length together: what is lost when a run is killed is a part of these."""

PER_TOKEN = 4
SPARE = 32
"""A translation has at most 4 tokens for one of the source, and 32 more: what is longer is a loop."""


class Translates(Protocol):
    """What translates: `Translator`, or a service behind the same methods."""

    name: str

    def check(self, source: str, target: str) -> None:
        """Raise InputError if it does not translate from this language into that one."""

    def context(self, source: str, target: str) -> str:
        """Return what besides the text decides a translation, for the key that it is kept by."""

    def translate(self, texts: Sequence[str], source: str, target: str) -> Iterator[list[tuple[int, str]]]:
        """Yield (position, translation) of texts as they are done, each text once, in any order."""

    def describe(self) -> dict[str, Any]:
        """Return what `collection.yaml` says of it."""


@dataclass(frozen=True)
class GenerationSettings:
    """What besides model, languages and text decides a translation.

    Attributes:
        beams: hypotheses kept; 1 is greedy.
        max_length: most tokens of a piece of text, special ones included; longer texts are cut into sentences.
        dtype: precision of the weights.
        sentences: what finds sentences, `pysbd` or `unicode`.
    """

    beams: int
    max_length: int
    dtype: str
    sentences: str


@dataclass(eq=False)
class Translator:
    """Translates with an encoder-decoder of transformers.

    Attributes:
        name: what the model is called in reports.
        tokenizer: its tokenizer.
        scheme: how it is told the languages.
        load: loads the model; called when the first text is translated.
        fingerprint: tells the model from others.
        settings: how translations are written.
        longest: most tokens that it writes.
        batch_tokens: most padded source tokens of a batch, beams counting as so many texts.
    """

    name: str
    tokenizer: Any
    scheme: Scheme
    load: Callable[[], Any]
    fingerprint: str
    settings: GenerationSettings
    longest: int
    batch_tokens: int

    @cached_property
    def model(self) -> Any:
        """The model, loaded when it is first asked for."""
        return self.load()

    def check(self, source: str, target: str) -> None:
        """Check that the model translates between two languages.

        Raises:
            InputError: it does not read the source or does not write the target; names the closest that it does.
        """
        self.scheme.codes(source, target, self.name)

    def context(self, source: str, target: str) -> str:
        """Return what besides the text decides a translation: model, settings, languages."""
        codes = self.scheme.codes(source, target, self.name)
        return json.dumps([self.fingerprint, asdict(self.settings), source, target, codes], sort_keys=True)

    def describe(self) -> dict[str, Any]:
        """Return name, family, fingerprint and settings of the model."""
        model = {"name": self.name, "family": self.scheme.name, "fingerprint": self.fingerprint}
        return {**model, **asdict(self.settings)}

    def translate(self, texts: Sequence[str], source: str, target: str) -> Iterator[list[tuple[int, str]]]:
        """Translate texts, the longest first; texts that are too long are cut into sentences.

        Args:
            texts: the texts (n,), none of them blank.
            source: canonical tag of their language.
            target: canonical tag of the language wanted.

        Yields:
            (position, translation) of the texts that are done, batch by batch.

        Raises:
            InputError: as for `check`.
        """
        prefix, first = self._prepare(source, target)

        def fits(text: str) -> bool:
            return len(self._ids([prefix + text])[0]) <= self.settings.max_length

        for rows, lengths in self._windows(texts, prefix):
            pieces = {
                row: split_text(texts[row], source, fits)
                if length > self.settings.max_length
                else [Piece(texts[row], "")]
                for row, length in zip(rows, lengths, strict=True)
            }
            yield from self._translate_pieces(pieces, prefix, first, target)

    def windows(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        """Return the positions of texts that `translate` has in hand together, in its order.

        To translate the texts of each window by themselves, in this order, is to translate all.

        Raises:
            InputError: as for `check`.
        """
        prefix, _ = self._prepare(source, target)
        return [rows for rows, _ in self._windows(texts, prefix)]

    def _prepare(self, source: str, target: str) -> tuple[str, int | None]:
        """Set the tokenizer to two languages; return what is put before a text, and the first token written."""
        source_code, target_code = self.scheme.codes(source, target, self.name)
        self.tokenizer.padding_side = "right"
        if self.scheme.marks_source:
            self.tokenizer.src_lang = source_code
        prefix = f"{self.scheme.prefixes[target_code]} " if self.scheme.prefixes is not None else ""
        first = None
        if self.scheme.first_tokens is not None:
            first = self.tokenizer.convert_tokens_to_ids(self.scheme.first_tokens[target_code])
        self._check_prefix(prefix)
        return prefix, first

    def _windows(self, texts: Sequence[str], prefix: str) -> Iterator[tuple[list[int], list[int]]]:
        """Yield positions and numbers of tokens of the texts in hand together, the longest first."""
        lengths: list[int] = []
        for start in range(0, len(texts), WINDOW):
            lengths += map(len, self._ids([prefix + text for text in texts[start : start + WINDOW]]))
        order = sorted(range(len(texts)), key=lambda row: -lengths[row])
        for start in range(0, len(order), WINDOW):
            rows = order[start : start + WINDOW]
            yield rows, [lengths[row] for row in rows]

    def _check_prefix(self, prefix: str) -> None:
        """Make sure that the tokenizer keeps the code of the target language as one token."""
        token = prefix.strip()
        if token and self.tokenizer.convert_tokens_to_ids(token) not in self._ids([f"{prefix}a"])[0]:
            raise InputError(
                f"the tokenizer of {self.name} takes the language code {token} apart: the model's files do not "
                "belong together, or this version of transformers reads them wrongly"
            )

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, return_attention_mask=False, verbose=False)["input_ids"]
        return found

    def _translate_pieces(
        self, pieces: dict[int, list[Piece]], prefix: str, first: int | None, target: str
    ) -> Iterator[list[tuple[int, str]]]:
        """Translate the pieces of some texts; yield the texts of which the last piece is done."""
        places = [(row, number) for row, parts in pieces.items() for number in range(len(parts))]
        ids = self._ids([prefix + pieces[row][number].text for row, number in places])
        done: dict[int, dict[int, str]] = {row: {} for row in pieces}
        for batch in self._batches([len(one) for one in ids]):
            translations = self._write([ids[at] for at in batch], first)
            finished = []
            for at, translation in zip(batch, translations, strict=True):
                row, number = places[at]
                done[row][number] = translation
                if len(done[row]) == len(pieces[row]):
                    parts = [done[row][part] for part in range(len(pieces[row]))]
                    finished.append((row, join_pieces(parts, pieces[row], target)))
            if finished:
                yield finished

    def _batches(self, lengths: list[int]) -> Iterator[list[int]]:
        """Cut texts, longest first, into batches that are full at so many padded tokens."""
        order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
        start = 0
        while start < len(order):
            count = max(1, self.batch_tokens // (max(lengths[order[start]], 1) * self.settings.beams))
            yield order[start : start + count]
            start += count

    def _write(self, ids: list[list[int]], first: int | None) -> list[str]:
        """Translate tokenized texts; in halves where they do not fit in the device's memory together."""
        import torch

        try:
            written = self._generate(ids, first)
        except Exception as error:
            if len(ids) == 1 or not is_out_of_memory(error):
                raise
        else:
            kept = [[token for token in row if token != first] for row in written]
            return [text.strip() for text in self.tokenizer.batch_decode(kept, skip_special_tokens=True)]
        logger.warning("out of memory: a batch of %d texts is translated in halves", len(ids))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = len(ids) // 2  # here, where what the error held on to is gone
        return self._write(ids[:half], first) + self._write(ids[half:], first)

    def _generate(self, ids: list[list[int]], first: int | None) -> list[list[int]]:
        """Return the ids of the translations of tokenized texts, special ones included.

        Each text ends at a limit of its own, so that its translation does not depend on others in the batch.
        """
        import torch
        from transformers import StoppingCriteriaList

        limits = torch.tensor(
            [min(self.longest, PER_TOKEN * len(one) + SPARE) for one in ids], device=self.model.device
        )

        def at_limit(input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            each = len(input_ids) // len(limits)  # several rows in a row for a text, with beams
            return input_ids.shape[1] >= limits.repeat_interleave(each) + 1  # beside the start token

        inputs = self.tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt", verbose=False)
        options = {name: inputs[name].to(self.model.device) for name in ("input_ids", "attention_mask")}
        if first is not None:
            options["forced_bos_token_id"] = first
        with torch.inference_mode():
            written: list[list[int]] = self.model.generate(
                **options, max_new_tokens=int(limits.max()), stopping_criteria=StoppingCriteriaList([at_limit])
            ).tolist()
        return written
