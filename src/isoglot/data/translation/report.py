"""What a translation did: the collection and counts for people, and what its files say of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from isoglot.collections.collection import Collection
from isoglot.collections.writing import write_collection
from isoglot.files import new_folder

__all__ = ["PairReport", "Rejected", "Translation", "today", "write_translation"]


@dataclass(frozen=True)
class Rejected:
    """A translation that was rejected.

    Attributes:
        kind: `document`, `title` or `query`.
        identifier: id of its source.
        source: canonical tag of the source.
        language: canonical tag of the translation.
        reason: the gate that rejected it.
        text: the source.
        translation: the translation.
        chrf: how alike source and back translation are; None if it was not translated back.
    """

    kind: str
    identifier: str
    source: str
    language: str
    reason: str
    text: str
    translation: str
    chrf: float | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the keys of a line of `rejected.jsonl`."""
        record = {
            "kind": self.kind,
            "_id": self.identifier,
            "from": self.source,
            "lang": self.language,
            "reason": self.reason,
            "source": self.text,
            "translation": self.translation,
        }
        return record if self.chrf is None else record | {"round_trip_chrf": self.chrf}


@dataclass
class PairReport:
    """Counts of one pair of languages.

    Attributes:
        source: canonical tag.
        target: canonical tag.
        model: name of the model.
        documents: documents added.
        queries: queries added.
        present: texts that the target language had already.
        translated: different texts that the model was given in this run; the others were known.
        rejected: reason -> texts rejected.
    """

    source: str
    target: str
    model: str
    documents: int = 0
    queries: int = 0
    present: int = 0
    translated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def to_metadata(self) -> dict[str, Any]:
        """Return what `collection.yaml` says of it: nothing that depends on which run translated what."""
        return {
            "from": self.source,
            "to": self.target,
            "model": self.model,
            "documents": self.documents,
            "queries": self.queries,
            "rejected": dict(sorted(self.rejected.items())),
        }


@dataclass
class Translation:
    """A translated collection.

    Attributes:
        splits: the collection by split; the one key is None if it has no splits.
        reports: counts of each pair of languages.
        rejected: the translations that were rejected, in order of language, then of their sources.
    """

    splits: dict[str | None, Collection]
    reports: list[PairReport]
    rejected: list[Rejected]


def write_translation(
    translation: Translation, out: str | Path, form: Literal["jsonl", "parquet"] = "jsonl"
) -> None:
    """Write a translated collection, with `rejected.jsonl` beside it; the folder appears whole or not at all.

    Raises:
        InputError: the folder exists and is not empty.
    """
    with new_folder(out) as folder:
        write_collection(translation.splits, folder, form)
        with (folder / "rejected.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for one in translation.rejected:
                file.write(json.dumps(one.to_record(), ensure_ascii=False) + "\n")


def today() -> str:
    """Return the day (UTC), or that of $SOURCE_DATE_EPOCH, as reproducible builds have it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch.isdigit() else datetime.now(timezone.utc)
    return now.date().isoformat()
