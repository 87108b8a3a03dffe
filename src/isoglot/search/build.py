"""`build_index`: the documents of a collection, embedded block by block; what is done is not done again."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isoglot.collections.arrow import take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.fingerprint import table_fingerprint
from isoglot.encoders import load_encoder, model_name, repair_of
from isoglot.errors import InputError
from isoglot.evaluation.batches import BATCH_SIZE
from isoglot.evaluation.embed import unit_rows
from isoglot.files import held_alone, refuse_taken
from isoglot.search.embedding import embed_documents, embedding_bar, vector_fingerprint
from isoglot.search.index import Index, open_index
from isoglot.search.integrity import list_files
from isoglot.search.settings import Settings, read_settings, write_settings
from isoglot.search.table import connect, index_rows, open_documents, rows_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["build_index"]

LOCK = ".lock"
FIRST_BLOCK, LARGEST_BLOCK = 512, 1 << 16
BLOCK_SECONDS = 10
"""Blocks grow until one takes so long: what a kill loses at most is one of them."""

UNREAD = timedelta(seconds=1)
"""How long what was put together anew is kept: nobody reads an index that is not finished."""


def build_index(
    model: SentenceTransformer | str | Path,
    collection: Collection,
    path: str | Path,
    *,
    batch_size: int = BATCH_SIZE,
    batch_tokens: int | None = None,
    embeddings: Any | None = None,
    progress: bool = False,
    **loading: Any,
) -> Index:
    """Embed the documents of a collection and write them as an index; killed and called again it goes on.

    Documents are embedded as by `evaluate`: through `encode_document`, so the model's prompts apply.

    Args:
        model: any sentence-transformers model, or its name or folder, which the index remembers.
        collection: its documents are indexed; queries and judgments are not needed.
        path: a folder that does not exist or is empty, or an address in an object store, such as `s3://…`.
        batch_size: most texts of a forward pass.
        batch_tokens: most tokens of one, with padding; None for what `embed_collection` takes.
        embeddings: (D, d) the documents' by this model, if they are there already: a table that numpy reads, which
            may be mapped into memory. None embeds them.
        progress: show a bar.
        **loading: keywords of `load_encoder` for a model given by its name, such as `query_prompt`.

    Returns:
        The index, opened.

    Raises:
        InputError: the place is taken, or holds an index begun with another model or other documents; there are no
            documents; `embeddings` have another shape; or LanceDB is not installed.
    """
    total = collection.documents.num_rows
    if not total:
        raise InputError(f"{collection.name} has no documents: nothing can be indexed")
    place = None if "://" in str(path) else Path(path)
    if place is not None and not _holds_lock_alone(place) and not (place / "isoglot.lance").is_dir():
        refuse_taken(place)
    encoder = _encoder(model, loading)
    database = connect(path)
    told = f"another process is building {path}: wait for it, or choose another folder"
    with nullcontext() if place is None else held_alone(place / LOCK, told):
        settings = _begun(database, path, collection, encoder, model, loading)
        table = open_documents(database, settings.dimension, make=True)
        with embedding_bar(total, progress) as tell:
            done, size = table.count_rows(), FIRST_BLOCK
            while done < total:
                tell(done)
                at, started = np.arange(done, min(done + size, total)), time.monotonic()
                texts, block = collection.document_texts(at), take_rows(collection.documents, at)
                if embeddings is None:
                    languages = block["lang"].to_pylist()
                    vectors = embed_documents(
                        encoder, texts, languages, batch_size=batch_size, batch_tokens=batch_tokens
                    )
                else:
                    vectors = unit_rows(np.asarray(embeddings[done : done + size]), "documents", len(at))
                table.add(rows_of(block, texts, vectors))
                done += len(at)
                if time.monotonic() - started < BLOCK_SECONDS:
                    size = min(2 * size, LARGEST_BLOCK)
            tell(done)
        index_rows(table, UNREAD)
        list_files(path)
        write_settings(database, replace(settings, complete=True))
        list_files(path)
    return open_index(path, encoder, check=False)


def _holds_lock_alone(place: Path) -> bool:
    return place.is_dir() and [one.name for one in place.iterdir()] == [LOCK]


def _encoder(model: Any, loading: dict[str, Any]) -> Any:
    if isinstance(model, str | Path):
        return load_encoder(model, **loading)
    if loading:
        names = ", ".join(loading)
        raise InputError(f"{names} go with the name of a model; set up one that is loaded before it is given")
    return model


def _begun(
    database: Any, path: str | Path, collection: Collection, encoder: Any, model: Any, loading: dict[str, Any]
) -> Settings:
    """Return the settings of an index that is being built: those there, if they are the same, or new ones.

    Raises:
        InputError: an index is there already, or one begun otherwise.
    """
    probe = embed_documents(
        encoder, collection.document_texts(np.arange(1)), collection.documents["lang"][:1].to_pylist()
    )
    wanted = Settings(
        name=collection.name,
        model=_name_of(model),
        loading={key: value for key, value in loading.items() if key != "device"},
        fingerprint=vector_fingerprint(encoder),
        dimension=probe.shape[1],
        source=table_fingerprint(collection.documents),
        repair=(repair_of(encoder) or {}).get("method"),
    )
    found = read_settings(database, str(path))
    if found is None:
        write_settings(database, wanted)
        return wanted
    if found.complete:
        raise InputError(f"{path} is an index already, of {found.name} by {found.model}: choose another folder")
    if (found.fingerprint, found.source) != (wanted.fingerprint, wanted.source):
        raise InputError(
            f"{path} is an unfinished index of {found.name} by {found.model}, with another model or other "
            "documents: finish it with the same ones, or remove it"
        )
    return found


def _name_of(model: Any) -> str | None:
    """Return the name by which a model can be loaded again, whatever the working folder; None if it has none."""
    name = str(model) if isinstance(model, str | Path) else model_name(model)
    if Path(name).exists():
        return str(Path(name).resolve())
    return None if name == type(model).__name__ else name
