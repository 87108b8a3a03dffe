"""What an index says of itself: which model made its vectors, and whether it is finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from isoglot.errors import InputError

__all__ = ["FORMAT", "Settings", "read_settings", "write_settings"]

FORMAT = 1
TABLE = "isoglot"
"""Name of the table that holds them, one row: the index is then the same on disk and in an object store."""
KEY = "settings"


@dataclass(frozen=True)
class Settings:
    """What an index says of itself.

    Attributes:
        name: of the collection that it was built of.
        model: name or folder of the model; None where it was given in Python and had neither.
        loading: keywords of `load_encoder` with which it was loaded.
        fingerprint: `model_fingerprint` of it, whatever the versions of libraries.
        dimension: of its vectors.
        repair: method by which the model was repaired; None if it was not.
        source: hash of the documents that an unfinished index is being built of.
        complete: whether it is finished.
    """

    name: str
    model: str | None
    fingerprint: str | None
    dimension: int
    source: str
    loading: dict[str, Any] = field(default_factory=dict)
    repair: str | None = None
    complete: bool = False
    format: int = FORMAT


def write_settings(database: Any, settings: Settings) -> None:
    """Write the settings of an index, at once or not at all."""
    import pyarrow as pa

    row = pa.table({"key": [KEY], "value": [json.dumps(asdict(settings), ensure_ascii=False)]})
    if TABLE not in database.list_tables().tables:
        database.create_table(TABLE, row)
    else:
        merge = database.open_table(TABLE).merge_insert("key")
        merge.when_matched_update_all().when_not_matched_insert_all().execute(row)


def read_settings(database: Any, path: str) -> Settings | None:
    """Return the settings of an index; None where there is none.

    Args:
        database: the LanceDB database.
        path: where it is, for messages.

    Raises:
        InputError: they are those of a later version of isoglot.
    """
    try:
        table = database.open_table(TABLE)
    except ValueError:
        return None
    rows = table.search().limit(1).to_arrow().to_pylist()
    if not rows:
        return None
    content = json.loads(rows[0]["value"])
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path} is an index of form {content.get('format')}, and this version of isoglot reads form {FORMAT}: "
            "build it anew, or use the version that built it"
        )
    known = {one.name for one in fields(Settings)}
    return replace(Settings("", None, None, 0, ""), **{key: content[key] for key in known & content.keys()})
