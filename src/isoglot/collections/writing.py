"""Writing a collection folder, as JSON lines or as Parquet, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.arrow import blank, take_from, take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.jsonl import write_qrels, write_texts
from isoglot.collections.parquet import write_parquet
from isoglot.errors import InputError
from isoglot.files import new_folder, yaml_text

__all__ = ["joined_queries", "qrels_table", "share_documents", "write_collection", "write_splits"]

Form = Literal["jsonl", "parquet"]
Splits = Mapping[str | None, Collection]


def qrels_table(collection: Collection) -> pa.Table:
    """Return the judgments of a collection with ids, as its files have them."""
    judgments = collection.judgments
    return pa.table(
        {
            "query-id": collection.query_ids.take(judgments["query"].combine_chunks()),
            "corpus-id": take_from(collection.documents["_id"], judgments["document"].to_numpy()),
            "score": judgments["score"],
        }
    )


def joined_queries(tables: list[pa.Table]) -> pa.Table:
    """Return the queries of all splits, each version once, in order of first appearance."""
    if all(table is tables[0] for table in tables):
        return tables[0]
    joined = pa.concat_tables(tables, promote_options="default")
    versions = joined.select(["_id", "lang"]).append_column("row", pa.array(range(joined.num_rows)))
    first = versions.group_by(["_id", "lang"], use_threads=False).aggregate([("row", "min")])["row_min"]
    return take_rows(joined, np.sort(first.to_numpy()))


def write_collection(
    collection: Collection | Mapping[str, Collection] | Splits,
    folder: str | Path,
    form: Form = "jsonl",
) -> None:
    """Write a collection folder; it appears whole or not at all.

    Args:
        collection: the collection, or one per split, which share their documents. The queries of all are
            written to one file. The split None is the one file `qrels`.
        folder: where to; must not exist, or be empty.
        form: `jsonl` (what people read) or `parquet` (what loads fast). Both hold the same.

    Raises:
        InputError: the folder exists and is not empty; or an id or a text could not be read again.
    """
    splits = {None: collection} if isinstance(collection, Collection) else collection
    first = next(iter(splits.values()))
    with new_folder(folder) as temporary:
        queries = joined_queries([part.queries for part in splits.values()])
        for table, stem in ((first.documents, "corpus"), (queries, "queries")):
            _refuse_unreadable(table, f"{first.name}: {stem}")
            if form == "parquet":
                write_parquet(table, temporary / f"{stem}.parquet")
            else:
                write_texts(table, temporary / f"{stem}.jsonl")
        for split, part in splits.items():
            stem = "qrels" if split is None else f"qrels/{split}"
            (temporary / stem).parent.mkdir(exist_ok=True)
            if form == "parquet":
                write_parquet(qrels_table(part), temporary / f"{stem}.parquet")
            else:
                write_qrels(qrels_table(part), temporary / f"{stem}.tsv")
        metadata = {"name": first.name, "languages": list(first.languages)} | first.metadata
        (temporary / "collection.yaml").write_text(yaml_text(metadata), encoding="utf-8")


def _refuse_unreadable(table: pa.Table, what: str) -> None:
    """Raise `InputError` for what strict reading refuses: ids that are empty or break lines, and empty texts."""
    torn = pc.match_substring_regex(table["_id"], "[\\t\\n\\r]").to_numpy()
    empty = blank(table["text"])
    if "title" in table.column_names:
        empty &= blank(table["title"])
    for rows, why in (
        (blank(table["_id"]) | np.asarray(torn, bool), "an id that is empty or holds a tab or line break"),
        (empty, "an empty text"),
    ):
        if rows.any():
            shown = table["_id"][int(np.argmax(rows))].as_py()
            raise InputError(f"{what} cannot be written: {int(rows.sum()):,} rows have {why}, such as {shown!r}")


def share_documents(splits: Splits) -> bool:
    """Tell whether all splits have the same documents."""
    first, *others = (one.documents for one in splits.values())
    return all(other is first or other.equals(first) for other in others)


def write_splits(splits: Splits, to: str | Path, form: Form) -> None:
    """Write a collection folder; or one for each split, in a folder of their own, if their documents differ.

    Raises:
        InputError: `to` is not free.
    """
    if share_documents(splits):
        write_collection(splits, to, form)
        return
    with new_folder(to) as temporary:
        for split, collection in splits.items():
            write_collection(collection, temporary / str(split), form)
