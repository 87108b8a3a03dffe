"""One self-contained HTML page: templates, style, scripts and figures in a single file that asks for nothing.

A content security policy in the page lets only the page's own scripts run, named by their hash, and lets
nothing be fetched: whatever text the data holds, the page stays what it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from isoglot.errors import InputError
from isoglot.files import new_file
from isoglot.reporting.figures.style import theme

__all__ = ["Fact", "coded", "figure", "json_for_script", "making", "render_page", "time_text", "write_page"]

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
    environment.filters["coded"] = coded
    return environment


def coded(text: str, names: Iterable[str]) -> Markup:
    """Return a text, escaped, with the names of arms in it set as code.

    So `cross_lingual`, an arm as its recipe calls it, is told from "cross-lingual", a setting in words.
    """
    longest_first = sorted((re.escape(name) for name in names if len(name) > 1), key=len, reverse=True)
    if not longest_first:
        return escape(text)
    parts = re.split(rf"(?<![\w-])({'|'.join(longest_first)})(?![\w-]|\.\d)", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def render_page(template: str, context: Mapping[str, Any], *, figures: bool = True) -> str:
    """Fill a template of this package; everything in `context` is escaped.

    Args:
        template: file in `templates`.
        context: what the template asks for.
        figures: whether the page has any; one without them is 700 kB smaller.
    """
    scripts = [*([_vega()] if figures else []), _asset("report.js")]
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
        with new_file(path) as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}") from None
    return path


@dataclass(frozen=True)
class Fact:
    """One line of how a page was made: a name and a text, which may be a link or code."""

    name: str
    text: str
    link: str = ""
    code: bool = False


def time_text(seconds: float) -> str:
    """Write a duration: 0.4 s, 12 s, 3 min 20 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def _seconds(seconds: float | Mapping[str, float]) -> str:
    if not isinstance(seconds, Mapping):
        return time_text(seconds)
    parts = ", ".join(f"{name} {time_text(value)}" for name, value in seconds.items())
    return f"{time_text(sum(seconds.values()))} ({parts})"


def _link(text: str) -> str:
    """Return a text as a link target if it is a web address and nothing else."""
    return text if text.startswith(("https://", "http://")) and not any(mark.isspace() for mark in text) else ""


def making(
    collections: Sequence[str],
    *,
    command: str | None,
    seconds: float | Mapping[str, float] | None,
    versions: Mapping[str, str],
    metadata: Mapping[str, Any] | None,
) -> list[Fact]:
    """Collect how a page was made, leaving out what is not known.

    Args:
        collections: names of the collections.
        command: the command line.
        seconds: in all, or of each step.
        versions: package -> version.
        metadata: of the collection: `licence`, `source`, `citation`.

    Raises:
        InputError: metadata is not a mapping.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InputError("the metadata of a report must be a mapping, as a collection's `metadata` is")
    facts = [Fact("Collection", ", ".join(dict.fromkeys(collections)))]
    for name, keys in (
        ("Data licence", ("licence", "license")),
        ("Data source", ("source",)),
        ("Cite", ("citation",)),
    ):
        found = next((metadata[key] for key in keys if metadata and metadata.get(key)), None)
        for text in found if isinstance(found, (list, tuple)) else [found] if found else []:
            facts.append(Fact(name, str(text), _link(str(text))))
    if command:
        facts.append(Fact("Command", command, code=True))
    if seconds:
        facts.append(Fact("Time", _seconds(seconds)))
    if versions:
        facts.append(Fact("Versions", ", ".join(f"{name} {value}" for name, value in versions.items())))
    facts.append(
        Fact(
            "Measures",
            "Rank measures follow trec_eval; ranks are exact, over the whole pool. Ties in score are broken by "
            "document position. Intervals are 95 %.",
        )
    )
    return facts
