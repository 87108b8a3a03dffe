"""Running a study in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from isoglot.studies import Outline, Study, StudyRequest, outline_study, run_study


def run(recipe: str, out: str | Path, jobs: int | None = 1, **more: Any) -> Study:
    """Run a study, in this process unless more `jobs` are given; its result is what the file holds."""
    study = run_study(StudyRequest(recipe, out, **more), jobs=jobs)
    return replace(study, result=study.result.to_dict())


def outline_of(recipe: str, out: str | Path, **more: Any) -> Outline:
    """Return what a study would run."""
    return outline_study(StudyRequest(recipe, out, **more))
