"""Draw the figures of docs/concepts.md, from the models of docs/tutorial.md: `python scripts/draw_concepts.py`.

Trains and measures them in a folder that is then gone; two minutes.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

import isoglot as ig
from isoglot.cli import program
from isoglot.collections import Collection
from isoglot.evaluation import Result
from isoglot.reporting.figures import distance_histogram, pair_heatmap, save_figures

DOCS = Path(__file__).resolve().parents[1] / "docs"
ARMS = ("mono", "hybrid")
BATCHES = {
    "monolingual": ig.Monolingual(),
    "cross-lingual, rows": ig.CrossLingual(),
    "cross-lingual, one pair": ig.CrossLingual(pairing="batch"),
    "multiway": ig.Multiway(),
}


def follow_tutorial() -> dict[str, Result]:
    """Run the tutorial's commands that make data, models and results, here, and read the results."""
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    for command in re.findall(r"^    isoglot ((?:data build|train|evaluate) .*)$", page, re.MULTILINE):
        if "mono-center" not in command and program.main(shlex.split(command)):
            sys.exit(f"isoglot {command} failed")
    return {arm: Result.from_json(f"{arm}.json") for arm in ARMS}


def counted(pairs: Sequence[tuple[str, str]], languages: Sequence[str], title: str) -> Any:
    """Draw how often each language pair occurs, those that do not as empty cells."""
    rows = [{"asked": a, "answered": b, "pairs": pairs.count((a, b))} for a in languages for b in languages]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("answered:N", title="document language", axis=alt.Axis(orient="top", labelAngle=0)),
        y=alt.Y("asked:N", title="query language"),
    )
    shown = alt.datum.pairs > 0
    cells = base.mark_rect(stroke="#ccc").encode(
        color=alt.condition(shown, alt.value("#2a788e"), alt.value("white")),
    )
    numbers = base.transform_filter(shown).mark_text(color="white").encode(text="pairs:Q")
    head = alt.Title(title, frame="bounds")  # a title wider than the cells starts at the edge of the figure
    return (cells + numbers).properties(title=head, width=alt.Step(42), height=alt.Step(34))


def composed(collection: Collection) -> dict[str, Any]:
    """Draw the language pairs of one batch of each kind."""
    charts = {}
    for name, strategy in BATCHES.items():
        batch = ig.BatchSampler(collection, strategy, 64)[0]
        asked, answered = (
            np.array(collection.languages)[language[rows]]
            for language, rows in (
                (collection.query_language, batch.queries),
                (collection.document_language, batch.documents),
            )
        )
        if batch.document_ids is None:  # row i of the queries has row i of the documents
            pairs = list(zip(asked, answered, strict=True))
        else:  # every version of a question finds every version of its answer
            ids = collection.query_index[batch.queries]
            own = ids[:, None] == batch.document_ids
            pairs = [(asked[i], answered[j]) for i, j in np.argwhere(own)]
        charts["batch-" + re.sub(r"\W+", "-", name)] = counted(pairs, collection.languages, name)
    return charts


def main() -> None:
    """Draw all."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        results = follow_tutorial()
        collection = ig.load_collection("facts", split="train")
        pairs = {
            f"pairs-{arm}": pair_heatmap(results[arm].pairs, tops={"AP": 1.0}, title=f"{arm}: AP") for arm in ARMS
        }
        distances = {arm: results[arm].per_query["rank_distance"] for arm in ARMS}
        charts = {
            **composed(collection),
            **pairs,
            "distances": distance_histogram(distances, title="places between the best- and worst-placed language"),
        }
        for path in save_figures(charts, DOCS / "images", ("svg",)):
            sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
