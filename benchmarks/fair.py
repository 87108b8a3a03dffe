"""Fair rankings beside a system's own: what each method makes of BM25 and of a multilingual encoder.

Each system ranks the whole pool, and is read back from a run file of 100 documents a question. Each ranking is
merged by every method and by the oracle, which is an upper bound; paired tests against the ranking before,
Holm-corrected over the measures of one merging. `=` marks a difference that is not shown.

    python benchmarks/fair.py --encoder .cache/e5           # a quarter of XQuAD-R: 12 of 48 articles
    python benchmarks/fair.py --data ../shared/data/tldr    # BM25 alone
    python benchmarks/fair.py --embeddings queries.npy,documents.npy    # of the texts of that quarter
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isoglot.collections import Collection, select
from isoglot.data import load_collection
from isoglot.evaluation import Result, compare_before, measure
from isoglot.evaluation.merging import MERGINGS
from isoglot.measures import digits_of

ROOT = Path(__file__).resolve().parents[1]
DEPTH = 100
FIGURES = {
    "nDCG@10": "multilingual",
    "AP": "multilingual",
    "own_language_share@10": "bias",
    "rank_distance": "bias",
}


def quarter_of_articles(collection: Collection) -> Collection:
    """Keep every fourth article, from the first on, and the questions that it answers."""
    articles = np.array([int(name.split("/")[1]) for name in collection.documents["_id"].to_pylist()])
    kept = articles % 4 == 0
    answered = np.zeros(len(collection.query_ids), bool)
    answered[collection.judgments["query"].to_numpy()[kept[collection.judgments["document"].to_numpy()]]] = True
    return select.only_judged(select.take_part(collection, kept, answered[collection.query_index]))


def figures_of(result: Result) -> dict[str, Any]:
    """Return value and 95 % interval of each figure, and what the paired tests against the ranking before show."""
    found: dict[str, Any] = {}
    for name, setting in FIGURES.items():
        interval = ((result.intervals or {}).get(setting) or {}).get(name)
        found[name] = {"value": (getattr(result, setting) or {}).get(name), "interval": interval}
    for one in compare_before(result) if result.before is not None else ():
        if one.measure in found:
            found[one.measure] |= {"p_holm": one.p_holm, "verdict": one.verdict}
    return found


def line_of(name: str, figures: Mapping[str, Any]) -> str:
    """Return a line of the printed table."""
    cells = [f"{name:22s}"]
    for measure_name, found in figures.items():
        digits = digits_of(measure_name)
        low, high = found["interval"] or (np.nan, np.nan)
        told = f"{found['value']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
        cells.append(f"{told:>24s}{'' if found.get('verdict') != 'not shown' else '=':1s}")
    return " ".join(cells)


def measure_all(source: str, data: Collection, options: Mapping[str, Any]) -> dict[str, Any]:
    """Measure a system as it is and with every merging."""
    found: dict[str, Any] = {}
    for fair in MERGINGS:
        result = measure(source, data, fair=fair, measures=("nDCG@10", "AP"), rank_correlation=False, **options)
        if result.before is not None and "as it is" not in found:
            found["as it is"] = figures_of(result.before)
            print(line_of("as it is", found["as it is"]), flush=True)
        found[fair] = figures_of(result)
        print(line_of(fair, found[fair]), flush=True)
    return found


def main() -> int:
    """Measure, print a table, and a JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        default=str(ROOT.parent / "shared" / "data" / "xquad-r"),
        help="collection; of the form lareqa every fourth article",
    )
    parser.add_argument("--split", default="test")
    parser.add_argument("--encoder", help="name or folder; query prompt 'query: ', document prompt 'passage: '")
    parser.add_argument("--embeddings", help="QUERIES.npy,DOCUMENTS.npy of the encoder")
    arguments = parser.parse_args()
    data = load_collection(arguments.data, prefer_split=arguments.split)
    if all(name.count("/") == 3 for name in data.documents["_id"][:3].to_pylist()):
        data = quarter_of_articles(data)
    systems: dict[str, tuple[str, dict[str, Any]]] = {"BM25": ("bm25", {})}
    if arguments.embeddings:
        systems["encoder"] = (f"embeddings:{arguments.embeddings}", {"geometry": False})
    elif arguments.encoder:
        prompts = {"query_prompt": "query: ", "document_prompt": "passage: "}
        systems["encoder"] = (arguments.encoder, {"geometry": False, **prompts})
    print(f"{data.name}: {data.documents.num_rows:,} documents, {data.queries.num_rows:,} queries")
    print(f"{'':22s} " + " ".join(f"{name:>24s} " for name in FIGURES))
    found: dict[str, Any] = {}
    for name, (source, options) in systems.items():
        print(f"{name}, the whole pool")
        found[f"{name}, the whole pool"] = measure_all(source, data, options)
        print(f"{name}, a run of {DEPTH}")
        with tempfile.TemporaryDirectory() as folder:
            kept = {"trec_run": folder, "trec_depth": DEPTH, "bootstrap": 0}
            measure(source, data, measures=("AP",), rank_correlation=False, **{**options, **kept})
            found[f"{name}, a run of {DEPTH}"] = measure_all(f"run:{folder}/multilingual.run", data, {})
    sizes = {"documents": data.documents.num_rows, "queries": data.queries.num_rows}
    print(
        json.dumps(
            {
                "benchmark": "fair",
                "collection": data.name,
                **sizes,
                "languages": len(data.languages),
                "systems": found,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
