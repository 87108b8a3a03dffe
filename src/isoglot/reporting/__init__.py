"""Reporting: figures, and self-contained HTML pages that work offline."""

from isoglot.reporting.charts import write_figures
from isoglot.reporting.figures import save_figures
from isoglot.reporting.inspection import Inspection, RankedDocument, RankedQuery, Space, inspect_result, project
from isoglot.reporting.report import write_report

__all__ = [
    "Inspection",
    "RankedDocument",
    "RankedQuery",
    "Space",
    "inspect_result",
    "project",
    "save_figures",
    "write_figures",
    "write_report",
]
