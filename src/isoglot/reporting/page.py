"""One self-contained HTML page: templates, style, scripts and figures in a single file that asks for nothing.

A content security policy in the page lets only the page's own scripts run, named by their hash, and lets
nothing be fetched: whatever text the data holds, the page stays what it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isoglot.errors import InputError
from isoglot.reporting.figures.theme import theme

__all__ = ["figure", "json_for_script", "render_page", "write_page"]

STATIC = "isoglot.reporting"


def json_for_script(value: Any) -> Markup:
    """Return JSON that may stand in a `<script>`: no text of the data can end the element or open another.

    NaN and infinities become null.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _by_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn rows into columns, which take a third of the bytes; the page's script turns them back."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    return {"fields": fields, "rows": [[row.get(name) for name in fields] for row in rows]}


def _pack_data(spec: dict[str, Any]) -> None:
    """Pack the inline data of a specification and of its layers, in place."""
    if "values" in spec.get("data", {}):
        spec["data"]["values"] = _by_columns(spec["data"]["values"])
    for layer in spec.get("layer", ()):
        _pack_data(layer)


def figure(chart: Any, caption: str = "", *, widest: int = 0) -> dict[str, Any]:
    """Prepare a chart for the page: its title becomes the heading of an HTML figure.

    Args:
        chart: an Altair chart.
        caption: how to read it.
        widest: pixels beyond which the figure does not grow with the page; 0 for no limit.
    """
    spec = chart.to_dict()
    title = spec.pop("title", "")
    spec["config"] = theme(page=True)
    _pack_data(spec)
    step = isinstance(spec.get("width"), dict)
    columns = 0
    if step:
        x = _first_encoding(spec)["x"]
        columns = len(x["scale"]["domain"])
    else:
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    text = title if isinstance(title, str) else title.get("text", "")
    return {
        "title": text,
        "caption": caption,
        "columns": columns,
        "widest": widest,
        "spec": json_for_script(spec),
    }


def _first_encoding(spec: Mapping[str, Any]) -> Any:
    return spec["encoding"] if "encoding" in spec else _first_encoding(spec["layer"][0])


@lru_cache(maxsize=1)
def _vega() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]


def _asset(name: str) -> str:
    return (files(STATIC) / "static" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("isoglot.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script_json"] = json_for_script
    return environment


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """Fill a template of this package; everything in `context` is escaped.

    Args:
        template: file in `templates`.
        context: what the template asks for.
    """
    scripts = [_vega(), _asset("report.js")]
    # A script must not contain its own end; the bundle has no such text, and this keeps it so.
    scripts = [script.replace("</script", "<\\/script") for script in scripts]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; "
        f"script-src {' '.join(_hash(script) for script in scripts)}; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(
            **context,
            policy=policy,
            style=Markup(_asset("report.css")),
            scripts=[Markup(script) for script in scripts],
        )
    )


def write_page(path: str | Path, text: str) -> Path:
    """Write the page, making its folder if it is missing.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}") from None
    return path
