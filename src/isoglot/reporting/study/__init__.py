"""The page of a study: what was asked, the answer, and all that it rests on."""

from isoglot.reporting.study.page import write_study_figures, write_study_page
from isoglot.reporting.study.result import StudyResult

__all__ = ["StudyResult", "write_study_figures", "write_study_page"]
