"""The cost model beside what was measured: each run predicted from the rates of another one."""

from __future__ import annotations

from scale_model import Model, encoder_of

__all__ = ["checks"]


def checks(model: Model) -> list[tuple[str, str, float, float]]:
    """Return what was predicted and measured: what, from which rates, and both in the same unit."""
    found = model.measured
    rows: list[tuple[str, str, float, float]] = []

    small, large = found["evaluate_static"]["sizes"]
    scored = [one["queries"] * one["documents"] for one in (small, large)]
    rest = (small["whole_seconds"] - small["encode_seconds"]) * scored[1] / scored[0]
    predicted = small["encode_seconds"] * large["characters"] / small["characters"] + rest
    rows.append(
        (
            f"static, evaluation of {large['documents']:,} documents and {large['queries']:,} queries, CPU s",
            f"the same of {small['documents']:,} and {small['queries']:,}",
            predicted,
            large["whole_seconds"],
        )
    )

    one = encoder_of("encode_minilm")
    speed = model.core_flops("encode_minilm")
    tokenise = model.last("encode_minilm")["tokenise_seconds"] / model.last("encode_minilm")["tokens"]
    for seen in found["evaluate_minilm"]["sizes"]:
        padded = sum(rows_ * length for rows_, length in seen["batches"])
        flops = sum(one.forward(length) * rows_ * length for rows_, length in seen["batches"])
        ranked = seen["queries"] * seen["documents"] * (2 * one.dimensions / model.product + model.rank)
        rows.append(
            (
                f"MiniLM, evaluation of {seen['documents']:,} documents and {seen['queries']:,} queries, CPU s",
                "encoding of 264 paragraphs, ranking of random vectors",
                flops / speed + 2 * padded * tokenise + ranked,
                seen["whole_seconds"],
            )
        )

    large = found["encode_xlmr"]["sizes"][-1]
    other = encoder_of("encode_xlmr")
    flops = sum(other.forward(length) * rows_ * length for rows_, length in large["batches"])
    rows.append(
        (
            f"multilingual-e5-small, encoding of {large['texts']:,} paragraphs, CPU s",
            "FLOPS of MiniLM",
            flops / speed + 2 * large["tokenise_seconds"],
            large["encode_seconds"],
        )
    )

    base, big = model.ranking(-2), model.ranking(-1)
    predicted = big["queries"] * big["documents"] * (2 * big["dimensions"] / model.product + model.rank)
    predicted += base["prepare_seconds"] * big["documents"] / base["documents"]
    rows.append(
        (
            f"ranking of {big['documents']:,} random documents for {big['queries']} queries, CPU s",
            f"the same of {base['documents']:,} for {base['queries']}",
            predicted,
            big["whole_seconds"],
        )
    )

    runs = found["train"]["runs"]
    first = next(run for run in runs if run["rows"] == 16 and run["kept"])
    each = first["seconds"] / first["padded_tokens"]
    for run in runs:
        if run is not first:
            passes = 1 if run["kept"] else 4 / 3
            how = "kept" if run["kept"] else "computed again"
            rows.append(
                (
                    f"MiniLM, training of {run['rows']} rows a step, activations {how}, CPU s",
                    "16 rows a step, activations kept",
                    each * run["padded_tokens"] * passes,
                    run["seconds"],
                )
            )

    small, large = found["loss"]["sizes"]
    rows.append(
        (
            f"InfoNCE of {large['rows']:,} rows, CPU s",
            f"{small['rows']:,} rows",
            small["seconds"] * (large["rows"] / small["rows"]) ** 2,
            large["seconds"],
        )
    )
    small, large = found["sample"]["sizes"]
    for key, unit in (("peak_bytes", "MB"), ("setup_seconds", "CPU s")):
        scale = 1e6 if unit == "MB" else 1
        rows.append(
            (
                f"setting up batches of {large['pairs']:,} pairs, {unit}",
                f"{small['pairs']:,} pairs",
                small[key] * large["pairs"] / small["pairs"] / scale,
                large[key] / scale,
            )
        )
    return rows
