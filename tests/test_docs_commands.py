"""Commands of the pages run, in the order of a page, on small data; what cannot run here says why.

Those of `RUN` do; tutorial.md, own-data.md and extending.md are followed by tests of their own (test_site.py,
test_docs.py, test_extending.py), and of all others test_docs.py reads the commands.

Names that the pages use stand for something small: the folders, models and run files of `world`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from isoglot.cli import program
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.encoders import static_encoder

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = ("fair.md", "repair.md", "serve.md")
MARKER = re.compile(r"<!-- not run: (.+) -->")
REASONS = re.compile(
    r"downloads? |is downloaded|are downloaded|GPUs?\b|needs a server|a cluster|takes (minutes|long)|account"
)
PROGRAMS = ("curl", "export", "git", "ir_measures", "isoglot", "make", "pip", "python", "ray", "torchrun")
SHOWN = ("location", "proxy_pass", "proxy_set_header", "p", "q")  # a proxy's settings, equations


@dataclass(frozen=True)
class Block:
    """Lines of a page that are indented, or fenced as `sh`, and why they are not run."""

    page: str
    line: int
    text: str
    unrun: str | None

    @property
    def commands(self) -> list[str]:
        """Its commands, if that is what it shows."""
        lines = re.sub(r" *\\\n *", " ", self.text).splitlines()
        return [line.strip() for line in lines if line.split()[:1] and line.split()[0] in PROGRAMS]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, but for those of Python."""
    found: list[Block] = []
    unrun, fence, start, held = None, None, 0, []
    for number, line in enumerate([*page.read_text(encoding="utf-8").splitlines(), "end"], start=1):
        opened = re.match(r"```(\w*)$", line)
        if fence is not None:
            if opened:
                if fence == "sh":
                    found.append(Block(page.name, start, "\n".join(held), unrun))
                unrun, fence, held = None, None, []
            else:
                held.append(line)
        elif re.match(r" {4,}\S", line):
            start = start if held else number
            held.append(line)
        elif line.strip() or not held:
            if held:
                found.append(Block(page.name, start, "\n".join(held), unrun))
                unrun, held = None, []
            marked = MARKER.match(line)
            unrun = marked[1] if marked else unrun if not line.strip() else None
            if opened:
                fence, start = opened[1], number
                unrun = unrun or None
    return found


BLOCKS = {page: blocks_of(page) for page in PAGES}
WITH_COMMANDS = [page for page in PAGES if page.name in RUN]


def parallel(count: int = 24, name: str = "my-data") -> Collection:
    """Questions and answers on numbered things in four languages, each question in all of them."""
    words = {
        "en": ("How do I unpack the archive {}?", "tar unpacks archive {} of the files"),
        "de": ("Wie entpacke ich das Archiv {}?", "tar entpackt das Archiv {} der Dateien"),
        "sw": ("Ninawezaje kufungua faili {}?", "tar hufungua faili {} ya kumbukumbu"),
        "yo": ("Bawo ni mo ṣe le ṣi faili {}?", "tar ṣi faili {} ti akojọpọ"),
    }
    each = [(tag, at) for tag in words for at in range(count)]
    return collection_from_rows(
        [(f"{tag}/common/{at}", tag, "", words[tag][1].format(at)) for tag, at in each],
        [(f"common/{at}", tag, words[tag][0].format(at)) for tag, at in each],
        [(f"common/{at}", f"{tag}/common/{at}", 1) for tag, at in each],
        name=name,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the names of the pages stand for something small."""
    pytest.importorskip("lancedb")
    root = tmp_path_factory.mktemp("world")
    data = parallel()
    for name in ("my-data", "DATA"):
        write_collection({"train": data, "dev": data, "test": data}, root / name)
    for name in ("my-model", "MODEL"):
        static_encoder(data, dimensions=16, vocabulary=400).save(str(root / name))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for words in ("evaluate MODEL DATA --trec-run DIR", "index MODEL DATA --to before"):
            assert program.main(words.split()) == 0, words
    shutil.copy(root / "DIR" / "multilingual.run", root / "system.run")
    shutil.copytree(root / "before", root / "after")
    return root


def spellings(command: str) -> Iterator[list[str]]:
    """Yield the words of a command line with what is optional, once for each of what it may choose from."""
    words = shlex.split(re.sub(r"(?<= )\[|\](?= |$)", "", command), comments=True)[1:]
    each = (word.split("|") if re.fullmatch(r"\w+(\|\w+)+", word) else [word] for word in words)
    yield from map(list, itertools.product(*each))


class Reader:
    """Somebody who follows a page."""

    def __init__(self) -> None:
        self.servers: list[subprocess.Popen[str]] = []
        self.address = ""

    def isoglot(self, command: str) -> None:
        """Run a command of isoglot."""
        for words in spellings(command):
            if words[0] == "serve":
                self.serve(words)
            else:
                assert program.main(words) == 0, command

    def pip(self, command: str) -> None:
        """Look whether there is such an extra."""
        (wanted,) = re.findall(r"\[(.*)\]", command)
        assert f"\n{wanted} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8"), command

    def serve(self, words: list[str]) -> None:
        """Start a server at a port that is free, for the lines that ask it."""
        command = [sys.executable, "-m", "isoglot", *words, "--port", "0"]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.servers.append(started)
        assert started.stdout is not None
        self.address = re.search(r"http://[\d.:]+", started.stdout.readline())[0]

    def curl(self, command: str) -> None:
        """Ask the server."""
        asked = command.replace("http://127.0.0.1:8000", self.address).replace("curl ", "curl --fail --silent ", 1)
        done = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["hits"], command

    def follow(self, command: str) -> None:
        """Do what a line says."""
        do = getattr(self, command.split()[0], None)
        assert do is not None, f"{command} does not run here: mark it"
        do(command)

    def leave(self) -> None:
        """End what was started."""
        for started in self.servers:
            started.terminate()
            started.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_run(page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if page.name == "serve.md" and (find_spec("fastapi") is None or shutil.which("curl") is None):
        pytest.skip("no fastapi, or no curl")
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    reader = Reader()
    try:
        for block in BLOCKS[page]:
            for command in () if block.unrun else block.commands:
                reader.follow(command)
    finally:
        reader.leave()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for reason in MARKER.findall(text):
        assert REASONS.search(reason), f"{page.name}: {reason}"
    marked = [one for one in BLOCKS[page] if one.unrun]
    fenced = len(re.findall(r"<!-- not run: .+ -->\n```python$", text, re.MULTILINE))
    assert len(marked) + fenced == len(MARKER.findall(text)), f"{page.name} has a marker with no block after it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_of_the_pages_are_known(page: Path) -> None:
    """So that no block of commands is taken for one that only shows something."""
    for block in BLOCKS[page]:
        firsts = {line.split()[0] for line in block.text.splitlines() if re.match(r" {4,}[a-z][\w-]* ", line)}
        unknown = firsts - {*PROGRAMS, *SHOWN}
        assert not unknown, f"{page.name}:{block.line}: {unknown}"
