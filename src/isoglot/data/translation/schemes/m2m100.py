"""M2M100: two- and three-letter codes as tokens such as `__sw__` (arXiv 2010.11125)."""

from __future__ import annotations

from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme, codes_by_tag, tokens_of

__all__ = ["m2m100_scheme"]

ALIASES = {"ns": "nso"}
"""Northern Sotho has no code of two letters."""


def m2m100_scheme(files: ModelFiles) -> Scheme | None:
    """Return the scheme of a model whose vocabulary has tokens like `__sw__`; None if it has none."""
    tokens = tokens_of(files.tokenizer, "__([a-z]{2,3})__", getattr(files.tokenizer, "lang_token_to_id", None))
    if not tokens:
        return None
    codes = codes_by_tag(tokens, ALIASES)
    return Scheme("M2M100", codes, codes, marks_source=True, first_tokens=tokens)
