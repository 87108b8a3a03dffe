"""A study so small that each of its runs takes a fraction of a second."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from isoglot.collections import Collection, collection_from_rows, write_collection

THINGS = (
    "apple",
    "bridge",
    "cloud",
    "drum",
    "engine",
    "forest",
    "garden",
    "harbour",
    "island",
    "jacket",
    "kettle",
    "lamp",
)
PARTS = ("train", "test")

SMALL = {
    "data": "train",
    "encoder": "static",
    "dimensions": 8,
    "vocabulary": 150,
    "batch_size": 6,
    "steps": 4,
    "learning_rate": 0.05,
    "cache": False,
}

RECIPE: dict[str, Any] = {
    "name": "tiny",
    "title": "a study of nothing",
    "question": "Does it run?",
    "hypothesis": "It does.",
    "profiles": {
        "embedded": {
            "data": {"train": {"collection": "train"}, "test": {"collection": "test"}},
            "train": SMALL,
            "seeds": [0],
            "arms": {"mono": {"train": {"strategy": "monolingual"}}},
            "grids": [{"name": "alpha-{alpha}", "over": {"alpha": [0.5]}}],
            "evaluate": [{"name": "test", "data": "test", "measures": ["AP"]}],
            "decisive": [
                {
                    "first": "alpha-0.5",
                    "second": "mono",
                    "on": "test",
                    "setting": "cross_lingual",
                    "expect": "first",
                },
                {
                    "first": "alpha-0.5",
                    "second": "mono",
                    "on": "test",
                    "setting": "bias",
                    "measure": "rank_distance",
                },
            ],
        }
    },
}


def pages(part: str) -> Collection:
    """Twelve pages in three languages, made of other words in each part."""
    tags = ("de", "en", "fr")
    names = [f"{part} {thing}" for thing in THINGS]
    documents = [(f"{tag}/{name}", tag, "", f"{tag} {name} page") for tag in tags for name in names]
    queries = [(name, tag, f"{tag} about {name}") for tag in tags for name in names]
    qrels = [(name, f"{tag}/{name}", 1) for tag in tags for name in names]
    return collection_from_rows(documents, queries, qrels, name=part)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the collections `train` and `test`."""
    folder = tmp_path_factory.mktemp("tiny")
    for part in PARTS:
        write_collection(pages(part), folder / part)
    return folder


@pytest.fixture
def write_recipe(tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that writes the tiny recipe, changed by another function, and returns its path."""
    monkeypatch.setenv("ISOGLOT_DATA", str(tiny_data))

    def write(change: Callable[[dict[str, Any]], object] = lambda profile: None) -> str:
        recipe = copy.deepcopy(RECIPE)
        change(recipe["profiles"]["embedded"])
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
        return str(path)

    return write
