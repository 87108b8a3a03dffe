"""Loading ahead changes when batches are made, and nothing else."""

from __future__ import annotations

import threading

import pytest
from torch.utils.data import Dataset

from isoglot.batching.prefetch import PrefetchLoader


class Squares(Dataset):
    def __init__(self, bad: int = -1) -> None:
        self.bad = bad
        self.made: list[int] = []

    def __len__(self) -> int:
        return 50

    def __getitem__(self, item: int) -> int:
        if item == self.bad:
            raise ZeroDivisionError(f"item {item}")
        self.made.append(item)
        return item * item


def loader(data: Squares, **more) -> PrefetchLoader:
    return PrefetchLoader(data, batch_size=1, collate_fn=lambda items: items[0], **more)


def loading_threads() -> int:
    return sum(thread.name == "isoglot-batches" for thread in threading.enumerate())


def test_batches_come_in_order_every_time():
    for _ in range(2):
        assert list(loader(Squares())) == [n * n for n in range(50)]
    assert loading_threads() == 0


def test_a_mistake_is_raised_where_its_batch_would_have_come():
    batches = iter(loader(Squares(bad=7)))
    assert [next(batches) for _ in range(7)] == [n * n for n in range(7)]
    with pytest.raises(ZeroDivisionError, match="item 7"):
        next(batches)
    assert loading_threads() == 0


def test_a_reader_that_stops_early_stops_the_loading():
    data = Squares()
    batches = iter(loader(data))
    assert next(batches) == 0
    batches.close()
    assert loading_threads() == 0
    assert len(data.made) < 10
