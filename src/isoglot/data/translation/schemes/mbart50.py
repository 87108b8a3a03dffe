"""mBART-50: a language and a country (`de_DE`), or XX for none (`en_XX`), as special tokens (arXiv 2008.00401)."""

from __future__ import annotations

from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme, codes_by_tag, tokens_of

__all__ = ["mbart50_scheme"]


def mbart50_scheme(files: ModelFiles) -> Scheme | None:
    """Return the scheme of a model whose vocabulary has tokens like `de_DE`; None if it has none.

    The models that translate into one language only name it as the token that is always written first.
    """
    tokens = tokens_of(files.tokenizer, "([a-z]{2}_[A-Z]{2})")
    if not tokens:
        return None
    codes = codes_by_tag(tokens, {code: code[:2] for code in tokens if code.endswith("_XX")})
    forced = None if files.first_token is None else files.tokenizer.convert_ids_to_tokens(files.first_token)
    targets = {tag: code for tag, code in codes.items() if code == forced} or codes
    return Scheme("mBART-50", codes, targets, marks_source=True, first_tokens=tokens)
