"""Embeddings on disk, so that evaluating the same model on the same texts again encodes nothing."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

from isoglot.checksums import damaged, list_beside, write_list
from isoglot.evaluation.batches import Texts
from isoglot.files import content_hash, new_file
from isoglot.stores import refuse_address

__all__ = ["EmbeddingCache", "model_fingerprint", "texts_fingerprint"]

FloatArray = NDArray[np.float32]

logger = logging.getLogger(__name__)


def _tokenizer_state(tokenizer: Any) -> Any:
    """Return what decides how a tokenizer cuts text; not padding and truncation, which calls change."""
    fast = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(fast, "to_str"):
        state = json.loads(fast.to_str())
        return {key: value for key, value in state.items() if key not in ("truncation", "padding")}
    return getattr(tokenizer, "get_vocab", dict)()


def _module_state(module: Any) -> dict[str, Any]:
    """Return what besides its weights decides what a module computes."""
    state: dict[str, Any] = {"class": f"{type(module).__module__}.{type(module).__qualname__}"}
    if hasattr(module, "get_config_dict"):
        state["config"] = module.get_config_dict()
    config: Any = getattr(getattr(module, "auto_model", None), "config", None)
    if hasattr(config, "to_dict"):
        told = ("_name_or_path", "transformers_version")
        state["transformer"] = {key: value for key, value in config.to_dict().items() if key not in told}
    if hasattr(module, "max_seq_length"):
        state["max_seq_length"] = module.max_seq_length
    return state


def model_fingerprint(model: Any, *, libraries: bool = True) -> str | None:
    """Return a hash of all that decides a model's embeddings; None for what is no torch module.

    Weights, classes and configurations of the modules (pooling, layers, longest input), tokenizer, prompts,
    truncation, and the versions of sentence-transformers and transformers. Neither the name nor the device.

    Args:
        model: any sentence-transformers model.
        libraries: whether those versions count, which change embeddings by rounding, if at all.
    """
    if not isinstance(model, torch.nn.Module):
        return None
    digest = hashlib.blake2b(digest_size=20)

    def add(*values: Any) -> None:
        digest.update(json.dumps(values, sort_keys=True, default=str).encode())

    if libraries:
        add(version("sentence-transformers"), version("transformers"))
    add([getattr(model, name, None) for name in ("prompts", "default_prompt_name", "truncate_dim")])
    for name, value in sorted(model.state_dict().items()):
        if isinstance(value, torch.Tensor):
            add(name, str(value.dtype), list(value.shape))
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:
            add(name, value)
    tokenizers: dict[int, Any] = {}
    for name, module in model.named_children():
        add(name, _module_state(module))
    for module in model.modules():
        tokenizer = getattr(module, "tokenizer", None)
        if tokenizer is not None:
            tokenizers.setdefault(id(tokenizer), tokenizer)
    for tokenizer in tokenizers.values():
        add(_tokenizer_state(tokenizer))
    return digest.hexdigest()


def texts_fingerprint(texts: Iterable[str]) -> str:
    """Return a hash of texts and their order."""
    digest = hashlib.blake2b(digest_size=20)
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


class EmbeddingCache:
    """A folder of embeddings, one `.npy` file for each list of texts and way to encode it, its checksum beside it.

    Nothing is ever removed: delete the folder, or files of it, at any time. A folder that cannot be written to and
    a file that cannot be read, or that is not as it was written, cost time only, and are said in the log.

    Args:
        folder: made when it is first written to.
    """

    def __init__(self, folder: str | Path) -> None:
        refuse_address(folder, "the cache of embeddings")
        self.folder = Path(folder).expanduser() / "embeddings"

    def get(self, texts: Sequence[str] | Texts, how: Sequence[Any], encode: Callable[[], FloatArray]) -> FloatArray:
        """Return the embeddings (n, d) of texts (n,): those kept, or else what `encode` gives, then kept.

        Where several processes want the same, one encodes, and the others wait for it.

        Args:
            texts: the texts.
            how: what else decides the embeddings, such as the model's fingerprint and a prompt.
            encode: encodes the texts.
        """
        key = content_hash(json.dumps([texts_fingerprint(texts), *how]), 20)
        path = self.folder / f"{key}.npy"
        kept = self._read(path, len(texts))
        if kept is not None:
            logger.info("%d embeddings are read from %s; nothing is encoded", len(texts), path)
            return kept
        with self._alone(path):
            kept = self._read(path, len(texts))
            if kept is not None:
                return kept
            embeddings = np.asarray(encode(), dtype=np.float32)
            if np.isfinite(embeddings).all():  # else it is refused, and a repaired model should be asked again
                self._write(path, embeddings)
        return embeddings

    @contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """Wait until no other process makes a file; without waiting where none can be written."""
        held = path.with_name(f".{path.name}.lock")
        lock = FileLock(held)
        try:
            held.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError:
            yield
            return
        try:
            yield
        finally:
            held.unlink(missing_ok=True)  # who waits for it, finds what was made
            lock.release()

    def _read(self, path: Path, rows: int) -> FloatArray | None:
        try:
            if path.exists() and (bad := damaged(list_beside(path))):
                raise ValueError(f"damaged on the disk: {', '.join(bad)}")
            kept: FloatArray = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            logger.warning("%s cannot be read (%s): its texts are encoded again", path, error)
            return None
        return kept if kept.ndim == 2 and len(kept) == rows else None

    def _write(self, path: Path, embeddings: FloatArray) -> None:
        """Write to a file of another name first, so that no half of a file is ever read."""
        try:
            with new_file(path, "wb") as file:
                np.save(file, embeddings)
            write_list(list_beside(path), [path])  # without it, after a kill, they are encoded again
        except OSError as error:
            said = error.strerror or "no room on the disk"  # numpy says how many numbers it wrote
            logger.warning("embeddings are not kept: %s cannot be written (%s)", path, said)
