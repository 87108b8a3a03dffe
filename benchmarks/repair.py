"""Each repair of a model beside the model as it is: what it buys in language bias, and what it costs.

A model is measured on a collection as it is and repaired by every method at strength 1, fitted on other texts of
the same languages. Texts are encoded once. Every repair is tested against the model as it is: paired randomisation
over query ids, Holm-corrected over the measures.

    python benchmarks/repair.py my-model --data shared/data/tldr/test --fit shared/data/tldr/train
    python benchmarks/repair.py .cache/e5 --data shared/data/xquad-r --quarters   # test and fitting by articles

With --quarters, of XQuAD-R, every fourth article is tested on, and as many others are fitted on; with --quarters 3
all others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isoglot.collections import Collection
from isoglot.collections.select import take_part
from isoglot.data import load_collection
from isoglot.encoders import load_encoder
from isoglot.evaluation import Result, compare_results, embed_collection, evaluate_embeddings
from isoglot.evaluation.embed import Spoken
from isoglot.files import default_cache
from isoglot.repair.maps import METHODS, map_maker, move
from isoglot.repair.texts import embed_samples

FITTED = (2, 1, 3)
"""Rests by four of the articles that are fitted on, as many as asked for; those without a rest are tested on."""
PLACES = {
    "monolingual AP": ("monolingual", "AP"),
    "cross-lingual AP": ("cross_lingual", "AP"),
    "multilingual AP": ("multilingual", "AP"),
    "rank distance": ("bias", "rank_distance"),
    "own-language share": ("bias", "own_language_share@10"),
}
TESTED = ("monolingual_AP", "multilingual_AP", "rank_distance")
WAYS = (("shift", None), ("center", None), ("whiten", None), ("erase", "svd"), ("erase", "leace"), ("align", None))


def quarters(collection: Collection, rests: Sequence[int]) -> Collection:
    """Return the articles of XQuAD-R whose number by four leaves one of these rests, with their questions."""
    article = np.array([int(one.split("/")[1]) for one in collection.documents["_id"].to_pylist()])
    relevance = collection.relevance
    asked = article[relevance.documents[relevance.offsets[:-1]]][collection.query_index]
    return take_part(collection, np.isin(article % 4, rests), np.isin(asked % 4, rests))


def figures(result: Result) -> dict[str, Any]:
    """Return the main values with their intervals."""
    found = {}
    for name, (setting, measure) in PLACES.items():
        value = getattr(result, setting)[measure]
        found[name] = [value, *((result.intervals or {}).get(setting) or {}).get(measure, [None, None])]
    return found


def measure(name: str, test: Collection, fit: Collection, methods: Sequence[str] = METHODS) -> dict[str, Any]:
    """Measure a model as it is and repaired by some methods; return the table's rows."""
    model = load_encoder(name)
    rows, queries, documents = embed_collection(model, test, cache=default_cache(), progress=sys.stderr.isatty())
    usual, translated = (
        embed_samples(model, fit, translated=one, cache=default_cache(), progress=sys.stderr.isatty())
        for one in (False, True)
    )
    spoken = Spoken(test.query_language[rows], test.languages), Spoken(test.document_language, test.languages)
    before = evaluate_embeddings(queries, documents, test, rank_correlation=False, geometry=False)
    table: dict[str, Any] = {"as it is": figures(before)}
    show("as it is", table["as it is"])
    for method, by in (way for way in WAYS if way[0] in methods):
        module = map_maker(method, by, translated if method == "align" else usual)(1.0)
        for told in (True, False) if method in ("shift", "center", "align") else (True,):
            label = " ".join(filter(None, (method, by, None if told else "(languages found)")))
            moved = (
                move(module, queries, "query", spoken[0] if told else None),
                move(module, documents, "document", spoken[1] if told else None),
            )
            after = evaluate_embeddings(*moved, test, rank_correlation=False, geometry=False)
            tests = compare_results(before, after, measures=TESTED)
            table[label] = figures(after) | {"tests": {one.measure: [one.difference, one.p_holm] for one in tests}}
            show(label, table[label])
    return table


def show(label: str, row: dict[str, Any]) -> None:
    """Print a row of the table."""
    print(f"{label:28}", *(f"{row[name][0]:10.3f}" for name in PLACES), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--fit")
    parser.add_argument("--quarters", nargs="?", type=int, const=1, choices=range(1, len(FITTED) + 1))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if (given.fit is None) == (given.quarters is None):
        parser.error("name the texts to fit on with --fit, or take them from XQuAD-R with --quarters")
    data = load_collection(given.data)
    if given.quarters:
        test, fit = quarters(data, [0]), quarters(data, FITTED[: given.quarters])
    else:
        test, fit = data, load_collection(given.fit)
    print(f"{'':28}", *(f"{name[:10]:>10}" for name in PLACES))
    table = measure(given.model, test, fit, given.methods)
    content = {"benchmark": "repair", "model": Path(given.model).name, "data": test.name, "repairs": table}
    if given.json is not None:
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
