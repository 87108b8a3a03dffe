"""Loops over rows of matrices, compiled by numba when first called: each row is read and written once.

Matrices are float32, of contiguous rows. The rows of a loop are taken in small groups by the threads that share it,
so that one which has lost its core to another program holds up no more than a group; each row is computed alone, so
it comes out the same whoever takes it. No more threads than torch has are asked for: torch's own wait for their
next work by spinning, and on two cores a training step in which both have two takes a fifth longer than without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["combine", "decay", "find_tokens", "look", "share", "step"]

GROUP = 32  # rows that a thread takes at a time
ONE = np.float32(1)
SPINS = 10_000  # looks at whether others have finished before the core is offered to them

Loop = Callable[..., Any]


def _compiled(loop: Loop) -> Loop:
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
    try:
        compiled: Loop = njit(cache=True, **settings)(loop)
    except RuntimeError:  # there is no folder that may be written to
        compiled = njit(**settings)(loop)
    return compiled


@intrinsic
def _atomic_add(typing: Any, counters: Any, place: Any, amount: Any) -> Any:
    """Add to a counter that other threads add to as well, and return what it was."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        counters = context.make_array(signature.args[0])(context, builder, given[0])
        place, amount = (context.cast(builder, given[n], signature.args[n], types.int64) for n in (1, 2))
        return builder.atomic_rmw("add", builder.gep(counters.data, [place]), amount, "seq_cst")

    return types.int64(counters, place, amount), generate


_add: Loop = _atomic_add  # as loops call it


@_compiled
def _next(counters: Any, done: Any) -> Any:
    """Say how many rows are done, and return the first of the rows to be done next and the one after the last."""
    _add(counters, 1, done)
    begin = _add(counters, 0, GROUP)
    return begin, min(begin + GROUP, counters[2])


@_compiled
def _finished(counters: Any) -> Any:
    left = SPINS
    while left and _add(counters, 1, 0) < counters[2]:
        left -= 1
    return left > 0


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="isoglot-rows")


