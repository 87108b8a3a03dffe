import mteb
import pytest
from mteb.languages.check_language_code import check_language_code

from isoglot.data.mteb.library import mteb_code, speaks, tag_of_code, tag_of_codes
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("deu-Latn", "de"),
        ("eng_Latn", "en"),
        ("ara-Arab", "ar"),
        ("arb-Arab", "ar"),
        ("arb-Latn", "ar-Latn"),
        ("arz-Arab", "arz"),
        ("zho-Hans", "zh"),
        ("cmn-Hans", "zh"),
        ("zho-Hant", "zh-Hant"),
        ("jpn-Hira", "ja"),
        ("jpn-Jpan", "ja"),
        ("kor-Hang", "ko"),
        ("swh-Latn", "sw"),
        ("pes-Arab", "fa"),
        ("nob-Latn", "nb"),
        ("ibo-Latn", "ig"),
        ("srp-Cyrl", "sr"),
        ("srp-Latn", "sr-Latn"),
    ],
)
def test_codes_of_mteb_become_canonical_tags(code, tag):
    assert tag_of_code(code) == tag


PRINCIPAL = {
    **{"als": "sq", "arb": "ar", "azj": "az", "cmn": "zh", "ekk": "et", "gaz": "om", "khk": "mn", "lvs": "lv"},
    **{"npi": "ne", "ory": "or", "pbt": "ps", "pes": "fa", "plt": "mg", "swh": "sw", "uzn": "uz", "zsm": "ms"},
}
"""Members that CLDR (languageAlias with reason="macrolanguage") takes for the whole of their macrolanguages."""


def test_of_the_members_of_a_macrolanguage_only_the_principal_one_is_taken_for_it():
    tasks = mteb.get_tasks(task_types=["Retrieval"], modalities=["text"], exclusive_modality_filter=True)
    codes = {code for task in tasks for many in task.metadata.hf_subsets_to_langscripts.values() for code in many}
    languages = {code: code.split("-")[0] for code in (*codes, "ekk-Latn") if not code.endswith("-Code")}
    assert PRINCIPAL.keys() < set(languages.values())
    for code, language in languages.items():
        assert tag_of_code(code).split("-")[0] == PRINCIPAL.get(language, canonical_tag(language)), code


def test_the_language_variants_of_belebele_stay_apart():
    codes = mteb.get_task("BelebeleRetrieval").metadata.bcp47_codes
    assert len({tag_of_code(code) for code in codes}) == len(codes) == 122


def test_every_language_of_every_text_retrieval_task_has_a_tag():
    for task in mteb.get_tasks(task_types=["Retrieval"], modalities=["text"], exclusive_modality_filter=True):
        for codes in task.metadata.hf_subsets_to_langscripts.values():
            assert tag_of_codes(codes)


def test_program_code_does_not_count_beside_a_language():
    assert tag_of_codes(["eng-Latn", "python-Code"]) == "en"
    assert tag_of_codes(["python-Code", "c++-Code"]) == "zxx"
    assert tag_of_codes(["eng-Latn", "fra-Latn"]) == "mul"


@pytest.mark.parametrize("tag", ["de", "zh", "zh-TW", "pt-BR", "ja", "ko", "el", "th", "ar", "sr-Latn", "nb"])
def test_our_tags_become_codes_that_mteb_knows(tag):
    code = mteb_code(tag)
    check_language_code(code)
    assert tag_of_code(code).split("-")[0] == tag.split("-")[0]


def test_what_is_no_language_is_said():
    with pytest.raises(InputError, match="foo-Latn"):
        tag_of_code("foo-Latn")


def test_a_bare_tag_takes_its_variants():
    assert speaks("zh-Hans", ["de", "zh"])
    assert speaks("zh", ["zh-Hans"])
    assert not speaks("zh-Hant", ["zh-Hans"])
    assert not speaks("zh-Hans", ["zh-TW"])
    assert not speaks("arz-Arab", ["ar"])
