"""MADLAD-400: a T5 that reads the target language before the text, `<2de> …` (arXiv 2309.04662)."""

from __future__ import annotations

from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme, codes_by_tag, tokens_of

__all__ = ["madlad_scheme"]


def madlad_scheme(files: ModelFiles) -> Scheme | None:
    """Return the scheme of a model whose vocabulary has tokens like `<2de>`; None if it has none.

    It reads the languages that it writes; the source language is not marked.
    """
    tokens = tokens_of(files.tokenizer, "<2([A-Za-z0-9_]+)>")
    if not tokens:
        return None
    codes = codes_by_tag(tokens)
    return Scheme("MADLAD-400", codes, codes, prefixes=tokens)
