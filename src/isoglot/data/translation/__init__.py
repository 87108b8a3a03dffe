"""Translating collections: models of transformers, quality gates, and a journal of what is done already.

What needs PyTorch is loaded when it is first used, so that options can be checked before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoglot.data.translation.loading import load_translator as load_translator
    from isoglot.data.translation.texts import Store as Store
    from isoglot.data.translation.texts import translation_store as translation_store
    from isoglot.data.translation.translate import Translation as Translation
    from isoglot.data.translation.translate import translate_collection as translate_collection
    from isoglot.data.translation.translate import write_translation as write_translation
    from isoglot.data.translation.translator import Translates as Translates
    from isoglot.data.translation.translator import Translator as Translator

_FILES = {
    "loading": ("load_translator",),
    "texts": ("Store", "translation_store"),
    "translate": ("Translation", "translate_collection", "write_translation"),
    "translator": ("Translates", "Translator"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}

__all__ = sorted(_FILE_OF)


def __getattr__(name: str) -> Any:
    if name in _FILE_OF:
        return getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
