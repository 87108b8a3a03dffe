"""Things that belong together, directly or through others (union-find)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Groups"]

Thing = TypeVar("Thing", bound=Hashable)


class Groups(Generic[Thing]):
    """Disjoint sets; a thing that was never joined is a group of its own."""

    def __init__(self) -> None:
        self.parent: dict[Thing, Thing] = {}

    def of(self, thing: Thing) -> Thing:
        """Return the thing that stands for the group of a thing."""
        while (above := self.parent.get(thing, thing)) != thing:
            self.parent[thing] = self.parent.get(above, above)
            thing = above
        return thing

    def join(self, thing: Thing, other: Thing) -> None:
        """Put two things into one group, which the second's stands for."""
        self.parent[self.of(thing)] = self.of(other)
