"""Names that shells complete: `isoglot --install-completion`.

A shell asks at every press of Tab, so nothing heavy is imported: names stand here as the rooms that know them have
them, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import isoglot

__all__ = [
    "complete_data",
    "complete_encoder",
    "complete_fair",
    "complete_form",
    "complete_measures",
    "complete_objective",
    "complete_pairing",
    "complete_quantize",
    "complete_repair",
    "complete_strategy",
    "complete_study",
]

ENCODERS = ("static", "scratch")
FAIR = ("calibrate", "fuse", "quota")
FORMS = (
    *("afriqa", "aligned", "beir", "dpr", "dream", "dureader", "dureader-retrieval", "jsonl", "lareqa", "mkqa"),
    *("parquet", "squad", "table", "tatoeba", "tldr"),
)
MEASURES = (
    *("AP", "nDCG@10", "R@1", "R@5", "R@10", "R@20", "R@100", "RR@10", "Success@1", "Success@5", "Success@10"),
)
PAIRINGS = ("row", "batch")
QUANTIZED = ("int8", "binary")
REPAIRS = ("shift", "center", "whiten", "erase", "align")
STRATEGIES = ("monolingual", "cross_lingual", "hybrid", "english", "mixed", "multiway")
TERMS = (
    *("InfoNCE", "MultiwayInfoNCE", "LanguageAdversary", "DistributionAlignment", "ReverseTraining"),
    *("ReverseAlignment", "KLAlignment", "SemanticContrast", "LanguageContrast", "DomainContrast"),
    *("EmbeddingDistillation", "SimilarityDistillation", "ScoreDistillation"),
)
ROOMS = Path(isoglot.__file__).parent

Complete = Callable[[str], list[str]]


def one_of(names: Callable[[], Iterable[str]]) -> Complete:
    """Return what completes one name. Where none fits, shells complete files."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def several_of(names: Callable[[], Iterable[str]]) -> Complete:
    """Return what completes the last of several names separated by commas, each of which is named once."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        named = before.split(",")
        return [before + comma + name for name in names() if name.startswith(last) and name not in named]

    return complete


def _files(folder: str) -> Callable[[], Iterable[str]]:
    return lambda: sorted(path.stem for path in (ROOMS / folder).glob("*.yaml"))


complete_data = one_of(_files("data/catalogue/entries"))
complete_study = one_of(_files("studies/recipes"))
complete_encoder = one_of(lambda: ENCODERS)
complete_fair = one_of(lambda: FAIR)
complete_form = one_of(lambda: FORMS)
complete_measures = several_of(lambda: MEASURES)
complete_objective = one_of(lambda: TERMS)
complete_pairing = one_of(lambda: PAIRINGS)
complete_quantize = one_of(lambda: QUANTIZED)
complete_repair = one_of(lambda: REPAIRS)
complete_strategy = one_of(lambda: STRATEGIES)
