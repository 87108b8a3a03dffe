"""Each family of models is told the languages in its own way, and batching changes no translation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from isoglot.data.translation import Translator, load_translator
from isoglot.errors import InputError

TEXTS = [
    "How do I unpack an archive?",
    "tar",
    "The quick brown fox jumps over the lazy dog and was never seen again",
    "Dateien",
    "It lists the files",
    "jumps",
    "an archive on this machine",
]


def translated(translator: Translator, texts: list[str], source: str, target: str) -> list[str]:
    found = dict(pair for batch in translator.translate(texts, source, target) for pair in batch)
    assert sorted(found) == list(range(len(texts)))
    return [found[row] for row in range(len(texts))]


class Watched:
    """Records what a model is given and what it writes."""

    def __init__(self, translator: Translator) -> None:
        self.inputs: list[Any] = []
        self.written: list[Any] = []
        generate = translator.model.generate

        def watched(**options: Any) -> Any:
            written = generate(**options)
            self.inputs += options["input_ids"].tolist()
            self.written += written.tolist()
            return written

        translator.model.generate = watched


# what the published models' own instructions say: token of the source, where; token of the target, where
FAMILIES = [
    ("m2m100", "en", "sw", ("first", "__en__"), ("forced", "__sw__")),
    ("m2m100-plain", "en", "nso", ("first", "__en__"), ("forced", "__ns__")),
    ("nllb", "en", "sw", ("first", "eng_Latn"), ("forced", "swh_Latn")),
    ("nllb", "zh-TW", "pt-BR", ("first", "zho_Hant"), ("forced", "por_Latn")),
    ("mbart50", "en", "sw", ("first", "en_XX"), ("forced", "sw_KE")),
    ("mbart50-to-english", "de", "en", ("first", "de_DE"), ("forced", "en_XX")),
    ("madlad", "en", "de", None, ("prefix", "<2de>")),
    ("opus-mt-en-mul", "en", "zh-TW", None, ("prefix", ">>cmn_Hant<<")),
    ("opus-mt-en-mul", "en", "sw", None, ("prefix", ">>swa<<")),
    ("opus-mt-en-de", "en", "de", None, None),
]


@pytest.mark.parametrize(("name", "source", "target", "marked", "asked"), FAMILIES)
def test_the_model_is_told_both_languages(models, name, source, target, marked, asked):
    translator = load_translator(models[name])
    watched = Watched(translator)
    translated(translator, TEXTS[:2], source, target)
    tokens = translator.tokenizer.convert_ids_to_tokens
    for ids, written in zip(watched.inputs, watched.written, strict=True):
        if marked:
            assert tokens(ids)[0] == marked[1]
        if asked is None:
            assert not any(">>" in token for token in tokens(ids))
        elif asked[0] == "prefix":
            assert asked[1] in tokens(ids)[:2]
        else:
            assert tokens(written)[1] == asked[1]


@pytest.mark.parametrize("name", ["m2m100", "nllb", "mbart50", "madlad", "opus-mt-en-mul"])
def test_batches_change_no_translation(models, name):
    """One by one, two by two, all together, in any order: the same translations, each at its place."""
    translator = load_translator(models[name])
    alone = [translated(translator, [text], "en", "de")[0] for text in TEXTS[:4]]
    assert len(set(alone)) > 2  # else the order would not show
    for tokens in (30, 10_000):
        translator.batch_tokens = tokens
        everything = translated(translator, TEXTS, "en", "de")
        assert everything[:4] == alone
        assert translated(translator, TEXTS[::-1], "en", "de") == everything[::-1]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    ("name", "prefix", "first"), [("m2m100", "", "__de__"), ("opus-mt-en-mul", ">>deu<< ", None)]
)
def test_it_writes_what_the_library_writes(models, name, prefix, first, beams):
    translator = load_translator(models[name], beams=beams)
    texts = [text for text in TEXTS if len(text) < 30]
    found = translated(translator, texts, "en", "de")
    tokenizer = translator.tokenizer
    for text, translation in zip(texts, found, strict=True):
        inputs = tokenizer(prefix + text, return_tensors="pt")
        options: dict[str, Any] = {"max_new_tokens": min(38, 4 * inputs["input_ids"].shape[1] + 32)}
        if first is not None:
            options["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(first)
        (written,) = translator.model.generate(**inputs, num_beams=beams, **options)
        assert translation == tokenizer.decode(written, skip_special_tokens=True).strip()


def test_a_translation_ends_somewhere(models):
    """A random model rarely ends its text: each is cut at a length of its own, not at its neighbours'."""
    translator = load_translator(models["m2m100"])
    watched = Watched(translator)
    translated(translator, ["tar", TEXTS[2]], "en", "de")
    for ids, written in zip(watched.inputs, watched.written, strict=True):
        pad = translator.tokenizer.pad_token_id
        source = sum(token != pad for token in ids)
        assert sum(token != pad for token in written) <= min(38, 4 * source + 32) + 1


