"""The card of a model, its `README.md`: what it was trained on and how, what was measured, how to use it.

Its head is what the Hugging Face Hub reads, https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import langcodes
from huggingface_hub import ModelCard, ModelCardData

from isoglot.errors import InputError
from isoglot.evaluation.result import Result
from isoglot.files import new_file
from isoglot.publishing.markdown import part, parts_of
from isoglot.publishing.measured import TASK, index_entries, result_key, result_text
from isoglot.publishing.run_text import run_text, title_of

__all__ = ["CARD", "add_results", "card_languages", "keep_card", "run_card"]

CARD = "README.md"
MEASURED = "results"
"""Name of the part of a card that holds what was measured."""
ONE_RESULT = "result [0-9a-f]+"
TAGS = ("sentence-transformers", "sentence-similarity", "feature-extraction", "dense", "multilingual", "isoglot")
OF_TRAINER = "generated_from_trainer"
"""Tag by which sentence-transformers knows that it writes a card of its own when it saves a model."""
NOTHING = """No figures come with this model. This measures it within a language, across languages, in one pool of
all languages, and its language bias, and writes the figures here:

    isoglot evaluate {model} DATA --json result.json
    isoglot card {model} result.json"""
VALIDATED = "Measured while training, on the collection that the run was validated with."


def card_languages(tags: Iterable[str]) -> list[str]:
    """Return the languages of a card's head: ISO 639 codes, as the Hub takes them, without regions and scripts."""
    return list(dict.fromkeys(langcodes.Language.get(tag).language or tag for tag in tags))


def run_card(
    settings: Mapping[str, Any],
    record: Mapping[str, Any],
    *,
    prompts: Mapping[str, str],
    name: str | None = None,
    base: str | None = None,
    result: Result | None = None,
) -> str:
    """Return the card of a model that a run has trained.

    Args:
        settings: the effective configuration, what `isoglot-training.yaml` holds.
        record: how the run went, what `isoglot-training.json` holds.
        prompts: of the model: `query`, `document`.
        name: of the model's repository on the Hub, if it goes to one.
        base: name on the Hub of the model that training started from; None if there was none or it is a folder.
        result: what was measured of this very model; None if nothing was.
    """
    title = title_of(settings)
    data = ModelCardData(
        language=card_languages(record["languages"]),
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=[*TAGS, *(["hybrid-batch-training"] if title.startswith("Hybrid") else [])],
        base_model=base,
        model_name=title,
    )
    model = name or "path/to/this/folder"
    shown = part(MEASURED, NOTHING.format(model=model))
    card = ModelCard(f"---\n{data.to_yaml()}\n---\n\n{run_text(settings, record, prompts, model, shown)}")
    data.model_name = title  # which a head without results does not hold
    card.data = data
    if result is not None:
        _add(card, result, None, VALIDATED)
    return str(card)


def keep_card(model: Any, card: str) -> None:
    """Have a `SentenceTransformer` save a card as its own, and not one that the library makes.

    A model that is loaded from a folder keeps the card of the folder anyway; if it is trained again by
    sentence-transformers, the library writes another, as it should.
    """
    model._model_card_text = card
    data = model.model_card_data
    data.tags = [tag for tag in data.tags if tag != OF_TRAINER]


def add_results(folder: str | Path, results: Sequence[Result], *, split: str | None = None) -> None:
    """Write results into the card of a model folder: tables, and entries of its `model-index`.

    Results of the same collection, split, texts and judgments take the place of older ones; all else in the card
    stays as it is, whoever wrote it. A folder without a card gets one.

    Args:
        folder: a model folder.
        results: what was measured of this model.
        split: which judgments were measured, to be told; results do not say.

    Raises:
        InputError: it is no model folder, its card cannot be read or written, or a result is not of a model alone.
    """
    path = Path(folder) / CARD
    if not (Path(folder) / "modules.json").is_file() and not (Path(folder) / "config.json").is_file():
        raise InputError(f"{folder} is not a model folder: it holds neither modules.json nor config.json")
    card = _read(path)
    for result in results:
        if result.fair:
            raise InputError(
                f"the result on {result.collection} is of rankings merged anew (--fair), not of the model alone: "
                "measure it without"
            )
        _add(card, result, split)
    try:
        with new_file(path) as file:
            file.write(str(card))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _read(path: Path) -> ModelCard:
    try:
        text = path.read_bytes().decode("utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not re.match(r"\s*---\r?\n", text):
        text = f"---\nlibrary_name: sentence-transformers\n---\n{text}"
    try:
        card = ModelCard(text)
    except Exception as error:  # of YAML, and whatever checks what it holds
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"the head of {path} is not that of a model card: {reason}; mend it") from None
    heading = re.search(r"^# +(.+?)\s*$", card.text, re.MULTILINE)
    data: Any = card.data
    data.model_name = data.model_name or (heading[1] if heading else path.resolve().parent.name)
    return card


def _add(card: ModelCard, result: Result, split: str | None, about: str = "") -> None:
    """Put a result into a card, in place of an older one of the same."""
    data: Any = card.data
    entries = index_entries(result, split)
    told = {(one.dataset_type, one.dataset_split, one.dataset_revision) for one in entries}
    others = [
        one
        for one in data.eval_results or []
        if one.task_type != TASK or (one.dataset_type, one.dataset_split, one.dataset_revision) not in told
    ]
    data.eval_results = [*others, *entries] or None
    measured = parts_of(card.text, MEASURED).get(MEASURED)
    name = f"result {result_key(result, split)}"
    blocks = parts_of(measured or "", ONE_RESULT) | {name: part(name, result_text(result, split, about))}
    whole = part(MEASURED, "\n\n".join(blocks.values()))
    if measured is None:
        card.text = f"{card.text.rstrip()}\n\n## Measured\n\n{whole}\n"
    else:
        card.text = card.text.replace(measured, whole, 1)