def share(loop: Loop, threads: int, rows: int, *given: Any) -> None:
    """Run a loop of this file over so many rows in so many threads, this one among them.

    Args:
        loop: `look`, `decay`, `step` or `combine`.
        threads: how many.
        rows: how many.
        *given: the loop's arguments after `counters`.
    """
    counters = np.array([0, 0, rows])  # taken, done, all
    for _ in range(min(threads, -(-rows // GROUP)) - 1):
        _pool(os.getpid()).submit(loop, counters, *given)
    loop(counters, *given)
    while not _finished(counters):
        time.sleep(0)


# -- AdamW, deferred. The matrices are weights, first and second moments, (V, d) each, of which `rows` (U,) are
# wanted. The age of a row is its column of `table` (6, columns): A, mean, variance and what weight decay leaves, as
# `DeferredAdamW` explains them, and what is left of the first and of the second moment. --


@_compiled
def look(counters: Any, matrices: Any, table: Any, rows: Any, ages: Any, out: Any, places: Any) -> None:
    """Write rows as they are now into these places of `out`, which may be the weights themselves."""
    weights, first, second = matrices
    begin, end = _next(counters, 0)
    while begin < end:
        for i in range(begin, end):
            w, m, v, o = weights[rows[i]], first[rows[i]], second[rows[i]], out[places[i]]
            age = ages[i]
            move, mean, variance, keep = table[0, age], table[1, age], table[2, age], table[3, age]
            if move == 0 and keep == ONE:  # it has not waited
                o[:] = w
                continue
            for j in range(len(w)):
                part = ONE / (np.sqrt(v[j]) + mean)
                o[j] = keep * w[j] - move * m[j] * part * (ONE + variance * part * part)
        begin, end = _next(counters, end - begin)


@_compiled
def decay(counters: Any, matrices: Any, table: Any, rows: Any, ages: Any) -> None:
    """Multiply moments by what is left of them."""
    _, first, second = matrices
    begin, end = _next(counters, 0)
    while begin < end:
        for i in range(begin, end):
            m, v = first[rows[i]], second[rows[i]]
            first_left, second_left = table[4, ages[i]], table[5, ages[i]]
            for j in range(len(m)):
                m[j] *= first_left
                v[j] *= second_left
        begin, end = _next(counters, end - begin)


@_compiled
def step(
    counters: Any, matrices: Any, table: Any, rows: Any, ages: Any, vectors: Any, gradient: Any, settings: Any
) -> None:
    """Decay moments, and make a step of AdamW from `vectors` (U, d) by their `gradient` (U, d).

    `settings` are float32: what the gradient is multiplied by, learning rate, β₁, 1 - β₁, β₂, 1 - β₂, ε, and what
    weight decay leaves.
    """
    weights, first, second = matrices
    scale, rate, beta1, new1, beta2, new2, epsilon, shrink = settings
    begin, end = _next(counters, 0)
    while begin < end:
        for i in range(begin, end):
            w, m, v, o, g = weights[rows[i]], first[rows[i]], second[rows[i]], vectors[i], gradient[i]
            first_factor, second_factor = table[4, ages[i]] * beta1, table[5, ages[i]] * beta2
            for j in range(len(w)):
                part = scale * g[j]
                moment = first_factor * m[j] + new1 * part
                square = second_factor * v[j] + new2 * part * part
                m[j], v[j] = moment, square
                w[j] = shrink * o[j] - rate * moment / (np.sqrt(square) + epsilon)
        begin, end = _next(counters, end - begin)


# -- bags of tokens --


@_compiled
def find_tokens(ids: Any, ends: Any, vocabulary: Any) -> Any:
    """Return who holds what, in both directions, each text and token once.

    Args:
        ids: (T,) tokens of all bags, one after the other.
        ends: (N + 1,) where each bag starts, and the last one ends.
        vocabulary: V.

    Returns:
        rows (U,), the tokens that occur, ascending; of texts, where their tokens start (N + 1,), tokens (K,) as
        places in `rows`, and their shares of the text (K,), float32; likewise of tokens, where their texts start
        (U + 1,), texts (K,) and shares (K,).
    """
    texts = len(ends) - 1
    last = np.full(vocabulary, -1, np.int32)  # text that holds the token
    where = np.empty(vocabulary, np.int32)  # and where among its tokens
    holders = np.zeros(vocabulary, np.int32)
    tokens, counts = np.empty(len(ids), np.int32), np.empty(len(ids), np.int32)
    starts = np.empty(texts + 1, np.int32)
    held = 0
    for text in range(texts):
        starts[text] = held
        for token in ids[ends[text] : ends[text + 1]]:
            if last[token] != text:
                last[token], where[token] = text, held
                tokens[held], counts[held] = token, 0
                holders[token] += 1
                held += 1
            counts[where[token]] += 1
    starts[texts] = held

    used = np.count_nonzero(holders)
    rows, text_starts = np.empty(used, np.int64), np.empty(used + 1, np.int32)
    row, begin = 0, 0
    for token in range(vocabulary):
        if holders[token]:
            rows[row], text_starts[row], where[token] = token, begin, row
            begin += holders[token]
            row += 1
    text_starts[used] = begin

    shares, text_shares = np.empty(held, np.float32), np.empty(held, np.float32)
    holding, free = np.empty(held, np.int32), text_starts.copy()
    for text in range(texts):
        for k in range(starts[text], starts[text + 1]):
            row = where[tokens[k]]
            tokens[k], shares[k] = row, np.float32(counts[k]) / np.float32(ends[text + 1] - ends[text])
            holding[free[row]], text_shares[free[row]] = text, shares[k]
            free[row] += 1
    return rows, (starts, tokens[:held], shares), (text_starts, holding, text_shares)


@_compiled
def combine(counters: Any, matrix: Any, starts: Any, members: Any, shares: Any, out: Any, squares: Any) -> None:
    """Write sums of rows into `out`, and the sum of the squares of each into `squares`.

    Sum i is that of the rows `members` of `matrix`, from `starts[i]` to `starts[i + 1]`, times their `shares`.
    """
    width = matrix.shape[1]
    begin, end = _next(counters, 0)
    while begin < end:
        for i in range(begin, end):
            o, k, last = out[i], starts[i], starts[i + 1]
            o[:] = 0
            while k + 4 <= last:  # so that what is written is read again a quarter as often
                a, b, c, d = (
                    matrix[members[k]],
                    matrix[members[k + 1]],
                    matrix[members[k + 2]],
                    matrix[members[k + 3]],
                )
                p, q, r, s = shares[k], shares[k + 1], shares[k + 2], shares[k + 3]
                for j in range(width):
                    o[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
                k += 4
            while k < last:
                a, p = matrix[members[k]], shares[k]
                for j in range(width):
                    o[j] += p * a[j]
                k += 1
            total = np.float32(0)
            for j in range(width):
                total += o[j] * o[j]
            squares[i] = total
        begin, end = _next(counters, end - begin)
