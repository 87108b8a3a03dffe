"""Completion of names, asked for as shells do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isoglot.cli import completion

ROOT = Path(__file__).parents[2]


def ask(shell: str, words: str) -> list[str]:
    """What a shell is offered after these words, the last of which is being typed."""
    given = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    code = "import sys; sys.argv = ['isoglot']; from isoglot.cli import main; sys.exit(main())"
    environment = os.environ | given | {"_ISOGLOT_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert not done.stderr
    if shell == "zsh":
        return [line.strip("()").split('"')[1] for line in done.stdout.splitlines() if '"' in line]
    return [line.partition("\t")[0] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_offered_names(shell: str) -> None:
    assert ask(shell, "isoglot train --strategy hy") == ["hybrid"]
    assert ask(shell, "isoglot doct") == ["doctor"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("train --objective Inf", ["InfoNCE"]),
        ("train --data xquad-", ["xquad-r"]),
        ("evaluate model mira", ["miracl"]),
        ("evaluate model data --measures AP,nD", ["AP,nDCG@10"]),
        ("evaluate model data --measures AP,A", []),
        ("data convert x --form la", ["lareqa"]),
        ("repair model data --method e", ["erase"]),
        ("study run rat", ["ratio"]),
        ("evaluate ./my-mod", []),  # of files the shell knows
    ],
)
def test_each_option_has_names_of_its_own(words: str, offered: list[str]) -> None:
    assert ask("bash", f"isoglot {words}") == offered


def test_names_are_those_that_the_rooms_know() -> None:
    from isoglot.batching.strategies import STRATEGIES
    from isoglot.data.catalogue.entry import entry_names
    from isoglot.data.convert import FORMS
    from isoglot.evaluation.compressed import PRECISIONS
    from isoglot.evaluation.fair import FAIR
    from isoglot.evaluation.measures import DEFAULT_MEASURES
    from isoglot.objectives.registry import TERMS
    from isoglot.repair.maps import METHODS
    from isoglot.studies.recipe_files import recipe_names
    from isoglot.training.config import MADE_HERE

    assert tuple(STRATEGIES) == completion.STRATEGIES
    assert tuple(TERMS) == completion.TERMS
    assert tuple(FORMS) == completion.FORMS
    assert tuple(DEFAULT_MEASURES) == completion.MEASURES
    assert (FAIR, METHODS, PRECISIONS) == (completion.FAIR, completion.REPAIRS, completion.QUANTIZED)
    assert set(MADE_HERE) == set(completion.ENCODERS)
    assert completion.complete_data("") == sorted(entry_names())
    assert completion.complete_study("") == list(recipe_names())


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_once_the_script_is_sourced(tmp_path: Path) -> None:
    program = tmp_path / "isoglot"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m isoglot "$@"\n')
    program.chmod(0o755)
    script = """
eval "$(_ISOGLOT_COMPLETE=source_bash isoglot)"
complete -p isoglot
COMP_WORDS=(isoglot train --strategy mul) COMP_CWORD=3
_isoglot_completion isoglot
echo "${COMPREPLY[@]}"
"""
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["complete -o default -F _isoglot_completion isoglot", "multiway"]
