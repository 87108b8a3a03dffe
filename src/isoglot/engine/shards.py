"""Embeddings in shards: of a fixed place, written whole, named by their content, mapped when read.

A folder, on disk or in an object store, holds `shards.json`, which says what the embeddings are of, and a file
`00007-HASH.arrow` for each block of documents that is finished: an Arrow file of `_id`, `lang`, `row` (of the
collection) and `embedding`, which pandas, polars and DuckDB read as well. HASH is of the file's bytes, so a damaged
one is known by its name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from isoglot.collections.arrow import map_table
from isoglot.engine.cluster import Workers
from isoglot.engine.places import Place, shard_name
from isoglot.errors import InputError, IsoglotError
from isoglot.evaluation.products import TILE
from isoglot.files import read_result_file
from isoglot.stores import Store, is_address

__all__ = [
    "BLOCK",
    "Plan",
    "ShardPart",
    "ShardTable",
    "finished_shards",
    "open_folder",
    "shard_folder",
    "write_shard",
]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)

BLOCK = 8 * TILE
"""Documents of a shard: whole tiles, so that products are those of the whole pool."""
MANIFEST = "shards.json"
FORMAT = 1
FINGERPRINT = b"isoglot"
"""Key of a shard's metadata under which its plan stands."""


@dataclass(frozen=True)
class Plan:
    """What a folder of shards holds.

    Attributes:
        model: fingerprint of the model and of how it encodes.
        documents: fingerprint of the documents.
        rows: their number.
        order: `language`, documents of one language side by side, as ranking wants them; or `row`, as they come.
        block: documents of a shard, the last of which may have fewer.
        format: of the files.
    """

    model: str
    documents: str
    rows: int
    order: str
    block: int = BLOCK
    format: int = FORMAT

    @property
    def key(self) -> str:
        """The name of a folder for these shards alone."""
        return str(xxhash.xxh3_128_hexdigest(json.dumps(asdict(self), sort_keys=True).encode()))

    @property
    def blocks(self) -> int:
        """How many shards there are."""
        return -(-self.rows // self.block)

    def places(self, block: int) -> slice:
        """Return which places of the order are in a block."""
        return slice(block * self.block, min((block + 1) * self.block, self.rows))


def open_folder(place: Place, plan: Plan) -> None:
    """Make a folder of shards, or check that one is of this plan.

    Raises:
        InputError: it holds shards of another model or of other documents, or cannot be read or written.
    """
    path = place.local(MANIFEST)
    if path is not None:
        hints = {"model": str, "documents": str, "rows": int, "order": str, "block": int, "format": int}
        try:
            found = read_result_file(path, hints, "a list of shards", f"; remove {place}")
        except InputError as error:
            raise InputError(str(error).replace(str(path), f"{place}/{MANIFEST}")) from None
        different = [name for name, value in asdict(plan).items() if found[name] != value]
        if different:
            what = {"model": "another model, or one that encodes otherwise", "documents": "other documents"}
            told = what.get(different[0], f"another {different[0]}")
            raise InputError(f"{place} holds embeddings by {told}: remove it, or choose another folder")
        return
    place.write(MANIFEST, (json.dumps(asdict(plan), indent=1) + "\n").encode())


@contextmanager
def shard_folder(cache: str | Path | None, plan: Plan) -> Iterator[str | Path]:
    """Yield the folder of shards of a plan: one of the cache, or one that goes when the block ends.

    Args:
        cache: a folder, or an address in an object store; None for a folder that goes.
        plan: of the shards.

    Raises:
        InputError: the address has credentials in it.
    """
    if cache is not None and is_address(cache):
        yield Store(str(cache)).within(f"shards/{plan.key}").address
        return
    if cache is not None:
        yield Path(cache).expanduser() / "shards" / plan.key
        return
    with TemporaryDirectory(prefix="isoglot-shards-") as folder:
        yield Path(folder)


def write_shard(place: Place, plan: Plan, block: int, documents: pa.Table, embeddings: FloatArray) -> str:
    """Write a finished block, whole; return the name of its file.

    Args:
        place: of the shards.
        plan: theirs.
        block: the number of the block.
        documents: (b,) `_id`, `lang` and `row`.
        embeddings: (b, d), unit length.

    Raises:
        InputError: it cannot be written.
    """
    flat = pa.array(np.ascontiguousarray(embeddings, np.float32).reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])
    table = documents.append_column("embedding", vectors).combine_chunks()
    table = table.replace_schema_metadata({FINGERPRINT: json.dumps({**asdict(plan), "number": block}).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue()
    name = shard_name(block, content)
    place.write(name, content)
    return name


def _is_whole(piece: tuple[Place, str]) -> tuple[str, bool]:
    place, name = piece
    return name, place.is_whole(name)


def finished_shards(place: Place, plan: Plan, workers: Workers) -> dict[int, str]:
    """Return block -> file of what is finished, as workers find it; what is damaged is removed, and said.

    Raises:
        InputError: it cannot be read.
        IsoglotError: workers were lost time and again.
    """
    listed = place.names()
    whole = dict(workers.map(_is_whole, [], ((place, name) for name in listed)))
    found: dict[int, str] = {}
    for name in listed:
        number, _, _ = name.partition("-")
        known = whole[name] and number.isdigit() and int(number) < plan.blocks
        if not known:
            logger.warning("%s/%s is damaged: its documents are encoded again", place, name)
        if not known or int(number) in found:
            place.remove(name)
            continue
        found[int(number)] = name
    return found


@dataclass
class ShardTable:
    """The embeddings (D, d) of all shards, as a table of which some rows are taken at a time (`Table`).

    Attributes:
        place: of the shards.
        plan: theirs.
        names: (blocks,) the files.
    """

    place: Place
    plan: Plan
    names: list[str]

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_shards"}

    @cached_property
    def _shards(self) -> list[FloatArray]:
        return [self._open(name) for name in self.names]

    @cached_property
    def dimensions(self) -> int:
        """How many numbers an embedding has."""
        return self._open(self.names[0]).shape[1]

    def _open(self, name: str) -> FloatArray:
        told = f"{self.place}/{name}"
        path = self.place.local(name)
        if path is None:
            raise IsoglotError(
                f"{told} is not there, or damaged: call the command again, which does it again, on machines that "
                "all see this place"
            )
        try:
            column = map_table(path)["embedding"]
        except (OSError, ValueError) as error:
            raise InputError(f"{told} cannot be read here ({error}): every machine needs it") from None
        flat: FloatArray = column.chunk(0).flatten().to_numpy()
        return flat.reshape(len(column), column.type.list_size)

    @property
    def shape(self) -> tuple[int, int]:
        """How many embeddings there are, and of how many dimensions."""
        return self.plan.rows, self.dimensions

    def __len__(self) -> int:
        return self.plan.rows

    def __getitem__(self, rows: Any) -> FloatArray:
        """Return embeddings (n, d) at places (n,), or in a slice of them: mapped, if they are of one shard."""
        if not isinstance(rows, slice):
            found = np.empty((len(rows), self.dimensions), np.float32)
            block, place = np.divmod(np.asarray(rows), self.plan.block)
            for one in np.unique(block).tolist():
                found[block == one] = self._shards[one][place[block == one]]
            return found
        start, stop, _ = rows.indices(self.plan.rows)
        size = self.plan.block
        parts = [
            self._shards[at][max(start - at * size, 0) : stop - at * size]
            for at in range(start // size, -(-max(stop, start) // size))
        ]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty((0, self.dimensions), np.float32), *parts])

    def part(self, start: int, stop: int) -> ShardPart:
        """Return the embeddings at the places from `start` up to `stop`, or to the end."""
        return ShardPart(self, start, min(stop, len(self)))


@dataclass
class ShardPart:
    """Embeddings at some places of shards, one after the other: a `Table` of which slices are taken."""

    table: ShardTable
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """How many embeddings there are, and of how many dimensions."""
        return len(self), self.table.dimensions

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, rows: slice) -> FloatArray:
        """Return the embeddings (n, d) in a slice."""
        start, stop, _ = rows.indices(len(self))
        return self.table[self.start + start : self.start + stop]
