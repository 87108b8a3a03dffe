"""How translation models are told the languages: found out from a model's vocabulary, not from its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from isoglot.errors import InputError
from isoglot.languages.matching import closest_tag, is_language_group, match_tag
from isoglot.languages.tags import canonical_tag

__all__ = ["Scheme", "codes_by_tag", "find_scheme"]

ALIASES = {"ns": "nso"}
"""Codes that say nothing in BCP-47: M2M100's for Northern Sotho, which has none of two letters."""

OPUS_NAME = re.compile(r"opus-mt-(?:tc-)?(?:(?:big|base|tiny|bible|bible-big)-)*(.+?)-([^-]+)$")


class _Family(NamedTuple):
    """Models with a token for each language in their vocabulary.

    Attributes:
        name: as its users call it.
        pattern: what the tokens look like; the first group is the model's code of the language.
        before_text: the target's token stands before the source text, and the source language is not marked;
            else the tokenizer marks the source, and the model is made to write the target's token first.
        may_force: models that translate into one language only name it as the token that they write first.
    """

    name: str
    pattern: str
    before_text: bool = False
    may_force: bool = False


FAMILIES = (
    _Family("NLLB", "([a-z]{3}_[A-Z][a-z]{3})"),  # FLORES codes: swh_Latn (arXiv 2207.04672)
    _Family("M2M100", "__([a-z]{2,3})__"),  # __sw__ (arXiv 2010.11125)
    _Family("MADLAD-400", "<2([A-Za-z0-9_]+)>", before_text=True),  # a T5 that reads <2de> … (arXiv 2309.04662)
    _Family("mBART-50", "([a-z]{2}_[A-Z]{2})", may_force=True),  # de_DE, or en_XX for no country (arXiv 2008.00401)
)


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

    def codes(self, source: str, target: str, model: str) -> tuple[str | None, str]:
        """Return the model's codes of two languages; None for a source if the model does not say what it reads.

        Raises:
            InputError: the model does not read or write the language; the sentence names the closest one.
        """
        read = None
        if self.sources is not None:
            read = _code(source, self.sources, f"the model {model} does not read")
        return read, _code(target, self.targets, f"the model {model} does not translate into")


def _code(tag: str, supported: Mapping[str, str], complaint: str) -> str:
    found = match_tag(tag, supported)
    if found is not None:
        return supported[found]
    closest = closest_tag(tag, supported)
    which = f"of its {len(supported)} languages the closest" if len(supported) > 1 else "its only language"
    raise InputError(f"{complaint} {tag}; {which} is {closest} ({supported[closest]})")


def codes_by_tag(codes: Iterable[str]) -> dict[str, str]:
    """Map canonical tags to a model's codes, such as `zho_Hans` or `pt_XX`; what is no language is left out."""
    found: dict[str, str] = {}
    for code in codes:
        try:
            tag = canonical_tag(ALIASES.get(code, code.removesuffix("_XX")))
        except ValueError:
            continue
        found.setdefault(tag, code)
    return found


def find_scheme(tokenizer: Any, config: Any, first_token: int | None) -> Scheme:
    """Find out from a model's tokenizer and configuration how it is told the languages.

    Args:
        tokenizer: its tokenizer.
        config: its configuration.
        first_token: id of the token that it always writes first; None if that is not fixed.

    Raises:
        InputError: it is told them in no way known here, or does not say which languages it translates.
    """
    if getattr(config, "model_type", None) == "marian":
        return _opus_scheme(tokenizer)
    for family in FAMILIES:
        tokens = _tokens_of(tokenizer, family.pattern)
        if not tokens:
            continue
        codes = targets = codes_by_tag(tokens)
        if family.before_text:
            return Scheme(family.name, codes, codes, prefixes=tokens)
        if family.may_force and first_token is not None:
            forced = tokenizer.convert_ids_to_tokens(first_token)
            targets = {tag: code for tag, code in codes.items() if code == forced} or codes
        return Scheme(family.name, codes, targets, marks_source=True, first_tokens=tokens)
    raise InputError(
        f"the vocabulary of {tokenizer.name_or_path} has no language codes that are known here (those of "
        "NLLB, M2M100, MADLAD-400, mBART-50 or OPUS-MT): it is no multilingual translation model"
    )


def _tokens_of(tokenizer: Any, pattern: str) -> dict[str, str]:
    """Return the tokens that a tokenizer knows and that match a pattern, by the pattern's first group."""
    beside = getattr(tokenizer, "lang_token_to_id", None) or {}  # M2M100's, which may not be in its vocabulary
    known = {**tokenizer.get_vocab(), **tokenizer.get_added_vocab(), **beside}
    matches = (re.fullmatch(pattern, token) for token in sorted(known, key=lambda token: known[token]))
    return {match[1]: match[0] for match in matches if match}


def _opus_scheme(tokenizer: Any) -> Scheme:
    """Return the scheme of OPUS-MT: one pair of languages, or several targets, read before the text (`>>deu<< …`).

    Languages come from the tokenizer (`source_lang`, `target_lang`, and the `>>…<<` of its vocabulary), else from
    the name that the model was published by (`opus-mt-en-de`). A code for a group of languages, such as `mul` or
    `zle`, does not say which they are: any source is taken then.
    """
    model = str(tokenizer.name_or_path)
    named = OPUS_NAME.search(PurePath(model).name)
    source, target = (
        getattr(tokenizer, key, None) or (named and named[group])
        for group, key in enumerate(("source_lang", "target_lang"), start=1)
    )
    prefixes = _tokens_of(tokenizer, ">>([^<>]+)<<")
    targets = codes_by_tag(prefixes) if prefixes else _languages(target)
    if not targets:
        raise InputError(
            f"the model {model} does not say which language it translates into: its tokenizer has target_lang "
            f"{target!r}, and its name is not like opus-mt-en-de"
        )
    return Scheme("OPUS-MT", _languages(source), targets, prefixes=prefixes or None)


def _languages(code: str | None) -> Mapping[str, str] | None:
    """Return the languages of a code; several are joined by `_` or `+`; None for a group, or if it is none."""
    if code is None or is_language_group(code):
        return None
    return codes_by_tag([code]) or codes_by_tag(re.split(r"[_+]", code)) or None
