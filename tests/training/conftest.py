"""A small training collection on the disk, for tests of whole runs."""

from __future__ import annotations

import pytest

from isoglot.collections import collection_from_rows, write_collection


@pytest.fixture(scope="session")
def twelve_pages():
    """Twelve pages in two languages, a question each."""
    return collection_from_rows(
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in ("en", "de") for n in range(12)],
    )


@pytest.fixture(scope="session")
def pages(tmp_path_factory, twelve_pages):
    """The folder of these."""
    folder = tmp_path_factory.mktemp("pages") / "data"
    write_collection(twelve_pages, folder)
    return folder
