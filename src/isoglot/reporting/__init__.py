"""Reporting: figures, and self-contained HTML pages."""

from isoglot.reporting.demo import DEMO_MEASURES, write_demo_report

__all__ = ["DEMO_MEASURES", "write_demo_report"]
