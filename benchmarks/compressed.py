"""What smaller embeddings cost a model: within languages, and in language bias.

A model is measured whole, cut to its first dimensions, and with documents stored in 8 bits or 1 bit a dimension.
Beside each value is the paired difference from the whole model and its p-value, Holm-corrected over all of them.

    python benchmarks/compressed.py MODEL --data ../shared/data/tldr/test --quarter --dimensions 64,128
    python benchmarks/compressed.py .cache/e5 --prompts --quarter --dimensions 96,192  # XQuAD-R
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from fair import quarter_of_articles
from isoglot.collections import Collection, select
from isoglot.data import load_collection
from isoglot.encoders import load_encoder
from isoglot.evaluation import Result, compare_all, measure_compressed
from isoglot.files import default_cache

ROOT = Path(__file__).resolve().parents[1]
FIGURES = {"monolingual": ("AP",), "cross_lingual": ("AP",), "multilingual": ("AP",)} | {
    "bias": ("rank_distance", "own_language_share@10")
}


def rows(results: list[Result]) -> list[dict[str, Any]]:
    """Return of each result its figures with intervals, and the differences from the first."""
    columns = [name for setting, names in FIGURES.items() for name in (_column(setting, one) for one in names)]
    tests = {
        (one.model, one.setting, one.measure): one
        for one in compare_all({one.model: one for one in results}, columns)
    }
    found = []
    for result in results:
        row: dict[str, Any] = {"model": result.model}
        for setting, names in FIGURES.items():
            for name in names:
                test = tests.get((result.model, setting, name))
                row[_column(setting, name)] = {
                    "value": getattr(result, setting)[name],
                    "interval": ((result.intervals or {}).get(setting) or {}).get(name),
                    "difference": test and test.difference,
                    "p_holm": test and test.p_holm,
                }
        found.append(row)
    return found


def _column(setting: str, name: str) -> str:
    return name if setting == "bias" else f"{setting}_{name}"


def quarter_of_queries(collection: Collection) -> Collection:
    """Keep every fourth query id, from the first on, and the documents that answer these."""
    kept = np.arange(len(collection.query_ids)) % 4 == 0
    documents = np.zeros(collection.documents.num_rows, bool)
    judgments = collection.judgments
    documents[judgments["document"].to_numpy()[kept[judgments["query"].to_numpy()]]] = True
    return select.only_judged(select.take_part(collection, documents, kept[collection.query_index]))


def main() -> None:
    """Measure, and print a table and the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data" / "xquad-r"))
    parser.add_argument("--dimensions", required=True)
    parser.add_argument("--prompts", action="store_true", help="those of E5")
    parser.add_argument("--quarter", action="store_true", help="of the articles (XQuAD-R), or of the query ids")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    collection = load_collection(given.data)
    if given.quarter:
        articles = collection.documents["_id"][0].as_py().count("/") > 2
        collection = quarter_of_articles(collection) if articles else quarter_of_queries(collection)
    model = load_encoder(given.encoder)
    options: dict[str, Any] = {"cache": default_cache(), "measures": ["AP"], "name": "model", "bootstrap": 300}
    options |= {"rank_correlation": False, "geometry": False}
    if given.prompts:
        options |= {"query_prompt": "query: ", "document_prompt": "passage: "}
    cuts = [int(one) for one in given.dimensions.split(",")]
    results = measure_compressed(model, collection, **options)
    for quantize in (None, "int8", "binary"):
        if quantize is not None:
            results += measure_compressed(model, collection, quantize=quantize, **options)
        results += measure_compressed(model, collection, dimensions=cuts, quantize=quantize, **options)
    found = rows(results)
    for row in found:
        cells = [
            f"{name} {one['value']:.4f} {one['interval'][0]:.4f}..{one['interval'][1]:.4f}"
            + ("" if one["difference"] is None else f" ({one['difference']:+.4f}, p {one['p_holm']:.4f})")
            for name, one in row.items()
            if name != "model"
        ]
        print(row["model"], *cells, sep="\n  ")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
