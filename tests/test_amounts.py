"""Sizes of memory and budgets of languages, in whatever words they are given."""

from __future__ import annotations

import pytest
import torch

from isoglot.amounts import check_dtype, read_budget, read_budgets, read_size
from isoglot.errors import InputError


def test_units_of_1000_and_of_1024_are_told_apart():
    sizes = {
        "7": 7,
        "7 B": 7,
        "2kB": 2000,
        "2KiB": 2048,
        "1.5 GB": 1_500_000_000,
        "1.5GiB": 3 * 2**29,
        "1t": 10**12,
    }
    assert {text: read_size(text) for text in sizes} == sizes
    assert read_size("2k", alone=1024) == 2048
    assert read_size("2kB", alone=1024) == 2000


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "8iB", "1e9", "8 G B", "٣", "8GB of it"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="should be a number of bytes"):
        read_size(text)


def test_a_budget_is_a_number_or_all():
    assert [read_budget(one) for one in (5, "5", " 5 ", 0, "all", None)] == [5, 5, 5, 0, None, None]
    for bad in (-1, "-1", 1.5, True, "many", [], ""):
        with pytest.raises(ValueError, match="should be a number of queries, or all"):
            read_budget(bad)
    with pytest.raises(InputError, match=r"^--default: 'many' is neither a number of queries nor all$"):
        read_budget("many", "--default")
    assert read_budgets(["SWA=5", "zh_cn=all"], "--budget") == {"sw": 5, "zh-CN": None}


def test_precisions_are_those_that_torch_calls_so():
    for name in ("float32", "bfloat16", "float16"):
        check_dtype(name)
        assert getattr(torch, name).is_floating_point
    with pytest.raises(InputError, match="no precision 'fp16': choose one of float32, bfloat16, float16"):
        check_dtype("fp16")
