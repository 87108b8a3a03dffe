"""Loading ahead changes when batches are made, and nothing else."""

from __future__ import annotations

import threading

import pytest

from isoglot.batching.collate import StepLoader


class Squares:
    def __init__(self, bad: int = -1) -> None:
        self.bad = bad
        self.made: list[int] = []

    def __call__(self, steps: list[int]) -> int:
        (step,) = steps
        if step == self.bad:
            raise ZeroDivisionError(f"step {step}")
        self.made.append(step)
        return step * step


def loading_threads() -> int:
    return sum(thread.name == "isoglot-batches" for thread in threading.enumerate())


def test_batches_come_in_order_every_time():
    loader = StepLoader(50, Squares())
    for _ in range(2):
        assert list(loader) == [n * n for n in range(50)]
    assert loading_threads() == 0


def test_a_run_goes_on_at_any_step_and_is_as_long_as_the_whole():
    loader = StepLoader(10**9, made := Squares(), start=10**9 - 3)
    assert len(loader) == 10**9
    assert list(loader) == [n * n for n in range(10**9 - 3, 10**9)]
    assert len(made.made) == 3


def test_a_mistake_is_raised_where_its_batch_would_have_come():
    batches = iter(StepLoader(50, Squares(bad=7)))
    assert [next(batches) for _ in range(7)] == [n * n for n in range(7)]
    with pytest.raises(ZeroDivisionError, match="step 7"):
        next(batches)
    assert loading_threads() == 0


def test_a_reader_that_stops_early_stops_the_loading():
    made = Squares()
    batches = iter(StepLoader(50, made))
    assert next(batches) == 0
    batches.close()
    assert loading_threads() == 0
    assert len(made.made) < 10
