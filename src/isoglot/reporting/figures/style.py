"""What figures share: colours that colour-blind readers tell apart, axes that recede, channels, and files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt

from isoglot.errors import InputError
from isoglot.files import new_file
from isoglot.stores import refuse_address

__all__ = [
    "ARM_COLOURS",
    "FORMATS",
    "LANGUAGE_COLOURS",
    "MATRIX_SCHEME",
    "REFERENCE",
    "SHAPES",
    "by_name",
    "class_names",
    "data",
    "gradient",
    "interval_rules",
    "names_axis",
    "padded",
    "save_figures",
    "score_format",
    "theme",
    "tips",
    "with_mean",
]

ARM_COLOURS = ("#d55e00", "#0b84c4", "#00966d", "#cc79a7", "#b98a00", "#56b4e9", "#7a7a7a")
"""By arm or model. Okabe and Ito (2008), two of them darkened for thin marks."""

LANGUAGE_COLOURS = ("#0b84c4", "#d55e00", "#00966d", "#cc79a7", "#b98a00", "#56b4e9", "#8c6bb1", "#7a7a7a")
"""By language; with more languages than colours they repeat, and labels tell languages apart."""

MATRIX_SCHEME = "viridis"
"""Of heat maps: ordered in lightness, so it survives colour blindness and grey printing."""

REFERENCE = "#8a929c"
"""Of reference marks, readable on light and on dark."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif'

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")

TICKS = 5
LEAST = 2
FORMATS = ("svg", "png")
PIXELS_PER_UNIT = 2.0


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


def data(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return a chart of rows that has no marks yet."""
    return alt.Chart(alt.Data(values=list(rows)))


def with_mean(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return these keys of the rows that have a `mean`."""
    return [{name: row.get(name) for name in names} for row in rows if row.get("mean") is not None]


def by_name(
    channel: Any,
    field: str,
    names: Sequence[str],
    choices: Sequence[Any],
    at: Sequence[int] | None = None,
    **legend: Any,
) -> Any:
    """Return a channel, colour or shape, by name; no legend for one name.

    Args:
        channel: such as `alt.Color`.
        field: the key of a row that holds a name.
        names: those there are, in order.
        choices: colours, shapes; with more names than choices they repeat.
        at: (n,) which choice each name takes; the next one each if None.
        **legend: how the legend looks.
    """
    taken = [choices[one % len(choices)] for one in (at or range(len(names)))]
    return channel(
        f"{field}:N",
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=taken),
        legend=None if len(names) == 1 else alt.Legend(**{"title": None, "orient": "top", **legend}),
    )


def names_axis(width: int, **axis: Any) -> Any:
    """Return a vertical axis of names, each on a line of its own, of at most so many pixels."""
    return alt.Axis(**{"title": None, "domain": False, "ticks": False, "labelLimit": width, **axis})


def tips(*names: str, number: str = ".3f") -> list[Any]:
    """Return what is told of numbers under the pointer."""
    return [alt.Tooltip(f"{name}:Q", format=number) for name in names]


def interval_rules(base: Any, low: str = "low", high: str = "high", **mark: Any) -> Any:
    """Return lines of the rows that have both ends of an interval."""
    return base.transform_filter(f"isValid(datum.{low}) && isValid(datum.{high})").mark_rule(**mark)


def gradient(title: str | None, number: str) -> Any:
    """Return the legend of a colour scale."""
    return alt.Legend(
        title=title, format=number, orient="bottom", gradientLength=180, gradientThickness=10, tickCount=3
    )


def padded(values: Sequence[float], share: float = 0.08) -> list[float]:
    """Return the ends of an axis that has room on both sides of the values."""
    room = (max(values) - min(values)) * share or abs(values[0]) * share or 0.1
    return [min(values) - room, max(values) + room]


def class_names(edges: Sequence[int]) -> list[str]:
    """Return what classes of whole numbers are called, of edges (c + 1,): `0`, `1–4`, `5–9`."""
    return [f"{low:,}" if high - low == 1 else f"{low:,}–{high - 1:,}" for low, high in pairwise(edges)]


def score_format(values: Iterable[float | None], sign: bool = False) -> str:
    """Return the d3-format that tells ticks of an axis over these values apart, with two decimals or more."""
    known = [value for value in values if value is not None]
    step = (max(known) - min(known)) / TICKS if known else 0.0
    digits = max(LEAST, math.ceil(-math.log10(step))) if step > 0 else LEAST
    return f"{'+' if sign else ''}.{min(digits, 6)}f"


def save_figures(charts: Mapping[str, Any], folder: str | Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write figures as NAME.svg and NAME.png, on white.

    Args:
        charts: name -> Altair chart.
        folder: where; made if it is missing.
        formats: `svg`, `png` (twice the nominal size).

    Returns:
        The files written.

    Raises:
        InputError: a format is unknown, a name has a path separator in it, or a file cannot be written.
    """
    import vl_convert

    refuse_address(folder, "what is written")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"figures cannot be written as {unknown[0]!r}; choose from {', '.join(FORMATS)}")
    folder = Path(folder)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            if Path(name).name != name:
                raise InputError(f"{name!r} is not a name for a figure: it must not contain a path")
            spec = {**chart.to_dict(), "config": theme()}
            for form in formats:
                path = folder / f"{name}.{form}"
                if form == "svg":
                    drawn = vl_convert.vegalite_to_svg(spec).encode()
                else:
                    drawn = vl_convert.vegalite_to_png(spec, scale=PIXELS_PER_UNIT)
                with new_file(path, "wb") as file:
                    file.write(drawn)
                written.append(path)
    except OSError as error:
        raise InputError(f"cannot write figures to {folder}: {error.strerror}") from None
    return written
