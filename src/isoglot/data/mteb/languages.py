"""Languages between mteb (ISO 639-3 and script: `deu-Latn`) and us (canonical BCP-47: `de`)."""

from __future__ import annotations

from collections.abc import Iterable

import langcodes

from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["mteb_code", "speaks", "tag_of_code", "tag_of_codes", "wanted_tags"]

# The principal member of a macrolanguage is written as the macrolanguage (CLDR, supplementalMetadata.xml,
# languageAlias with reason="macrolanguage"); other members, such as arz or acm, stay what they are.
PRINCIPAL = {
    "als": "sqi",
    "arb": "ara",
    "azj": "aze",
    "cmn": "zho",
    "ekk": "est",
    "gaz": "orm",
    "khk": "mon",
    "lvs": "lav",
    "npi": "nep",
    "ory": "ori",
    "pbt": "pus",
    "pes": "fas",
    "plt": "mlg",
    "swh": "swa",
    "uzn": "uzb",
    "zsm": "msa",
}
# mteb names one of the scripts that a language mixes where ISO 15924 has a code for the mixture.
MIXED_SCRIPT = {"jpn-Hira": "jpn-Jpan", "kor-Hang": "kor-Kore"}

SEVERAL = "mul"
"""ISO 639-2: multiple languages."""
NONE = "zxx"
"""ISO 639-2: no linguistic content, such as program code."""


def _without_likely_script(tag: str) -> str:
    """Return a tag without its script where that is the language's likely one (CLDR): `zh-Hans` is `zh`."""
    language = langcodes.Language.get(tag)
    bare = langcodes.Language.make(language=language.language, territory=language.territory)
    return bare.to_tag() if language.script and bare.maximize().script == language.script else tag


def tag_of_code(code: str) -> str:
    """Return the canonical BCP-47 tag of a language code of mteb, its script left out where it is the likely one.

    Args:
        code: ISO 639-3 and ISO 15924 joined by a hyphen or an underscore: `deu-Latn`, `zho-Hant`.

    Raises:
        InputError: it names no registered language.
    """
    code = code.replace("_", "-")
    language, _, script = MIXED_SCRIPT.get(code, code).partition("-")
    try:
        tag = canonical_tag("-".join(filter(None, (PRINCIPAL.get(language, language), script))))
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
