"""What of a pretrained encoder is trained: freezing, LoRA, checkpointing, attention; that it saves and loads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device

from isoglot.encoders import load_encoder, merge_lora, scratch_encoder, static_encoder
from isoglot.errors import InputError

TEXTS = [
    "tar unpacks archives",
    "ls lists the files of a folder",
    "Wie entpacke ich ein Archiv?",
    "Dateien auflisten",
    "ฉันจะแตกไฟล์เก็บถาวรได้อย่างไร",
]


@pytest.fixture(scope="module")
def folders(pretrained_folders) -> dict[str, Path]:
    return pretrained_folders


@pytest.fixture(params=["mbert", "xlmr", "minilm"])
def folder(request, folders) -> Path:
    return folders[request.param]


def step(model: SentenceTransformer, optimiser: torch.optim.Optimizer | None = None) -> float:
    """One step that draws the texts' embeddings away from each other; without dropout, so that losses compare."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    features = batch_to_device(model.preprocess(TEXTS), model.device)
    embeddings = torch.nn.functional.normalize(model(features)["sentence_embedding"])
    loss = torch.nn.functional.cross_entropy(20 * embeddings @ embeddings.T, torch.arange(len(TEXTS)))
    if optimiser is not None:
        optimiser.zero_grad()
    loss.backward()
    if optimiser is not None:
        optimiser.step()
    return float(loss.detach())


def train(model: SentenceTransformer, steps: int = 4) -> list[float]:
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
    return [step(model, optimiser) for _ in range(steps)]


OPTIONS = {
    "mean": {"pooling": "mean"},
    "cls": {"pooling": "cls"},
    "max": {"pooling": "max"},
    "frozen embeddings": {"freeze": "embeddings"},
    "frozen layers": {"freeze": 2},
    "lora": {"lora_rank": 4},
    "lora on all": {"lora_rank": 2, "lora_alpha": 8, "lora_targets": "all-linear", "pooling": "mean"},
    "checkpointing": {"gradient_checkpointing": True},
    "lora, checkpointing": {"lora_rank": 4, "gradient_checkpointing": True},
    "frozen, checkpointing": {"freeze": 1, "gradient_checkpointing": True, "attention": "eager"},
}


QUICK = ("frozen layers", "lora, checkpointing")  # with the real encoder; the small ones try all


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=[pytest.mark.slow] if kind == "minilm" and name not in QUICK else [])
        for kind in ("mbert", "xlmr", "minilm")
        for name in OPTIONS
    ],
)
def test_every_way_learns_saves_and_loads_the_same(kind, name, folders, tmp_path):
    model = load_encoder(folders[kind], device="cpu", **OPTIONS[name])
    losses = train(model)
    assert losses[-1] < losses[0]
    merge_lora(model).eval()
    embeddings = model.encode(TEXTS)
    model.save(str(tmp_path / "model"))
    assert not list((tmp_path / "model").rglob("adapter*"))
    assert not list((tmp_path / "model").rglob("*.bin"))
    loaded = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert np.allclose(loaded.encode(TEXTS), embeddings, atol=1e-6)


@pytest.mark.parametrize(("freeze", "layers"), [("embeddings", 0), (0, 0), (2, 2)])
def test_frozen_weights_stay_and_all_others_change(freeze, layers, folder):
    model = load_encoder(folder, device="cpu", freeze=freeze)
    before = {name: value.clone() for name, value in model.named_parameters()}
    train(model, 2)
    frozen = ("embeddings.", *(f"encoder.layer.{layer}." for layer in range(layers)))
    for name, value in model.named_parameters():
        inner = name.removeprefix("0.model.")
        if inner.startswith("pooler"):
            continue  # not used by sentence embeddings
        changed = not torch.equal(value, before[name])
        assert changed != inner.startswith(frozen), name


def test_lora_trains_only_its_matrices_and_merging_changes_no_embedding(folder):
    model = load_encoder(folder, device="cpu", lora_rank=4)
    plain = load_encoder(folder, device="cpu")
    assert np.allclose(model.encode(TEXTS), plain.encode(TEXTS), atol=1e-6)  # B starts at zero
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    assert trained
    assert all("lora_" in name and (".query." in name or ".value." in name) for name in trained)
    train(model)
    adapted = model.eval().encode(TEXTS)
    assert not np.allclose(adapted, plain.encode(TEXTS), atol=1e-3)
    assert merge_lora(model) is model
    assert np.allclose(model.encode(TEXTS), adapted, atol=1e-5)
    weights = plain.state_dict()
    assert {name: value.shape for name, value in model.state_dict().items()} == {
        name: value.shape for name, value in weights.items()
    }
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, weights[name])}
    assert changed == {name.split(".lora_")[0] + ".weight" for name in trained}


