"""Tags and codes: which code of a model stands for a tag, and which comes closest."""

from __future__ import annotations

import pytest
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART50
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from isoglot.data.translation.schemes import codes_by_tag
from isoglot.languages.matching import closest_tag, is_language_group, macrolanguage, match_tag, script_of
from isoglot.languages.tags import canonical_tag

CODES = {
    "NLLB": codes_by_tag(NLLB),
    "M2M100": codes_by_tag(M2M100["m2m100"]),
    "mBART-50": codes_by_tag(MBART50),
}

MATCHES = """
NLLB      en      eng_Latn
NLLB      sw      swh_Latn
NLLB      zh      zho_Hans
NLLB      zh-CN   zho_Hans
NLLB      zh-TW   zho_Hant
NLLB      zh-HK   zho_Hant
NLLB      yue     yue_Hant
NLLB      ar      arb_Arab
NLLB      arz     arz_Arab
NLLB      fa      pes_Arab
NLLB      fa-AF   prs_Arab
NLLB      no      nob_Latn
NLLB      nn      nno_Latn
NLLB      pt-BR   por_Latn
NLLB      es-419  spa_Latn
NLLB      sr      srp_Cyrl
NLLB      sr-Latn -
NLLB      fil     tgl_Latn
NLLB      ms      zsm_Latn
NLLB      lv      lvs_Latn
NLLB      et      est_Latn
NLLB      az      azj_Latn
NLLB      ku      kmr_Latn
NLLB      ckb     ckb_Arab
NLLB      qu      quy_Latn
NLLB      ps      pbt_Arab
NLLB      pbt     pbt_Arab
NLLB      uz      uzn_Latn
NLLB      mn      khk_Cyrl
NLLB      om      gaz_Latn
NLLB      or      ory_Orya
NLLB      mg      plt_Latn
NLLB      yi      ydd_Hebr
NLLB      tw      aka_Latn
NLLB      ak      aka_Latn
NLLB      tlh     -
M2M100    nso     ns
M2M100    nb      no
M2M100    zh-TW   -
M2M100    arz     -
M2M100    he      he
M2M100    fil     tl
M2M100    sr-Latn -
mBART-50  en-GB   en_XX
mBART-50  zh      zh_CN
mBART-50  zh-TW   -
mBART-50  de-AT   de_DE
mBART-50  fil     tl_XX
mBART-50  sw      sw_KE
"""


@pytest.mark.parametrize("line", MATCHES.strip().splitlines())
def test_the_code_of_a_tag(line):
    family, tag, code = line.split()
    found = match_tag(canonical_tag(tag), CODES[family])
    assert (CODES[family][found] if found else "-") == code


@pytest.mark.parametrize("family", CODES)
def test_every_code_is_found_by_its_own_tag(family):
    for tag, code in CODES[family].items():
        assert CODES[family][match_tag(tag, CODES[family])] == code


def test_every_code_of_the_families_has_a_tag():
    families = {"NLLB": NLLB, "mBART-50": MBART50, "M2M100": M2M100["m2m100"]}
    for family, codes in families.items():
        # Twi is Akan by Unicode's aliases
        assert set(codes) - {"twi_Latn"} == set(CODES[family].values())


@pytest.mark.parametrize(
    ("tag", "closest"),
    [("gsw", "de"), ("zh-TW", "zh"), ("yue", "zh"), ("nn", "no"), ("arz", "ar"), ("sr-Latn", "sr")],
)
def test_the_closest_of_those_supported(tag, closest):
    assert CODES["M2M100"][closest_tag(tag, CODES["M2M100"])] == closest


def test_facts_about_tags():
    assert [is_language_group(code) for code in ("zle", "mul", "ROA", "de", "zh")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [script_of(tag) for tag in ("ja", "sr-Latn", "pbt", "en", "zh-TW")] == [
        "Jpan",
        "Latn",
        None,
        "Latn",
        "Hant",
    ]
    assert [macrolanguage(tag) for tag in ("yue", "id", "de")] == ["zh", "ms", "de"]
