"""Loops over rows of an AdamW's matrices, compiled when first asked for: each row is read and written once.

They run in one thread, unless more are asked for. Those share the cores with torch's threads, which wait for their
next work by spinning: on two cores a training step in which both have two takes a fifth longer than without them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Kernels", "kernels", "shared_out"]

ROWS_WORTH_A_THREAD = 256


class Kernels(NamedTuple):
    """The loops. Matrices are (V, d) or (U, d), float32; `rows`, `places` and `ages` (U,), int64.

    The age of a row is its column of `table` (6, columns), float32: A, mean, variance and what weight decay leaves,
    as `DeferredAdamW` explains them, and what is left of the first and of the second moment.

    Attributes:
        look: (weights, first, second, out, table, rows, places, ages) writes rows (U,) as they are now into these
            places of `out`, which may be the weights themselves.
        decay: (first, second, table, rows, ages) multiplies moments by what is left of them.
        step: (weights, first, second, table, rows, ages, vectors, gradient, rate, beta1, one less, beta2, one less,
            epsilon, shrink) decays moments, and makes a step of AdamW from `vectors`.
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
        weights: Any, first: Any, second: Any, out: Any, table: Any, rows: Any, places: Any, ages: Any
    ) -> None:
        for i in range(len(rows)):
            w, m, v, o = weights[rows[i]], first[rows[i]], second[rows[i]], out[places[i]]
            age = ages[i]
            move, mean, variance, keep = table[0, age], table[1, age], table[2, age], table[3, age]
            if move == 0 and keep == one:  # it has not waited
                o[:] = w
                continue
            for j in range(len(w)):
                part = one / (np.sqrt(v[j]) + mean)
                o[j] = keep * w[j] - move * m[j] * part * (one + variance * part * part)

    def decay(first: Any, second: Any, table: Any, rows: Any, ages: Any) -> None:
        for i in range(len(rows)):
            m, v = first[rows[i]], second[rows[i]]
            first_left, second_left = table[4, ages[i]], table[5, ages[i]]
            for j in range(len(m)):
                m[j] *= first_left
                v[j] *= second_left

    def step(
        weights: Any,
        first: Any,
        second: Any,
        table: Any,
        rows: Any,
        ages: Any,
        vectors: Any,
        gradient: Any,
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
            first_factor, second_factor = table[4, ages[i]] * beta1, table[5, ages[i]] * beta2
            for j in range(len(w)):
                moment = first_factor * m[j] + new1 * g[j]
                square = second_factor * v[j] + new2 * g[j] * g[j]
                m[j], v[j] = moment, square
                w[j] = shrink * o[j] - rate * moment / (np.sqrt(square) + epsilon)

    return Kernels(*(njit(nogil=True, error_model="numpy")(loop) for loop in (look, decay, step)))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="isoglot-rows")


def shared_out(
    loop: Callable[..., None], threads: int, given: tuple[Any, ...], of_rows: tuple[Any, ...], constants: Any = ()
) -> None:
    """Run a loop over rows in several threads. Each row is computed alone, so it comes out the same.

    Args:
        loop: one of `kernels()`.
        threads: how many.
        given: arguments before the rows.
        of_rows: arguments (U,) or (U, d), one for each row.
        constants: arguments after the rows.
    """
    count = len(of_rows[0])
    parts = max(1, min(threads, count // ROWS_WORTH_A_THREAD))
    bounds = [count * part // parts for part in range(parts + 1)]
    shares = [tuple(values[start:end] for values in of_rows) for start, end in pairwise(bounds)]
    others = [_pool(os.getpid()).submit(loop, *given, *share, *constants) for share in shares[1:]]
    loop(*given, *shares[0], *constants)
    for other in others:
        other.result()
