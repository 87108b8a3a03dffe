"""What tests share: the real data, where it is, and a small parallel collection."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isoglot.collections import Collection, collection_from_rows

ROOT = Path(__file__).parents[1]

WORDS = {
    "en": (
        "How do I unpack an archive?",
        "tar unpacks archives",
        "List files",
        "ls lists the files of a folder",
    ),
    "de": (
        "Wie entpacke ich ein Archiv?",
        "tar entpackt Archive",
        "Dateien auflisten",
        "ls listet Dateien auf",
    ),
    "th": ("ฉันจะแตกไฟล์เก็บถาวรได้อย่างไร", "tar แตกไฟล์เก็บถาวร", "แสดงรายการไฟล์", "ls แสดงรายการไฟล์ในโฟลเดอร์"),
}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository, or where ISOGLOT_SHARED_DATA says."""
    path = Path(os.environ.get("ISOGLOT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set ISOGLOT_SHARED_DATA to where it is")
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep embeddings that tests make out of the user's cache."""
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def toy() -> Collection:
    """Two queries and two documents, each in English, German and Thai; a document answers one query."""
    documents, queries, qrels = [], [], []
    for tag, (unpack, tar, list_files, ls) in WORDS.items():
        documents += [(f"{tag}/tar", tag, "tar", tar), (f"{tag}/ls", tag, "", ls)]
        queries += [("unpack", tag, unpack), ("list", tag, list_files)]
        qrels += [("unpack", f"{tag}/tar", 1), ("list", f"{tag}/ls", 1)]
    return collection_from_rows(documents, queries, qrels, name="toy")
