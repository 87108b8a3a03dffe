"""Where labels may stand without covering each other, in pixels of a narrow figure; wider ones have more room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["LETTER", "LINE", "NARROW", "label_layers", "note_places", "place_labels", "spread"]

LETTER = 6.8
"""Pixels a letter of a label takes, about."""
LINE = 13
"""Pixels from label to label."""
NARROW = 270
"""Pixels between the axes on a phone."""


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart until no two are nearer than a gap, in their order, as little as it takes.

    Args:
        places: in any order.
        gap: least distance.
        low: least place; kept to where there is room.
        high: largest place; always kept to.

    Returns:
        The new places, in the order given.
    """
    order = sorted(range(len(places)), key=lambda at: places[at])
    groups: list[tuple[list[int], float]] = []  # members, and place of the first
    for at in order:
        members, start = [at], places[at]
        while groups and groups[-1][1] + len(groups[-1][0]) * gap > start:
            before, _ = groups.pop()
            members = [*before, *members]
            start = sum(places[one] - gap * number for number, one in enumerate(members)) / len(members)
        start = min(max(start, low), high - gap * (len(members) - 1))
        groups.append((members, start))
    found = [0.0] * len(places)
    ceiling = high
    for members, start in reversed(groups):
        first = min(start, ceiling - gap * (len(members) - 1))
        for number, at in enumerate(members):
            found[at] = first + gap * number
        ceiling = first - gap
    return found


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], width: float, height: float
) -> list[tuple[float, float, str] | None]:
    """Find a place beside its point for each label that has one, the first labels first.

    Args:
        points: (x, y) in pixels, y downwards.
        texts: of the labels.
        width: of the figure, in pixels.
        height: the same.

    Returns:
        For each label its offset from the point and its alignment, `left`, `right` or `center`; None where every
        place would cover a point or another label.
    """
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found: list[tuple[float, float, str] | None] = []
    for number, ((x, y), text) in enumerate(zip(points, texts, strict=True)):
        size = len(text) * LETTER
        choices = [(8.0, 0.0, "left"), (-8.0, 0.0, "right"), (0.0, -12.0, "center"), (0.0, 13.0, "center")]
        choices += [(6.0, -9.0, "left"), (6.0, 10.0, "left"), (-6.0, -9.0, "right"), (-6.0, 10.0, "right")]
        place = None
        for dx, dy, align in choices:
            left = x + dx - {"left": 0.0, "right": size, "center": size / 2}[align]
            box = (left, y + dy - LINE / 2, left + size, y + dy + LINE / 2)
            inside = box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= height
            others = [one for at, one in enumerate(taken) if at != number]
            if inside and not any(_cover(box, one) for one in others):
                place = (dx, dy, align)
                taken.append(box)
                break
        found.append(place)
    return found


def _cover(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def note_places(
    rows: Sequence[dict[str, Any]], points: Sequence[tuple[float, float]], name: str, width: float, height: float
) -> None:
    """Write into every row, under `place`, where its label stands, for `label_layers`; None for nowhere.

    Args:
        rows: what the labels are of.
        points: where each row's point is, as for `place_labels`.
        name: the key of a row that holds its label.
        width: of the figure, pixels.
        height: the same.
    """
    for row, place in zip(rows, place_labels(points, [row[name] for row in rows], width, height), strict=True):
        row["place"] = None if place is None else f"{place[0]:g} {place[1]:g} {place[2]}"


def label_layers(base: Any, rows: Sequence[Mapping[str, Any]], name: str, **encodings: Any) -> list[Any]:
    """Return layers that write the labels of rows, which are the data of `base`, where `note_places` put them."""
    layers = []
    for place in sorted({row["place"] for row in rows if row["place"] is not None}):
        dx, dy, align = place.split()  # offsets and alignments are of marks, so each needs its own
        layers.append(
            base.transform_filter(f"datum.place === '{place}'")
            .mark_text(align=align, baseline="middle", dx=float(dx), dy=float(dy), fontSize=11)
            .encode(text=f"{name}:N", **encodings)
        )
    return layers