def test_lora_scales_by_alpha(folders):
    shifts = []
    for alpha in (None, 2, 8):
        torch.manual_seed(1)
        model = load_encoder(folders["mbert"], device="cpu", lora_rank=2, lora_alpha=alpha, lora_targets=["query"])
        layer = model[0].model.encoder.layer[0].attention.self.query
        with torch.no_grad():
            layer.lora_B["default"].weight.fill_(0.1)
        base = layer.weight.clone()
        merge_lora(model)
        shifts.append((model[0].model.encoder.layer[0].attention.self.query.weight - base).detach())
    default, low, high = shifts
    assert torch.allclose(high, 4 * low, atol=1e-6)
    assert torch.allclose(default, 2 * low, atol=1e-6)  # twice the rank


def test_a_checkpoint_with_adapters_loads_again(folders, tmp_path):
    """What a trainer saves on the way: adapters only, beside a reference to the pretrained model."""
    model = load_encoder(folders["mbert"], device="cpu", lora_rank=4)
    train(model, 2)
    model.save(str(tmp_path / "checkpoint"))
    loaded = SentenceTransformer(str(tmp_path / "checkpoint"), device="cpu")
    again = load_encoder(folders["mbert"], device="cpu", lora_rank=4)
    again.load_state_dict(loaded.state_dict())
    assert np.allclose(again.encode(TEXTS), model.eval().encode(TEXTS), atol=1e-6)


def test_checkpointing_keeps_less_and_gives_the_same_gradients(folder):
    saved: dict[bool, int] = {}
    gradients: dict[bool, dict[str, torch.Tensor]] = {}
    for checkpointing in (False, True):
        model = load_encoder(folder, device="cpu", gradient_checkpointing=checkpointing, attention="eager")
        kept = 0

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal kept
            kept += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            step(model)
        saved[checkpointing] = kept
        gradients[checkpointing] = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert saved[True] < saved[False] / 2
    assert gradients[True].keys() == gradients[False].keys()
    assert all(torch.allclose(gradients[True][n], grad, atol=1e-6) for n, grad in gradients[False].items())


def test_attention_is_the_one_asked_for_and_changes_no_embedding(folder):
    models = {name: load_encoder(folder, device="cpu", attention=name) for name in ("eager", "sdpa")}
    for name, model in models.items():
        assert model[0].model.config._attn_implementation == name
    assert np.allclose(*(model.encode(TEXTS) for model in models.values()), atol=1e-5)


def test_a_scratch_encoder_takes_attention_and_checkpointing(toy, tmp_path):
    model = scratch_encoder(
        toy, dimensions=64, layers=2, vocabulary=200, attention="eager", gradient_checkpointing=True
    )
    assert model[0].model.config._attn_implementation == "eager"
    assert model[0].model.is_activation_checkpointing
    losses = train(model)
    assert losses[-1] < losses[0]
    embeddings = model.eval().encode(TEXTS)
    model.save(str(tmp_path / "model"))
    loaded = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert np.allclose(loaded.encode(TEXTS), embeddings, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": 3}, "3 layers cannot be frozen: the encoder has 3"),
        ({"freeze": -1}, "freeze is 'embeddings' or a number of layers, not -1"),
        ({"freeze": "layers"}, "not 'layers'"),
        ({"freeze": 1, "lora_rank": 2}, "exclude each other"),
        ({"lora_alpha": 2}, "need lora_rank"),
        ({"lora_rank": 0}, "rank of LoRA must be at least 1"),
        ({"lora_rank": 2, "lora_targets": ["no_such_layer"]}, "Name its linear layers, or give all-linear"),
        ({"attention": "sparse"}, "no attention 'sparse': choose one of sdpa"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message, folders):
    with pytest.raises(InputError, match=message):
        load_encoder(folders["mbert"], device="cpu", **options)


def test_what_is_not_installed_is_named(folders, monkeypatch):
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: False)
    with pytest.raises(InputError, match="pip install flash-attn"):
        load_encoder(folders["mbert"], attention="flash_attention_2")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"pip install 'isoglot\[lora\]'"):
        load_encoder(folders["mbert"], device="cpu", lora_rank=2)


def test_encoders_without_a_transformer_are_refused(toy, tmp_path):
    static_encoder(toy, dimensions=8, vocabulary=100).save(str(tmp_path / "static"))
    for options in ({"freeze": "embeddings"}, {"lora_rank": 2}, {"gradient_checkpointing": True}):
        with pytest.raises(InputError, match="needs a transformer, and this encoder has none"):
            load_encoder(tmp_path / "static", device="cpu", **options)
