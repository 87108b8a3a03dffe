"""Dropout on a CPU: the library's in all but the masks it draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn import functional

from isoglot.encoders import scratch_encoder
from isoglot.encoders.tuning import checkpoint_gradients
from isoglot.training.cpu.dropout import BLOCK, attention, drop, quick_dropout


def splitmix64(seed: int, number: int) -> int:
    """Draw `number` (from 0) of a generator that starts at `seed` (Steele, Lea & Flood 2014)."""
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def kept(values: torch.Tensor, probability: float) -> torch.Tensor:
    return drop(values, probability) != 0


def test_masks_are_what_the_generator_draws():
    torch.manual_seed(3)
    seed = int(torch.randint(2**63 - 1, ()))
    draws = np.array([splitmix64(seed, number) for number in range(BLOCK)], np.uint64).view(np.int16)
    torch.manual_seed(3)
    found = kept(torch.ones(4 * BLOCK), 0.25).numpy()
    assert np.array_equal(found, draws >= 2**14 - 2**15)


@pytest.mark.parametrize("probability", [0.001, 0.1, 0.5, 0.9])
def test_it_drops_as_many_as_asked_for_independently(probability):
    torch.manual_seed(0)
    masks = torch.stack([~kept(torch.ones(5, 40_000), probability) for _ in range(5)]).double()
    n = masks.numel()
    four_sigma = 4 * (probability * (1 - probability) / n) ** 0.5
    assert masks.mean().item() == pytest.approx(probability, abs=four_sigma + 1 / 2**17)
    centred = masks - masks.mean()
    spread = centred.square().mean()
    for shift, along in ((1, 2), (2, 2), (4, 2), (4 * BLOCK, 2), (1, 1), (1, 0)):  # within, and between calls
        again = (centred * centred.roll(shift, along)).mean() / spread
        assert abs(again.item()) < 4 / n**0.5


def test_what_is_kept_grows_so_that_the_mean_stays():
    found = drop(torch.full((10,), 3.0), 0.2)
    left = 1 - round(0.2 * 2**16) / 2**16
    assert set(found.tolist()) <= {0.0, float(np.float32(3) * np.float32(1 / left))}


@pytest.mark.parametrize("shape", [(1,), (4 * BLOCK - 1,), (4 * BLOCK + 1,), (3, 5, 2000), (0, 7)])
def test_gradients_are_dropped_where_values_were(shape):
    values = torch.randn(shape, requires_grad=True)
    found = drop(values, 0.3)
    found.backward(torch.ones(shape))
    assert torch.equal(values.grad, (found != 0) * values.grad.max() if found.numel() else found)
    torch.testing.assert_close(found, values * values.grad)


def test_values_in_any_order_of_memory_are_dropped_alike():
    values = torch.randn(30, 20, 10)
    found = []
    for one in (values.transpose(0, 2), values.transpose(0, 2).contiguous()):
        torch.manual_seed(0)
        found.append(drop(one, 0.4))
    assert torch.equal(*found)


@pytest.mark.parametrize("probability", [0.0, 1.0, 1e-9])
def test_nothing_and_everything_can_be_dropped(probability):
    values = torch.randn(100)
    assert torch.equal(drop(values, probability), values * (probability < 1))


def test_other_precisions_are_left_to_the_library():
    values = torch.randn(1000, dtype=torch.bfloat16)
    torch.manual_seed(1)
    expected = functional.dropout(values, 0.5)
    torch.manual_seed(1)
    assert torch.equal(drop(values, 0.5), expected)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_the_librarys(masked):
    rng = torch.Generator().manual_seed(0)
    shape = (3, 2, 6, 4)
    inputs = [torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_() for _ in range(3)]
    mask = None
    if masked:
        mask = torch.rand(3, 1, 6, 6, generator=rng) < 0.6
        mask[1, 0, 2:4] = False  # texts without a token have nothing to attend to
    for scale in (None, 0.3):
        expected = functional.scaled_dot_product_attention(*inputs, mask, scale=scale)
        found = attention(*inputs, mask, 0.0, scale)
        torch.testing.assert_close(found, expected)
        upstream = torch.randn(shape, generator=rng, dtype=torch.float64)
        for mine, theirs in zip(
            torch.autograd.grad(found, inputs, upstream),
            torch.autograd.grad(expected, inputs, upstream),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs)


@pytest.fixture
def encoder(toy):
    return scratch_encoder(toy, dimensions=64, vocabulary=200).train()


def embed(model, seed=0, quick=True):
    features = model.preprocess(["one text", "and another, which is longer"])
    torch.manual_seed(seed)
    if not quick:
        return model(features)["sentence_embedding"]
    with quick_dropout(model):
        return model(features)["sentence_embedding"]


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_an_encoder_in_training_drops_by_other_masks_and_as_much(encoder, implementation, monkeypatch):
    encoder[0].auto_model.set_attn_implementation(implementation)
    calls = []
    monkeypatch.setattr("isoglot.training.cpu.dropout.drop", lambda values, p: calls.append(p) or drop(values, p))
    torch.testing.assert_close(embed(encoder), embed(encoder), rtol=0, atol=0)
    config = encoder[0].auto_model.config
    layers = config.num_hidden_layers
    expected = [config.hidden_dropout_prob] * (2 * layers + 1) + [config.attention_probs_dropout_prob] * layers
    assert sorted(calls) == sorted(expected * 2)
    with torch.no_grad():
        quick, slow = (torch.stack([embed(encoder, n, quick) for n in range(200)]) for quick in (True, False))
    torch.testing.assert_close(quick.std(dim=0).mean(), slow.std(dim=0).mean(), rtol=0.1, atol=0)
    torch.testing.assert_close(quick.mean(dim=0), slow.mean(dim=0), rtol=0, atol=float(slow.std(dim=0).max()) * 0.5)


def transformer_of(model):
    return model[0].auto_model.encoder.layer


CHANGES = {
    "evaluated": lambda model: model.eval(),
    "checkpointed": checkpoint_gradients,
    "wrapped": lambda model: transformer_of(model).__setitem__(0, checkpoint_wrapper(transformer_of(model)[0])),
    "half": lambda model: model.bfloat16(),
    "compiled": lambda model: transformer_of(model)[0].compile(backend="eager"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_changes_where_masks_of_our_own_have_no_place(encoder, change):
    change(encoder)
    assert torch.equal(embed(encoder), embed(encoder, quick=False))


def test_nothing_changes_in_mixed_precision(encoder):
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(embed(encoder), embed(encoder, quick=False))
