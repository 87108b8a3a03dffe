"""The same command with the same seed leaves the same files, byte by byte, but for times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from isoglot.cli import main
from isoglot.evaluation import Result
from isoglot.hardware import hardware


def without_times(path: Path) -> bytes:
    """Return what is in a file, of a result without `seconds` and `made.date`."""
    content = path.read_bytes()
    if path.suffix != ".json":
        return content
    found = json.loads(content)
    if isinstance(found, dict):
        found.pop("seconds", None)
        found.get("made", {}).pop("date", None)
    return json.dumps(found, indent=1).encode()  # keys in the order that the file has


def files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): without_times(path) for path in paths}


@pytest.mark.parametrize(
    "encoder", ["static --dimensions 16", "scratch --dimensions 64 --layers 1 --chunk-tokens 40 --memory 100KB"]
)
def test_a_model_and_its_results_are_the_same_again(pages, tmp_path, encoder):
    out = tmp_path / "run"
    kept: list[dict[str, bytes]] = []
    for seed in (3, 3, 4):
        train = f"train --data {pages} --encoder {encoder} --vocabulary 150 --batch-size 8 --steps 12 --out {out}/m"
        more = f"--seed {seed} --validation {pages} --eval-steps 6 --best-measure multilingual_AP --no-cache"
        assert main(f"{train} {more}".split()) == 0
        assert main(f"evaluate {out}/m {pages} --json {out}/result.json --no-cache --bootstrap 50".split()) == 0
        kept.append(files(out))
        result = Result.from_json(out / "result.json")
        record = json.loads((out / "m" / "isoglot-training.json").read_text())
        shutil.rmtree(out)
    assert {"m/modules.json", "m/isoglot-training.json", "result.json", "result.queries.parquet"} <= set(kept[0])
    assert [name for name in kept[0] if kept[0][name] != kept[1].get(name)] == []
    assert list(kept[1]) == list(kept[0])
    weights = next(name for name in kept[0] if name.endswith("safetensors"))
    assert kept[2][weights] != kept[0][weights]
    assert result.hardware == hardware()
    assert record["hardware"] == hardware() | {"processes": 1}
    assert {"isoglot", "torch", "python"} <= set(result.versions) & set(record["versions"])
