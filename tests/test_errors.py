"""Which errors say that memory does not suffice, so that something smaller is worth a try."""

from __future__ import annotations

import pytest
import torch

from isoglot.errors import LITTLE, InputError, is_out_of_memory

CUDNN = (
    'mha_graph->execute(handle, variant_pack, workspace_ptr.get()).is_good() INTERNAL ASSERT FAILED at "x.cpp":486',
    "Expected mha_graph->execute(handle, variant_pack, workspace_ptr.get()).is_good() to be true, but got false.",
    "Expected mha_graph.execute(handle, variant_pack, workspace_ptr.get()).is_good() to be true, but got false.",
)


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (InputError("not enough memory of what was asked"), False),
        (ValueError("CUDA out of memory"), False),
    ],
)
def test_what_says_that_memory_does_not_suffice(error, known):
    assert is_out_of_memory(error) == known


@pytest.mark.parametrize("said", CUDNN)
@pytest.mark.parametrize(("free", "known"), [(LITTLE - 1, True), (LITTLE, False), (None, False)])
def test_attention_of_cudnn_failed_for_memory_where_there_is_none_left(monkeypatch, said, free, known):
    def asked():
        if free is None:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return free, 80 * 2**30

    monkeypatch.setattr(torch.cuda, "mem_get_info", asked)
    assert is_out_of_memory(RuntimeError(said)) == known
    assert not is_out_of_memory(ValueError(said))
