"""What is installed, told to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isoglot.installation.examination import Installation

__all__ = ["installation_text"]


def _size(count: float | None) -> str:
    """Write a number of bytes: `1.2 GiB`."""
    if count is None:
        return "unknown"
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Set rows of cells in columns."""
    table = [list(row) for row in rows]
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  " + "  ".join(cell.ljust(n) for cell, n in zip(row, wide, strict=True)).rstrip() for row in table]


def installation_text(found: Installation) -> str:
    """Return what was found, for people."""
    device, hub = found.device, found.hub
    lines = [
        f"isoglot {found.isoglot or 'from its source'}, Python {found.python}, {found.system}",
        "",
        "Libraries",
    ]
    lines += _columns((one.name, one.version or "–", one.needed, one.problem or "") for one in found.libraries)
    gpus = [f"{one['name']} ({_size(one['memory'])})" for one in device.get("cuda", ())]
    gpus += ["Apple's GPU (mps)"] if device.get("mps") else []
    cores = f"{device['cores']} core{'s' if device['cores'] != 1 else ''}"
    lines += ["", "Devices", f"  {cores}, {_size(device['memory'])} of memory"]
    lines += [f"  {one}" for one in gpus or [device.get("problem") or "no GPU that torch can use"]]
    lines += ["", "Extras"]
    for extra in found.extras:
        lacking = [f"{one.name} {one.problem}" for one in extra.libraries if one.problem]
        there = ", ".join(f"{one.name} {one.version}" for one in extra.libraries)
        lines.append(f"  {extra.name}: " + (f"{'; '.join(lacking)}: {extra.install}" if lacking else there))
    lines += ["", "Caches"]
    lines += _columns(
        (
            *(one.path, "none yet" if one.size is None else _size(one.size), one.holds, f"${one.variable}"),
            "" if one.writable else "cannot be written to",
        )
        for one in found.folders
    )
    told = [f"  {name}={value}" for name, value in hub["variables"].items()] or ["  no variable is set"]
    off = f"  {hub['offline'][0]} is set: nothing is downloaded" if hub["offline"] else None
    lines += ["", "Hugging Face Hub", *told, *filter(None, [off, hub["answer"] and f"  {hub['answer']}"])]
    lines += ["", *(found.problems or ["Nothing that isoglot needs is missing."])]
    return "\n".join(lines)
