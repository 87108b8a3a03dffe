"""Gradients of token vectors that are added in place: those of the library, only where the library's are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.training.cpu.token_vectors import adding_in_place, word_embedding

IDS = torch.tensor([[1, 2, 2, 7], [7, 0, 0, 0]])


def embedding(**settings):
    torch.manual_seed(0)
    return nn.Embedding(10, 3, **settings)


@pytest.mark.parametrize("padding", [None, 0])
def test_two_passes_add_up_to_the_gradient_of_the_library(padding):
    plain = embedding(padding_idx=padding)
    ours = copy.deepcopy(plain)
    wanted = torch.randn(2, 4, 3)
    for ids in (IDS, IDS.flip(0)):
        (plain(ids) * wanted).sum().backward()
        with adding_in_place(ours):
            found = ours(ids)
        assert torch.equal(found, plain(ids))
        (found * wanted).sum().backward()
    assert torch.allclose(ours.weight.grad, plain.weight.grad, atol=1e-6)
    assert "forward" not in vars(ours)


def test_without_gradients_nothing_is_in_the_way():
    layer = embedding()
    with torch.no_grad(), adding_in_place(layer):
        assert "forward" not in vars(layer)
    with adding_in_place(None):
        pass


def test_a_pass_that_fails_leaves_the_layer_as_it_was():
    layer = embedding()
    with pytest.raises(IndexError), adding_in_place(layer):
        layer(torch.tensor([99]))
    assert "forward" not in vars(layer)


def test_only_an_ordinary_layer_that_learns_is_taken(toy):
    def fresh():
        model = scratch_encoder(toy, dimensions=64, layers=1, vocabulary=120)
        return model, model[0].auto_model.get_input_embeddings()

    model, layer = fresh()
    assert word_embedding(model) is layer
    layer.weight.requires_grad_(False)
    assert word_embedding(model) is None
    for wait in (
        lambda layer: layer.register_forward_hook(lambda *_: None),
        lambda layer: layer.weight.register_hook(lambda gradient: None),
        lambda layer: layer.weight.register_post_accumulate_grad_hook(lambda weight: None),
    ):
        model, layer = fresh()
        wait(layer)
        assert word_embedding(model) is None
    model, layer = fresh()
    layer.max_norm = 1.0
    assert word_embedding(model) is None
    assert word_embedding(static_encoder(toy, dimensions=8, vocabulary=120)) is None
