"""The house is as CONTRIBUTING.md shows it, and stays one that a newcomer finds his way in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import isoglot

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "isoglot"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST = 400
SMALL, MOST_SMALL = 50, 25


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_table_of_rooms_is_the_tree() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `src/isoglot/([\w/.]+?)/?` \|", page, re.MULTILINE))
    rooms = {path.parent.relative_to(SOURCE).as_posix() for path in FILES if path.parent != SOURCE}
    alone = {path.name for path in SOURCE.glob("*.py") if path.name not in ("__init__.py", "__main__.py")}
    assert told == rooms | alone


def test_layers_in_the_table_are_those_of_the_contract() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.findall(r'^    "(isoglot[\w. |]+)",$', contract, re.MULTILINE)
    told = re.search(r"^    (errors <.*)$", page, re.MULTILINE)
    assert told is not None
    assert told[1].replace(" < ", "\n").splitlines() == [
        layer.replace("isoglot.", "").replace(" | ", ", ") for layer in reversed(layers)
    ]


def test_no_file_is_too_long_and_few_are_tiny() -> None:
    sizes = {str(path.relative_to(SOURCE)): _lines(path) for path in FILES}
    assert not {name: size for name, size in sizes.items() if size > LONGEST}
    tiny = [name for name, size in sizes.items() if size < SMALL and not name.endswith("__init__.py")]
    assert len([name for name in tiny if not _one_noun(SOURCE / name)]) < MOST_SMALL


def _one_noun(path: Path) -> bool:
    """Whether a file holds one public name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return len(ast.literal_eval(node.value)) == 1
    return False


def test_no_file_takes_a_private_name_of_another() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {alias.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isoglot")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert found == []


def test_no_module_is_hidden_behind_a_name_of_its_package() -> None:
    code = (
        "import importlib, pathlib, pkgutil, types, isoglot\n"
        "for found in pkgutil.walk_packages(isoglot.__path__, 'isoglot.'):\n"
        "    parent, _, name = found.name.rpartition('.')\n"
        "    if name.startswith('_'):\n        continue\n"
        "    package = importlib.import_module(parent)\n"
        "    held = getattr(package, name, None)\n"
        "    if held is not None and not isinstance(held, types.ModuleType):\n        print(found.name)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == ""


def test_every_public_name_is_there_and_typed() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        (str(node.module), alias.asname)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {(f"isoglot.{room}", name) for name, room in isoglot._ROOM_OF.items()}
    assert all(getattr(isoglot, name) is not None for name in isoglot.__all__)


def test_importing_isoglot_and_its_help_load_no_torch() -> None:
    code = (
        "import sys, isoglot\n"
        "from isoglot.cli import main\n"
        "sys.argv = ['isoglot', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'pyarrow', 'numpy', 'scipy', 'datasets'}\n"
        "print('\\n' + ' '.join(sorted(heavy & sys.modules.keys())))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == ""
