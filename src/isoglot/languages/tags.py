"""Language tags: read leniently, written canonically (BCP-47, RFC 5646)."""

from __future__ import annotations

from functools import lru_cache

import langcodes

from isoglot.errors import InputError
from isoglot.names import close_names

__all__ = ["canonical_tag", "language_name", "read_tag"]


@lru_cache(maxsize=4096)
def canonical_tag(tag: str) -> str:
    """Return the canonical BCP-47 form of a language tag.

    Args:
        tag: a tag as people write it: ``zh_cn``, ``pt_BR``, ISO 639-3 ``deu``, ``EN``.

    Returns:
        The canonical tag, e.g. ``zh-CN``, ``pt-BR``, ``de``, ``en``.

    Raises:
        ValueError: the text is not a language tag, or names no registered language.
    """
    try:
        standard = langcodes.standardize_tag(tag.strip())
    except (ValueError, AttributeError):
        raise ValueError(f"{tag!r} is not a language tag{_meant(tag)}") from None
    # langcodes parses any well-formed subtag, registered or not: "xx" and "foo" are well formed.
    if standard == "und" or not langcodes.Language.get(standard).is_valid():
        raise ValueError(f"{tag!r} is not a registered language tag{_meant(tag)}")
    return standard


@lru_cache(maxsize=4096)
def _meant(name: object) -> str:
    """Ask which tag may be meant by the English name of a language, or one nearly so called."""
    try:
        from babel import Locale
    except ImportError:
        return ""
    tags = {english: code.replace("_", "-") for code, english in Locale("en").languages.items()}
    close = " or ".join(tags[english] for english in close_names(str(name), tags))
    return f" (did you mean {close}?)" if close else ""


def read_tag(tag: str, where: str) -> str:
    """Return the canonical form of a tag that a user gave.

    Args:
        tag: as people write it.
        where: what holds it, which an error begins with: `--lang`, a file, a key.

    Raises:
        InputError: it is no language tag, or names no registered language.
    """
    try:
        return canonical_tag(tag)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


@lru_cache(maxsize=4096)
def language_name(tag: str) -> str:
    """Return the English name of a canonical tag by CLDR; the tag if it has none, or without Babel."""
    try:
        from babel import Locale
    except ImportError:
        return tag

    parts = langcodes.Language.get(tag)
    english = Locale("en")
    name = english.languages.get(tag.replace("-", "_")) or english.languages.get(parts.language or "")
    if name is None:
        return tag
    extra = [
        english.scripts.get(parts.script, parts.script) if parts.script else None,
        english.territories.get(parts.territory, parts.territory) if parts.territory else None,
    ]
    details = ", ".join(part for part in extra if part and part not in name)
    return f"{name} ({details})" if details and tag.replace("-", "_") not in english.languages else name
