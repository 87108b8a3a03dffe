"""Query ids that do not link languages, which make cross-lingual figures none: told of wherever that matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.collections.links import link_sentences
from isoglot.data.quality.findings import finding_sentences, quality_findings

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


@pytest.mark.parametrize(("linked", "told"), [(198, False), (197, True)])
def test_a_share_that_no_figure_shows_is_told_by_check_alone(linked, told, tmp_path):
    ids = [("en", f"q{n}") for n in range(200)]
    versions = [*ids, *(("de", f"q{n}") for n in range(linked))]
    collection = collection_from_rows(
        [(f"{tag}/{name}", tag, "", f"answer {name} {tag}") for tag, name in versions],
        [(name, tag, f"question {name} {tag}") for tag, name in versions],
        [(name, f"{tag}/{name}", 1) for tag, name in versions],
    )
    said = f"{linked} of 200 query ids ({linked / 2:.1f}%) have texts in more than one language"
    assert [said in sentence for sentence in link_sentences(collection)] == [True] * told
    assert any(said in sentence for sentence in finding_sentences(quality_findings(collection, near=None)))
