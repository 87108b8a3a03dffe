"""No package has a name that is both one of its modules and something else."""

from __future__ import annotations

import importlib
import pkgutil
import types

import isoglot


def test_no_name_of_a_package_hides_one_of_its_modules():
    """`import isoglot.evaluation.evaluate as m` would give a function, and no patch would find the module."""
    hidden = []
    for found in pkgutil.walk_packages(isoglot.__path__, "isoglot."):
        package, _, name = found.name.rpartition(".")
        if name == "__main__":
            continue
        importlib.import_module(found.name)
        if not isinstance(getattr(importlib.import_module(package), name), types.ModuleType):
            hidden.append(found.name)
    assert hidden == []
