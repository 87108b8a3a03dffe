"""What a run says of itself while it lasts."""

from __future__ import annotations

import logging
from types import SimpleNamespace

from isoglot.training import read_config, run_training, telling
from isoglot.training.telling import TellDuration, log_row


def test_logs_are_rows():
    row = log_row(50, 1000, {"loss": 1.23456, "grad_norm": 2.0, "learning_rate": 0.01, "epoch": 0.05})
    assert row == "step    50 of 1,000  loss 1.2346  grad_norm 2  learning_rate 0.01"
    assert log_row(50, 1000, {"train_runtime": 3.0}) == ""


def test_a_terminal_shows_rows_and_no_dictionaries(pages, tmp_path, capsys):
    flags = {"data": str(pages), "out": str(tmp_path / "out"), "dimensions": 16, "vocabulary": 150, "batch_size": 8}
    run_training(read_config(None, flags | {"steps": 4}), progress=True)
    said = capsys.readouterr()
    shown = said.out + said.err
    assert "step 4 of 4  loss " in shown
    assert "{" not in shown


def test_how_long_a_long_run_takes_is_told_once(monkeypatch, caplog):
    clock = iter([0.0, 50.0])
    monkeypatch.setattr(telling.time, "perf_counter", lambda: next(clock))
    caplog.set_level(logging.INFO, "isoglot")
    callback = TellDuration()
    for step in range(1, 40):
        state = SimpleNamespace(global_step=step, max_steps=1453, is_world_process_zero=True)
        callback.on_step_end(None, state, None)
    assert caplog.messages == ["about 2 h 0 min to go: 1440 steps of 5 s, validations not counted"]
