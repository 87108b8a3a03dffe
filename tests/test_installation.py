"""What `isoglot doctor` says of libraries that are there, missing, too old, or broken in one way or another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from isoglot.installation.examination import module_of
from isoglot.installation.machine import caches

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parents[1]
METADATA = """Metadata-Version: 2.4
Name: isoglot
Version: 9.8.7
Requires-Python: {python}
"""
CALL = """
import sys
from isoglot.cli import main
status = main(sys.argv[1:])
print("torch" in sys.modules, file=sys.stderr)
sys.exit(status)
"""


class Site:
    """A folder of distributions and modules that Python finds first, and isoglot as if it needed them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.needs: list[str] = []
        self.python = ">=3.10"

    def add(self, name: str, version: str | None, code: str | None = "", needed: str = "") -> None:
        """Add a distribution whose module holds some code; with no version only isoglot's need of it."""
        self.needs.append(needed or name)
        if version is not None:
            told = self.folder / f"{name}-{version}.dist-info"
            told.mkdir()
            (told / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
        if code is not None:
            (self.folder / f"{name}.py").write_text(code)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        told = self.folder / "isoglot-9.8.7.dist-info"
        told.mkdir(exist_ok=True)
        lines = [f"Requires-Dist: {need}\n" for need in self.needs]
        (told / "METADATA").write_text(METADATA.format(python=self.python) + "".join(lines))
        paths = os.pathsep.join([str(self.folder), str(ROOT / "src")])
        return subprocess.run(
            [sys.executable, "-c", CALL, *words],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": paths} | environment,
        )

    def doctor(self, *words: str, **environment: str) -> tuple[int, dict]:
        done = self.run("doctor", "--json", *words, **environment)
        assert done.stderr == "False\n"  # no warning, no traceback, and no torch
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site").mkdir()
    return Site(tmp_path / "site")


def of(found: dict) -> dict[str, str | None]:
    """What is wrong with each library."""
    return {one["name"]: one["problem"] for one in found["libraries"]}


def test_nothing_is_missing(site: Site) -> None:
    site.add("good_one", "1.2.3", needed="good_one>=1,<2")
    site.add("for_windows", None, None, needed='for_windows; sys_platform == "nowhere"')
    status, found = site.doctor()
    assert (status, found["problems"], found["isoglot"]) == (0, [], "9.8.7")
    assert found["libraries"] == [{"name": "good_one", "needed": "<2,>=1", "version": "1.2.3", "problem": None}]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["device"]["cores"] >= 1
    assert found["device"]["memory"] > 1e8


def test_libraries_that_will_not_do_are_told_of_and_so_are_those_after_them(site: Site) -> None:
    bad = {
        "absent": (None, None, "is not installed"),
        "old": ("0.9", "", "is 0.9, and isoglot needs >=1"),
        "hollow": ("1.0", None, "cannot be imported: ModuleNotFoundError: No module named 'hollow'"),
        "raising": ("1.0", "raise RuntimeError('no GPU\\nhere')", "cannot be imported: RuntimeError: no GPU here"),
        "leaving": ("1.0", "raise SystemExit(0)", "cannot be imported: SystemExit: 0"),
        "ending": ("1.0", "import os; os._exit(7)", "ends Python with status 7 when it is imported"),
        "aborting": ("1.0", "import os; os.abort()", "ends Python with status -6 when it is imported"),
        "torn": ("1.0", "x = (", "cannot be imported: SyntaxError: '(' was never closed (torn.py, line 1)"),
    }
    for name, (version, code, _) in bad.items():
        site.add(name, version, code, needed=f"{name}>=1")
        site.add(f"after_{name}", "2.0", "print('I talk when I am imported')")
    status, found = site.doctor()
    told = {name: problem for name, (_, _, problem) in bad.items()}
    assert status == 1
    assert of(found) == {**dict.fromkeys(f"after_{name}" for name in bad), **told}
    assert found["problems"] == [f"{name} {problem}" for name, problem in told.items()]
    text = site.run("doctor")
    assert text.returncode == 1
    assert text.stdout.splitlines()[-len(bad) :] == found["problems"]


def test_python_itself_may_be_too_old(site: Site) -> None:
    site.python = ">=3.99"
    status, found = site.doctor()
    assert status == 1
    assert found["problems"] == [f"Python is {found['python']}, and isoglot needs >=3.99"]


def test_an_extra_that_is_not_whole_is_no_problem_and_names_its_command(site: Site) -> None:
    site.add("paper", "3.0", needed='paper>=3; extra == "pages"')
    site.add("ink", None, None, needed='ink; extra == "pages"')
    site.add("web", "1.0", "raise OSError('no socket')", needed='web; extra == "serve"')
    site.needs += ['isoglot[pages]; extra == "serve"', 'isoglot[pages,serve]; extra == "all"']
    site.add("wood", "1.0", needed='wood; extra == "shelf"')
    site.needs.append('never-there; extra == "dev"')
    status, found = site.doctor()
    assert (status, found["problems"]) == (0, [])
    extras = {one["name"]: one for one in found["extras"]}
    assert list(extras) == ["pages", "serve", "shelf"]
    assert extras["pages"]["install"] == "pip install 'isoglot[pages]'"
    assert {name: one["is_whole"] for name, one in extras.items()} == {
        "pages": False,
        "serve": False,
        "shelf": True,
    }
    assert of({"libraries": extras["serve"]["libraries"]}) == {
        "paper": None,
        "ink": "is not installed",
        "web": "cannot be imported: OSError: no socket",
    }
    text = site.run("doctor").stdout
    assert "pages: ink is not installed: pip install 'isoglot[pages]'" in text
    assert "shelf: wood 1.0" in text
    assert text.splitlines()[-1] == "Nothing that isoglot needs is missing."


def test_caches_have_sizes_and_may_be_written_to_or_not(site: Site, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "embeddings").mkdir(parents=True)
    (kept / "embeddings" / "a.npy").write_bytes(b"x" * 1000)
    (kept / "b").write_bytes(b"x" * 23)
    (tmp_path / "file").touch()
    given = {
        "ISOGLOT_CACHE": str(kept),
        "ISOGLOT_DATA": str(tmp_path / "file" / "data"),
        "HF_HUB_CACHE": str(tmp_path / "new"),
    }
    _, found = site.doctor(**given)
    rows = {one["variable"]: (one["path"], one["size"], one["writable"]) for one in found["folders"]}
    assert rows == {
        "ISOGLOT_CACHE": (str(kept), 1023, True),
        "ISOGLOT_DATA": (given["ISOGLOT_DATA"], None, False),
        "HF_HUB_CACHE": (given["HF_HUB_CACHE"], None, True),
    }
    assert not (tmp_path / "new").exists()
    assert "cannot be written to" in site.run("doctor", **given).stdout


def test_the_hub_s_cache_is_where_its_library_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    for name in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert caches()[-1].path == told.strip()


def test_nobody_is_asked_unless_told(site: Site) -> None:
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        offline = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "1"}
        _, found = site.doctor(**offline)
        assert asked == []
        assert found["hub"] == {"variables": {**offline}, "offline": ["HF_HUB_OFFLINE"], "answer": None}
        _, found = site.doctor("--network", HF_ENDPOINT=address)
        assert asked == ["/"]
        assert found["hub"]["answer"] == f"{address} answers (200)"
        server.shutdown()
    status, found = site.doctor("--network", HF_ENDPOINT=address)
    assert status == 0
    assert "cannot be reached" in found["hub"]["answer"]


@pytest.mark.parametrize("broken", ["typer", "pydantic", "yaml"])
def test_a_library_of_the_command_line_itself_is_told_of(site: Site, broken: str) -> None:
    site.add(broken, "99.0", "raise RuntimeError('half installed')", needed={"yaml": "PyYAML"}.get(broken, broken))
    done = site.run("evaluate", "a", "b")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "isoglot: a library cannot be imported (RuntimeError: half installed): isoglot doctor says which"
    )
    status, found = site.doctor()
    assert status == 1
    assert len(found["problems"]) == 1
    assert found["problems"][0].endswith("cannot be imported: RuntimeError: half installed")
    assert site.run("doctor").stdout.splitlines()[-1] == found["problems"][0]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is in Python from 3.11 on")
def test_every_distribution_s_module_is_known() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"], *(one for name, more in extras.items() if name != "dev" for one in more)]
    names = {Requirement(one).name for one in needs} - {"isoglot"}
    here = {name for name in names if _installed(name)}
    assert {"torch", "PyYAML"} <= here
    assert [name for name in sorted(here) if find_spec(module_of(name)) is None] == []


def _installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
