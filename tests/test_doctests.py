"""Examples in docstrings run, and give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import isoglot
from isoglot.batching import STRATEGIES, BatchSampler, CodeSwitcher, JointSampler, Schedule
from isoglot.objectives import TERMS, EmbeddedBatch, Sum

SOURCE = Path(isoglot.__file__).parent
MODULES = [
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if any(">>> " in line and "+SKIP" not in line for line in path.read_text(encoding="utf-8").splitlines())
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_do_what_they_say(name):
    try:
        module = import_module(name)
    except ImportError as error:
        if (error.name or "").startswith("isoglot"):
            raise
        pytest.skip(f"{name} needs {error.name}")
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    "kind",
    [*TERMS.values(), *STRATEGIES.values(), BatchSampler, JointSampler, CodeSwitcher, EmbeddedBatch, Schedule, Sum],
)
def test_what_users_compose_has_an_example(kind):
    assert ">>> " in (kind.__doc__ or "")
