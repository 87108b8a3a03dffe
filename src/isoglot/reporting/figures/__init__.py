"""Figures, as pure functions from rows of a result to Altair charts; one source for the page, SVG and PNG."""

from isoglot.reporting.figures.dots import (
    distance_counts,
    distance_histogram,
    interval_dots,
    language_dots,
    probe_dots,
)
from isoglot.reporting.figures.heatmaps import (
    difference_heatmap,
    length_heatmap,
    pair_count_heatmap,
    pair_heatmap,
    share_heatmap,
)
from isoglot.reporting.figures.lines import interval_lines, ratio_curve
from isoglot.reporting.figures.points import language_gains, pareto_front, space_scatter
from isoglot.reporting.figures.style import FORMATS, save_figures, score_format, theme

__all__ = [
    "FORMATS",
    "difference_heatmap",
    "distance_counts",
    "distance_histogram",
    "interval_dots",
    "interval_lines",
    "language_dots",
    "language_gains",
    "length_heatmap",
    "pair_count_heatmap",
    "pair_heatmap",
    "pareto_front",
    "probe_dots",
    "ratio_curve",
    "save_figures",
    "score_format",
    "share_heatmap",
    "space_scatter",
    "theme",
]
