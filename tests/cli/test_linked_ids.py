"""Query ids that do not link languages, which make cross-lingual figures none: told of wherever that matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection

TAGS = ("de", "en")


def folder_of(folder: Path, linked: int) -> str:
    """Eight questions and pages in two languages, the first so many with one id for both."""
    ids = {tag: [f"q{n}" if n < linked else f"{tag}-q{n}" for n in range(8)] for tag in TAGS}
    collection = collection_from_rows(
        [(f"{tag}/{n}", tag, "", f"answer {n} {tag}") for tag in TAGS for n in range(8)],
        [(name, tag, f"question {n} {tag}") for tag in TAGS for n, name in enumerate(ids[tag])],
        [(name, f"{tag}/{n}", 1) for tag in TAGS for n, name in enumerate(ids[tag])],
    )
    write_collection(collection, folder)
    return str(folder)


@pytest.mark.parametrize(
    ("linked", "said"),
    [
        (0, "no query id has texts in two languages: nothing cross-lingual can be trained or measured"),
        (2, "2 of 14 query ids (14.3%) have texts in more than one language"),
        (8, None),
    ],
)
def test_check_evaluate_and_train_tell_of_ids_that_link_no_languages(linked, said, tmp_path, capfd, caplog):
    data = folder_of(tmp_path / "data", linked)
    model = ["--encoder", "static", "--vocabulary", "100", "--dimensions", "8"]
    steps = ["--steps", "1", "--batch-size", "4", "--strategy", "monolingual"]
    for command in (
        ["data", "check", data],
        ["evaluate", "bm25", data, "--bootstrap", "0"],
        ["train", "--data", data, *model, *steps, "--out", str(tmp_path / "model")],
    ):
        caplog.clear()
        with caplog.at_level("INFO", logger="isoglot"):
            assert main(command) == 0
        shown = "".join(capfd.readouterr()) + caplog.text
        found = " ".join(shown.split())
        if said is None:
            assert "versions of a query share their id" not in found
        else:
            assert said in found
            assert 'versions of a query share their id, as {"_id": "q1", "lang": "en", …}' in found
