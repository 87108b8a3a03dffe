"""Languages in the names of files and folders, where three letters are often a word: `val`, `all`, `new`, `raw`."""

from __future__ import annotations

import langcodes

from isoglot.languages.tags import canonical_tag

__all__ = ["is_also_a_word", "language_in_name"]

_ISO_639_3 = """
ace acm acq aeb afr ajp aka als amh ang apc ara arb arq ars ary arz asm ast awa ayr azb aze azj bak bam ban bbc
bel bem ben ber bho bjn bod bos bre brx bug bul cat cbk ceb ces cha chi cjk ckb cmn cmo cor crh csb cym cze dan
deu dik div doi dsb dtp dut dyu dzo ekk ell eng epo est eus ewe fao fas fij fil fin fon fra fre fry fuc fur fuv
gaz ger gla gle glg gom gre grn gsw guj hat hau heb hin hmn hne hrv hsb hun hye ibo ido ile ilo ina ind isl ita
jav jpn kab kac kam kan kas kat kaz kbp kea khk khm kik kin kir kmb kmr knc kon kor kur kzj lao lat lav lfn lij
lim lin lit lmo ltg ltz lua lug luo lus lvs mad mag mai mal mar max mey mhr min mkd mlg mlt mni mon mos mri msa
mya nde nds nep nij nld nno nob nor nov npi nqo nso nus nya oci orm orv ory pag pam pan pap pbt pcm pes plt pms
pol por prs pus quy ron rum run rus sag san sat scn shi shn sin slk slv smo sna snd som sot spa sqi srd srp ssw
sun swa swe swg swh szl tah tam taq tat tel tgk tgl tha tir ton tpi tsn tso tuk tum tur twi tzl tzm uig ukr umb
urd uzb uzn vec ven vie war wol wuu xho ydd yid yor yue zho zsm zul
"""
ISO_639_3 = frozenset(_ISO_639_3.split())
"""Codes that FLORES-200, NTREX-128, Tatoeba, MIRACL, NusaX, IN22 and AfriSenti use, and bibliographic ones."""

_WORDS = """
ace am as bar be bug div in is mad mar max min mon my no nov or run so sun to ton war
"""
WORDS = frozenset(_WORDS.split())
"""Codes that are as likely a word in a file's name."""

RETIRED = ("in", "iw", "ji", "jw", "mo", "sh")
_REGIONS = """
ar-AE ar-MA ar-SA bn-IN de-AT de-CH en-AU en-CA en-GB en-IN en-NZ en-ZA es-419 es-AR es-MX es-US fa-AF fr-BE
fr-CA fr-CH it-CH nl-BE pt-PT sw-KE ta-LK ur-IN zh-HK zh-MO zh-SG zh-TW
"""
REGIONS = frozenset(_REGIONS.split())
"""Tags with a region that data sets use, beside those whose region is the language's likely one."""


def language_in_name(text: str) -> str | None:
    """Return the canonical tag of the language that a part of a name is; None if it is none for certain.

    A language is a code that data sets use (ISO 639-1 and `ISO_639_3`), perhaps with a usual region (`pt_BR`, not
    `en_qa` as English in Qatar), or any code with a script (`zho_Hans`).
    """
    parts = text.replace("_", "-").split("-")
    try:
        tag = canonical_tag(text)
    except ValueError:
        return None
    code, *rest = parts
    if not 2 <= len(code) <= 3 or code.lower() in RETIRED or len(rest) > 2:
        return None
    if rest and len(rest[0]) == 4:
        return tag
    if len(code) == 3 and code.lower() not in ISO_639_3:
        return None
    language = langcodes.Language.get(tag)
    likely = langcodes.Language.get(language.language or "und").maximize().territory
    known = not rest or tag in REGIONS or language.territory == likely
    return tag if known else None


def is_also_a_word(text: str) -> bool:
    """Tell whether a language's code is as likely a word, such as `my`, so that it alone tells nothing."""
    return text.lower() in WORDS
