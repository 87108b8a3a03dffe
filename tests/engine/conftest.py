"""One Ray cluster of two processes for all tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isoglot.engine import Workers, start_workers


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with start_workers(2) as started:
        yield started
