"""mteb itself: whether it is there, kept from talking, its language codes (`deu-Latn`) beside our tags (`de`)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import langcodes

from isoglot.errors import InputError, IsoglotError
from isoglot.languages.tags import canonical_tag, read_tag

__all__ = ["cannot_load", "mteb_code", "quietly", "require_mteb", "speaks", "tag_of_code", "tag_of_codes"]

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


def cannot_load(what: str, error: Exception, more: str = "") -> IsoglotError:
    """Return what to say of data that the hub, or its cache, does not give.

    Args:
        what: the data, as the subject of the sentence.
        error: what went wrong.
        more: what else could be the matter.
    """
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return IsoglotError(
        f"{what} cannot be loaded: {reason}. It comes from the Hugging Face hub: connect to it once "
        f"(HF_HUB_OFFLINE must not be set{more}), after which it is cached"
    )


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
    return read_tag(OTHERWISE.get(code, code), f"mteb's language {code!r} is not one")


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


def speaks(tag: str, wanted: Iterable[str]) -> bool:
    """Tell whether a text of language `tag` is wanted: `zh` takes `zh`, `zh-Hans` and `zh-TW`."""
    plain = canonical_tag(tag)
    return any(plain == canonical_tag(want) or tag.startswith(f"{want}-") for want in wanted)
