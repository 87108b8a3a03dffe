"""Any number of processes follows the losses of one: with DDP and FSDP2, with batches embedded in parts, with LoRA,
and through a restart with another number of processes."""

from __future__ import annotations

import json

import curves_run
import pytest
import torch
from launching import alone, launch

CURVE = 1e-5
"""How far the loss of a step may be from that of one process, where losses begin near 2."""

REFERENCES = ("scratch evaluate=25", "static encoder=static", "lora encoder=lora")
TWO = {
    "parts-2 parts=2": "scratch",
    "static-2 encoder=static": "static",
    "lora-2 encoder=lora": "lora",
    "fsdp-2 fsdp=1 evaluate=25": "scratch",
    "fsdp-parts-2 fsdp=1 parts=2": "scratch",
    "fsdp-lora-2 fsdp=1 encoder=lora": "lora",
}
THREE = {
    "parts-3 parts=2": "scratch",
    "fsdp-3 fsdp=1": "scratch",
}
FOUR = {
    "static-4 encoder=static": "static",
    "ddp-4": "scratch",
    "fsdp-parts-4 fsdp=1 parts=3": "scratch",
}
RESTARTED = ("1-to-2", "2-to-1", "2-to-4")


@pytest.mark.slow
def test_every_number_of_processes_follows_the_losses_of_one(tmp_path):
    def found(name: str) -> dict:
        return json.loads((tmp_path / f"{name}.json").read_text())

    def named(run: str) -> str:
        return f"name={run}"

    script = curves_run.__file__
    alone(curves_run, str(tmp_path), *map(named, REFERENCES), "name=1-to-2 until=20")
    restarts = ("1-to-2 fsdp=1", "2-to-1 fsdp=1 until=20", "2-to-4 until=20")
    launch(2, script, str(tmp_path), *map(named, [*TWO, *restarts]))
    launch(3, script, str(tmp_path), *map(named, THREE))
    launch(4, script, str(tmp_path), *map(named, [*FOUR, "2-to-4 fsdp=1"]))
    alone(curves_run, str(tmp_path), "name=2-to-1")

    runs = {**TWO, **THREE, **FOUR, **dict.fromkeys(RESTARTED, "scratch")}
    for run, reference in runs.items():
        name = run.split()[0]
        ours, expected = found(name), found(reference)
        steps = curves_run.STEPS - 20 if name in RESTARTED else curves_run.STEPS
        assert len(ours["losses"]) == steps, name
        assert ours["losses"] == pytest.approx(expected["losses"][-steps:], rel=0, abs=CURVE), name
        assert torch.allclose(torch.tensor(ours["embeddings"]), torch.tensor(expected["embeddings"]), atol=CURVE)
        assert ours["temperature"] == pytest.approx(expected["temperature"], rel=1e-5)
        assert ours["norms"] == pytest.approx(expected["norms"][-len(ours["norms"]) :], rel=1e-3)
    learned = found("scratch")["losses"]
    assert sum(learned[:10]) > 4 * sum(learned[-10:])
    for name in ("scratch", "fsdp-2", "parts-2", "fsdp-3", "fsdp-parts-4"):
        assert found(name)["recomputed"] > 0
    # measured before the first step, amid and after
    one, two = (
        [each["eval_multilingual_AP"] for each in found(name)["measured"]] for name in ("scratch", "fsdp-2")
    )
    assert len(one) == 3
    assert two == pytest.approx(one)
