"""Figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.errors import InputError
from isoglot.reporting.figures.theme import theme

__all__ = ["save_figures"]

FORMATS = ("svg", "png")
PIXELS_PER_UNIT = 2.0


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
                    path.write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
                else:
                    path.write_bytes(vl_convert.vegalite_to_png(spec, scale=PIXELS_PER_UNIT))
                written.append(path)
    except OSError as error:
        raise InputError(f"cannot write figures to {folder}: {error.strerror}") from None
    return written
