"""A study that is run anew leaves the same files, byte by byte, but for times."""

from __future__ import annotations

import json
from pathlib import Path

from study_helpers import run

from isoglot.hardware import hardware


def without_times(path: Path) -> bytes:
    """Return what is in a file, of a run or a result without `seconds` and `made.date`."""
    if path.suffix != ".json":
        return path.read_bytes()
    found = json.loads(path.read_text(encoding="utf-8"))
    found.pop("seconds", None)
    found.get("made", {}).pop("date", None)
    return json.dumps(found, indent=1).encode()


def test_a_study_is_the_same_again(write_recipe, tmp_path):
    recipe = write_recipe()
    studies = [run(recipe, tmp_path / name) for name in ("one", "two")]
    assert (tmp_path / "one" / "study.json").read_bytes() == (tmp_path / "two" / "study.json").read_bytes()
    one, two = (
        {str(path.relative_to(folder)): without_times(path) for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one" / "runs", tmp_path / "two" / "runs")
    )
    assert [name for name in one if one[name] != two.get(name)] == []
    assert set(one) == set(two)
    assert len([name for name in one if name.endswith("run.json")]) == 2
    machine = {key: value for key, value in hardware().items() if key != "threads"}
    assert studies[0].result["hardware"] == [machine]
    for path in (tmp_path / "one" / "runs").rglob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        assert {key: value for key, value in told["hardware"].items() if key != "threads"} == machine
        assert told["hardware"]["threads"] >= 1
