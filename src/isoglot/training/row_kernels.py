"""Loops over rows of an AdamW's matrices, compiled when first asked for: each row is read and written once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

__all__ = ["Kernels", "kernels"]

ROWS_WORTH_A_THREAD = 256


class Kernels(NamedTuple):
    """The loops. Matrices are (V, d) or (U, d), the rest (U,); all float32 but `rows` (int64).

    Attributes:
        look: (weights, first, second, out, rows, places, moves, means, variances, kept) writes rows as they are now
            into these places of `out`, which may be the weights themselves.
        decay: (first, second, rows, first_left, second_left) multiplies moments.
        step: (weights, first, second, rows, vectors, gradient, first_left, second_left, rate, beta1, one less,
            beta2, one less, epsilon, shrink) decays moments, and makes a step of AdamW from `vectors`.
    """

    look: Callable[..., None]
    decay: Callable[..., None]
    step: Callable[..., None]


@lru_cache(maxsize=1)
def kernels() -> Kernels:
    """Compile the loops, which takes a second."""
    from numba import njit

    one = np.float32(1)

    def look(
        weights: Any,
        first: Any,
        second: Any,
        out: Any,
        rows: Any,
        places: Any,
        moves: Any,
        means: Any,
        variances: Any,
        kept: Any,
    ) -> None:
        for i in range(len(rows)):
            w, m, v, o = weights[rows[i]], first[rows[i]], second[rows[i]], out[places[i]]
            move, mean, variance, keep = moves[i], means[i], variances[i], kept[i]
            for j in range(len(w)):
                part = one / (np.sqrt(v[j]) + mean)
                o[j] = keep * w[j] - move * m[j] * part * (one + variance * part * part)

    def decay(first: Any, second: Any, rows: Any, first_left: Any, second_left: Any) -> None:
        for i in range(len(rows)):
            m, v = first[rows[i]], second[rows[i]]
            first_factor, second_factor = first_left[i], second_left[i]
            for j in range(len(m)):
                m[j] *= first_factor
                v[j] *= second_factor

    def step(
        weights: Any,
        first: Any,
        second: Any,
        rows: Any,
        vectors: Any,
        gradient: Any,
        first_left: Any,
        second_left: Any,
        rate: Any,
        beta1: Any,
        new1: Any,
        beta2: Any,
        new2: Any,
        epsilon: Any,
        shrink: Any,
    ) -> None:
        for i in range(len(rows)):
            w, m, v, o, g = weights[rows[i]], first[rows[i]], second[rows[i]], vectors[i], gradient[i]
            first_factor, second_factor = first_left[i] * beta1, second_left[i] * beta2
            for j in range(len(w)):
                moment = first_factor * m[j] + new1 * g[j]
                square = second_factor * v[j] + new2 * g[j] * g[j]
                m[j], v[j] = moment, square
                w[j] = shrink * o[j] - rate * moment / (np.sqrt(square) + epsilon)

    compiled = [njit(nogil=True, error_model="numpy")(loop) for loop in (look, decay, step)]
    return Kernels(*(_threaded(loop) for loop in compiled))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="isoglot-rows")


def _threaded(loop: Callable[..., None]) -> Callable[..., None]:
    """Share the rows among as many threads as torch uses; each is computed alone, so it comes out the same."""

    def run(*arguments: Any, of_rows: tuple[Any, ...], constants: tuple[Any, ...] = ()) -> None:
        count = len(of_rows[0])
        parts = min(torch.get_num_threads(), count // ROWS_WORTH_A_THREAD)
        if parts < 2:
            loop(*arguments, *of_rows, *constants)
            return
        bounds = np.linspace(0, count, parts + 1).astype(int).tolist()
        shares = [tuple(values[start:end] for values in of_rows) for start, end in pairwise(bounds)]
        others = [_pool(os.getpid()).submit(loop, *arguments, *share, *constants) for share in shares[1:]]
        loop(*arguments, *shares[0], *constants)
        for other in others:
            other.result()

    return run
