"""NLLB-200: FLORES codes, a language and its script (`swh_Latn`), as special tokens (arXiv 2207.04672)."""

from __future__ import annotations

from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme, codes_by_tag, tokens_of

__all__ = ["nllb_scheme"]


def nllb_scheme(files: ModelFiles) -> Scheme | None:
    """Return the scheme of a model whose vocabulary has FLORES codes; None if it has none."""
    tokens = tokens_of(files.tokenizer, "([a-z]{3}_[A-Z][a-z]{3})")
    if not tokens:
        return None
    codes = codes_by_tag(tokens)
    return Scheme("NLLB", codes, codes, marks_source=True, first_tokens=tokens)
