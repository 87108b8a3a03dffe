"""How a model writes translations: greedily or with beams, each text up to a length of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

__all__ = ["GenerationSettings", "generate", "output_limit", "settle_generation"]

PER_TOKEN = 4
SPARE = 32
"""A translation has at most 4 tokens for one of the source, and 32 more: what is longer is a loop."""


@dataclass(frozen=True)
class GenerationSettings:
    """What besides model, languages and text decides a translation.

    Attributes:
        beams: hypotheses kept; 1 is greedy.
        max_length: most tokens of a piece of text, special ones included; longer texts are cut into sentences.
        dtype: precision of the weights.
        sentences: what finds sentences, `pysbd` or `unicode`.
    """

    beams: int = 1
    max_length: int = 256
    dtype: str = "float32"
    sentences: str = "unicode"


def output_limit(source_tokens: int, longest: int) -> int:
    """Return how many tokens the translation of so many may have, if the model writes at most `longest`."""
    return min(longest, PER_TOKEN * source_tokens + SPARE)


class _LimitOfEach(StoppingCriteria):
    """Ends every text at its own limit, so that a text's translation does not depend on its neighbours in a batch.

    Args:
        limits: (B,) tokens, the start token included.
    """

    def __init__(self, limits: Tensor) -> None:
        self.limits = limits

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        """Tell of each row (several in a row for a text, with beams) whether it is at its limit."""
        each = input_ids.shape[0] // len(self.limits)
        return input_ids.shape[1] >= self.limits.repeat_interleave(each)


def settle_generation(model: Any, beams: int) -> None:
    """Set how a model writes, in the place of what its publisher set: greedily, or with so many beams.

    An end that is forced at the longest length goes as well: it would end the longest text of a batch otherwise
    than the others.
    """
    settings = model.generation_config
    settings.update(num_beams=beams, do_sample=False, max_length=None, forced_eos_token_id=None)
    if beams == 1:  # said of beams only, and complained about otherwise
        settings.update(early_stopping=None, length_penalty=None)


@torch.inference_mode()
def generate(model: Any, inputs: dict[str, Tensor], first_token: int | None, longest: int) -> list[list[int]]:
    """Translate a batch of tokenized texts.

    Args:
        model: an encoder-decoder of transformers.
        inputs: `input_ids` and `attention_mask`, (B, n) each, padded on the right.
        first_token: id of the token that a translation begins with; None if the model needs none.
        longest: most tokens that the model writes.

    Returns:
        For each text the ids of its translation, special ones included.
    """
    lengths = inputs["attention_mask"].sum(1).tolist()
    limits = torch.tensor([output_limit(int(length), longest) for length in lengths], device=model.device)
    moved = {name: value.to(model.device) for name, value in inputs.items()}
    criteria = StoppingCriteriaList([_LimitOfEach(limits + 1)])
    first = {} if first_token is None else {"forced_bos_token_id": first_token}
    written = model.generate(**moved, **first, max_new_tokens=int(limits.max()), stopping_criteria=criteria)
    ids: list[list[int]] = written.tolist()
    return ids
