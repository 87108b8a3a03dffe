"""Reporting: figures, and self-contained HTML pages that work offline."""

from isoglot.files import require

for _library in ("altair", "jinja2", "vl_convert"):
    require(_library, "report", "a page or a figure")

from isoglot.reporting.charts import write_figures
from isoglot.reporting.figures import save_figures
from isoglot.reporting.inspection import Inspection, RankedDocument, RankedQuery, Space, inspect_result, project
from isoglot.reporting.leaderboard import write_leaderboard
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
    "write_leaderboard",
    "write_report",
]
