"""Importing libraries in a process of their own: one that ends Python altogether is told of like any other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["import_all"]

SECONDS = 300  # most that importing all of them may take
MARK = "isoglot-found:"
CHILD = """
import json, os, sys
path, modules, device, mark = json.loads(sys.argv[1])
sys.path[:] = path
def tell(**found):
    sys.stdout.write("\\n" + mark + json.dumps(found) + "\\n")
    sys.stdout.flush()
def said(error):
    words = str(error).split()
    return (type(error).__name__ + ": " + " ".join(words))[:200].rstrip(": ")
from importlib import import_module
for name in modules:
    try:
        import_module(name)
        tell(module=name, problem=None)
    except BaseException as error:
        tell(module=name, problem=said(error))
if device:
    try:
        from isoglot.hardware import devices
        tell(device=devices())
    except BaseException as error:
        tell(device={"problem": said(error)})
"""


def import_all(modules: Sequence[str]) -> tuple[dict[str, str | None], dict[str, Any]]:
    """Import modules in other processes; return what is wrong with each, and the devices that torch finds."""
    problems: dict[str, str | None] = {}
    device: dict[str, Any] = {}
    left, ask = list(dict.fromkeys(modules)), "torch" in modules
    while left or ask:
        given = json.dumps([sys.path, left, ask, MARK])
        try:
            done = subprocess.run(
                [sys.executable, "-c", CHILD, given],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
            )
            lines, ended = (
                done.stdout.splitlines(),
                f"ends Python with status {done.returncode} when it is imported",
            )
        except subprocess.TimeoutExpired as error:
            told = error.stdout or b""
            lines = (told if isinstance(told, str) else told.decode(errors="replace")).splitlines()
            ended = f"is not imported within {SECONDS} seconds"
        for line in lines:
            if line.startswith(MARK):
                found = json.loads(line.removeprefix(MARK))
                if "device" in found:
                    device, ask = found["device"], False
                else:
                    problem = found["problem"]
                    problems[found["module"]] = None if problem is None else f"cannot be imported: {problem}"
        rest = [name for name in left if name not in problems]
        if rest:  # the process ended at the first of them
            problems[rest[0]] = ended
        elif ask:
            device, ask = {"problem": "torch " + ended.replace("imported", "asked for devices")}, False
        if rest and rest[0] == "torch":
            device, ask = {"problem": "torch " + ended}, False
        left = rest[1:]
    return problems, device
