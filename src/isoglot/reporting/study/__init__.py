"""The page of a study: what was asked, the answer, and all that it rests on."""

from isoglot.reporting.study.method import cautions_of
from isoglot.reporting.study.page import write_study_figures, write_study_page
from isoglot.reporting.study.result import StudyResult

__all__ = ["StudyResult", "cautions_of", "write_study_figures", "write_study_page"]
