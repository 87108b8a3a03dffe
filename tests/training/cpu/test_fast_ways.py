"""Fast ways of training on a CPU: with each or without it a run ends alike, and none is needed."""

from __future__ import annotations

import logging
import sys

import pytest
import torch
from sentence_transformers import SentenceTransformerTrainingArguments

from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.training import HybridTrainer, cpu
from isoglot.training.cpu import FAST_WAYS, dropout, fast_ways, sparse_adamw
from isoglot.training.cpu.sparse_adamw import DeferredAdamW
from isoglot.training.execution import embedding


@pytest.fixture(autouse=True)
def _however_small(monkeypatch):
    monkeypatch.setattr(sparse_adamw, "SMALLEST", 1)


def trained(toy, folder, model, fast):
    args = SentenceTransformerTrainingArguments(
        str(folder),
        max_steps=8,
        per_device_train_batch_size=4,
        learning_rate=0.01,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=5,
    )
    trainer = HybridTrainer(model, toy, args=args, fast=fast)
    trainer.train()
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]), trainer


def static(toy):
    return static_encoder(toy, dimensions=16, vocabulary=120, seed=3)


def transformer(toy):
    torch.manual_seed(4)
    model = scratch_encoder(toy, dimensions=64, layers=1, vocabulary=120)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


WITHOUT = [FAST_WAYS - {"adamw"}, FAST_WAYS - {"bags"}, {"adamw"}, False]


def named(fast):
    """Return the same name in every process, whatever order a set has there."""
    return " ".join(sorted(fast)) if fast else "nothing"


@pytest.mark.parametrize("fast", WITHOUT, ids=named)
def test_a_static_encoder_is_trained_alike_without(toy, tmp_path, fast):
    start = torch.cat([weight.detach().flatten() for weight in static(toy).parameters()])
    all_of_them, trainer = trained(toy, tmp_path, static(toy), True)
    assert isinstance(trainer.optimizer.optimizer, DeferredAdamW)
    found, trainer = trained(toy, tmp_path, static(toy), fast)
    assert type(trainer.optimizer.optimizer) is torch.optim.AdamW
    assert (found - start).norm() > 0.1
    assert (found - all_of_them).norm() < 1e-3 * (found - start).norm()


@pytest.mark.parametrize("fast", [FAST_WAYS - {"lookup"}, FAST_WAYS - {"dropout"}, False], ids=named)
def test_a_transformer_is_trained_alike_without(toy, tmp_path, fast):
    start = torch.cat([weight.detach().flatten() for weight in transformer(toy).parameters()])
    all_of_them, _ = trained(toy, tmp_path, transformer(toy), True)
    found, _ = trained(toy, tmp_path, transformer(toy), fast)
    assert (found - start).norm() > 0.1
    assert (found - all_of_them).norm() < 1e-2 * (found - start).norm()


def test_what_is_switched_off_is_not_called(toy, tmp_path, monkeypatch):
    called = set()

    def noting(module, name):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: called.add(name) or real(*args))

    noting(embedding, "bag_means")
    noting(embedding, "word_embedding")
    noting(dropout, "drop")
    for fast in (True, False):
        called.clear()
        trained(toy, tmp_path, static(toy), fast)
        trained(toy, tmp_path, scratch_encoder(toy, dimensions=64, layers=1, vocabulary=120), fast)
        assert called == ({"bag_means", "word_embedding", "drop"} if fast else set())


def test_without_numba_training_is_slower_and_says_so_once(toy, tmp_path, monkeypatch, caplog):
    expected, _ = trained(toy, tmp_path, static(toy), False)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "isoglot.training.cpu.row_kernels", None)
    monkeypatch.delattr(cpu, "row_kernels", raising=False)
    dropout._kernel.cache_clear()
    cpu._has_numba.cache_clear()
    try:
        with caplog.at_level(logging.INFO, "isoglot"):
            found, trainer = trained(toy, tmp_path, static(toy), True)
            trained(toy, tmp_path, scratch_encoder(toy, dimensions=64, layers=1, vocabulary=120), True)
    finally:
        cpu._has_numba.cache_clear()
    assert trainer.loss.embedder.fast == {"lookup"}
    assert torch.equal(found, expected)
    assert [record.message for record in caplog.records if "numba" in record.message] == [
        "without numba (pip install 'isoglot[fast]') a CPU trains in torch's own, slower ways"
    ]


def test_names_are_looked_at_and_adamw_needs_bags():
    assert fast_ways() == fast_ways(True) == FAST_WAYS
    assert fast_ways(False) == fast_ways(()) == fast_ways({"adamw"}) == frozenset()
    assert fast_ways(["adamw", "bags"]) == {"adamw", "bags"}
    with pytest.raises(InputError, match="no fast way is called 'quick'; there are adamw, bags, dropout, lookup"):
        fast_ways({"quick"})
