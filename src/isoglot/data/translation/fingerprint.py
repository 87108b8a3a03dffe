"""What tells one translation model from another, found without loading its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["model_files_fingerprint"]

SUFFIXES = {".bin", ".json", ".jinja", ".model", ".safetensors", ".spm", ".txt"}
CHUNK = 1 << 22


def model_files_fingerprint(name: str, commit: str | None) -> str:
    """Return a hash of a model: of the contents of its files, or of the commit that a hub names them by.

    The same model from a folder and from a hub has two fingerprints: only the first is known by its contents.

    Args:
        name: the folder, or the name on the hub.
        commit: the commit of a model of the hub; None for a folder.
    """
    digest = hashlib.blake2b(digest_size=16)
    folder = Path(name)
    if not folder.is_dir():
        digest.update(f"{name}@{commit}".encode())
        return digest.hexdigest()
    for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()):
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
