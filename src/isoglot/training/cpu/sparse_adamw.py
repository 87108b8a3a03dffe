"""`DeferredAdamW`: AdamW for token vectors, at the cost of the tokens that occur.

In AdamW every row of a vocabulary moves at every step, most of them by what is left of their momentum alone: their
gradient is zero. Here such a row waits until it is needed. With gradients of zero, the steps s + 1 … t move it by

    Σ_u a_u m / (√v + e_u),  a_u = η_u √(1 − β₂ᵘ) / (1 − β₁ᵘ) (β₁ / √β₂)ᵘ⁻ˢ,  e_u = ε √(1 − β₂ᵘ) β₂^((s − u) / 2)

with its momentum m and mean square v at step s and learning rate η. In the few steps that momentum lasts e hardly
changes, and it is far below √v wherever gradients are larger than ε, so mean and variance of its distribution,
weighted by a, say enough:

    Σ_u a_u m / (√v + e_u) ≈ A m / d (1 + var / d²),  A = Σ_u a_u,  d = √v + mean

The tests hold the weights against AdamW in double precision.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

__all__ = ["DeferredAdamW", "catch_up_moments"]

SWEEP = 256
"""All rows are brought up to date at the steps that are multiples of it, so few steps have to be remembered."""
SMALLEST = 2**20
"""Numbers in a matrix that is worth it: one step of AdamW takes a millisecond for so many."""
KEY = "deferred"


class _Steps:
    """The steps since the last sweep: how far a row that has waited since one of them has to go.

    Attributes:
        swept: the step of the last sweep.
        now: the last step.
    """

    def __init__(self, now: int = 0) -> None:
        self.swept = self.now = now
        # of rows up to date at step swept + i, i = 0, 1, …: sums of a, a·e and a·e², and what weight decay leaves
        self._sums = np.array([[0.0], [0.0], [0.0], [1.0]])

    def add(self, rate: float, betas: tuple[float, float], epsilon: float, weight_decay: float) -> None:
        """Add a step."""
        self.now += 1
        first, second = betas
        correction = np.sqrt(1 - second**self.now)
        waited = self.now - np.arange(self.swept, self.now)
        move = rate * correction / (1 - first**self.now) * (first / np.sqrt(second)) ** waited
        term = epsilon * correction / np.sqrt(second) ** waited
        self._sums *= 1 - rate * weight_decay
        self._sums[:3] += [move, move * term, move * term**2]
        self._sums = np.append(self._sums, [[0.0], [0.0], [0.0], [1.0]], axis=1)

    def table(self, betas: tuple[float, float]) -> np.ndarray:
        """Return A, mean, variance, what weight decay leaves and what is left of both moments, (6, S), of rows that
        are up to date at step swept + 0, 1, … S - 1."""
        total, first, second, kept = self._sums
        moved = total > 0
        mean = np.divide(first, total, out=np.ones(len(total)), where=moved)  # 1: nothing is divided by 0
        square = np.divide(second, total, out=np.ones(len(total)), where=moved)
        waited = np.arange(len(total))[::-1]
        return np.stack([total, mean, square - mean**2, kept, *(beta**waited for beta in betas)]).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return it as tensors and numbers."""
        return {"swept": self.swept, "now": self.now, "sums": torch.from_numpy(self._sums)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.swept, self.now = int(state["swept"]), int(state["now"])
        self._sums = state["sums"].numpy().copy()


class DeferredAdamW(AdamW):
    """AdamW whose steps touch, of one matrix of token vectors, only the rows that have a gradient.

    It is the `TokenVectors` of `bag_means`: `take` gives rows as they are after the last step, `give` takes their
    gradient. All other parameters get the steps of AdamW.

    Whoever else looks at the matrix has to call `settle` before. Between `watch` and `release` this is done
    whenever the module of the matrix makes a forward pass or is asked for its state. It changes nothing about later
    steps.

    Args:
        plain: an AdamW of all parameters, whose groups and settings are taken over.
        weight: (V, d) one of its parameters, for which `fits` is true.

    Attributes:
        threads: how many share the rows; more than one only where torch has one.
    """

    def __init__(self, plain: AdamW, weight: nn.Parameter) -> None:
        known = inspect.signature(AdamW).parameters
        super().__init__(plain.param_groups, **{key: plain.defaults[key] for key in plain.defaults if key in known})
        self._weight = weight
        self._version = weight._version  # which the loops over rows do not change
        self._last = np.zeros(len(weight), np.int64)  # the step that each row is up to date with
        self._steps = _Steps()
        self._given: list[tuple[np.ndarray, Tensor]] = []
        self._square: float | None = None  # of what was given, if it is known
        self._scale = 1.0  # of what was given, which it has yet to be multiplied by
        self._taken: tuple[np.ndarray, np.ndarray] | None = None
        self._space = np.empty((0, weight.shape[1]), np.float32)
        self._waiting: np.ndarray | None = None  # the matrix with rows that wait, while all see a settled one
        self._hooks: list[Any] = []
        self.threads = 1

    @staticmethod
    def fits(optimizer: Any, weight: nn.Parameter) -> bool:
        """Tell whether an optimiser can be replaced by this one, and the matrix is large enough for it to pay."""
        if type(optimizer) is not AdamW or weight.dtype != torch.float32 or weight.device.type != "cpu":
            return False
        group = _group_of(optimizer, weight)
        if group is None or not group["eps"] or group["amsgrad"] or group["maximize"]:
            return False
        return weight.numel() >= SMALLEST and weight.is_contiguous()

    @torch.no_grad()
    def take(self, rows: np.ndarray) -> Tensor:
        """Return the vectors (U, d) of tokens (U,) as they are after the last step; valid until the next call."""
        self._unsettle()
        if len(self._space) < len(rows):
            self._space = np.empty((len(rows), self._weight.shape[1]), np.float32)
        vectors = self._space[: len(rows)]
        if self._started:
            self._look(rows, vectors, np.arange(len(rows)))
        else:
            np.take(self._matrix(), rows, axis=0, out=vectors)
        self._taken = rows, vectors
        return torch.from_numpy(vectors)

    def give(self, rows: np.ndarray, gradient: Tensor, square: float | None = None) -> None:
        """Add the gradient (U, d) of the vectors of tokens (U,) to what was given since the last step.

        Args:
            rows: (U,).
            gradient: (U, d).
            square: the sum of its squares, if it is known.
        """
        self._square = None if self._given else square
        self._given.append((rows, gradient))

    @property
    def gradient(self) -> Tensor | None:
        """The gradient (U, d) of the rows that were given one, before it is clipped."""
        if not self._given:
            return None
        if len(self._given) > 1:
            rows = np.unique(np.concatenate([rows for rows, _ in self._given]))
            total = torch.zeros(len(rows), self._weight.shape[1])
            for part, gradient in self._given:
                total.index_add_(0, torch.from_numpy(np.searchsorted(rows, part)), gradient)
            self._given = [(rows, total)]
        return self._given[0][1]

    @torch.no_grad()
    def clip(self, parameters: Iterable[nn.Parameter], most: float) -> Tensor:
        """Make gradients smaller where their norm is above `most`, as the library does, and return the norm.

        Args:
            parameters: those whose gradients count beside the one that was given.
            most: infinite to compute the norm alone.
        """
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        given = self.gradient
        if given is not None:
            own = torch.nn.utils.get_total_norm([given]) if self._square is None else math.sqrt(self._square)
            norm = torch.hypot(norm, self._scale * torch.as_tensor(own))
        if norm > most:
            factor = float(most / (norm + 1e-6))
            self._scale *= factor
            for gradient in gradients:
                gradient.mul_(factor)
        return norm

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step with the gradients there are."""
        if self._weight.grad is not None:  # of somebody who used the matrix as a whole
            self.give(np.arange(len(self._weight)), self._weight.grad)
            self._weight.grad = None
        gradient = self.gradient
        if gradient is not None:
            self._update(self._given[0][0], gradient)
            self._forget()
        return super().step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients there are."""
        self._forget()
        super().zero_grad(set_to_none)

    def _forget(self) -> None:
        """Forget the gradient that was given."""
        self._given.clear()
        self._square, self._scale = None, 1.0

    @torch.no_grad()
    def settle(self) -> None:
        """Let the matrix be as it is after the last step, until the next one needs the rows that wait."""
        self._heed_others()
        rows = self._behind()
        if self._waiting is None and len(rows):
            self._waiting = self._matrix().copy()
            self._look(rows, self._matrix(), rows)

    @torch.no_grad()
    def catch_up(self) -> None:
        """Bring all rows up to date."""
        self._unsettle()
        rows = self._behind()
        if len(rows):
            self._look(rows, self._matrix(), rows)
            self._decay(rows)
        self._last[:] = self._steps.now
        self._steps = _Steps(self._steps.now)
        self._taken = None

    def watch(self, module: nn.Module) -> None:
        """Settle the matrix whenever its module makes a forward pass or is asked for its state."""
        self.release()
        self._hooks = [
            module.register_forward_pre_hook(lambda *_: self.settle()),
            module.register_state_dict_pre_hook(lambda *_: self.settle()),
        ]

    def release(self) -> None:
        """Bring all rows up to date, and stop watching."""
        self.catch_up()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of AdamW, and what decides how the rows that wait go on."""
        found: dict[str, Any] = super().state_dict()
        if self._started:
            self._heed_others()
            weights = self._matrix() if self._waiting is None else self._waiting
            last = torch.from_numpy(self._last)
            found[KEY] = {"weights": torch.from_numpy(weights), "last": last, **self._steps.state()}
        return found

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state of this optimiser or of AdamW."""
        super().load_state_dict(state_dict)
        self._waiting, self._taken = None, None
        self._forget()
        if KEY in state_dict:
            found = state_dict[KEY]
            self._weight.copy_(found["weights"])
            self._last = found["last"].numpy().copy()
            self._steps.restore(found)
        else:
            self._steps = _Steps(int(self.state[self._weight]["step"]) if self._started else 0)
            self._last[:] = self._steps.now
        self._version = self._weight._version

    @property
    def _started(self) -> bool:
        return bool(self.state.get(self._weight))

    def _matrix(self) -> np.ndarray:
        matrix: np.ndarray = self._weight.detach().numpy()
        return matrix

    def _matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return weights and moments, each (V, d)."""
        state = self.state[self._weight]
        return self._matrix(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()

    def _behind(self) -> np.ndarray:
        return np.flatnonzero(self._last < self._steps.now)

    def _look(self, rows: np.ndarray, out: np.ndarray, places: np.ndarray) -> None:
        """Write rows (U,) of the matrix as they are after the last step into places (U,) of `out`."""
        self._run("look", rows, out, places)

    def _decay(self, rows: np.ndarray) -> None:
        """Bring the moments of rows (U,) up to date."""
        self._run("decay", rows)

    def _run(self, loop: str, rows: np.ndarray, *more: Any) -> None:
        """Run one of the loops over rows (U,) of the matrix."""
        from isoglot.training.cpu import row_kernels

        table, ages = self._steps.table(self._group()["betas"]), self._last[rows] - self._steps.swept
        given = (self._matrices(), table, rows, ages, *more)
        row_kernels.share(getattr(row_kernels, loop), self.threads, len(rows), *given)

    def _heed_others(self) -> None:
        """If somebody has written other weights, let them be up to date."""
        if self._weight._version == self._version:
            return
        self._version, self._waiting, self._taken = self._weight._version, None, None
        rows = self._behind()
        if len(rows):
            self._decay(rows)
        self._last[:] = self._steps.now

    def _unsettle(self) -> None:
        """Let rows wait again."""
        self._heed_others()
        if self._waiting is not None:
            np.copyto(self._matrix(), self._waiting)
            self._waiting = None

    def _update(self, rows: np.ndarray, gradient: Tensor) -> None:
        """Make the step of rows (U,) with their gradient (U, d), and let all others wait."""
        state, group = self.state[self._weight], self._group()
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"], state["exp_avg_sq"] = (_zeros(self._weight) for _ in range(2))
        self._unsettle()
        if self._taken is None or self._taken[0] is not rows:
            self.take(rows)
        assert self._taken is not None
        (beta1, beta2), rate, epsilon = group["betas"], float(group["lr"]), group["eps"]
        state["step"] += 1
        step = int(state["step"])
        correction = math.sqrt(1 - beta2**step)
        numbers = (
            *(self._scale, rate * correction / (1 - beta1**step), beta1, 1 - beta1, beta2, 1 - beta2),
            *(epsilon * correction, 1 - rate * group["weight_decay"]),
        )
        settings = tuple(np.float32(number) for number in numbers)
        self._run("step", rows, self._taken[1], gradient.contiguous().numpy(), settings)
        self._taken = None
        self._steps.add(rate, (beta1, beta2), epsilon, group["weight_decay"])
        self._last[rows] = self._steps.now
        if self._steps.now % SWEEP == 0:
            self.catch_up()

    def _group(self) -> dict[str, Any]:
        group = _group_of(self, self._weight)
        assert group is not None
        return group


def _zeros(like: Tensor) -> Tensor:
    # numpy asks for large pages, torch does not; rows here and there are found in them in three quarters of the
    # time
    zeros = torch.from_numpy(np.empty(like.shape, np.float32))
    return zeros.zero_()


def _group_of(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> dict[str, Any] | None:
    """Return the parameter group of a parameter, which torch lets be in one only; None if it is in none."""
    groups = (group for group in optimizer.param_groups if any(one is weight for one in group["params"]))
    return next(groups, None)


@torch.no_grad()
def catch_up_moments(optimizer: torch.optim.Optimizer, weight: nn.Parameter, saved: dict[str, Any]) -> None:
    """Bring the moments that an AdamW has loaded from the state of a `DeferredAdamW` up to date.

    Args:
        optimizer: has loaded the state.
        weight: the matrix of token vectors.
        saved: the state.
    """
    group = _group_of(optimizer, weight)
    if KEY not in saved or group is None or weight not in optimizer.state:
        return
    state, waited = optimizer.state[weight], saved[KEY]["now"] - saved[KEY]["last"].numpy()
    for name, beta in zip(("exp_avg", "exp_avg_sq"), group["betas"], strict=True):
        left = torch.from_numpy((beta**waited).astype(np.float32))[:, None]
        state[name].mul_(left.to(state[name].device))
