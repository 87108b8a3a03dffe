"""What becomes of a model that a run has trained: its card, and the Hub."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from isoglot.errors import InputError, IsoglotError
from isoglot.publishing import check_report, check_repository, push_folder, run_card
from isoglot.training.config import MADE_HERE, TrainConfig
from isoglot.training.output import effective_settings
from isoglot.training.validation import ValidationEvaluator

__all__ = ["card_of", "check_publication", "publish"]

logger = logging.getLogger(__name__)


def check_publication(config: TrainConfig) -> None:
    """See, before a run, that it can be logged and pushed to where its settings say.

    Raises:
        InputError: a package is missing, or the repository's name is none.
    """
    check_report(config.report_to)
    if config.push_to_hub is not None:
        check_repository(config.push_to_hub)


def _base_of(config: TrainConfig) -> str | None:
    """Return the name on the Hub of the model that a run starts from; None if there is none, or it is a folder."""
    start = config.from_model if config.encoder in MADE_HERE else config.encoder
    if start is None or Path(start).expanduser().exists():
        return None
    try:
        check_repository(start)
    except InputError:
        return None
    return start


def card_of(
    config: TrainConfig,
    record: Mapping[str, Any],
    model: SentenceTransformer,
    evaluator: ValidationEvaluator | None,
) -> str:
    """Return the card of a model that was trained, with the last validation, if that measured these weights."""
    step = record["best"]["step"] if record.get("best") else record["steps"]
    return run_card(
        effective_settings(config),
        record,
        prompts={side: model.prompts.get(side) or "" for side in ("query", "document")},
        name=config.push_to_hub,
        base=_base_of(config),
        result=None if evaluator is None else evaluator.by_step.get(step),
    )


def publish(config: TrainConfig) -> None:
    """Push a finished run to where its settings say.

    Raises:
        IsoglotError: it cannot be pushed; the model is in its folder all the same.
    """
    if config.push_to_hub is None:
        return
    try:
        address = push_folder(config.out, config.push_to_hub, private=config.hub_private)
    except IsoglotError as error:
        raise IsoglotError(
            f"the trained model is in {config.out}, but was not pushed to {config.push_to_hub}: {error}; the same "
            "command with --resume pushes it"
        ) from None
    logger.info("pushed %s to %s", config.out, address)
