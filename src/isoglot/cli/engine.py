"""Options of commands that can work on several processes, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.cli.state import state
from isoglot.errors import InputError
from isoglot.names import did_you_mean
from isoglot.stores import is_address, refuse_secrets

if TYPE_CHECKING:
    from isoglot.collections import Collection
    from isoglot.engine import ShardTable, Workers
    from isoglot.evaluation import Result

__all__ = [
    "Address",
    "Cache",
    "Engine",
    "WorkerCount",
    "check_cache",
    "check_engine",
    "embed_on_workers",
    "measure_on_workers",
    "started_workers",
]

Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="ray", help="Work on several processes, or on a cluster."),
]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="Of a Ray cluster, for --engine ray; here if not given."),
]
WorkerCount = Annotated[
    int | None,
    typer.Option("--workers", help="For --engine ray; one a GPU or else one a processor by default.", min=1),
]

Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Keep embeddings here; by default $ISOGLOT_CACHE or ~/.cache/isoglot. With --engine ray also an "
        "address in an object store, such as s3://….",
    ),
]


def check_cache(cache: str | None, no_cache: bool, on_workers: bool) -> dict[str, Any]:
    """Return the keyword `cache` that was asked for, if one was: a folder, an address for workers, or None.

    Raises:
        InputError: there is an address without workers, or one with credentials in it, or both options are given.
    """
    if cache is None:
        return {"cache": None} if no_cache else {}
    if no_cache:
        raise InputError("--cache and --no-cache exclude each other: leave one out")
    if not is_address(cache):
        return {"cache": Path(cache)}
    refuse_secrets(cache)
    if not on_workers:
        raise InputError(f"--cache {cache}: an address goes with --engine ray; give a folder, or that as well")
    return {"cache": cache}


def check_engine(engine: str | None, address: str | None, workers: int | None, model: str | None = None) -> bool:
    """Tell whether work goes to Ray; check that its options fit, before anything is read.

    Raises:
        InputError: there is no such engine, its options are given without it, it is not installed, or what is
            measured is no model.
    """
    if engine is None:
        if address is not None or workers is not None:
            raise InputError("--address and --workers go with --engine ray")
        return False
    if engine != "ray":
        raise InputError(f"no engine {engine!r}{did_you_mean(engine, ['ray'])}: give --engine ray, or leave it out")
    kind = (model or "").partition(":")[0] if ":" in (model or "") else model
    if kind in ("run", "embeddings", "bm25", "rerank"):
        raise InputError(f"--engine ray is for models, not for {kind}: leave it out")
    from isoglot.files import require

    require("ray", "ray", "--engine ray")
    return True


@contextmanager
def started_workers(address: str | None, workers: int | None) -> Iterator[Workers]:
    """Start the workers that were asked for."""
    from isoglot.engine import start_workers

    with start_workers(workers, address=address) as started:
        yield started


def measure_on_workers(
    model: str, collection: Collection, address: str | None, workers: int | None, **options: Any
) -> Result:
    """Measure a model given by its name as `measure` does, on workers."""
    from isoglot.engine import evaluate_on
    from isoglot.evaluation.measuring import load_source

    device = options.pop("device", None)
    encoder, rest = load_source(model, {**options, "device": "cpu"})  # workers have it where they compute
    rest["device"] = device
    with started_workers(address, workers) as started:
        return evaluate_on(started, encoder, collection, **rest)


def embed_on_workers(
    model: str,
    collection: Collection,
    address: str | None,
    workers: int | None,
    loading: dict[str, Any],
    encoding: dict[str, Any],
    cache: str | Path | None = None,
) -> ShardTable:
    """Embed the documents of a collection by a model given by its name, as an index wants them: in their order."""
    from isoglot.encoders import load_encoder
    from isoglot.engine import embed_shards, plan_shards, shard_folder
    from isoglot.engine.encoding import check_encoding
    from isoglot.files import default_cache

    how: Any = {**encoding, "progress": state.progress, "device": loading.get("device")}
    check_encoding(how)
    encoder = load_encoder(model, **{**loading, "device": "cpu"})
    plan = plan_shards(encoder, collection, how, order="row")
    with shard_folder(cache or default_cache(), plan) as folder, started_workers(address, workers) as started:
        return embed_shards(encoder, collection, folder, started, plan, how)
