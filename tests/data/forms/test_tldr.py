"""tldr-pages: what one wants to do as a query, the page as its document, in all languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_samples import SAMPLES, documents, judged, lay_out, queries, tldr_page

from isoglot.data.convert import Reading, Splits, read_form
from isoglot.errors import InputError


def together(splits: Splits) -> tuple[dict, dict]:
    """Queries and judgments of all splits."""
    asked: dict = {}
    found: dict = {}
    for collection in splits.values():
        asked |= queries(collection)
        found |= judged(collection)
    return asked, found


def test_pages_are_documents_and_their_lines_queries(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["tldr"]), "tldr")
    asked, found = together(splits)
    english = "tar: Archiving utility. Create an archive. Display help"
    german = "tar: Archivprogramm. Erstelle ein Archiv. Zeige Hilfe"
    portuguese = "tar: Arquivador. Cria um arquivo"
    assert documents(next(iter(splits.values()))) == {
        "en/common/ls": ("en", "", "ls: List files. List all files. Display help"),
        "en/common/tar": ("en", "", english),
        "de/common/tar": ("de", "", german),
        "pt-BR/common/tar": ("pt-BR", "", portuguese),
    }
    # "Display help" tells no page; the Portuguese page has another number of lines, so they match none
    assert asked == {
        ("common/tar#0", "en"): "Create an archive",
        ("common/tar#0", "de"): "Erstelle ein Archiv",
        ("common/ls#0", "en"): "List all files",
    }
    assert found["common/tar#0"] == {english, german, portuguese}
    one = next(iter(splits.values()))
    assert one.metadata["left_out"] == {"page with more or fewer examples than in English, as a question's": 1}


def test_a_line_that_is_ambiguous_in_one_language_is_left_out_there(tmp_path: Path):
    files = SAMPLES["tldr"] | {
        "pages.de/common/ls.md": tldr_page("ls", "Dateien.", "Erstelle ein Archiv", "Zeige Hilfe"),
    }
    asked, _ = together(read_form(lay_out(tmp_path, files), "tldr"))
    assert set(asked) == {("common/tar#0", "en"), ("common/ls#0", "en")}


def test_a_page_without_an_english_one_stays_a_document(tmp_path: Path):
    files = SAMPLES["tldr"] | {"pages.ko/linux/apt.md": tldr_page("apt", "꾸러미.", "설치하기")}
    splits = read_form(lay_out(tmp_path, files), "tldr")
    one = next(iter(splits.values()))
    assert documents(one)["ko/linux/apt"] == ("ko", "", "apt: 꾸러미. 설치하기")
    assert one.metadata["left_out"]["page without an English one, as a question's"] == 1
    assert not any(tag == "ko" for _, tag in together(splits)[0])


def test_a_command_is_in_one_split_whatever_the_platform_and_the_others(tmp_path: Path):
    files = {
        f"pages/{platform}/command{number}.md": tldr_page(f"command{number}", "About.", f"{platform} {number}")
        for platform in ("linux", "osx")
        for number in range(300)
    }
    splits = read_form(lay_out(tmp_path / "all", files), "tldr")
    commands = {split: {query.partition("/")[2] for query, _ in queries(one)} for split, one in splits.items()}
    assert sum(map(len, commands.values())) == len(set.union(*commands.values())) == 300
    assert len(commands["test"]) + len(commands["dev"]) == pytest.approx(30, abs=15)
    assert len(queries(splits["test"])) == 2 * len(commands["test"])
    few = {name: content for name, content in files.items() if "9" in name}
    again = read_form(lay_out(tmp_path / "few", few), "tldr")
    for split, one in again.items():
        assert set(queries(one)) <= set(queries(splits[split]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no page: a name after #"),
        (b"# tar\n", "no page: a name after #"),
        (b"# tar\n\n- :\n", "empty example"),
        (b"# tar\n\n> \xff\n", "invalid UTF-8"),
    ],
)
def test_a_bad_page_is_named_and_only_it_is_left_out(tmp_path: Path, content: bytes, message: str):
    files = SAMPLES["tldr"] | {"pages/common/bad.md": content}
    with pytest.raises(InputError, match=rf"{message}.*bad"):
        read_form(lay_out(tmp_path, files), "tldr")
    asked, _ = together(read_form(tmp_path, "tldr", Reading(lenient=True)))
    assert len(asked) == 3


def test_a_folder_that_is_not_the_repository_is_said(tmp_path: Path):
    lay_out(tmp_path, {"pages.de/common/tar.md": tldr_page("tar", "Archiv.", "Erstelle")})
    with pytest.raises(InputError, match="holds no folder 'pages'"):
        read_form(tmp_path, "tldr")
    lay_out(tmp_path, SAMPLES["tldr"])
    (tmp_path / "pages.xx").mkdir()
    with pytest.raises(InputError, match=r"pages\.xx: its name does not say the language"):
        read_form(tmp_path, "tldr")
