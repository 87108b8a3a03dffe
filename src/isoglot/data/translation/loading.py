"""Loading a translation model by name or folder: its tokenizer at once, its weights when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch

from isoglot.data.translation.fingerprint import model_files_fingerprint
from isoglot.data.translation.generation import GenerationSettings, settle_generation
from isoglot.data.translation.options import refuse_dtype, refuse_missing_model
from isoglot.data.translation.schemes import ModelFiles, find_scheme
from isoglot.data.translation.sentences import sentence_splitter
from isoglot.data.translation.translator import Translates, Translator
from isoglot.errors import InputError

__all__ = ["choose_translator", "load_translator"]

MAX_LENGTH = 256
"""Models trained on sentences leave things out of longer texts."""
UNKNOWN_LIMIT = 512


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
    from transformers import AutoConfig, AutoTokenizer

    source = str(name)
    refuse_dtype(dtype)
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
    scheme = find_scheme(ModelFiles(tokenizer, config, _first_token(source)))
    limit = _positions(config)
    if max_length is not None and max_length > limit:
        raise InputError(f"the model {source} takes at most {limit} tokens; max_length is {max_length}")
    settings = GenerationSettings(beams, max_length or min(MAX_LENGTH, limit), dtype, sentence_splitter())
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")

    def load() -> Any:
        from transformers import AutoModelForSeq2SeqLM
        from transformers.utils import logging

        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # it would stand in the way of ours
        try:
            model = AutoModelForSeq2SeqLM.from_pretrained(source, dtype=getattr(torch, dtype))
        except Exception as error:
            raise _not_loaded(source, error) from error
        finally:
            if shown:
                logging.enable_progress_bar()
        settle_generation(model, beams)
        return model.to(place).eval()

    return Translator(
        source,
        tokenizer,
        scheme,
        load,
        fingerprint=model_files_fingerprint(source, getattr(config, "_commit_hash", None)),
        settings=settings,
        longest=limit,
        batch_tokens=batch_tokens,
    )


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
