"""The page of a study: what was asked, the answer, and all that it rests on."""

from isoglot.reporting.study.charts import write_study_figures
from isoglot.reporting.study.page import write_study_page

__all__ = ["write_study_figures", "write_study_page"]
