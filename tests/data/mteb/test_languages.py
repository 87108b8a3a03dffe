import mteb
import pytest
from mteb.languages.check_language_code import check_language_code

from isoglot.data.mteb.languages import mteb_code, speaks, tag_of_code, tag_of_codes
from isoglot.errors import InputError


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
