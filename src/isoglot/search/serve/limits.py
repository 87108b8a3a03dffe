"""What one request may ask for, and how many may ask at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from isoglot.errors import InputError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Limits of a server; what goes beyond one is refused with a status of its own.

    Attributes:
        question: most characters of a question (422).
        k: most documents returned (422).
        searches: searches that run at once; each takes a thread.
        waiting: searches that may wait for their turn; with more, 503 and `Retry-After`.
        seconds: until a search must have ended, waiting included (504).
        body: most bytes of a request's body (413).
        url: most bytes of the part of a URL behind `?` (414). A character takes up to 12 there.

    Raises:
        InputError: a limit is below 1 (`waiting` may be 0; `seconds` a fraction).
    """

    question: int = 1000
    k: int = 100
    searches: int = 2
    waiting: int = 64
    seconds: float = 30.0
    body: int = 64 * 1024
    url: int = 16 * 1024

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = {"waiting": 0, "seconds": 0.001}.get(field.name, 1)
            if not value >= least:
                raise InputError(f"the limit {field.name} of a server must be at least {least}, not {value}")
