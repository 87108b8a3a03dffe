"""`write_study_page`, `write_study_figures`: a study as one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.errors import InputError
from isoglot.reporting.figures.style import FORMATS, save_figures
from isoglot.reporting.page import Fact, figure, making, render_page, write_page
from isoglot.reporting.study.charts import study_figures
from isoglot.reporting.study.method import (
    arms_table,
    claims_of,
    common_settings,
    data_table,
    failures_of,
    tuning_of,
)
from isoglot.reporting.study.result import Evaluated, StudyResult
from isoglot.reporting.study.tables import evaluation_tables, language_table, published_table
from isoglot.reporting.study.verdicts import verdict_card
from isoglot.reporting.words import plural

__all__ = ["write_study_figures", "write_study_page"]

HELD = {True: ("held", "good"), False: ("did not hold", "bad"), None: ("cannot be said", "plain")}


def write_study_page(
    result: StudyResult | Mapping[str, Any], path: str | Path, *, command: str | None = None
) -> Path:
    """Write what a study asked and found as one self-contained HTML file.

    The answer comes first, with every decisive comparison; then how it was done, all figures, and what the study
    cannot show. Figures and parts that the result has nothing for are left out.

    Args:
        result: of the study, or the content of its `study.json`.
        path: of the file.
        command: by which it was run; `isoglot study run …` if not given.

    Returns:
        The path.

    Raises:
        InputError: it is not the result of a study, or the file cannot be written.
    """
    study = StudyResult.read(result)
    profile = study.profile
    sentences = {one.sentence for one in study.decisive}
    context = {
        "title": f"isoglot study: {study.study}",
        "kicker": f"isoglot study {study.study}, {profile} profile" if profile else "isoglot study",
        "headline": f"{study.title[:1].upper()}{study.title[1:]}",
        "lead": _lead(study),
        "study": study,
        "answer": [sentence for sentence in study.answer if sentence not in sentences],
        "cards": [verdict_card(one) for one in study.decisive],
        "arms": arms_table(study),
        "common": common_settings(study.arms),
        "held": None if study.comparable is None else HELD[study.comparable.holds],
        "tuning": tuning_of(study),
        "data": data_table(study),
        "claims": claims_of(study),
        "evaluations": [_evaluation(study, one) for one in study.evaluations],
        "figures": [
            {
                "title": part.title,
                "text": part.text,
                "charts": [
                    figure(shown.chart, shown.caption, widest=shown.widest) for shown in part.charts.values()
                ],
            }
            for part in study_figures(study)
        ],
        "published": published_table(study),
        "failures": failures_of(study),
        "facts": _facts(study, command),
    }
    return write_page(path, render_page("study.html", context))


def write_study_figures(
    result: StudyResult | Mapping[str, Any], folder: str | Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the figures of a study as files, such as `ratio-test-monolingual-AP.svg`.

    Args:
        result: of the study, or the content of its `study.json`.
        folder: where; made if it is missing.
        formats: `svg`, `png` (twice the nominal size).

    Returns:
        The files written; none where the result has nothing to draw.

    Raises:
        InputError: it is not the result of a study, a format is unknown, or a file cannot be written.
    """
    charts: dict[str, Any] = {}
    for part in study_figures(StudyResult.read(result)):
        for name, shown in part.charts.items():
            stem = re.sub(r"[^\w.()@+-]+", "_", name).strip("._")
            if stem in charts:
                raise InputError(f"two figures would be written as {stem}: give arms and evaluations other names")
            charts[stem] = shown.chart
    return save_figures(charts, folder, formats)


def _seeds(study: StudyResult) -> list[int]:
    return sorted({seed for arm in study.arms for seed in arm.seeds})


def _lead(study: StudyResult) -> str:
    parts = [plural(len(study.arms), "arm"), plural(len(_seeds(study)), "seed")]
    parts.append(plural(len(study.evaluations), "evaluation"))
    if study.decisive:
        parts.append(plural(len(study.decisive), "decisive comparison"))
    return " · ".join(parts)


def _evaluation(study: StudyResult, one: Evaluated) -> dict[str, Any]:
    """Return an evaluation's tables, and what it is: a claim of zero-shot that was struck is shown as such."""
    text = (
        f"{one.collection}: {one.queries:,} queries, {one.documents:,} documents, "
        f"{plural(len(one.languages), 'language')}."
    )
    return {
        "name": one.name,
        "text": text + (f" It stands in for {one.stands_for}." if one.stands_for else ""),
        "claim": next((claim for claim in study.zero_shot if claim.evaluation == one.name), None),
        "tables": evaluation_tables(study, one.name),
        "languages": language_table(study, one.name),
    }


def _facts(study: StudyResult, command: str | None) -> list[Fact]:
    """Collect how the result can be made again, and cited."""
    profile = f" --profile {study.profile}" if study.profile else ""
    facts = making(
        [one.collection for one in study.data or study.evaluations],
        command=command or f"isoglot study run {study.study}{profile} --out DIR",
        seconds=None,
        versions=study.versions,
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
    version = f" {study.versions['isoglot']}" if "isoglot" in study.versions else ""
    named = f"study “{study.study}”" + (f", {study.profile} profile" if study.profile else "")
    seeds = ", ".join(map(str, _seeds(study)))
    runs = f", seeds {seeds}" if seeds else ""
    facts.append(Fact("Cite", f"isoglot{version}, {named}{runs}: {study.title}."))
    return facts
