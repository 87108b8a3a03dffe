"""The methods: from embedded texts and a strength to the module that repairs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.base.modules import Dense
from torch import nn

from isoglot.encoders.language_map import DOCUMENT, QUERY, LanguageMap
from isoglot.errors import InputError
from isoglot.evaluation.embed import Spoken
from isoglot.names import did_you_mean
from isoglot.repair.fitting import (
    Sample,
    fit_detector,
    language_covariances,
    language_means,
    least_squares_eraser,
    matrix_power,
    subspace_eraser,
    translation_shifts,
)
from isoglot.repair.texts import Samples

__all__ = ["BY", "METHODS", "MapMaker", "check_request", "map_maker", "move"]

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
MapMaker = Callable[[float], nn.Module]
"""From a strength to a module: 0 changes nothing, 1 is the method as published."""

METHODS = ("shift", "center", "whiten", "erase")
BY = ("svd", "leace")
MOST_STRENGTH = 2.0


def check_request(method: str, by: str | None, strength: float | None, on_dev: bool) -> None:
    """Check what a repair is asked to do, before any text is encoded.

    Args:
        method: its name.
        by: how to erase, if that is said.
        strength: if it is given.
        on_dev: whether it is to be chosen on development data.

    Raises:
        InputError: there is no such method, it has no variants, or the strength is none.
    """
    if method not in METHODS:
        raise InputError(f"no repair {method!r}{did_you_mean(method, METHODS)}: choose one of {', '.join(METHODS)}")
    if by is not None and method != "erase":
        raise InputError(f"--by {by} goes with --method erase: leave it out")
    if by is not None and by not in BY:
        raise InputError(f"cannot erase by {by!r}{did_you_mean(by, BY)}: choose one of {', '.join(BY)}")
    if strength is not None and on_dev:
        raise InputError("--strength gives what --dev would choose: leave one of the two out")
    if strength is not None and not 0 <= strength <= MOST_STRENGTH:  # so not NaN either
        raise InputError(
            f"the strength is from 0, no change, to {MOST_STRENGTH:g}, not {strength}; 1 is the method as published"
        )


def map_maker(method: str, by: str | None, samples: Samples) -> MapMaker:
    """Fit a method to embedded texts; return what makes its module for a strength.

    Raises:
        InputError: the texts do not have what the method needs.
    """
    if method == "erase":
        return _eraser(samples, by or "svd")
    return {"shift": _shifter, "center": _centerer, "whiten": _whitener}[method](samples)


def move(module: nn.Module, embeddings: Any, task: str, spoken: Spoken | None = None) -> Any:
    """Return embeddings as a module moves them, without encoding anything; their length is not one.

    Args:
        module: what a `MapMaker` made.
        embeddings: (n, d) float32, unit length.
        task: `query` or `document`.
        spoken: their languages; None to have them found from the embeddings.
    """
    takes = isinstance(module, LanguageMap)
    if not takes or spoken is None:
        groups: list[tuple[str | None, Any]] = [(None, slice(None))]
    else:
        groups = list(spoken.groups())
    moved = np.empty_like(embeddings)
    for tag, rows in groups:
        keywords: dict[str, Any] = {"language": tag, "task": task} if takes else {}
        with torch.inference_mode():
            features = module({"sentence_embedding": torch.from_numpy(embeddings[rows])}, **keywords)
        moved[rows] = features["sentence_embedding"].numpy()
    return moved


def _language_map(samples: Samples, offsets: list[FloatArray], scales: list[FloatArray] | None = None) -> nn.Module:
    """Make the module that subtracts offsets, of queries and documents, each (L + 1, d), and scales then."""
    dimensions = samples.query.embeddings.shape[1]
    made = LanguageMap(list(samples.languages), dimensions, scales is not None)
    made.offset.copy_(torch.from_numpy(np.stack(offsets)))
    if scales is not None:
        made.scale.copy_(torch.from_numpy(np.stack(scales)))
    for role, sample in ((QUERY, samples.query), (DOCUMENT, samples.document)):
        weight, bias = fit_detector(sample)
        made.detector_weight[role] = torch.from_numpy(weight)
        made.detector_bias[role] = torch.from_numpy(bias)
    return made


def _centerer(samples: Samples) -> MapMaker:
    """Subtract the mean of the language, of queries and of documents each (Libovický and others, 2004.05160)."""
    means = [language_means(sample) for sample in (samples.query, samples.document)]
    return lambda strength: _language_map(samples, [strength * one for one in means])


def _shifter(samples: Samples) -> MapMaker:
    """Subtract from documents how their language differs from its translations in one, after SHIFT (2606.18801).

    Raises:
        InputError: nothing is translated.
    """
    tags = samples.languages
    counts = [translation_shifts(samples.document, code)[1].sum() for code in range(len(tags))]
    source = tags.index("en") if "en" in tags else int(np.argmax(counts))
    shifts, translated = translation_shifts(samples.document, source)
    missing = [tag for tag, count in zip(tags, translated, strict=True) if count == 0]
    if len(missing) >= len(tags) - 1:  # all but the source
        raise InputError(
            f"shift needs documents with translations into {tags[source]} and finds none: documents are "
            "translations where they answer the same query id; give parallel data such as NTREX-128, or repair by "
            "center or erase"
        )
    if missing:
        logger.warning(
            "no document in %s has a translation into %s: the repair leaves those as they are",
            ", ".join(missing),
            tags[source],
        )
    extended = np.concatenate([shifts, np.zeros_like(shifts[:1])])
    return lambda strength: _language_map(samples, [np.zeros_like(extended), strength * extended])


def _whitener(samples: Samples) -> MapMaker:
    """Centre each language and bring its covariance towards the identity, by strength as an exponent."""
    means, covariances = [], []
    for sample in (samples.query, samples.document):
        mean = language_means(sample)
        means.append(mean)
        covariances.append(language_covariances(sample, mean))

    def make(strength: float) -> nn.Module:
        scales = [np.stack([matrix_power(one, -strength / 2) for one in each]) for each in covariances]
        return _language_map(samples, [strength * one for one in means], scales)

    return make


def _eraser(samples: Samples, by: str) -> MapMaker:
    """Erase from all texts alike what tells languages apart: one linear map, whatever the language."""
    kinds = (samples.query, samples.document)
    middle = np.mean([one.embeddings.mean(axis=0) for one in kinds], axis=0)
    # each within its kind: what tells queries from documents is no language
    both = Sample(
        np.concatenate([one.embeddings - one.embeddings.mean(axis=0) for one in kinds]),
        np.concatenate([samples.query.language, len(samples.languages) + samples.document.language]),
        np.concatenate([one.group for one in kinds]),
    )
    erased = subspace_eraser(both) if by == "svd" else least_squares_eraser(both)

    def make(strength: float) -> nn.Module:
        weight = np.eye(len(erased)) - strength * erased
        return Dense(
            len(weight),
            len(weight),
            activation_function=None,
            init_weight=torch.from_numpy(weight).float(),
            init_bias=torch.from_numpy(-strength * weight @ middle).float(),
        )

    return make
