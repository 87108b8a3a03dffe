"""What MIRACL whole and a billion training pairs cost: the tables of docs/scale.md, from a few numbers.

    python scripts/scale.py                     # prints the tables
    python scripts/scale.py --rates mine.yaml   # from numbers of your own; begin with a copy of scripts/scale.yaml
    python scripts/scale.py --write             # puts them into docs/scale.md

Rates of one core and bytes a unit are those that scripts/measure_scale.py measured (benchmarks/results/scale.json);
GPUs, networks, prices and models stand in scripts/scale.yaml, each with where it comes from.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scale_check import checks
from scale_model import BLOCK, FLOAT, HOUR, RATES, ROOT, Encoder, Model, read_model

PAGE = ROOT / "docs" / "scale.md"
LARGE = 64 * 2**30  # bytes, of a block of scores
MEANT = ("multilingual-e5-small", "xlm-roberta-base")
MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def number(value: float) -> str:
    """Write a number in three digits: 1.23, 12.3, 1,230."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    scale = 10 ** max(0, math.floor(math.log10(abs(value))) - 2)
    return f"{round(value / scale) * scale:,.0f}" if digits == 0 else f"{value:,.{digits}f}"


def power(value: float) -> str:
    """Write a large number as 1.2 · 10¹⁷."""
    exponent = math.floor(math.log10(value))
    return f"{value / 10**exponent:.1f} · 10{str(exponent).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def size(value: float) -> str:
    """Write bytes, in units of 1,000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{number(value)} {unit}"


def duration(seconds: float) -> str:
    """Write a time: 12.3 ms, 4.5 s, 6.7 min, 8.9 h, 10 days."""
    for unit, long, most in (("ms", 0.001, 1), ("s", 1, 120), ("min", 60, 7200), ("h", HOUR, 72 * HOUR)):
        if seconds < most:
            return f"{number(seconds / long)} {unit}"
    return f"{number(seconds / (24 * HOUR))} days"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


# -------------------------------------------------------------------------------------------------------- tables

REMEDIES = {
    "tokenise": "more cores beside each GPU",
    "encode": "a smaller encoder or a static one, bf16",
    "product": "`--memory 64GiB`: more questions for each reading of the table",
    "rank": "more cores",
    "loss": "a smaller batch: it grows with the square",
    "gather": "a smaller batch, fewer dimensions",
    "all-reduce": "LoRA, or a larger batch: it is once a step",
    "compose": "loader workers (`dataloader_num_workers`)",
}


def first(model: Model) -> str:
    """What takes longest, at each size, and what to do."""
    rows = []
    gpus = [(run["gpus"], run["batch"]) for run in model.given["training"]["runs"]]

    def add(where: str, encoder: Encoder, parts: dict[str, float]) -> None:
        largest, second = sorted(parts, key=parts.__getitem__, reverse=True)[:2]
        total = sum(parts.values())
        told = [f"{name}, {parts[name] / total:.0%}" for name in (largest, second)]
        rows.append([where, encoder.name, *told, REMEDIES[largest]])

    for one in model.encoders:
        add("MIRACL, two cores", one, model.on_cores(one))
    for one in model.encoders:
        if one.layers:
            add(f"MIRACL, {gpus[0][0]} GPUs", one, model.on_gpus(one, gpus[0][0]))
    for count, batch in gpus:
        for one in model.encoders:
            add(f"10⁹ pairs, {count} GPUs, batches of {batch:,}", one, model.step(one, count, batch))
    return table(["at", "encoder", "takes longest", "then", "what to do"], rows)


def languages(model: Model) -> str:
    """MIRACL's languages."""
    rows = [[tag, f"{n:,}", f"{q:,}", f"{a:.0f}", f"{b:.0f}"] for tag, n, q, a, b in model.languages()]
    passages, queries, of_passages, of_queries = model.totals()
    mean = [f"{of_passages / passages:.0f}", f"{of_queries / queries:.0f}"]
    rows.append(["all", f"{passages:,}", f"{queries:,}", *mean])
    return table(["language", "passages", "dev queries", "tokens a passage", "tokens a query"], rows)


