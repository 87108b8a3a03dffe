"""The machine: memory, caches, and the way to the Hugging Face Hub."""

from __future__ import annotations

import os
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Folder", "ask_hub", "caches", "total_memory"]

HUB_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_ENDPOINT", "HF_HOME")
HUB = "https://huggingface.co"
WAITING = 5  # seconds for the Hub's answer


@dataclass
class Folder:
    """A folder in which things are kept from run to run.

    Attributes:
        holds: what.
        path: where it is, or would be.
        variable: of the environment that says where.
        size: bytes; None where there is none.
        writable: whether it can be written to, or made.
    """

    holds: str
    path: str
    variable: str
    size: int | None
    writable: bool


def total_memory() -> int | None:
    """Return the bytes of memory that there are, a container's share among it."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return None
    with suppress(OSError, ValueError):
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory


def _folder(holds: str, path: Path, variable: str) -> Folder:
    """Look at a cache; nothing is written."""
    size = None
    if path.is_dir():
        size = 0
        for root, _, names in os.walk(path):
            for name in names:
                try:
                    size += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - caches have many files
                except OSError:  # gone meanwhile
                    continue
    near = next((one for one in (path, *path.parents) if one.exists()), path)
    writable = near.is_dir() and os.access(near, os.W_OK | os.X_OK)
    return Folder(holds, str(path), variable, size, writable)


def caches() -> list[Folder]:
    """Return the caches: ours, the data sets', and the Hub's, which models are loaded from."""
    from isoglot.files import data_folder, default_cache

    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    return [
        _folder("token ids, embeddings, collections", default_cache(), "ISOGLOT_CACHE"),
        _folder("data sets by name", data_folder(), "ISOGLOT_DATA"),
        _folder("models of the Hugging Face Hub", hub, "HF_HUB_CACHE"),
    ]


def ask_hub(network: bool) -> dict[str, Any]:
    """Say what the environment says of the Hub, and what it answers, if it is to be asked."""
    variables = {name: os.environ[name] for name in HUB_VARIABLES if os.environ.get(name)}
    yes = ("1", "true", "yes", "on")
    offline = [name for name, value in variables.items() if name.endswith("OFFLINE") and value.lower() in yes]
    answer = None
    if network:
        address = variables.get("HF_ENDPOINT", HUB)
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=WAITING) as reply:
                answer = f"{address} answers ({reply.status})"
        except (OSError, ValueError) as error:
            answer = f"{address} cannot be reached: {error}"
    return {"variables": variables, "offline": offline, "answer": answer}
