"""The page of a collection: its sizes, lengths and language pairs, and what is odd about its texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isoglot.data.quality.findings import finding_sentences
from isoglot.files import versions
from isoglot.measures import plural
from isoglot.reporting.figures.heatmaps import length_heatmap, pair_count_heatmap
from isoglot.reporting.page import figure, making, render_page, write_page
from isoglot.reporting.tables import Cell, Head, Table
from isoglot.reporting.words import name_of

__all__ = ["write_quality_page"]

REPEATS = {
    "duplicates": ("The same in one language", "but for case, spacing and punctuation"),
    "near_duplicates": ("Nearly the same in one language", ""),
    "same_in_languages": ("The same in several languages", "names, or texts with a wrong tag"),
}
SUSPICIONS = {
    "other_scripts": ("In another script than the tag says", "under a tenth of the letters in a script of its own"),
    "markup": ("With markup", "tags and entities of HTML, Markdown"),
    "other_languages": ("Identified as another language", "of 80 letters or more, by py3langid"),
    "other_short_languages": (
        "Short, together identified as another language",
        "under 80 letters, by py3langid; a fifth of their language or more",
    ),
}
KINDS = ("queries", "documents")


def write_quality_page(
    stats: Mapping[str, Any],
    path: str | Path,
    *,
    command: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write the statistics of a collection and what is odd about it as one self-contained HTML file.

    Args:
        stats: what `collection_stats` returned, with `length_histograms` as `lengths` and `quality_findings` of the
            same collection as `findings`.
        path: of the file.
        command: the command line, for "How this was made".
        metadata: of the collection: licence, source, citation.

    Returns:
        The path.

    Raises:
        InputError: the file cannot be written.
    """
    findings = stats["findings"]
    (split,) = findings["splits"].values()
    found = {"queries": split["queries"], "documents": findings["documents"]}
    lengths = stats["lengths"]
    facts = making([stats["name"]], command=command, seconds=None, versions=versions(), metadata=metadata)
    context = {
        "title": f"isoglot: {stats['name']}",
        "kicker": "isoglot collection",
        "headline": stats["name"],
        "lead": " · ".join(
            [
                plural(len(stats["languages"]), "language"),
                f"{plural(stats['queries'], 'query')} ({plural(stats['query_ids'], 'id')})",
                plural(stats["documents"], "document"),
                plural(stats["judgments"], "judgment"),
            ]
        ),
        "tiles": _tiles(stats),
        "sentences": [f"{text[0].upper()}{text[1:]}." for text in finding_sentences(findings)],
        "languages": _languages(stats, found),
        "pairs": figure(
            pair_count_heatmap(stats["pairs"]),
            "Queries in one language (rows) with a relevant document in another (columns); the diagonal is "
            "monolingual. Empty squares have none.",
        )
        if stats["pairs"]
        else None,
        "lengths": [
            figure(length_heatmap(lengths["edges"], lengths[kind], title=f"Length of the {kind}"))
            for kind in KINDS
            if lengths[kind]
        ],
        "findings": _findings(found, findings["near"]),
        "repeats": _repeats(found),
        "suspicions": _suspicions(found),
        # the facts of an evaluation end with how its measures are defined; here there are none
        "facts": [fact for fact in facts if fact.name != "Measures"],
    }
    return write_page(path, render_page("quality.html", context))


def _tiles(stats: Mapping[str, Any]) -> list[dict[str, str]]:
    tiles = [{"name": name, "text": f"{stats[name]:,}", "note": ""} for name in KINDS]
    for kind, name in (("mono", "monolingual pairs"), ("cross", "cross-lingual pairs")):
        pairs = stats["language_pairs"][kind]
        note = f"in {plural(pairs['pairs'], 'language' if kind == 'mono' else 'language pair')}"
        tiles.append({"name": name, "text": f"{pairs['training_pairs']:,}", "note": note})
    return tiles


def _number(value: float | None) -> Cell:
    return Cell("–") if value is None else Cell(f"{value:,.0f}", value)


def _languages(stats: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    """One row a language: texts, pairs, lengths, and texts that something is odd about."""
    heads = [
        *(Head("language"), Head("queries"), Head("documents")),
        *(Head("pairs", "monolingual"), Head("pairs", "cross-lingual")),
        *(Head("query length", "median"), Head("document length", "median")),
        *(Head("repeated", "queries"), Head("repeated", "documents"), Head("oddly tagged", "texts")),
    ]
    rows = []
    for tag, numbers in stats["languages"].items():
        pairs = stats["pairs"].get(tag, {})
        mono = pairs.get(tag, 0)
        odd = sum(
            sum(found[kind][key]["by_language"].get(tag, {}).values())
            for kind in KINDS
            for key in SUSPICIONS
            if key != "markup" and found[kind][key]
        )
        median = [(numbers[f"{name}_characters"] or {}).get("median") for name in ("query", "document")]
        repeated = [found[kind]["duplicates"]["by_language"].get(tag, 0) for kind in KINDS]
        sizes = [numbers["queries"], numbers["documents"], mono, sum(pairs.values()) - mono]
        name = name_of(tag)
        rows.append([Cell(name, note="" if name == tag else tag), *map(_number, [*sizes, *median, *repeated, odd])])
    note = "Lengths are in characters. Repeated: the same as another text of the language."
    return Table("Languages", heads, rows, note=note, sortable=True)


def _findings(found: Mapping[str, Any], near: float | None) -> Table:
    """What was looked for: one row each, and how many texts were found."""
    rows = []
    for key, (label, note) in (REPEATS | SUSPICIONS).items():
        if all(found[kind][key] is None for kind in KINDS):
            continue
        shown = f"Jaccard similarity of trigrams of {near} or more" if key == "near_duplicates" else note
        rows.append([Cell(label, note=shown), *(_number(found[kind][key]["texts"]) for kind in KINDS)])
    rows.append(
        [
            Cell("Without a counterpart", note="without a relevant document, or relevant to no query"),
            _number(found["queries"]["without_relevant"]["texts"]),
            _number(found["documents"]["never_relevant"]["texts"]),
        ]
    )
    return Table("Findings", [Head("what"), Head("queries"), Head("documents")], rows)


def _shown(text: Mapping[str, str]) -> dict[str, str]:
    return {"lang": text["language"], "language": name_of(text["language"]), "text": text["text"], "id": text["id"]}


def _repeats(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Groups of texts that are alike, by kind."""
    parts = []
    for key, (label, _) in REPEATS.items():
        for kind in KINDS:
            repeats = found[kind][key]
            if repeats and repeats["examples"]:
                groups = [
                    {"similarity": group.get("similarity"), "texts": [_shown(text) for text in group["texts"]]}
                    for group in repeats["examples"]
                ]
                size = f"{plural(repeats['texts'], 'text')} in {plural(repeats['groups'], 'group')}"
                parts.append({"label": f"{label}: {kind}", "size": size, "groups": groups})
    return parts


def _suspicions(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Texts with suspicious tags, or with markup, by kind."""
    parts = []
    for key, (label, _) in SUSPICIONS.items():
        for kind in KINDS:
            suspicions = found[kind][key]
            if suspicions and suspicions["examples"]:
                size = f"{suspicions['texts']:,} of {plural(suspicions['checked'], 'text')}"
                verb = "has" if key == "markup" else "looks"
                texts = [_shown(text) | {"looks": f"{verb} {text['looks']}"} for text in suspicions["examples"]]
                parts.append({"label": f"{label}: {kind}", "size": size, "texts": texts})
    return parts
