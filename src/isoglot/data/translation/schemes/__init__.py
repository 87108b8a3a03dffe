"""How each family of translation models is told the languages: one file per family."""

from __future__ import annotations

from collections.abc import Callable

from isoglot.data.translation.schemes.m2m100 import m2m100_scheme
from isoglot.data.translation.schemes.madlad import madlad_scheme
from isoglot.data.translation.schemes.marian import marian_scheme
from isoglot.data.translation.schemes.mbart50 import mbart50_scheme
from isoglot.data.translation.schemes.nllb import nllb_scheme
from isoglot.data.translation.schemes.scheme import ModelFiles, Scheme
from isoglot.errors import InputError

__all__ = ["ModelFiles", "Scheme", "find_scheme"]

SCHEMES: tuple[Callable[[ModelFiles], Scheme | None], ...] = (
    marian_scheme,
    nllb_scheme,
    m2m100_scheme,
    madlad_scheme,
    mbart50_scheme,
)


def find_scheme(files: ModelFiles) -> Scheme:
    """Find out from a model's tokenizer and configuration, not its name, how it is told the languages.

    Raises:
        InputError: it is told them in no way known here.
    """
    for find in SCHEMES:
        scheme = find(files)
        if scheme is not None:
            return scheme
    raise InputError(
        f"the vocabulary of {files.tokenizer.name_or_path} has no language codes that are known here (those of "
        "NLLB, M2M100, MADLAD-400, mBART-50 or OPUS-MT): it is no multilingual translation model"
    )
