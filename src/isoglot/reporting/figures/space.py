"""Where the questions of each language lie in the embedding space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from isoglot.reporting.figures.theme import LANGUAGE_COLOURS
from isoglot.reporting.languages import name_and_tag, order_of

__all__ = ["space_scatter"]

MOST_POINTS = 1500
EVERY = "all languages"


def space_scatter(
    points: NDArray[np.floating[Any]],
    languages: Sequence[str],
    texts: Sequence[str] | None = None,
    *,
    title: str | None = None,
) -> Any:
    """Draw embeddings in two dimensions, coloured by language, each language's tag at its centre.

    Args:
        points: (n, 2) positions, of which at most `MOST_POINTS`, drawn with a fixed seed, are shown.
        languages: (n,) tags.
        texts: (n,) what is shown for a point under the pointer.
        title: by default, what is seen.

    Returns:
        An Altair chart; in an HTML page a language can be selected.
    """
    tags = order_of(languages)
    kept = np.arange(len(points))
    if len(kept) > MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST_POINTS, replace=False))
    spoken = {tag: name_and_tag(tag) for tag in tags}
    rows = [
        {
            "x": round(float(points[at, 0]), 4),
            "y": round(float(points[at, 1]), 4),
            "lang": languages[at],
            **({"text": str(texts[at])[:160]} if texts is not None else {}),
        }
        for at in map(int, kept)
    ]
    labels = np.asarray(languages, dtype=object)
    centres = [
        {"lang": tag, **dict(zip("xy", map(float, points[labels == tag].mean(axis=0)), strict=True))}
        for tag in tags
    ]
    colours = [LANGUAGE_COLOURS[at % len(LANGUAGE_COLOURS)] for at in range(len(tags))]
    colour = alt.Color("lang:N", scale=alt.Scale(domain=tags, range=colours), legend=None)
    plain = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
    place = {"x": alt.X("x:Q", axis=plain), "y": alt.Y("y:Q", axis=plain)}
    options = [EVERY, *tags]
    chosen = alt.param(
        name="shown",
        value=EVERY,
        bind=alt.binding_select(options=options, labels=[EVERY, *(spoken[tag] for tag in tags)], name="show "),
    )
    tongue = alt.param(name="names", value=spoken)
    visible = f"shown === '{EVERY}' || shown === datum.lang"
    tooltip = [alt.Tooltip("name:N", title="language"), *([alt.Tooltip("text:N")] if texts is not None else [])]
    dots = (
        alt.Chart(alt.Data(values=rows))
        .transform_calculate(name="names[datum.lang]")
        .mark_circle(size=26)
        .encode(
            **place,
            color=colour,
            opacity=alt.condition(visible, alt.value(0.6), alt.value(0.06)),
            tooltip=tooltip,
        )
    )
    marks = (
        alt.Chart(alt.Data(values=centres))
        .mark_text(fontSize=13, fontWeight="bold")
        .encode(**place, text="lang:N", opacity=alt.condition(visible, alt.value(1), alt.value(0.1)))
    )
    return (
        alt.layer(dots, marks)
        .add_params(chosen, tongue)
        .properties(width=520, height=420, title=title or "Questions in the embedding space, by language")
    )
