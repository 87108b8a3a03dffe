"""Translating collections: models of transformers, quality gates, and a journal of what is done already."""

from isoglot.collections.translation.loading import load_translator
from isoglot.collections.translation.texts import Store, translation_store
from isoglot.collections.translation.translate import Translation, translate_collection, write_translation
from isoglot.collections.translation.translator import Translates, Translator

__all__ = [
    "Store",
    "Translates",
    "Translation",
    "Translator",
    "load_translator",
    "translate_collection",
    "translation_store",
    "write_translation",
]
