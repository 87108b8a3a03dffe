"""Two processes train as one does: the same batches, losses and weights, step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("distributed_run.py")


def run(out: Path, processes: int, *arguments: str) -> dict:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), str(out), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, str(processes)], capture_output=True, text=True, env=environment, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "strategy"),
    [
        *product(["static", "scratch"], ["hybrid", "multiway"]),
        ("static", "sets"),
        *product(["static", "scratch"], ["teacher"]),
        ("static", "matryoshka"),
    ],
)
def test_two_processes_train_as_one(encoder, strategy, tmp_path):
    one = run(tmp_path / "one.pt", 1, encoder, strategy, "24")
    two = run(tmp_path / "two.pt", 2, encoder, strategy, "24")
    assert len(one["losses"]) == 20
    assert (one["weights"][-1] - one["weights"][0]).norm() > 1e-3 * one["weights"][0].norm()
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5, abs=1e-4)  # logs are rounded to four places
    for step, (ours, theirs) in enumerate(zip(two["weights"], one["weights"], strict=True)):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm(), step
    assert float(two["temperature"]) == pytest.approx(float(one["temperature"]), rel=1e-5)
    assert torch.allclose(two["projection"], one["projection"], rtol=1e-4, atol=1e-6)
    if encoder == "scratch":
        assert two["recomputed"] > 0


@pytest.mark.slow
def test_a_process_without_a_text_takes_part(tmp_path):
    alone = run(tmp_path / "alone.pt", 1, "few")
    three = run(tmp_path / "three.pt", 3, "few")
    assert three["embeddings"].shape == alone["embeddings"].shape == (1, 64)
    assert torch.allclose(three["embeddings"], alone["embeddings"], atol=1e-6)
    assert (three["gradient"] - alone["gradient"]).norm() <= 1e-5 * alone["gradient"].norm()
