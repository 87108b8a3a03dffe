"""What the card of a model, its README.md, says for programs: the YAML at its head."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["REPAIR", "card_facts", "repair_of"]

REPAIR = "isoglot_repair"
"""Key under which the card of a repaired model says how."""


def card_facts(model: Any) -> dict[str, Any]:
    """Return what the head of a model's card says, the YAML that the Hub reads; {} where there is none."""
    text = getattr(model, "_model_card_text", None) or ""  # what sentence-transformers read of README.md
    if not text.startswith("---\n"):
        return {}
    try:
        facts = yaml.safe_load(text[4:].partition("\n---")[0])
    except yaml.YAMLError:
        return {}
    return facts if isinstance(facts, dict) else {}


def repair_of(model: Any) -> dict[str, Any] | None:
    """Return how a model was repaired: `method`, `strength`, `data`, `of`, the model before; None if it was not."""
    facts = card_facts(model).get(REPAIR)
    return facts if isinstance(facts, dict) else None
