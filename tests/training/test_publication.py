"""Where a run is logged, by transformers' own callbacks; and what the Hub has no part in."""

from __future__ import annotations

import json
import sys

import pytest

from isoglot.cli import main
from isoglot.training import read_config, run_training
from isoglot.training.output import effective_settings

WRITER = """
import json
from pathlib import Path

class SummaryWriter:
    def __init__(self, log_dir):
        self.path = Path(log_dir) / "log.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
    def add_text(self, *_): pass
    def add_scalar(self, name, value, step):
        with self.path.open("a") as file:
            file.write(json.dumps([name, value, step]) + "\\n")
    def flush(self): pass
    def close(self): pass
"""


def settings(pages, out, **more):
    given = {"data": str(pages), "out": str(out), "steps": 4, "batch_size": 4, "dimensions": 8, "vocabulary": 150}
    return read_config(None, given | more)


def test_a_run_is_logged_where_its_settings_say(pages, tmp_path, monkeypatch):
    """`tensorboardX`, which transformers takes too, is stood in for; the callback is transformers' own."""
    if not any(name in sys.modules for name in ("tensorboard", "tensorboardX")):
        (tmp_path / "packages" / "tensorboardX").mkdir(parents=True)
        (tmp_path / "packages" / "tensorboardX" / "__init__.py").write_text(WRITER)
        monkeypatch.syspath_prepend(tmp_path / "packages")
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    run = run_training(settings(pages, tmp_path / "m", report_to="tensorboard"))
    logged = [json.loads(line) for line in (tmp_path / "m" / "runs" / "log.jsonl").read_text().splitlines()]
    losses = {step: value for name, value, step in logged if name == "train/loss"}
    assert losses == {entry["step"]: entry["loss"] for entry in run.record["loss"]}
    assert len(losses) == 4


@pytest.mark.parametrize("name", ["wandb", "tensorboard", "trackio", "mlflow"])
def test_a_missing_package_is_told_before_training(name, pages, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("isoglot.publishing.reports.find_spec", lambda package: None)
    assert main(["train", "--data", str(pages), "--out", str(tmp_path / "m"), "--report-to", name]) == 2
    assert f"--report-to {name} needs {name}: pip install {name}" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_who_learns_of_a_run_is_no_setting_of_it(pages, tmp_path):
    """A run that is made again by its file does not push, and one that is resumed may be pushed."""
    with_all = settings(pages, tmp_path, push_to_hub="me/m", hub_private=True, report_to="wandb")
    assert effective_settings(with_all) == effective_settings(settings(pages, tmp_path))
