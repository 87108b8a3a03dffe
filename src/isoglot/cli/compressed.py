"""`isoglot evaluate --truncate-dim 64,128 --quantize int8`: what a model loses by smaller embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.cli.data import listed
from isoglot.cli.pages import write_pages
from isoglot.cli.state import console, state
from isoglot.cli.tables import models_table
from isoglot.errors import InputError

if TYPE_CHECKING:
    from isoglot.collections import Collection

__all__ = ["evaluate_compressed", "parse_dimensions"]


def parse_dimensions(text: str | None) -> list[int]:
    """Return numbers of dimensions separated by commas; none of None.

    Raises:
        InputError: one is no number.
    """
    if text is None:
        return []
    try:
        found = [int(one) for one in listed(text) or ()]
    except ValueError:
        found = []
    if not found:
        raise InputError(f"--truncate-dim {text!r} is no number of dimensions: write 128, or several: 64,128,256")
    return found


def json_of(path: Path, size: int | None) -> Path:
    """Return the result file of a number of dimensions: `F-64.json` for `F.json`."""
    return path if size is None else path.with_name(f"{path.name.removesuffix('.json')}-{size}.json")


def evaluate_compressed(
    model: str,
    collection: Collection,
    dimensions: list[int],
    quantize: str | None,
    *,
    json_file: Path | None,
    html_file: Path | None,
    figures: Path | None,
    **options: Any,
) -> None:
    """Measure a model with compressed embeddings, write a result file for each number of dimensions, one report of
    all, and show a table."""
    from isoglot.evaluation import measure_compressed

    kind = model.partition(":")[0]
    if model == "bm25" or kind in ("run", "embeddings", "rerank"):
        raise InputError(f"--truncate-dim with several numbers and --quantize are of models, and {model!r} is none")
    shown = html_file is not None or figures is not None
    results = measure_compressed(
        model,
        collection,
        dimensions=dimensions,
        quantize=quantize,  # type: ignore[arg-type]
        progress=state.progress,
        keep_embeddings=shown,
        **options,
    )
    if json_file is not None:
        for size, result in zip(dimensions if len(dimensions) > 1 else [None], results, strict=True):
            result.save(json_of(json_file, size))
    if shown:
        write_pages(results, collection, html_file, figures)
    console().print(models_table({result.model: result for result in results}))
