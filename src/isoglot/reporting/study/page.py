"""`write_study_page`: a study as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isoglot.reporting.page import Fact, figure, making, render_page, write_page
from isoglot.reporting.study.charts import study_figures
from isoglot.reporting.study.claims import claims_of
from isoglot.reporting.study.configs import common_settings
from isoglot.reporting.study.method import arms_table, data_table, failures_of, tuning_of
from isoglot.reporting.study.published import published_of
from isoglot.reporting.study.tables import evaluation_tables, language_table
from isoglot.reporting.study.values import check_result
from isoglot.reporting.study.verdicts import verdict_card
from isoglot.reporting.words import plural

__all__ = ["write_study_page"]

HELD = {True: ("held", "good"), False: ("did not hold", "bad"), None: ("cannot be said", "plain")}


def write_study_page(result: Mapping[str, Any], path: str | Path) -> Path:
    """Write what a study asked and found as one self-contained HTML file.

    The answer comes first, with every decisive comparison; then how it was done, all figures, and what the study
    cannot show. Figures and parts that the result has nothing for are left out.

    Args:
        result: the content of a `study.json`.
        path: of the file.

    Returns:
        The path.

    Raises:
        InputError: it is not the result of a study, or the file cannot be written.
    """
    check_result(result)
    cards = [verdict_card(one) for one in result["decisive"]]
    told = {card["sentence"] for card in cards}
    comparable = result.get("comparable")
    context = {
        "title": f"isoglot study: {result['study']}",
        "kicker": f"isoglot study {result['study']}, {result['profile']} profile"
        if result.get("profile")
        else "isoglot study",
        "headline": f"{result['title'][:1].upper()}{result['title'][1:]}",
        "lead": _lead(result),
        "question": result["question"],
        "hypothesis": result.get("hypothesis") or "",
        "answer": [sentence for sentence in result["answer"] if sentence not in told],
        "cards": cards,
        "arms": arms_table(result),
        "common": common_settings(result["arms"]),
        "comparable": comparable and {"sentence": comparable["sentence"], "held": HELD[comparable["holds"]]},
        "tuning": tuning_of(result),
        "data": data_table(result),
        "claims": claims_of(result),
        "choices": result.get("choices") or [],
        "sources": result.get("sources") or [],
        "evaluations": [_evaluation(result, one) for one in result["evaluations"]],
        "figures": [
            {
                "title": part.title,
                "text": part.text,
                "charts": [
                    figure(shown.chart, shown.caption, widest=shown.widest) for shown in part.charts.values()
                ],
            }
            for part in study_figures(result)
        ],
        "published": published_of(result),
        "failures": failures_of(result),
        "left_out": result.get("left_out") or [],
        "limits": result.get("limits") or [],
        "notes": result.get("notes") or [],
        "full_command": result.get("full_command"),
        "facts": _facts(result),
    }
    return write_page(path, render_page("study.html", context))


def _seeds(result: Mapping[str, Any]) -> list[int]:
    return sorted({seed for arm in result["arms"] for seed in arm["seeds"]})


def _lead(result: Mapping[str, Any]) -> str:
    parts = [plural(len(result["arms"]), "arm"), plural(len(_seeds(result)), "seed")]
    parts.append(plural(len(result["evaluations"]), "evaluation"))
    if result["decisive"]:
        parts.append(plural(len(result["decisive"]), "decisive comparison"))
    return " · ".join(parts)


def _evaluation(result: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """Return an evaluation's tables, and what it is: a claim of zero-shot that was struck is shown as such."""
    claim = next((claim for claim in result.get("zero_shot") or () if claim["evaluation"] == one["name"]), None)
    text = (
        f"{one['collection']}: {one['queries']:,} queries, {one['documents']:,} documents, "
        f"{plural(len(one['languages']), 'language')}."
    )
    return {
        "name": one["name"],
        "text": text + (f" It stands in for {one['stands_for']}." if one.get("stands_for") else ""),
        "claim": claim and {"holds": claim["holds"]},
        "tables": evaluation_tables(result, one["name"]),
        "languages": language_table(result, one["name"]),
    }


def _facts(result: Mapping[str, Any]) -> list[Fact]:
    """Collect how the result can be made again, and cited."""
    profile = f" --profile {result['profile']}" if result.get("profile") else ""
    versions = result.get("versions") or {}
    seeds = ", ".join(map(str, _seeds(result)))
    facts = making(
        [one["collection"] for one in result.get("data") or result["evaluations"]],
        command=f"isoglot study run {result['study']}{profile} --out DIR",
        seconds=None,
        versions=versions,
        metadata=None,
    )
    facts.append(
        Fact(
            "Comparisons",
            "Effects and intervals are over queries and seeds; p is of a paired randomisation test over queries "
            "(of geometry, a paired t-test over seeds), corrected after Holm over all decisive comparisons. An "
            "arm is called better where p < 0.05 and the interval leaves out 0.",
        )
    )
    version = f" {versions['isoglot']}" if "isoglot" in versions else ""
    named = f"study “{result['study']}”" + (f", {result['profile']} profile" if result.get("profile") else "")
    runs = f", seeds {seeds}" if seeds else ""
    facts.append(Fact("Cite", f"isoglot{version}, {named}{runs}: {result['title']}."))
    return facts
