"""Schedules by values computed by hand."""

from __future__ import annotations

import math

import pytest

from isoglot.batching import Schedule
from isoglot.errors import InputError


def test_a_linear_schedule_goes_straight_from_start_to_end_and_stays():
    schedule = Schedule("linear", 1.0, 0.5, 1000)
    assert [schedule.rate(step) for step in (0, 250, 500, 1000, 9999)] == [1.0, 0.875, 0.75, 0.5, 0.5]
    # a trapezium, and a rectangle after it
    assert [schedule.total(step) for step in (0, 500, 1000, 1200)] == pytest.approx([0, 437.5, 750, 850])


def test_a_cosine_schedule_is_slow_at_both_ends():
    schedule = Schedule("cosine", 0.2, 1.0, 100)
    expected = [0.2, 0.2 + 0.4 * (1 - math.sqrt(0.5)), 0.6, 0.2 + 0.4 * (1 + math.sqrt(0.5)), 1.0, 1.0]
    assert [schedule.rate(step) for step in (0, 25, 50, 75, 100, 170)] == pytest.approx(expected)
    assert [schedule.total(step) for step in (0, 100, 170)] == pytest.approx([0, 60, 130])


def test_a_constant_schedule_is_its_start():
    schedule = Schedule("constant", 0.3)
    assert [schedule.rate(step) for step in (0, 10**9)] == [0.3, 0.3]
    assert schedule.total(200) == pytest.approx(60)
    assert schedule.end == 0.3


def test_its_range_is_from_the_lowest_to_the_highest_rate():
    assert Schedule("linear", 1.0, 0.5, 10).range == (0.5, 1.0)
    assert Schedule("cosine", 0.0, 1.0, 1).range == (0.0, 1.0)
    assert Schedule("constant", 0.3).range == (0.3, 0.3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("exponential", 0.5, 1.0, 10), "no schedule 'exponential': choose constant, linear or cosine"),
        (("linear", 1.5, 1.0, 10), "a schedule's start must lie between 0 and 1, not 1.5"),
        (("linear", 0.5, -0.1, 10), "a schedule's end must lie between 0 and 1, not -0.1"),
        (("constant", math.nan), "a schedule's start must lie between 0 and 1, not nan"),
        (("linear", 0.5, 1.0), "a linear schedule needs the number of steps it takes, at least 1"),
        (("cosine", 0.5, 1.0, 0), "a cosine schedule needs the number of steps it takes, at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Schedule(*settings)
