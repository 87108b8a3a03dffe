"""What a server has done, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

__all__ = ["CONTENT_TYPE", "Counters"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: upper bounds of the buckets of search times."""


class Counters:
    """Counts requests by path and status, and the times of searches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def count(self, method: str, path: str, status: int) -> None:
        """Count an answered request; the path is one of few, whatever was asked for."""
        with self._lock:
            self._requests[method, path, status] += 1

    def time(self, seconds: float) -> None:
        """Count a search that found something, from when it was asked for to its answer."""
        with self._lock:
            self._buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def text(self, *, places: int, documents: Mapping[str, int]) -> str:
        """Return the page of metrics.

        Args:
            places: searches that run or wait.
            documents: index -> how many it holds.
        """
        with self._lock:
            requests, buckets, seconds = sorted(self._requests.items()), list(self._buckets), self._seconds
        lines = _head("isoglot_requests_total", "counter", "Answered requests.")
        lines += [
            _sample("isoglot_requests_total", {"method": method, "path": path, "status": str(status)}, number)
            for (method, path, status), number in requests
        ]
        name = "isoglot_search_seconds"
        lines += _head(name, "histogram", "Time of searches, waiting included.")
        below = 0
        for bound, number in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
            below += number
            lines.append(_sample(f"{name}_bucket", {"le": bound}, below))
        lines += [_sample(f"{name}_sum", {}, seconds), _sample(f"{name}_count", {}, below)]
        lines += _head("isoglot_searches", "gauge", "Searches that run or wait.")
        lines.append(_sample("isoglot_searches", {}, places))
        lines += _head("isoglot_documents", "gauge", "Documents of an index.")
        lines += [_sample("isoglot_documents", {"index": index}, number) for index, number in documents.items()]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
