"""Language tags: read leniently, written canonically (BCP-47, RFC 5646; Unicode UTS 35): one language has one."""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import lru_cache

import langcodes

from isoglot.errors import InputError
from isoglot.names import close_names

__all__ = ["Tags", "canonical_tag", "language_name", "read_tag", "written_tag"]

logger = logging.getLogger(__name__)

LIKELY_SCRIPTS = {
    **dict.fromkeys(("acm", "acq", "ajp", "azb", "mey", "pbt"), "Arab"),
    **dict.fromkeys(("cbk", "cjk", "dik", "hmn", "ile", "lfn", "lus", "nov", "quy", "tzl", "ang"), "Latn"),
    **{"ber": "Tfng", "max": "Deva", "orv": "Cyrl"},
}
"""Of languages that the likely subtags do not have, the script in which FLORES-200 and Tatoeba write them."""


@lru_cache(maxsize=4096)
def canonical_tag(tag: str) -> str:
    """Return the canonical BCP-47 form of a language tag, which is the same for all names of a language.

    By Unicode's aliases (UTS 35, languageAlias) ISO 639-3 codes become ISO 639-1 ones, and the principal member of
    a macrolanguage the macrolanguage; other members, such as `arz` and `yue`, stay. The script that is the
    language's likely one goes, another stays.

    Args:
        tag: a tag as people write it: ``zh_cn``, ``pt_BR``, ISO 639-3 ``deu``, ``EN``, FLORES' ``arb_Arab``.

    Returns:
        The canonical tag, e.g. ``zh-CN``, ``pt-BR``, ``de``, ``en``, ``ar``; ``zh-Hant`` keeps its script.

    Raises:
        ValueError: the text is not a language tag, or names no registered language.
    """
    written_tag(tag)
    return _without_likely_script(langcodes.standardize_tag(tag.strip(), macro=True))


@lru_cache(maxsize=4096)
def written_tag(tag: str) -> str:
    """Return a tag as it is written, but for case and separators: ``arb_arab`` is ``arb-Arab``.

    Raises:
        ValueError: as for `canonical_tag`.
    """
    try:
        standard = langcodes.standardize_tag(tag.strip())
        given = langcodes.Language.get(tag.strip(), normalize=False)
        written = given.to_tag()
    except (ValueError, AttributeError):
        raise ValueError(f"{tag!r} is not a language tag{_meant(tag)}") from None
    if standard != "und" and (given.language in (None, "und") or standard.isdecimal()):  # langcodes takes 419
        raise ValueError(f"{tag!r} names {'a script' if given.script else 'a region'}, not a language{_meant(tag)}")
    # langcodes parses any well-formed subtag, registered or not: "xx" and "foo" are well formed.
    if standard == "und" or not langcodes.Language.get(standard).is_valid():
        raise ValueError(f"{tag!r} is not a registered language tag{_meant(tag)}")
    return written


def _without_likely_script(tag: str) -> str:
    language = langcodes.Language.get(tag)
    if language.script is None:
        return tag
    bare = langcodes.Language.make(**{**language.to_dict(), "script": None})
    likely = bare.maximize()
    # a language that is not among the likely subtags gets the script and the territory of English
    known = likely.territory != "US" or bare.territory == "US" or bare.language == "en"
    script = likely.script if known else LIKELY_SCRIPTS.get(bare.language or "")
    return bare.to_tag() if script == language.script else tag


class Tags:
    """Reads the language tags of one source, and remembers which of them were written differently.

    Args:
        default: tag of texts that have none, given with `--lang`; None if they must have one.
        keep: leave tags as they are written, but for case and separators.

    Raises:
        InputError: the default is no language tag.
    """

    def __init__(self, default: str | None = None, keep: bool = False) -> None:
        self.keep = keep
        self.default = None if default is None else self._given(default)
        self._written: dict[str, set[str]] = defaultdict(set)

    def __call__(self, tag: str) -> str:
        """Return the tag that texts of this language get.

        Raises:
            ValueError: it is none.
        """
        found = self._form(tag)
        self._written[found].add(written_tag(tag))
        return found

    def _form(self, tag: str) -> str:
        return written_tag(tag) if self.keep else canonical_tag(tag)

    def _given(self, tag: str) -> str:
        try:
            return self._form(tag)
        except ValueError as error:
            raise InputError(f"--lang: {error}") from None

    def tell(self, source: str) -> None:
        """Say which tags were different and became one."""
        joined = {tag: sorted(written) for tag, written in sorted(self._written.items()) if len(written) > 1}
        if joined:
            told = "; ".join(f"{' and '.join(written)} are one language, {tag}" for tag, written in joined.items())
            logger.info("%s: %s (`isoglot data convert --keep-tags` keeps them apart)", source, told)


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
