"""Where things are kept from run to run: embeddings, token ids."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_cache"]


def default_cache() -> Path:
    """Return the folder that $ISOGLOT_CACHE names, or `isoglot` in the user's cache folder (XDG)."""
    given = os.environ.get("ISOGLOT_CACHE")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "isoglot"
