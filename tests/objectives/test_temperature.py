"""A temperature stays what it is told to be, or is learned within its bounds."""

from __future__ import annotations

import pytest
import torch

from isoglot.errors import InputError
from isoglot.objectives.contrast import Temperature


def trained(temperature: Temperature, direction: float, steps: int) -> Temperature:
    optimiser = torch.optim.Adam(temperature.parameters(), lr=0.3)
    for _ in range(steps):
        optimiser.zero_grad()
        (direction * temperature()).backward()
        optimiser.step()
    return temperature


def test_a_fixed_one_is_the_very_number():
    fixed = Temperature(0.05)
    assert fixed() == 0.05
    assert not list(fixed.parameters())
    assert not fixed.at_bound()
    assert fixed.metrics() == {}


@pytest.mark.parametrize(("direction", "bound"), [(1.0, 0.02), (-1.0, 0.5)])
def test_a_learned_one_stops_at_its_bound_says_so_and_can_come_back(direction, bound):
    learned = Temperature(0.1, learned=True, minimum=0.02, maximum=0.5)
    assert learned().item() == pytest.approx(0.1)
    assert not learned.at_bound()
    trained(learned, direction, 12)
    assert learned.at_bound()
    assert learned().item() == pytest.approx(bound)
    trained(learned, -direction, 3)
    assert not learned.at_bound()
    assert 0.02 < learned().item() < 0.5


def test_a_learned_one_is_saved():
    learned = trained(Temperature(0.1, learned=True), -1.0, 2)
    other = Temperature(0.05, learned=True)
    other.load_state_dict(learned.state_dict())
    assert other().item() == learned().item() != pytest.approx(0.05)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(value):
    with pytest.raises(InputError, match="temperature must be above 0, not"):
        Temperature(value)


def test_a_learned_one_must_start_within_its_bounds():
    with pytest.raises(InputError, match=r"within its bounds, 0\.01 to 1\.0, not at 0\.001"):
        Temperature(0.001, learned=True)
