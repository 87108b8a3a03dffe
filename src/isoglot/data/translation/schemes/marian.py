"""OPUS-MT (Marian): one pair of languages, or several targets read before the text, `>>deu<< …` (Helsinki-NLP)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme, codes_by_tag, tokens_of
from isoglot.errors import InputError
from isoglot.languages.matching import is_language_group

__all__ = ["marian_scheme"]

NAME = re.compile(r"opus-mt-(?:tc-)?(?:(?:big|base|tiny|bible|bible-big)-)*(.+?)-([^-]+)$")


def marian_scheme(files: ModelFiles) -> Scheme | None:
    """Return the scheme of a Marian model; None for a model of another kind.

    Languages come from the tokenizer (`source_lang`, `target_lang`, and the `>>…<<` of its vocabulary), else from
    the name that the model was published by (`opus-mt-en-de`). A code for a group of languages, such as `mul` or
    `zle`, does not say which they are: any source is taken then.

    Raises:
        InputError: neither says which languages the model translates.
    """
    if getattr(files.config, "model_type", None) != "marian":
        return None
    tokenizer = files.tokenizer
    model = str(tokenizer.name_or_path)
    source, target = _pair(tokenizer, model)
    prefixes = tokens_of(tokenizer, ">>([^<>]+)<<")
    targets = codes_by_tag(prefixes) if prefixes else _languages(target)
    if not targets:
        raise InputError(
            f"the model {model} does not say which language it translates into: its tokenizer has target_lang "
            f"{target!r}, and its name is not like opus-mt-en-de"
        )
    return Scheme("OPUS-MT", _languages(source), targets, prefixes=prefixes or None)


def _pair(tokenizer: Any, model: str) -> tuple[str | None, str | None]:
    """Return source and target as the tokenizer says them, else as the model's name does."""
    named = NAME.search(PurePath(model).name)
    found = (named[1], named[2]) if named else (None, None)
    source, target = getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None)
    return source or found[0], target or found[1]


def _languages(code: str | None) -> Mapping[str, str] | None:
    """Return the languages of a code; several are joined by `_` or `+`; None for a group, or if it is none."""
    if code is None or is_language_group(code):
        return None
    whole = codes_by_tag([code])
    return whole or codes_by_tag(re.split(r"[_+]", code)) or None
