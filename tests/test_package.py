"""What is published: wheel and sdist hold what they should, and say what they are.

`scripts/check_wheel.py --install` tries the wheel in an empty environment of every Python that is here.
"""

from __future__ import annotations

import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from isoglot.cli import program

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "check_wheel.py"), run_name="check_wheel")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if importlib.util.find_spec("setuptools") is None or int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("no setuptools 77 or later, with which the package is built")
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout, of which the package is built")
    return SCRIPT["build"](tmp_path_factory.mktemp("build"))


def test_wheel_and_sdist_hold_the_package_its_data_and_its_licence_and_nothing_else(
    built: tuple[Path, Path],
) -> None:
    assert SCRIPT["faults_of"](*built) == []


def test_what_a_wheel_lacks_or_has_too_much_is_told(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = built
    spoilt = tmp_path / wheel.name
    lost = ("isoglot/data/catalogue/entries/miracl.yaml", "licenses/LICENSE")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(spoilt, "w") as new:
        for name in old.namelist():
            if not name.endswith(lost):
                new.writestr(name, old.read(name))
        new.writestr("tests/conftest.py", "")
    small = tmp_path / sdist.name
    with tarfile.open(sdist) as old_sdist, tarfile.open(small, "w:gz") as new_sdist:
        for member in old_sdist.getmembers():
            if member.isfile() and not member.name.endswith(("/CITATION.cff", "isoglot/py.typed")):
                new_sdist.addfile(member, old_sdist.extractfile(member))
    assert SCRIPT["faults_of"](spoilt, small) == [
        f"the wheel lacks {lost[0]}",
        "the wheel holds tests/conftest.py, which is not of the package",
        "the wheel lacks the licence",
        "the sdist lacks CITATION.cff",
        "the sdist lacks src/isoglot/py.typed",
    ]


def test_metadata_say_what_it_is(built: tuple[Path, Path]) -> None:
    told = SCRIPT["metadata_of"](built[0])
    assert (told["Name"], told["License-Expression"], told["Requires-Python"]) == (
        "isoglot",
        "Apache-2.0",
        ">=3.10",
    )
    assert told["Description-Content-Type"] == "text/markdown"
    assert "isoglot demo" in told.get_payload()
    assert {"search", "serve", "report", "all"} <= set(told.get_all("Provides-Extra"))
    assert not re.findall(r"\]\((?!https?://)[^)]*\)", told.get_payload())  # links work outside of the repository
    with zipfile.ZipFile(built[0]) as packed:
        (name,) = (one for one in packed.namelist() if one.endswith("entry_points.txt"))
        assert "isoglot = isoglot.cli:main" in packed.read(name).decode()


def test_every_place_names_one_version_of_the_form_that_is_promised() -> None:
    found = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", found[1])
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == found[1]
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == found[1]
    assert re.search(rf"version\s+= {{{re.escape(found[1])}}}", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_citation_has_what_its_form_demands() -> None:
    """Keys that the schema of the Citation File Format 1.2.0 requires, and those by which a reference is found."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license", "references"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
    for author in (*citation["authors"], *(one for work in citation["references"] for one in work["authors"])):
        assert "name" in author or {"family-names", "given-names"} <= author.keys()


def test_the_page_tells_sizes_as_they_are(built: tuple[Path, Path]) -> None:
    """Of the wheel everywhere; of what it needs where the versions are those that the page names."""
    page = " ".join((ROOT / "docs" / "package.md").read_text(encoding="utf-8").split())
    wheel = re.search(r"own wheel is ([\d.]+) MB", page)
    assert wheel is not None
    assert built[0].stat().st_size / 1e6 == pytest.approx(float(wheel[1]), abs=0.15)
    told = re.search(r"\(sentence-transformers (\S+), torch (\S+) for the CPU\) and Python (\S+) on Linux", page)
    assert told is not None
    here = ("sentence-transformers", "torch"), f"{sys.version_info[0]}.{sys.version_info[1]}"
    if (*map(version, here[0]), here[1]) != (told[1], f"{told[2]}+cpu", told[3]):
        pytest.skip(f"figures are those of {told[0]}")
    sizes = re.search(r"needs takes ([\d,]+) MB in (\d+) distributions; .* takes ([\d,]+) MB in (\d+) \(", page)
    assert sizes is not None
    needs = (Requirement(text) for text in SCRIPT["metadata_of"](built[0]).get_all("Requires-Dist"))
    base = {need.name for need in needs if need.marker is None}
    for names, megabytes, count in ((base, sizes[1], sizes[2]), ({SCRIPT["PEER"]}, sizes[3], sizes[4])):
        held = SCRIPT["installed"](names)
        assert len(held) == int(count)
        assert sum(held.values()) / 1e6 == pytest.approx(float(megabytes.replace(",", "")), rel=0.02)


LOOK = """
import ast, importlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        if node.module.partition(".")[0] in sys.stdlib_module_names:
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    print(f"{path.name}:{node.lineno}: {node.module} has no {name.name}")
"""


def test_the_page_names_every_extra() -> None:
    page = (ROOT / "docs" / "package.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = project.partition("[project.optional-dependencies]")[2].partition("\n[project")[0]
    declared = set(re.findall(r"^([\w-]+) = \[", extras, re.MULTILINE)) - {"all", "dev"}
    assert set(re.findall(r"`([\w-]+)`", " ".join(first_cells))) == declared


def test_the_oldest_python_that_is_here_reads_the_source() -> None:
    """Its syntax, and what is taken of the standard library: `datetime.UTC` is younger than Python 3.10."""
    name, python = next(iter(SCRIPT["pythons"]().items()), ("", None))
    if name != "3.10":
        pytest.skip("no Python 3.10, the oldest that is supported")
    done = subprocess.run([python, "-c", LOOK, ROOT / "src"], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == ""


def test_the_texts_on_which_the_wheel_is_tried_suffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for file, text in SCRIPT["DATA"].items():
        (tmp_path / "data" / file).write_text(text, encoding="utf-8")
    for words in ("train --data data --strategy monolingual --steps 2 --out model", "evaluate model data"):
        assert program.main(words.split()) == 0, words
