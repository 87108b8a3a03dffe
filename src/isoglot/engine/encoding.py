"""Texts to embeddings by workers: documents block by block into shards, queries together."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from isoglot.collections.arrow import release_pages, take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.fingerprint import table_fingerprint
from isoglot.engine.cluster import Shared, Workers
from isoglot.engine.places import Place, place_of
from isoglot.engine.shards import BLOCK, Plan, ShardTable, finished_shards, open_folder, write_shard
from isoglot.errors import InputError
from isoglot.evaluation.batches import Texts
from isoglot.evaluation.cache import model_fingerprint
from isoglot.evaluation.embed import Encoding, Spoken, check_cut, text_encoder, unit_rows
from isoglot.evaluation.ranks import language_order
from isoglot.files import content_hash

__all__ = [
    "check_encoding",
    "embed_on",
    "embed_queries",
    "embed_shards",
    "fill_shards",
    "plan_shards",
    "share_encoder",
    "worker_device",
]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)


@dataclass
class _Encoder:
    """What a worker encodes with."""

    model: Any
    name: str
    languages: tuple[str, ...]
    encoding: Encoding
    placed: bool = field(default=False, init=False)

    def encode(self, method: str, texts: list[str], languages: list[str], what: str) -> FloatArray:
        """Return embeddings (n, d), of unit length, of texts (n,) with their language tags."""
        if not self.placed:
            self.model.to(worker_device(self.encoding.get("device")))
            self.placed = True
        how: Encoding = {**self.encoding}
        how.pop("device", None)
        spoken = Spoken(np.array([self.languages.index(tag) for tag in languages]), self.languages)
        with text_encoder(self.model, **how) as encode:
            found = encode(method, Texts.of(texts), spoken)
        if (cut := self.encoding.get("truncate_dim")) is not None:
            check_cut(found.shape[1], cut)
        return unit_rows(found, f"the {what} of {self.name}", len(texts))


def worker_device(device: str | None) -> torch.device:
    """Return where a worker computes: its GPU, if it has one and nobody asks for the CPU."""
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def check_encoding(encoding: Encoding) -> None:
    """Refuse what workers cannot do.

    Raises:
        InputError: a device other than the CPU or a worker's own GPU is asked for.
    """
    if encoding.get("device") not in (None, "cpu", "cuda"):
        raise InputError(f"--device {encoding['device']}: a worker takes its own GPU; give cpu or cuda, or neither")


def _encode_block(encoder: _Encoder, piece: tuple[int, pa.Table, Place, Plan]) -> tuple[int, str, int]:
    """Encode and write a block of documents; return its number, its file, and how many embeddings are zero."""
    number, table, place, plan = piece
    texts, languages = table["text"].to_pylist(), table["lang"].to_pylist()
    vectors = encoder.encode("encode_document", texts, languages, "documents")
    name = write_shard(place, plan, number, table.drop_columns("text"), vectors)
    return number, name, int((~vectors.any(axis=1)).sum())


def _encode_queries(encoder: _Encoder, piece: tuple[list[str], list[str]]) -> FloatArray:
    return encoder.encode("encode_query", *piece, "queries")


@contextmanager
def share_encoder(model: Any, collection: Collection, workers: Workers, encoding: Encoding) -> Iterator[Shared]:
    """Send a model to all workers, to encode texts of a collection."""
    how: Encoding = {**encoding, "progress": False}
    with workers.share(_Encoder(model, collection.name, collection.languages, how)) as encoder:
        yield encoder


def embed_queries(encoder: Shared, collection: Collection, rows: IntArray, workers: Workers) -> FloatArray:
    """Embed query rows (q,) by one worker, in the batches of `embed_collection`; return (q, d), unit length.

    Raises:
        InputError: an embedding is NaN or infinite, or has fewer dimensions than `truncate_dim`.
    """
    languages = [collection.languages[code] for code in collection.query_language[rows].tolist()]
    (found,) = workers.map(_encode_queries, [encoder], [(collection.query_texts(rows), languages)])
    vectors: FloatArray = found
    return vectors


def plan_shards(model: Any, collection: Collection, encoding: Encoding, *, order: str = "language") -> Plan:
    """Return what shards of a collection's documents by a model will hold.

    Args:
        model: any sentence-transformers model.
        collection: its documents.
        encoding: how they are encoded.
        order: of the shards; as for `Plan`.

    Raises:
        InputError: the model is no torch module, of which nothing tells whether it is still the same.
    """
    fingerprint = model_fingerprint(model)
    if fingerprint is None:
        raise InputError(
            f"{type(model).__name__} is no torch module: give a model that sentence-transformers loads"
        )
    how = [fingerprint, *(encoding.get(key) for key in ("dtype", "truncate_dim", "document_prompt"))]
    source = table_fingerprint(collection.documents)
    release_pages()
    return Plan(content_hash(json.dumps(how)), source, collection.documents.num_rows, order, BLOCK)


def embed_shards(
    model: Any, collection: Collection, folder: str | Path, workers: Workers, plan: Plan, encoding: Encoding
) -> ShardTable:
    """Embed the documents of a collection into a folder of shards; blocks that are finished there stay.

    Args:
        model: any sentence-transformers model, which is sent to the workers.
        collection: its documents are read block by block.
        folder: which all workers see under this path, or an address in an object store, such as `s3://…`.
        workers: who encodes.
        plan: of `plan_shards`.
        encoding: how texts are encoded, as for `embed_collection`; without its cache.

    Returns:
        The embeddings, in the order of the plan.

    Raises:
        InputError: the folder holds other shards, or cannot be written; or as for `embed_collection`.
    """
    with share_encoder(model, collection, workers, encoding) as encoder:
        return fill_shards(encoder, collection, folder, workers, plan, progress=encoding.get("progress", False))


def embed_on(
    workers: Workers,
    model: Any,
    collection: Collection,
    rows: IntArray,
    folder: str | Path,
    plan: Plan,
    encoding: Encoding,
) -> tuple[FloatArray, ShardTable]:
    """Embed query rows (q,), and documents as `embed_shards` does, by a model that is sent to workers once.

    Raises:
        InputError: as for `embed_queries`, or the folder holds shards of something else.
        IsoglotError: workers were lost time and again.
    """
    with share_encoder(model, collection, workers, encoding) as encoder:
        queries = embed_queries(encoder, collection, rows, workers)
        progress = encoding.get("progress", False)
        return queries, fill_shards(encoder, collection, folder, workers, plan, progress=progress)


def fill_shards(
    encoder: Shared, collection: Collection, folder: str | Path, workers: Workers, plan: Plan, *, progress: bool
) -> ShardTable:
    """Embed documents as `embed_shards` does, by a model that workers have (`share_encoder`)."""
    place = place_of(folder, plan.key)
    open_folder(place, plan)
    names = finished_shards(place, plan, workers)
    if names:
        logger.info("%d of %d shards are in %s already", len(names), plan.blocks, place)
    order = language_order(collection.document_language) if plan.order == "language" else None
    order = None if order is None else order.astype(np.int32)

    def pieces() -> Iterator[tuple[int, pa.Table, Place, Plan]]:
        for number in range(plan.blocks):
            if number in names:
                continue
            places = plan.places(number)
            rows = np.arange(places.start, places.stop) if order is None else order[places]
            table = take_rows(collection.documents.select(["_id", "lang"]), rows)
            table = table.append_column("row", pa.array(rows.astype(np.int64)))
            table = table.append_column("text", collection.document_column(rows)).combine_chunks()
            yield number, table, place, plan
            release_pages()

    zeros = 0
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"encoding {plan.rows:,} documents", total=plan.blocks, completed=len(names))
        for number, name, nothing in workers.map(_encode_block, [encoder], pieces()):
            names[number] = name
            zeros += nothing
            bar.update(task, advance=1)
    if zeros:
        told = "%d embeddings of the documents of %s are zero: they have no direction and score 0 everywhere"
        logger.warning(told, zeros, collection.name)
    return ShardTable(place, plan, [names[number] for number in range(plan.blocks)])