def test_long_texts_are_cut_and_put_together(models):
    translator = load_translator(models["m2m100"], max_length=32, batch_tokens=80)
    sentences = [
        "How do I unpack an archive on this machine?",
        "The quick brown fox was never seen again!",
        "tar unpacks archives and lists the files.",
    ]
    lengths = [len(ids) for ids in translator.tokenizer(sentences)["input_ids"]]
    assert max(lengths) <= 32 < lengths[0] + lengths[1] - 2  # one fits, two do not
    watched = Watched(translator)
    (found,) = translated(translator, [f"{sentences[0]} {sentences[1]}\n\n{sentences[2]}"], "en", "de")
    assert max(map(len, watched.inputs)) <= 32
    one, two, three = translated(translator, sentences, "en", "de")
    assert found == f"{one} {two}\n\n{three}"


def test_a_batch_that_does_not_fit_is_halved(models, caplog):
    translator = load_translator(models["m2m100"])
    whole = translated(translator, TEXTS, "en", "de")
    generate = translator.model.generate

    def tight(**options: Any) -> Any:
        if len(options["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generate(**options)

    translator.model.generate = tight
    assert translated(translator, TEXTS, "en", "de") == whole
    assert "halves" in caplog.text


UNKNOWN = [
    ("m2m100", "en", "yue", "does not translate into yue; of its 100 languages the closest is zh (zh)"),
    ("m2m100", "en", "zh-TW", "does not translate into zh-TW; of its 100 languages the closest is zh (zh)"),
    ("nllb", "tlh", "de", "does not read tlh"),
    ("nllb", "en", "sr-Latn", "of its 201 languages the closest is sr (srp_Cyrl)"),
    ("madlad", "en", "fr", "does not translate into fr"),
    ("mbart50-to-english", "en", "de", "does not translate into de; its only language is en (en_XX)"),
    ("opus-mt-en-de", "en", "fr", "its only language is de (de)"),
    ("opus-mt-en-de", "sw", "de", "does not read sw; its only language is en (en)"),
    ("opus-mt-en-mul", "en", "fr", "does not translate into fr; of its 4 languages the closest is"),
]


@pytest.mark.parametrize(("name", "source", "target", "said"), UNKNOWN)
def test_a_language_that_a_model_does_not_know_is_said_with_the_closest(models, name, source, target, said):
    with pytest.raises(InputError) as error:
        load_translator(models[name]).check(source, target)
    assert said in str(error.value)
    assert str(models[name]) in str(error.value)


def test_a_model_of_many_sources_takes_any(models):
    load_translator(models["opus-mt-mul-en"]).check("sw", "en")
    load_translator(models["opus-german-english"]).check("de-AT", "en-GB")


def test_what_tells_models_and_settings_apart(models, tmp_path):
    import shutil

    ours = load_translator(models["m2m100"])
    copied = Path(shutil.copytree(models["m2m100"], tmp_path / "elsewhere"))
    same = load_translator(copied, batch_tokens=7)
    assert same.context("en", "de") == ours.context("en", "de")  # neither the folder nor the batches matter
    others = [
        load_translator(copied, beams=2),
        load_translator(copied, max_length=20),
        load_translator(models["nllb"]),
    ]
    contexts = {one.context("en", "de") for one in (ours, *others)} | {
        ours.context("de", "en"),
        ours.context("en", "sw"),
    }
    assert len(contexts) == 6
    weights = bytearray((copied / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "model.safetensors").write_bytes(weights)
    assert load_translator(copied).context("en", "de") != ours.context("en", "de")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nowhere/at/all", {}, "does not exist"),
        ("m2m100", {"beams": 0}, "beams must be at least 1"),
        ("m2m100", {"max_length": 39}, "takes at most 38 tokens"),
        ("m2m100", {"dtype": "int4"}, "no precision"),
    ],
)
def test_what_cannot_be_loaded_is_said(models, name, options, said):
    with pytest.raises(InputError, match=said):
        load_translator(models.get(name, name), **options)


def test_a_hub_that_cannot_be_reached_is_said(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no waiting for a network
    with pytest.raises(InputError, match=r"is no folder here, and the Hugging Face hub cannot be reached") as error:
        load_translator("facebook/nllb-200-distilled-600M")
    assert ".." not in str(error.value)


def test_other_models_are_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="is a bert model, not an encoder-decoder"):
        load_translator(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="cannot be loaded"):
        load_translator(tmp_path / "empty")
