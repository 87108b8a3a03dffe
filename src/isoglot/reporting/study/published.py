"""Published figures beside ours, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.measures import format_value, interval_text, measure_of, setting_name, signed_value
from isoglot.reporting.study.method import Words
from isoglot.reporting.study.values import key_of

__all__ = ["published_of"]

MACRO = "macro_"
HELD = {True: "inside", False: "outside", None: "–"}


def published_of(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the page says of published figures; None where the study sets none beside its own.

    It is `source`, `note`, `sentence`, `comparable` and a `table`.

    Args:
        result: of the study.
    """
    told = result.get("published")
    if not told or not told["figures"]:
        return None
    rows = []
    for one in told["figures"]:
        setting = one["setting"].removeprefix(MACRO)
        measure = measure_of(key_of(setting, one["measure"]))
        known = one["low"] is not None and one["high"] is not None
        interval = " " + interval_text(one["low"], one["high"], measure.form) if known else ""
        name = one["measure"] if setting != "bias" else measure.label
        retrieval = setting != "bias"
        cells = [
            f"{setting_name(setting)} {name}" if retrieval else name,
            one["averaged"],
            one["arm"],
            format_value(one["published"], measure.form),
            format_value(one["ours"], measure.form) + interval,
            signed_value(one["difference"], measure.form),
            HELD[one["within"]],
        ]
        rows.append((one["evaluation"], "", cells))
    heads = ["evaluation", "measure", "averaged", "arm", "published", "ours [95 %]", "difference", "our interval"]
    table = Words("Published figures", heads, rows, "Difference: ours minus the published figure.")
    return {key: told[key] for key in ("source", "note", "sentence", "comparable")} | {"table": table}
