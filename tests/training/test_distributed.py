"""Two processes train as one does: the same batches, losses and weights, step by step."""

from __future__ import annotations

from itertools import product

import distributed_run
import pytest
import torch
from launching import alone, launch

SCRIPT = distributed_run.__file__
CASES = (
    *("-".join(both) for both in product(["static", "scratch"], ["hybrid", "multiway", "teacher"])),
    "static-sets",
    "static-matryoshka",
)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """All kinds in one launch: starting processes takes longer than training does."""
    (tmp_path / "one").mkdir()
    alone(distributed_run, str(tmp_path / "one"), *CASES)
    (tmp_path / "two").mkdir()
    launch(2, SCRIPT, str(tmp_path / "two"), *CASES)
    for case in CASES:
        one, two = (torch.load(tmp_path / folder / case) for folder in ("one", "two"))
        assert len(one["losses"]) == distributed_run.STEPS, case
        assert (one["weights"][-1] - one["weights"][0]).norm() > 1e-3 * one["weights"][0].norm()
        # logs are rounded to four places
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-5, abs=1e-4), case
        for step, (ours, theirs) in enumerate(zip(two["weights"], one["weights"], strict=True)):
            assert (ours - theirs).norm() <= 1e-5 * theirs.norm(), (case, step)
        assert float(two["temperature"]) == pytest.approx(float(one["temperature"]), rel=1e-5)
        assert torch.allclose(two["projection"], one["projection"], rtol=1e-4, atol=1e-6), case
        if case.startswith("scratch"):
            assert two["recomputed"] > 0


@pytest.mark.slow
def test_a_process_without_a_text_takes_part(tmp_path):
    (tmp_path / "alone").mkdir()
    alone(distributed_run, str(tmp_path / "alone"), "few")
    (tmp_path / "three").mkdir()
    launch(3, SCRIPT, str(tmp_path / "three"), "few")
    single, three = (torch.load(tmp_path / folder / "few") for folder in ("alone", "three"))
    assert three["embeddings"].shape == single["embeddings"].shape == (1, 64)
    assert torch.allclose(three["embeddings"], single["embeddings"], atol=1e-6)
    assert (three["gradient"] - single["gradient"]).norm() <= 1e-5 * single["gradient"].norm()
