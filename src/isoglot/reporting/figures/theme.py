"""How figures look: colours that colour-blind readers tell apart, and axes that recede."""

from __future__ import annotations

from typing import Any

__all__ = ["ARM_COLOURS", "FONT", "LANGUAGE_COLOURS", "MATRIX_SCHEME", "REFERENCE", "theme"]

ARM_COLOURS = ("#d55e00", "#0b84c4", "#00966d", "#cc79a7", "#b98a00", "#56b4e9", "#7a7a7a")
"""By arm or model. Okabe and Ito (2008), two of them darkened for thin marks."""

LANGUAGE_COLOURS = ("#0b84c4", "#d55e00", "#00966d", "#cc79a7", "#b98a00", "#56b4e9", "#8c6bb1", "#7a7a7a")
"""By language; with more languages than colours they repeat, and labels tell languages apart."""

MATRIX_SCHEME = "viridis"
"""Of heat maps: ordered in lightness, so it survives colour blindness and grey printing."""

REFERENCE = "#8a929c"
"""Of reference marks, readable on light and on dark."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif'


def theme(page: bool = False) -> dict[str, Any]:
    """Return a Vega-Lite config.

    Args:
        page: for the HTML page, where text takes the colour of the page around it, light or dark; else for a
            file, on white.
    """
    ink = "currentColor" if page else "#1c2128"
    return {
        "background": None if page else "white",
        "padding": 2 if page else 12,
        "font": FONT if page else "sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink,
            "titleColor": ink,
            "domainColor": ink,
            "tickColor": ink,
            "gridColor": ink,
            "labelOpacity": 0.85,
            "titleOpacity": 0.85,
            "domainOpacity": 0.35,
            "tickOpacity": 0.35,
            "gridOpacity": 0.12,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": ink,
            "labelOpacity": 0.9,
            "titleOpacity": 0.85,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "symbolSize": 90,
        },
        "title": {
            "color": ink,
            "subtitleColor": ink,
            "anchor": "start",
            "frame": "group",
            "fontSize": 15,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "offset": 12,
        },
        "text": {"color": ink},
    }
