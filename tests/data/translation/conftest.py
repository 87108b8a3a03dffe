"""One small translation model of each family, and a stand-in that translates by a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from translation_models import make_m2m100, make_madlad, make_marian, make_mbart50, make_nllb

from isoglot.collections import Collection, collection_from_rows


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small model of each family, and of the kinds of OPUS-MT."""
    root = tmp_path_factory.mktemp("translation-models")

    def folder(name: str) -> Path:
        (root / name).mkdir()
        return root / name

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "m2m100": make_m2m100(folder("m2m100")),
            "m2m100-plain": make_m2m100(folder("m2m100-plain"), special=False),
            "nllb": make_nllb(folder("nllb")),
            "mbart50": make_mbart50(folder("mbart50")),
            "mbart50-to-english": make_mbart50(folder("mbart50-to-english"), "en_XX"),
            "madlad": make_madlad(folder("madlad")),
            "opus-mt-en-de": make_marian(folder("opus-mt-en-de")),
            "opus-german-english": make_marian(folder("opus-german-english"), source="de", target="en"),
            "opus-mt-en-mul": make_marian(folder("opus-mt-en-mul"), ["deu", "swa", "cmn_Hans", "cmn_Hant"]),
            "opus-mt-mul-en": make_marian(folder("opus-mt-mul-en")),
        }


class Pretend:
    """A translator that writes what each word would be: fast, and right by its own rule.

    Args:
        changes: source text -> another translation of it.
        languages: tags that it knows.
    """

    def __init__(
        self, changes: dict[str, str] | None = None, languages: Sequence[str] = ("en", "de", "sw")
    ) -> None:
        self.name = "pretend"
        self.changes = changes or {}
        self.languages = languages
        self.given: list[str] = []

    def check(self, source: str, target: str) -> None:
        from isoglot.errors import InputError

        for tag in (source, target):
            if tag not in self.languages:
                raise InputError(f"pretend does not know {tag}")

    def context(self, source: str, target: str) -> str:
        return f"pretend {source} {target}"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def of(self, text: str, source: str, target: str) -> str:
        """What it makes of a text; translating back undoes it."""
        there = {"de": "ä", "sw": "u", "en": ""}
        if text in self.changes:
            return self.changes[text]
        before, after = there[source], there[target]
        return " ".join(word.removesuffix(before) + after for word in text.split())

    def translate(self, texts: Sequence[str], source: str, target: str) -> Iterator[list[tuple[int, str]]]:
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), 3):
            batch = order[start : start + 3]
            self.given += [texts[row] for row in batch]
            yield [(row, self.of(texts[row], source, target)) for row in batch]


@pytest.fixture
def pretend() -> type[Pretend]:
    return Pretend


@pytest.fixture
def english() -> Collection:
    """Three documents and three queries in English; one document answers two queries, one has a graded judgment."""
    documents = [
        ("tar", "en", "tar command", "It unpacks the archives that other programs have packed before."),
        ("ls", "en", "", "It lists the files of a folder, with their sizes and owners."),
        ("pi", "en", "3.14159", "The ratio of the circumference of a circle to its diameter."),
    ]
    queries = [
        ("unpack", "en", "How do I unpack an archive?"),
        ("pack", "en", "Which program packs archives?"),
        ("list", "en", "How do I see the files of a folder?"),
    ]
    qrels = [("unpack", "tar", 2), ("pack", "tar", 1), ("list", "ls", 1), ("list", "tar", 0)]
    metadata = {"licence": "CC0", "source": "made up", "languages": ["en"]}
    return collection_from_rows(documents, queries, qrels, name="small", metadata=metadata)
