"""How a result was made: what a result file says of it, so that it can be made again."""

from __future__ import annotations

from datetime import datetime, timezone
from math import isinf
from typing import Any

from isoglot.collections.cautions import KEPT_IDENTICAL, QUERY_VIEW
from isoglot.collections.collection import PSEUDO_QUERIES, Collection
from isoglot.collections.fingerprint import collection_fingerprint
from isoglot.encoders import repair_of
from isoglot.evaluation.judgments import Judgments

__all__ = ["made_of", "model_settings"]


def made_of(collection: Collection, judged: Judgments, model: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return `date` (UTC), `collection_hash`, `identical_left_out` (`judgments_of`), and what a model says.

    Where queries that are documents were ranked against themselves also `keep_identical_ids`: true. Of queries
    that nobody asked also `pseudo_queries`: what they are made of; of changed ones `query_view`: how.
    """
    told = {key: collection.metadata.get(key) for key in (PSEUDO_QUERIES, QUERY_VIEW)}
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "collection_hash": collection_fingerprint(collection),
        "identical_left_out": judged.identical,
        **({KEPT_IDENTICAL: True} if judged.keeps_identical else {}),
        **{key: value for key, value in told.items() if value},
        **(model or {}),
    }


def model_settings(model: Any, encoding: Any, device: Any) -> dict[str, Any]:
    """Return how a model encodes texts; None for what it does not say.

    Args:
        model: any sentence-transformers model.
        encoding: the keywords of `embed_collection` that were given.
        device: where scores are computed.
    """
    prompts = getattr(model, "prompts", None) or {}
    default = prompts.get(getattr(model, "default_prompt_name", None) or "")
    pooling = [
        module.pooling_mode for module in getattr(model, "modules", tuple)() if hasattr(module, "pooling_mode")
    ]
    longest = getattr(model, "max_seq_length", None)
    repaired = repair_of(model) or {}
    return {
        "query_prompt": _first(encoding.get("query_prompt"), prompts.get("query"), default),
        "document_prompt": _first(
            encoding.get("document_prompt"), prompts.get("document"), prompts.get("passage"), default
        ),
        "max_length": None if longest is None or isinf(longest) else int(longest),
        "pooling": str(pooling[0]) if pooling else None,
        "dtype": encoding.get("dtype") or str(getattr(model, "dtype", None) or "float32").removeprefix("torch."),
        "truncate_dim": _first(encoding.get("truncate_dim"), getattr(model, "truncate_dim", None)),
        "device": str(encoding.get("device") or getattr(model, "device", device)),
        **{f"repair_{key}": repaired[key] for key in ("method", "by", "strength", "of", "data") if key in repaired},
    }


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
