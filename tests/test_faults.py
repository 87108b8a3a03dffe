"""Every fault of `scripts/faults.py` is tried once, each long command killed; docs/reliability.md has more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from loading import load_script

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
faults = load_script("scripts/faults.py")
SLOW = ("hub unreachable", "two runs into one folder", "killed worker of a study", "clock jumps", "full /dev/shm")
SLOW += ("read-only output",)
NAMES = [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in faults.FAULTS]
posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    faults.make_given(folder)
    return folder


@posix
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_loses_nothing_and_is_said(name: str, given: Path, tmp_path: Path) -> None:
    try:
        assert faults.try_fault(name, given, tmp_path, seed=1) == []
    except faults.Skipped as reason:
        pytest.skip(str(reason))


def test_the_page_of_reliability_has_a_line_for_every_fault() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [name for name in faults.FAULTS if f"| {name} |" not in page] == []


@posix
@pytest.mark.slow
def test_kills_of_every_long_command_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "kill_everything.py"), "--kills", "8", "--work", str(tmp_path)]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    told = re.search(r"^\| all \| (\d+) \| \d+ \| 0 \| 0 \|", done.stdout, re.MULTILINE)
    assert told is not None, done.stdout
    assert int(told[1]) >= 8
