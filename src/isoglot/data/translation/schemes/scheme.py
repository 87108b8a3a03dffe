"""`Scheme`: how a family of models is told the languages; what the families have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from isoglot.errors import InputError
from isoglot.languages.matching import closest_tag, match_tag
from isoglot.languages.tags import canonical_tag

__all__ = ["ModelFiles", "Scheme", "codes_by_tag", "tokens_of"]


class ModelFiles(NamedTuple):
    """What is known of a model without its weights.

    Attributes:
        tokenizer: its tokenizer.
        config: its configuration.
        first_token: id of the token that it always writes first; None if that is not fixed.
    """

    tokenizer: Any
    config: Any
    first_token: int | None


@dataclass(frozen=True)
class Scheme:
    """How a model is told which language to translate from, and into which.

    Attributes:
        name: the family, as its users call it.
        sources: canonical tag -> the model's code of languages that it reads; None if it does not say which.
        targets: canonical tag -> the model's code of languages that it writes.
        marks_source: the tokenizer marks the source language; it is set as its `src_lang`.
        first_tokens: code -> the token that the model is made to write first; None if it needs none.
        prefixes: code -> what is put before the source text; None if nothing is.
    """

    name: str
    sources: Mapping[str, str] | None
    targets: Mapping[str, str]
    marks_source: bool = False
    first_tokens: Mapping[str, str] | None = None
    prefixes: Mapping[str, str] | None = None

    def source_code(self, tag: str, model: str) -> str | None:
        """Return the code of a source language; None if the model does not say what it reads.

        Raises:
            InputError: the model does not read this language; the sentence names the closest one.
        """
        return None if self.sources is None else _code(tag, self.sources, f"the model {model} does not read")

    def target_code(self, tag: str, model: str) -> str:
        """Return the code of a target language.

        Raises:
            InputError: the model does not write this language; the sentence names the closest one.
        """
        return _code(tag, self.targets, f"the model {model} does not translate into")


def _code(tag: str, supported: Mapping[str, str], complaint: str) -> str:
    found = match_tag(tag, supported)
    if found is not None:
        return supported[found]
    closest = closest_tag(tag, supported)
    which = f"of its {len(supported)} languages the closest" if len(supported) > 1 else "its only language"
    raise InputError(f"{complaint} {tag}; {which} is {closest} ({supported[closest]})")


def codes_by_tag(codes: Iterable[str], aliases: Mapping[str, str] | None = None) -> dict[str, str]:
    """Map canonical tags to a model's codes, leaving out codes that are no registered language.

    Args:
        codes: the model's codes, such as `zho_Hans`, `pt_XX` or `sw`.
        aliases: what codes mean that say something else in BCP-47.
    """
    found: dict[str, str] = {}
    for code in codes:
        try:
            tag = canonical_tag((aliases or {}).get(code, code))
        except ValueError:
            continue
        found.setdefault(tag, code)
    return found


def tokens_of(tokenizer: Any, pattern: str, more: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return the tokens of a tokenizer's vocabulary that match a pattern, by the pattern's first group.

    Args:
        tokenizer: the tokenizer.
        pattern: a regular expression of whole tokens.
        more: tokens that it knows beside its vocabulary -> their ids.
    """
    known = {**tokenizer.get_vocab(), **tokenizer.get_added_vocab(), **(more or {})}
    matches = (re.fullmatch(pattern, token) for token in sorted(known, key=lambda token: known[token]))
    return {match[1]: match[0] for match in matches if match}
