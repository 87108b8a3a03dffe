"""Figures, as pure functions from rows of a result to Altair charts; one source for the page, SVG and PNG."""

from isoglot.reporting.figures.distances import distance_counts, distance_histogram
from isoglot.reporting.figures.dots import interval_dots, language_dots
from isoglot.reporting.figures.matrix import pair_heatmap, share_heatmap
from isoglot.reporting.figures.saving import save_figures
from isoglot.reporting.figures.space import space_scatter
from isoglot.reporting.figures.theme import theme

__all__ = [
    "distance_counts",
    "distance_histogram",
    "interval_dots",
    "language_dots",
    "pair_heatmap",
    "save_figures",
    "share_heatmap",
    "space_scatter",
    "theme",
]
