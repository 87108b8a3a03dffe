"""One language is one language, whatever names it."""

from __future__ import annotations

from pathlib import Path

import langcodes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import Hybrid
from isoglot.cli import main
from isoglot.collections import collection_from_rows, read_collection, write_collection
from isoglot.data import sample_collection
from isoglot.errors import InputError
from isoglot.languages.tags import Tags, canonical_tag, written_tag

SAME = """
ar     arb ara arb_Arab ar-Arab arb-arab AR
zh     cmn zho chi cmn_Hans zho_Hans zh-Hans zh-cmn-Hans
zh-Hant cmn_Hant zho-Hant
fil    tl tgl tgl_Latn fil_Latn
fa     pes fas per pes_Arab
fa-AF  prs prs_Arab
ms     zsm msa zsm_Latn
ne     npi nep npi_Deva
sw     swh swa swh_Latn
et     ekk est ekk_Latn
lv     lvs lav lvs_Latn
sr     srp_Cyrl sr-Cyrl
sr-Latn srp_Latn sh hbs
jv     jav_Latn jv
en     eng_Latn eng
uz     uzn_Latn uzb
kr     knc_Latn
kr-Arab knc_Arab
az     azj_Latn az-Latn
acm    acm_Arab
acm-Latn acm_Latn
quy    quy_Latn
arz    arz_Arab
yue    yue_Hant zh-yue
en-GB  eng-Latn-GB en_gb
zh-TW  zh-Hant-TW zho_tw
"""


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_all_names_of_a_language_are_one_tag(line: str):
    tag, *names = line.split()
    assert [canonical_tag(name) for name in names] == [tag] * len(names)


CODES = st.sampled_from(
    ["ar", "arb", "cmn", "zh", "sr", "hbs", "knc", "tl", "acm", "quy", "ber", "az", "azb", "en", "pnb"]
)
SCRIPTS = st.sampled_from(["", "_Latn", "_Arab", "-Cyrl", "_Hans", "_Hant", "_Deva", "_Guru"])
REGIONS = st.sampled_from(["", "_US", "-TW", "_PK", "_RS"])


@given(CODES, SCRIPTS, REGIONS)
def test_a_canonical_tag_stays_and_means_the_same_script(code: str, script: str, region: str):
    tag = canonical_tag(code + script + region)
    assert canonical_tag(tag) == tag
    if script and not langcodes.Language.get(tag).script and tag.split("-")[0] not in ("acm", "quy", "ber", "azb"):
        assert langcodes.Language.get(tag).maximize().script == script[1:]


def test_kept_tags_differ_in_case_and_separators_alone():
    assert [written_tag(tag) for tag in ("arb_arab", "CMN-hans", "deu", "zh_cn")] == [
        "arb-Arab",
        "cmn-Hans",
        "deu",
        "zh-CN",
    ]
    with pytest.raises(ValueError, match="not a registered language"):
        written_tag("xx")


def test_what_was_joined_is_told_once_and_only_that(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="isoglot")
    tags = Tags()
    assert [tags(tag) for tag in ("ar", "arb_Arab", "arb-Arab", "zh", "zh-Hant", "en")][:2] == ["ar", "ar"]
    tags.tell("here")
    assert caplog.messages == [
        "here: ar and arb-Arab are one language, ar (`isoglot data convert --keep-tags` keeps them apart)"
    ]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    folder = tmp_path / "mixed"
    names = {"ar": "arb_Arab", "zh": "cmn_Hans", "fil": "tgl_Latn"}
    texts = [(f"{tag}", tag, "", f"text {tag}") for tag in names]
    queries = [("q", tag, f"query {tag}") for tag in names]
    write_collection(collection_from_rows(texts, queries, [("q", tag, 1) for tag in names]), folder)
    corpus = (folder / "corpus.jsonl").read_text()
    for tag, code in names.items():
        corpus = corpus.replace(f'"lang": "{tag}"', f'"lang": "{code}"')
    (folder / "corpus.jsonl").write_text(corpus)
    return folder


def test_a_collection_under_several_names_has_its_languages_once(mixed: Path, capsys: pytest.CaptureFixture[str]):
    assert read_collection(mixed).languages == ("ar", "fil", "zh")
    assert main(["data", "check", str(mixed), "--no-near"]) == 0
    printed = capsys.readouterr()
    assert "3 languages" in printed.out
    assert "ar and arb-Arab are one language, ar" in printed.err


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_tags_are_kept_where_one_asks_for_it(mixed: Path, tmp_path: Path, form: str, capsys):
    assert main(["data", "check", str(mixed), "--no-near", "--keep-tags"]) == 0
    assert "6 languages" in capsys.readouterr().out
    assert main(["data", "convert", str(mixed), "--form", form, "--to", str(tmp_path / "out"), "--keep-tags"]) == 0
    kept = read_collection(tmp_path / "out")  # the folder says so itself
    assert kept.languages == ("ar", "arb-Arab", "cmn-Hans", "fil", "tgl-Latn", "zh")
    assert kept.documents["lang"].to_pylist() == ["arb-Arab", "cmn-Hans", "tgl-Latn"]


def test_a_kept_tag_is_asked_for_by_any_name_of_its_language(tmp_path: Path):
    def of(folder: str, *tags: str):
        rows = [(tag, tag, "", f"text {tag}") for tag in tags]
        queries = [("q", tag, f"query {tag}") for tag in tags]
        data = collection_from_rows(rows, queries, [("q", tag, 1) for tag in tags])
        write_collection(data, tmp_path / folder)
        for file in ("corpus.jsonl", "queries.jsonl"):
            path = tmp_path / folder / file
            path.write_text(path.read_text().replace('"lang": "ar"', '"lang": "arb_Arab"'))
        return read_collection(tmp_path / folder, keep_tags=True)

    kept = of("kept", "ar", "de", "en")
    assert kept.languages == ("arb-Arab", "de", "en")
    for name in ("arb", "ar", "arb_Arab"):
        assert Hybrid(languages=(name, "de")).allowed(kept).tolist() == [[True, True, False]] * 2 + [[False] * 3]
        assert Hybrid(pairs=((name, "en"),)).allowed(kept).sum() == 1
    assert sample_collection(kept, {"ar": 0}).languages == ("de", "en")
    assert sample_collection(kept, {}, hold_out=["arb"]).languages == ("de", "en")
    with pytest.raises(InputError, match=r"has no language 'fr'"):
        Hybrid(languages=("fr",)).allowed(kept)


def test_one_of_two_kept_tags_of_a_language_is_not_guessed(mixed: Path):
    kept = read_collection(mixed, keep_tags=True)
    with pytest.raises(InputError, match=r" has ar under the tags ar and arb-Arab, .* without --keep-tags"):
        Hybrid(languages=("arb",)).allowed(kept)


@pytest.mark.parametrize("name", ["worldfacts", "xquad-r", "tldr/train"])
def test_keeping_tags_of_a_name_is_refused(name: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path))
    assert main(["data", "check", name, "--no-near", "--keep-tags"]) == 2
    assert "--keep-tags keeps those of its publisher's files" in " ".join(capsys.readouterr().err.split()).replace(
        "`", ""
    )


@pytest.mark.parametrize(("code", "is_a"), [("419", "region"), ("und-Latn", "script"), ("und-DE", "region")])
def test_what_names_no_language_is_refused(code: str, is_a: str):
    for read in (canonical_tag, written_tag):
        with pytest.raises(ValueError, match=f"{code!r} names a {is_a}, not a language"):
            read(code)
    assert canonical_tag("es-419") == "es-419"
