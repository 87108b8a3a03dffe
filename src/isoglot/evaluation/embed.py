"""Embeddings of a collection: every text that matters is encoded once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.amounts import check_dtype
from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.batches import BATCH_SIZE, Texts, encode_by_length
from isoglot.evaluation.cache import EmbeddingCache, model_fingerprint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = [
    "Encoding",
    "Spoken",
    "check_cut",
    "check_device",
    "embed_collection",
    "refuse_bytes",
    "scoring_device",
    "takes_language",
    "text_encoder",
    "texts_of",
    "unit_rows",
]

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.integer[Any]]

BLOCK = 1 << 22
"""Numbers brought to unit length together: 16 MB."""

UNIT = 1e-6
"""How far from 1 rounding may bring the length of a vector divided by its length."""

SAFE = (1e-15, 1e15)
"""Between which lengths squares of numbers neither vanish nor overflow in fp32."""


class Encoding(TypedDict, total=False):
    """The keywords that say how texts are encoded, of all that embeds a collection; see `embed_collection`."""

    batch_size: int
    batch_tokens: int | None
    progress: bool
    query_prompt: str | None
    document_prompt: str | None
    device: str | None
    dtype: str | None
    truncate_dim: int | None
    cache: str | Path | None


def refuse_bytes(dtype: Any, what: str) -> None:
    """Refuse uint8: numbers, or packed bits (`precision="ubinary"`), of which the cosine means nothing.

    Raises:
        InputError: it is uint8.
    """
    if str(dtype).removeprefix("torch.") == "uint8":
        raise InputError(
            f"the embeddings of {what} are uint8: packed bits (precision='ubinary')? Unpack them, "
            "numpy.unpackbits(e, axis=1) * 2.0 - 1, which ranks by Hamming distance; if each byte is a number "
            "(precision='uint8'), say so with e.astype('float32')"
        )


def _scaled(rows: Any) -> NDArray[np.float64]:
    """Bring rows (n, d) to unit length whose squares vanish or overflow in fp32; zeros stay zero."""
    wide = np.asarray(rows, np.float64)
    wide = wide / np.maximum(np.abs(wide).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), np.finfo(np.float64).tiny)


def unit_rows(embeddings: Any, what: str, rows: int, order: IntArray | None = None) -> FloatArray:
    """Return embeddings as fp32 vectors of unit length (a zero vector stays zero).

    Large tables are gone through in blocks, so that one copy is made, and none where they are of unit length
    already (to 1e-6) and no order is asked for: what is given is then returned.

    Args:
        embeddings: (n, d), anything numpy reads, or a tensor on any device.
        what: what they are embeddings of, for messages.
        rows: the n they should have.
        order: (n,) the rows in the order wanted; None for that in which they are given.

    Raises:
        InputError: the shape is not (rows, d), or a value is NaN or infinite.
    """
    refuse_bytes(getattr(embeddings, "dtype", None), what)
    if hasattr(embeddings, "detach"):
        embeddings = embeddings.detach().float().cpu().numpy()
    array = np.asarray(embeddings)
    if array.ndim != 2 or len(array) != rows:
        raise InputError(f"embeddings of {what} have shape {array.shape}, expected ({rows}, dimensions)")
    step = max(1, BLOCK // max(array.shape[1], 1))
    blocks = [slice(start, start + step) for start in range(0, rows, step)]
    norms = np.empty((rows, 1), np.float32)
    with np.errstate(over="ignore", under="ignore"):
        for block in blocks:
            norms[block] = np.linalg.norm(array[block].astype(np.float32, copy=False), axis=1, keepdims=True)
    odd = np.flatnonzero(~((norms[:, 0] > SAFE[0]) & (norms[:, 0] < SAFE[1])))
    finite = np.ones(rows, bool)
    finite[odd] = np.isfinite(array[odd]).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{int((~finite).sum())} of {rows} embeddings of {what} are NaN or infinite (first: row "
            f"{int(np.argmin(finite))}): the model has diverged or overflows in its precision; use an "
            "earlier checkpoint or load it in fp32"
        )
    zero = odd[~array[odd].any(axis=1)]
    if len(zero):
        logger.warning(
            "%d of %d embeddings of %s are zero (first: row %d): they have no direction and score 0 everywhere",
            len(zero),
            rows,
            what,
            int(zero[0]),
        )
    if order is None and array.dtype == np.float32 and (np.abs(norms - 1) <= UNIT).all():
        return array
    norms[odd] = 1
    unit = np.empty(array.shape, np.float32)
    for block in blocks:
        taken: Any = block if order is None else order[block]
        with np.errstate(over="ignore", under="ignore"):
            np.divide(array[taken].astype(np.float32, copy=False), norms[taken], out=unit[block])
    at = odd if order is None else np.flatnonzero(np.isin(order, odd))
    unit[at] = _scaled(array[at if order is None else order[at]])
    return unit


def check_device(device: str | torch.device) -> torch.device:
    """Return a device that exists here.

    Raises:
        InputError: there is no such device.
    """
    try:
        found = torch.device(device)
    except RuntimeError:
        raise InputError(f"there is no device {device!r}: use cpu, cuda, cuda:1 or mps") from None
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(found.type)
    if backend is not None and not backend.is_available():
        raise InputError(f"the device {device!r} is not available here: use --device cpu")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(f"the device {device!r} is not available here: there are {torch.cuda.device_count()} GPUs")
    return found


def scoring_device(model: Any, device: str | None) -> torch.device:
    """Return where embeddings are multiplied: the GPU on which a model encodes them, or else the CPU."""
    found: torch.device = model.device if device is None else check_device(device)
    return found if found.type == "cuda" else torch.device("cpu")


@contextmanager
def _prepared(model: Any, device: str | None, dtype: str | None) -> Iterator[None]:
    """Have a model on a device and in a precision for a while; afterwards it is as it was.

    Half precisions are autocast, which leaves the weights alone; for fp32 the weights are widened.
    """
    if dtype is not None:
        check_dtype(dtype)
    target, home = (None, None) if device is None else (check_device(device), model.device)

    def tensors() -> Iterator[tuple[str, torch.Tensor]]:
        return chain(model.named_parameters(), model.named_buffers())

    kept = {name: tensor.data for name, tensor in tensors()} if dtype == "float32" else {}
    try:
        if target is not None:
            model.to(target)
        if dtype == "float32":
            model.float()
        if dtype in (None, "float32"):
            yield
        else:
            with torch.autocast(model.device.type, dtype=getattr(torch, dtype)):
                yield
    finally:
        if home is not None:
            model.to(home)
        for name, tensor in tensors() if kept else ():
            tensor.data = kept[name]


def texts_of(collection: Collection, query_rows: IntArray) -> tuple[Texts, Texts]:
    """Return the texts of query rows (q,) and of all documents, which stay in Arrow until they are read."""
    queries = Texts(len(query_rows), lambda at: collection.query_column(query_rows[at]).to_pylist())
    return queries, Texts(collection.documents.num_rows, lambda at: collection.document_column(at).to_pylist())


def _distinct(texts: Texts) -> tuple[Texts, IntArray | None]:
    """Return every text once, in the order of first occurrence, and the place (n,) of each among these.

    Places are None where no text comes twice: what is large is then not copied for nothing. Texts are told apart by
    a hash of 128 bits, so that they need not be held.
    """
    hashes = b"".join(blake2b(text.encode(), digest_size=16).digest() for text in texts)
    _, first, inverse = np.unique(np.frombuffer(hashes, "V16"), return_index=True, return_inverse=True)
    if len(first) == texts.size:
        return texts, None
    order = np.argsort(first)
    rows, place = first[order], np.empty_like(order)
    place[order] = np.arange(len(order))
    return Texts(len(rows), lambda at: texts.take(rows[at])), place[inverse]


def takes_language(model: Any) -> bool:
    """Tell whether a model wants to know the language of what it encodes: `encode(…, language="de")`."""
    return "language" in getattr(model, "get_model_kwargs", list)()


@dataclass(frozen=True)
class Spoken:
    """The languages of texts.

    Attributes:
        codes: (n,) index into `tags` of each text.
        tags: canonical tags.
    """

    codes: IntArray
    tags: Sequence[str]

    def groups(self) -> Iterator[tuple[str, IntArray]]:
        """Yield each language that is spoken with the positions of its texts."""
        for code in np.unique(self.codes):
            yield self.tags[code], np.flatnonzero(self.codes == code)


@contextmanager
def text_encoder(
    model: SentenceTransformer,
    *,
    batch_size: int = BATCH_SIZE,
    batch_tokens: int | None = None,
    progress: bool = False,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    truncate_dim: int | None = None,
    cache: str | Path | None = None,
) -> Iterator[Callable[[str, Texts, Spoken], Any]]:
    """Yield a function that encodes texts with a model, each text once; the model is left as it was.

    The function takes `encode_query` or `encode_document`, texts (n,) and their languages, which it tells a model
    that wants to know them (`takes_language`), and returns embeddings (n, d). The keywords are those of
    `embed_collection`.

    Raises:
        InputError: there is no such device or precision.
    """
    prompts = {"encode_query": query_prompt, "encode_document": document_prompt}
    options: dict[str, Any] = {"batch_size": batch_size, "batch_tokens": batch_tokens, "progress": progress}
    options |= {"normalize_embeddings": True} | ({} if truncate_dim is None else {"truncate_dim": truncate_dim})

    def encode_alike(method: str, texts: Texts, **language: Any) -> Any:
        words, place = _distinct(texts)

        def fresh() -> Any:
            return encode_by_length(model, method, words, prompt=prompts[method], **options, **language)

        how = [fingerprint, dtype, truncate_dim, method, prompts[method], *language.values()]
        found = fresh() if kept is None else kept.get(words, how, fresh)
        return found if place is None else found[place]

    def encode(method: str, texts: Texts, spoken: Spoken) -> Any:
        if not takes_language(model):
            return encode_alike(method, texts)
        found: FloatArray | None = None
        for tag, rows in spoken.groups():
            part = encode_alike(method, texts.part(rows), language=tag)
            found = np.empty((texts.size, part.shape[1]), part.dtype) if found is None else found
            found[rows] = part
        return found

    with _prepared(model, device, dtype):
        fingerprint = None if cache is None else model_fingerprint(model)
        kept = None if cache is None or fingerprint is None else EmbeddingCache(cache)
        yield encode


def check_cut(size: int, truncate_dim: int) -> None:
    """Refuse to cut embeddings to more dimensions than they have.

    Raises:
        InputError: they have fewer.
    """
    if size < truncate_dim:
        raise InputError(f"the model has {size} dimensions: they cannot be cut to {truncate_dim}; ask for fewer")


def embed_collection(
    model: SentenceTransformer, collection: Collection, **encoding: Unpack[Encoding]
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Embed the judged queries and all documents of a collection.

    Texts go through `encode_query` and `encode_document`, so prompts and routers of the model apply, in batches of
    about as many tokens each (`encode_by_length`). They are read from the collection batch by batch. The model is
    left as it was. One whose `encode` takes a `language`, as those that `repair_model` makes, is told it.

    Args:
        model: any sentence-transformers model.
        collection: the collection; queries without a relevant document are left out.
        **encoding: how texts are encoded:

            - `batch_size`: most texts per forward pass.
            - `batch_tokens`: most tokens per forward pass, with padding, of transformers; None for 4,096 on a CPU
              and 16,384 elsewhere.
            - `progress`: show progress bars.
            - `query_prompt`, `document_prompt`: text put before each query or document; None for the model's own.
            - `device`: where to encode, moving the model there meanwhile; None for where it is.
            - `dtype`: `bfloat16` or `float16` compute in this precision where it is safe (torch's autocast);
              `float32` widens the weights meanwhile; None for the model's own.
            - `truncate_dim`: only the first so many dimensions, for Matryoshka models; None for all.
            - `cache`: a folder that keeps embeddings (`EmbeddingCache`); None for none.

    Returns:
        Query rows (q,), query embeddings (q, d) and document embeddings (D, d); fp32, unit length.

    Raises:
        InputError: no query has a relevant document, an embedding is NaN or infinite, there is no such device or
            precision, or the model has fewer dimensions than `truncate_dim`.
    """
    rows = collection.judged_query_rows()
    asked, pool = texts_of(collection, rows)
    with text_encoder(model, **encoding) as encode:
        queries = encode("encode_query", asked, Spoken(collection.query_language[rows], collection.languages))
        documents = encode("encode_document", pool, Spoken(collection.document_language, collection.languages))
    truncate_dim = encoding.get("truncate_dim")
    if truncate_dim is not None:
        check_cut(queries.shape[1], truncate_dim)
    return (
        rows,
        unit_rows(queries, f"the queries of {collection.name}", len(rows)),
        unit_rows(documents, f"the documents of {collection.name}", pool.size),
    )