def rates(model: Model) -> str:
    """What one core does."""
    large = model.last("sample")
    rows = [
        [
            "tokenising, XLM-R",
            f"{number(1e-3 / model.tokenise)} thousand tokens/s",
            "twice: for lengths, then to encode",
        ],
        ["a static encoder", f"{number(1e-6 / model.static)} million characters/s", "tokenising included"],
        ["multilingual-e5-small, forward", f"{number(model.core_flops() / 1e9)} GFLOPS", ""],
        ["product of many rows", f"{number(model.product / 1e9)} GFLOPS", "compute decides"],
        ["product of one row", f"{number(model.table_rate / 1e9)} GB/s", "reading the table decides"],
        ["ranking", f"{number(model.rank * 1e9)} ns a score", "queries × documents of them"],
        ["looking for equal embeddings", f"{number(model.prepare * 1e9)} ns a number", "documents × dimensions"],
        ["composing a batch, one language each", f"{number(large['seconds_a_row'] * 1e6)} µs a row", ""],
        [
            "setting up batches",
            f"{number(large['setup_seconds'] / large['pairs'] * 1e6)} µs a pair",
            "in every process",
        ],
        ["memory of a sampler", f"{number(model.sampler_bytes(1))} bytes a pair", "in every process"],
        [
            "memory of InfoNCE",
            f"{model.last('loss')['copies']:.1f} tables of B × B",
            "4 bytes a number, in every process",
        ],
    ]
    return table(["unit of work", "one core", ""], rows)


def encoders(model: Model) -> str:
    """What encoding MIRACL and keeping its embeddings takes."""
    documents, queries, of_passages, of_queries = model.totals()
    tokens, rows = of_passages + of_queries, []
    for one in model.encoders:
        flops = tokens * one.forward(of_passages / documents)
        numbers = documents * one.dimensions
        rows.append(
            [
                *(one.name, f"{one.parameters / 1e6:,.0f}", f"{one.multiplied / 1e6:,.0f}", str(one.dimensions)),
                *(power(flops) if flops else "–", power(2 * queries * numbers)),
                *(size(numbers * FLOAT), size(numbers * 2), size(numbers), size(numbers / 8)),
            ]
        )
    heads = [
        "encoder",
        "parameters, millions",
        "of them in layers",
        "dimensions",
        "FLOPs to encode",
        "FLOPs to rank",
    ]
    return table([*heads, "embeddings, fp32", "fp16", "int8", "1 bit"], rows)


def miracl(model: Model) -> str:
    """How long MIRACL takes, by stage, and what it costs."""
    prices, rows = model.given["prices"], []
    gpus = [run["gpus"] for run in model.given["training"]["runs"]]
    for one in model.encoders:
        core = model.on_cores(one)
        hours = sum(core.values()) / HOUR
        stages = [duration(seconds / 2) for seconds in core.values()]
        rows.append(
            [one.name, "two cores", *stages, duration(hours / 2 * HOUR), f"{hours * prices['core_hour']:,.0f}"]
        )
        for count in gpus if one.layers else ():
            found = model.on_gpus(one, count)
            total = sum(found.values())
            price = f"{count * total / HOUR * prices['gpu_hour']:,.0f}"
            rows.append([one.name, f"{count} GPUs", *map(duration, found.values()), duration(total), price])
    return table(["encoder", "on", "tokenise", "encode", "product", "rank", "all", "price"], rows)


def training(model: Model) -> str:
    """How long a billion pairs take, by what takes them, and what it costs."""
    rows, pairs = [], model.given["training"]["pairs"]
    for one in model.encoders:
        for run in model.given["training"]["runs"]:
            parts = model.step(one, run["gpus"], run["batch"])
            total = sum(parts.values())
            seconds = pairs / run["batch"] * total
            price = run["gpus"] * seconds / HOUR * model.given["prices"]["gpu_hour"]
            cells = [duration(seconds) if seconds else "–" for seconds in parts.values()]
            rows.append(
                [one.name, str(run["gpus"]), f"{run['batch']:,}", *cells, duration(seconds), f"{price:,.0f}"]
            )
    heads = ["encoder", "GPUs", "batch", "encode", "loss", "gather", "all-reduce", "compose"]
    return table([*heads, "all steps", "price"], rows)


