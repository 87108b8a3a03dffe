"""Where the downloads of data sets are kept."""

from __future__ import annotations

from pathlib import Path

from isoglot.files import data_folder

__all__ = ["download_folder"]


def download_folder(name: str) -> Path:
    """Return where the files of a data set are downloaded to, as their publisher has them."""
    return data_folder() / "downloads" / name
