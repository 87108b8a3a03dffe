"""Where data sets are kept: $ISOGLOT_DATA, or a folder in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from isoglot.cache_folder import default_cache

__all__ = ["data_folder", "download_folder"]


def data_folder() -> Path:
    """Return the folder of data sets: `NAME/` is the copy of a data set that its name stands for."""
    given = os.environ.get("ISOGLOT_DATA")
    return Path(given).expanduser() if given else default_cache() / "data"


def download_folder(name: str) -> Path:
    """Return where the files of a data set are downloaded to, as their publisher has them."""
    return data_folder() / "downloads" / name