def memory(model: Model) -> str:
    """What a billion pairs take besides time."""
    pairs, rows = model.given["training"]["pairs"], []
    tokens, _ = model.pair()
    node, gpu = model.given["node"], model.given["gpu"]
    month = model.given["prices"]["terabyte_month"]
    for run in model.given["training"]["runs"]:
        loss, each = model.loss_bytes(run["batch"]), model.sampler_bytes(pairs)
        processes = min(run["gpus"], node["gpus"])
        row = [str(run["gpus"]), f"{run['batch']:,}", size(loss), f"{loss / gpu['memory']:.0%}"]
        row += [size(each), size(each * processes), f"{each * processes / node['memory']:.0%}"]
        rows.append(row)
    ids = pairs * (tokens * 4 + 2 * 8)
    heads = [
        "GPUs",
        "batch",
        "InfoNCE, each GPU",
        "of its memory",
        "sampler, each process",
        "each node",
        "of its memory",
    ]
    host = pairs * tokens * model.measured["tokenise"]["seconds_a_token"] / HOUR
    sampler = model.last("sample")
    setting_up = duration(pairs * sampler["setup_seconds"] / sampler["pairs"])
    told = (
        f"Token ids take {size(ids)} on disk ({number(ids / 1e12 * month)} a month) and {number(host)} core hours "
        f"to make, once; setting up batches {setting_up} in every process, side by side."
    )
    return table(heads, rows) + "\n\n" + told


def limits(model: Model) -> str:
    """What breaks, and where."""
    gpu, node = model.given["gpu"], model.given["node"]
    small, base = (next(one for one in model.encoders if one.name == name) for name in MEANT)
    slow, faster = (duration(model.on_cores(small, block)["product"] / 2) for block in (BLOCK, LARGE))
    passages = model.totals()[0]
    loss_batch = math.sqrt(gpu["memory"] / model.loss_bytes(1))
    tokens, length = model.pair()
    run = model.given["training"]["runs"][-1]
    passes = 3 + model.given["assumed"]["chunks_computed_again"]
    flops = passes * tokens * base.forward(length) * gpu["fp32_flops"] / gpu["bf16_flops"] / run["gpus"]
    alone = flops / (6 * base.dimensions)
    rows = [
        [
            "rows of a block of scores, 512 MiB",
            f"fewer than 128 from {number(2**27 / 128)} documents on, 1 from {number(2**26)}",
            f"{model.rows(passages)} row",
            f"`--memory 64GiB`: {model.rows(passages, LARGE)} rows, {faster} for {slow} ({small.name}, 2 cores)",
        ],
        [
            f"embeddings on one GPU, {base.dimensions} dimensions fp32",
            f"{number(gpu['memory'] / FLOAT / base.dimensions)} documents",
            size(passages * base.dimensions * FLOAT),
            "a language at a time, fewer dimensions, shards",
        ],
        [
            "embeddings in a node's memory, twice",
            f"{number(node['memory'] / 2 / FLOAT / base.dimensions)} documents",
            size(2 * passages * base.dimensions * FLOAT),
            "the same",
        ],
        [
            "memory of InfoNCE on one GPU",
            f"a batch of {number(loss_batch)}",
            "",
            "a smaller batch: each process holds all of B × B",
        ],
        [
            f"InfoNCE takes as long as encoding, {run['gpus']} GPUs, {base.name}",
            f"a batch of {number(alone)}",
            "",
            "a smaller batch: each process computes all of it",
        ],
        [
            "sampler in a node's memory, 8 processes",
            f"{number(node['memory'] / 8 / model.sampler_bytes(1))} pairs",
            "",
            "several data sets after one another; fewer processes",
        ],
        [
            "document rows as 32-bit integers",
            f"{number(2**31)} documents",
            f"{passages / 2**31:.0%} of it",
            "shards",
        ],
    ]
    return table(["limit", "reached at", "MIRACL", "what to do"], rows)


def check(model: Model) -> str:
    """What the model predicts beside what was measured."""
    rows = [[what, by, number(a), number(b), f"{a / b:.2f}"] for what, by, a, b in checks(model)]
    return table(["what", "from the rates of", "predicted", "measured", "ratio"], rows)


TABLES: dict[str, Callable[[Model], str]] = {
    one.__name__: one for one in (first, limits, languages, encoders, miracl, training, memory, rates, check)
}


def filled(page: str, model: Model) -> str:
    """Return a page with its tables made anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](model)}\n\n{found[3]}", page)


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rates", type=Path, default=RATES, help="numbers of your own in place of scripts/scale.yaml"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    given = parser.parse_args()
    model = read_model(given.rates)
    if given.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), model), encoding="utf-8")
        return
    for name, make in TABLES.items():
        print(f"{name}: {make.__doc__}\n\n{make(model)}\n")


if __name__ == "__main__":
    main()
