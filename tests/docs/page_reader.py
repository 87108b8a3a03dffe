"""Somebody who follows a page: its commands run, a long one with fewer steps than it would take."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub.constants
import pytest
from form_samples import SAMPLES, lay_out
from page_blocks import REASONS, ROOT, commands_of
from page_world import suit

from isoglot.cli import program
from isoglot.installation import examination
from isoglot.installation.importing import import_all
from isoglot.studies import runner

SHORTER = {
    "evaluate": ("--bootstrap", "20"),
    "train": ("--steps", "2", "--batch-size", "32"),
    "demo": ("--seeds", "1", "--steps", "2", "--languages", "en,de"),
    "study run": ("--dry-run",),
}
"""Options by which a command does less; they go before those of the page, which win."""
FINDS = ["data", "leakage"]
"""Ends with status 1 where it finds something."""
STANDS_FOR = {"FORM": "aligned"}
"""What a page leaves open -> what is put there."""


def expanded(word: str) -> list[str]:
    """Return what a shell makes of a word."""
    if "*" in word:
        return sorted(str(path) for path in Path().glob(word))
    return [str(Path(word).expanduser()) if word.startswith("~") else STANDS_FOR.get(word, word)]


def spellings(command: str) -> Iterator[list[str]]:
    """Yield the words of a command line with what is optional, once for each of what it may choose from."""
    words = shlex.split(re.sub(r"(?<= )\[|\](?= |$)", "", command), comments=True)[1:]
    each = (word.split("|") if re.fullmatch(r"\w+(\|\w+)+", word) else [word] for word in words)
    for one in itertools.product(*each):
        yield [word for given in one for word in expanded(given)]


def divided(words: list[str]) -> tuple[list[str], Path | None]:
    """Return the words of a command, and the file that its output goes to."""
    return (words[:-2], Path(words[-1])) if words[-2:-1] == [">"] else (words, None)


def is_elsewhere(command: str) -> bool:
    """Say whether a command downloads, as its comment says, what is not here under its name."""
    line, _, said = command.partition("#")
    here = any("/" in word and Path(word).is_dir() for word in line.split())
    return bool(REASONS.search(said)) and not here


def make_room(words: list[str]) -> None:
    """Remove the folder that a command is to write, where the page has used its name before."""
    if words[0] == "study" or any(word.startswith(("--update", "--delete")) for word in words):
        return
    for option in {"--out", "--to", "--trec-run"} & set(words):
        folder = Path(words[words.index(option) + 1])
        if folder.is_dir():
            shutil.rmtree(folder)


class Reader:
    """Somebody who follows a page, in a folder of his own."""

    def __init__(self) -> None:
        self.servers: list[subprocess.Popen[str]] = []
        self.address = ""
        self.asked = False

    def follow(self, commands: Sequence[str]) -> None:
        """Do what the lines say."""
        for command, following in itertools.zip_longest(commands, commands[1:], fillvalue=""):
            do = getattr(self, command.split()[0], None)
            assert do is not None, f"{command} does not run here: mark it"
            self.asked = following.startswith("curl ")
            if command.startswith("git ") or not is_elsewhere(command):
                do(command)

    def isoglot(self, command: str) -> None:
        """Run a command of isoglot."""
        for words in spellings(command):
            words, into = divided(words)
            make_room(words)
            name = words[: 2 if words[0] in ("study", "data") else 1]
            words = [*name, *SHORTER.get(" ".join(name), ()), *words[len(name) :]]
            if name == ["serve"]:
                self.serve([*words, "--port", "0"])
                continue
            with contextlib.ExitStack() as stack:
                if into is not None:
                    file = stack.enter_context(into.open("w", encoding="utf-8"))
                    stack.enter_context(contextlib.redirect_stdout(file))
                assert program.main(words) in ((0, 1) if name == FINDS else (0,)), command

    def serve(self, words: list[str]) -> None:
        """Start a server at a port that is free, if the next line asks it; else only open what it would serve."""
        if not self.asked:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("isoglot.search.serve.serve", lambda opening, **_: opening())
                assert program.main(words) == 0, words
            return
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "isoglot", *words]
        started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.servers.append(started)
        assert started.stdout is not None
        self.address = re.search(r"http://[\d.:]+", started.stdout.readline())[0]

    def curl(self, command: str) -> None:
        """Ask the server."""
        asked = command.replace("http://127.0.0.1:8000", self.address).replace("curl ", "curl --fail --silent ", 1)
        done = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["hits"], command

    def pip(self, command: str) -> None:
        """Look whether there is such an extra."""
        (wanted,) = re.findall(r"\[(.*)\]", command)
        assert f"\n{wanted} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8"), command

    def make(self, command: str) -> None:
        """Look whether there is such a target."""
        (wanted,) = command.split()[1:]
        assert f"\n{wanted}: " in (ROOT / "Makefile").read_text(encoding="utf-8"), command

    def git(self, command: str) -> None:
        """Clone a repository of the same form, which is here."""
        folder = Path(command.partition("#")[0].split()[-1]).name
        shutil.rmtree(folder, ignore_errors=True)
        lay_out(Path(folder), SAMPLES[folder])

    def ir_measures(self, command: str) -> None:
        """Measure by another program."""
        done = subprocess.run([sys.executable, "-m", *command.split()], capture_output=True, text=True, check=True)
        assert "AP" in done.stdout, command

    def leave(self) -> None:
        """End what was started."""
        for started in self.servers:
            started.terminate()
            started.communicate()


def follow(page: Path, world: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow a page in a folder, which becomes a copy of the world; skip where a program of the page is missing."""
    commands = commands_of(page)
    if any(line.startswith("isoglot serve") for line in commands) and find_spec("fastapi") is None:
        pytest.skip("no fastapi")
    if any(line.startswith("curl") for line in commands) and shutil.which("curl") is None:
        pytest.skip("no curl")
    shutil.copytree(world, folder, symlinks=True, dirs_exist_ok=True)
    suit(page.name, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # nothing is downloaded
    monkeypatch.setattr(runner, "count_cores", lambda: 1)  # workers would take longer to start than all else
    monkeypatch.setattr(examination, "import_all", lambda _: import_all(["packaging", "yaml"]))  # not all extras
    reader = Reader()
    try:
        reader.follow(commands)
    finally:
        reader.leave()
