"""mteb itself: whether it is there, kept from talking, its language codes (`deu-Latn`) beside our tags (`de`)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import langcodes

from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["mteb_code", "quietly", "require_mteb", "speaks", "tag_of_code", "tag_of_codes", "wanted_tags"]

REMEDY = "pip install 'isoglot[mteb]'"

OTHERWISE = {
    # mteb names one of the scripts that a language mixes where ISO 15924 has a code for the mixture
    "jpn-Hira": "jpn-Jpan",
    "kor-Hang": "kor-Kore",
    # CLDR's aliases take the principal member of a macrolanguage for all of it, but this one
    "pbt-Arab": "pus-Arab",
}
"""Code of mteb -> what else it is called."""

SEVERAL = "mul"
"""ISO 639-2: multiple languages."""
NONE = "zxx"
"""ISO 639-2: no linguistic content, such as program code."""


def require_mteb() -> str:
    """Make sure that mteb 2 or later can be imported, without importing it.

    Returns:
        Its version.

    Raises:
        InputError: it is missing or older than 2.
    """
    try:
        found = version("mteb") if find_spec("mteb") is not None else None
    except PackageNotFoundError:
        found = None
    if found is None:
        raise InputError(f"public benchmarks need the package mteb, which is not installed: {REMEDY}")
    if int(found.split(".")[0]) < 2:
        raise InputError(f"public benchmarks need mteb 2 or later, and {found} is installed: {REMEDY}")
    return found


@contextmanager
def quietly(progress: bool) -> Iterator[None]:
    """Keep mteb and datasets from talking about themselves while they work; errors still come through.

    Args:
        progress: whether progress bars may be shown.
    """
    import datasets

    logger = logging.getLogger("mteb")
    level, bars_off = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if not progress:
        datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="mteb")
            yield
    finally:
        logger.setLevel(level)
        if not bars_off:
            datasets.enable_progress_bars()


def _without_likely_script(tag: str) -> str:
    """Return a tag without its script where that is the language's likely one (CLDR): `zh-Hans` is `zh`."""
    language = langcodes.Language.get(tag)
    bare = langcodes.Language.make(language=language.language, territory=language.territory)
    return bare.to_tag() if language.script and bare.maximize().script == language.script else tag


def tag_of_code(code: str) -> str:
    """Return the canonical BCP-47 tag of a language code of mteb, its script left out where it is the likely one.

    The principal member of a macrolanguage is written as the macrolanguage (CLDR, languageAlias): `arb` is `ar`;
    other members, such as `arz`, stay what they are.

    Args:
        code: ISO 639-3 and ISO 15924 joined by a hyphen or an underscore: `deu-Latn`, `zho-Hant`.

    Raises:
        InputError: it names no registered language.
    """
    code = code.replace("_", "-")
    try:
        tag = langcodes.standardize_tag(canonical_tag(OTHERWISE.get(code, code)), macro=True)
    except ValueError as error:
        raise InputError(f"mteb's language {code!r} is not one: {error}") from None
    return _without_likely_script(tag)


def tag_of_codes(codes: Iterable[str]) -> str:
    """Return one tag for texts that mteb gives several language codes.

    Programming languages (`python-Code`) do not count beside a natural language.

    Returns:
        The tag of the only natural language; `mul` where there are several, `zxx` where there is none.
    """
    tags = {tag_of_code(code) for code in codes if not code.endswith("-Code")}
    return tags.pop() if len(tags) == 1 else SEVERAL if tags else NONE


def mteb_code(tag: str) -> str:
    """Return mteb's code, such as `deu-Latn`, of a canonical tag."""
    language = langcodes.Language.get(tag).maximize()
    return f"{language.to_alpha3()}-{language.script or 'Latn'}"


def wanted_tags(languages: Iterable[str]) -> list[str]:
    """Return the canonical tags of languages as a user writes them.

    Raises:
        InputError: one is no language tag.
    """
    try:
        return [canonical_tag(language) for language in languages]
    except ValueError as error:
        raise InputError(f"--languages: {error}") from None


def speaks(tag: str, wanted: Iterable[str]) -> bool:
    """Tell whether a text of language `tag` is wanted: `zh` takes `zh`, `zh-Hans` and `zh-TW`."""
    plain = _without_likely_script(tag)
    return any(plain == _without_likely_script(want) or tag.startswith(f"{want}-") for want in wanted)
