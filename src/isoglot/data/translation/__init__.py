"""Translating collections: models of transformers, quality gates, and a journal of what is done already.

Functions that need PyTorch import it when they are called, so that options can be checked before.
"""

from isoglot.data.translation.journal import Store, translation_store
from isoglot.data.translation.loading import load_translator
from isoglot.data.translation.report import Translation, write_translation
from isoglot.data.translation.translate import Options, translate_collection
from isoglot.data.translation.translator import Translates, Translator

__all__ = [
    "Options",
    "Store",
    "Translates",
    "Translation",
    "Translator",
    "load_translator",
    "translate_collection",
    "translation_store",
    "write_translation",
]
