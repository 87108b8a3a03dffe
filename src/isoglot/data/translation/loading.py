"""Loading a translation model by name or folder: its tokenizer at once, its weights when they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from isoglot.amounts import check_dtype
from isoglot.data.translation.schemes import find_scheme
from isoglot.data.translation.sentences import sentence_splitter
from isoglot.data.translation.translator import GenerationSettings, Translates, Translator
from isoglot.errors import InputError

__all__ = ["choose_translator", "load_translator", "refuse_missing_model"]

MAX_LENGTH = 256
"""Models trained on sentences leave things out of longer texts."""
UNKNOWN_LIMIT = 512
BATCH_TOKENS, CPU_TOKENS = 16_384, 2048

MODEL_FILES = {".bin", ".json", ".jinja", ".model", ".safetensors", ".spm", ".txt"}
CHUNK = 1 << 22


def refuse_missing_model(source: str) -> None:
    """Refuse, with an InputError, what can only be a model folder, no model on the hub, and is not there."""
    if not Path(source).exists() and (source.startswith((".", "/", "~")) or source.count("/") > 1):
        raise InputError(f"the model folder {source} does not exist")


def load_translator(
    name: str | Path,
    *,
    beams: int = 1,
    max_length: int | None = None,
    batch_tokens: int | None = None,
    device: str | None = None,
    dtype: str = "float32",
) -> Translator:
    """Load a translation model: NLLB-200, M2M100, MADLAD-400, mBART-50 or OPUS-MT, as transformers saves them.

    Args:
        name: a model on the Hugging Face hub, or a folder.
        beams: hypotheses kept; 1 is greedy.
        max_length: most tokens of a text that is not cut into sentences; 256 if None, or what the model takes.
        batch_tokens: most padded source tokens of a batch; 2,048 on a CPU and 16,384 elsewhere if None.
        device: torch device; a GPU if there is one, if None.
        dtype: precision of the weights: `float32`, `bfloat16` or `float16`.

    Raises:
        InputError: there is no such model, it is no translation model that is known, or a setting does not do.
    """
    import torch
    from transformers import AutoConfig, AutoTokenizer

    source = str(name)
    check_dtype(dtype)
    for value, what in ((beams, "beams"), (max_length, "max_length"), (batch_tokens, "batch_tokens")):
        if value is not None and value < 1:
            raise InputError(f"{what} must be at least 1, not {value}")
    refuse_missing_model(source)
    try:
        config = AutoConfig.from_pretrained(source)
        if not config.is_encoder_decoder:
            raise InputError(f"{source} is a {config.model_type} model, not an encoder-decoder that translates")
        tokenizer = AutoTokenizer.from_pretrained(source)
    except InputError:
        raise
    except Exception as error:
        raise _not_loaded(source, error) from error
    scheme = find_scheme(tokenizer, config, _first_token(source))
    limit = _positions(config)
    if max_length is not None and max_length > limit:
        raise InputError(f"the model {source} takes at most {limit} tokens; max_length is {max_length}")

    def place() -> torch.device:
        """Return where the model goes, of the process that loads it."""
        return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    return Translator(
        name=source,
        tokenizer=tokenizer,
        scheme=scheme,
        load=lambda: _load_model(source, beams, dtype).to(place()).eval(),
        fingerprint=_fingerprint(source, getattr(config, "_commit_hash", None)),
        settings=GenerationSettings(beams, max_length or min(MAX_LENGTH, limit), dtype, sentence_splitter()),
        longest=limit,
        batch_tokens=batch_tokens or (CPU_TOKENS if place().type == "cpu" else BATCH_TOKENS),
    )


def _load_model(source: str, beams: int, dtype: str) -> Any:
    """Load a model that writes greedily, or with so many beams, whatever its publisher set."""
    from transformers import AutoModelForSeq2SeqLM
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # it would stand in the way of ours
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(source, dtype=dtype)
    except Exception as error:
        raise _not_loaded(source, error) from error
    finally:
        if shown:
            logging.enable_progress_bar()
    # an end that is forced at the longest length would end the longest text of a batch otherwise than the others
    model.generation_config.update(num_beams=beams, do_sample=False, max_length=None, forced_eos_token_id=None)
    if beams == 1:  # said of beams only, and complained about otherwise
        model.generation_config.update(early_stopping=None, length_penalty=None)
    return model


def _first_token(source: str) -> int | None:
    """Return the id of the token that a model always writes first, as its generation settings say."""
    from transformers import GenerationConfig

    for file in ("generation_config.json", "config.json"):  # older models have the settings in the second
        try:
            settings = GenerationConfig.from_pretrained(source, file)
        except (OSError, ValueError):
            continue
        if settings.forced_bos_token_id is not None:
            return int(settings.forced_bos_token_id)
    return None


def _fingerprint(name: str, commit: str | None) -> str:
    """Return a hash of a model: of the contents of its files, or of the commit that a hub names them by.

    The same model from a folder and from a hub has two fingerprints: only the first is known by its contents.
    """
    digest = hashlib.blake2b(digest_size=16)
    folder = Path(name)
    if not folder.is_dir():
        digest.update(f"{name}@{commit}".encode())
        return digest.hexdigest()
    for path in sorted(path for path in folder.iterdir() if path.suffix in MODEL_FILES and path.is_file()):
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _not_loaded(source: str, error: Exception) -> InputError:
    """Say why a model could not be loaded, and what to do."""
    said = " ".join(str(error).split()) or type(error).__name__
    missing = [name for name in ("sentencepiece", "protobuf", "sacremoses") if name in said.lower()]
    if isinstance(error, ImportError) and missing:
        return InputError(f"the tokenizer of {source} needs {missing[0]}: pip install 'isoglot[translation]'")
    if "couldn't connect" in said.lower() or "offline" in said.lower():
        return InputError(
            f"the translation model {source} is no folder here, and the Hugging Face hub cannot be reached to look "
            "for it: connect to it, or give a folder that transformers saved"
        )
    short = shorten(said, 300, placeholder=" …").rstrip(".")
    return InputError(
        f"the translation model {source} cannot be loaded: {short}. Give the name of a model on the Hugging Face "
        "hub (when connected to it), such as facebook/nllb-200-distilled-600M, or a folder that transformers saved"
    )


def _positions(config: Any) -> int:
    """Return the most tokens that a model reads or writes, its start and end tokens apart."""
    for key in ("max_position_embeddings", "n_positions"):
        found = getattr(config, key, None)
        if isinstance(found, int) and found > 0:
            return found - 2
    return UNKNOWN_LIMIT


def choose_translator(translators: Sequence[Translates], source: str, target: str) -> Translates:
    """Return the first translator that translates from one language into another.

    Raises:
        InputError: none of them does; says why of each.
    """
    reasons = []
    for translator in translators:
        try:
            translator.check(source, target)
        except InputError as error:
            reasons.append(str(error))
        else:
            return translator
    raise InputError("; ".join(dict.fromkeys(reasons)))
