"""The configuration of a run: what its keys come to, and one clear sentence for each mistake."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from transformers.utils.logging import disable_progress_bar

from isoglot import batching
from isoglot.batching import code_switching
from isoglot.cli import main
from isoglot.collections import write_collection
from isoglot.encoders import tuning
from isoglot.errors import InputError
from isoglot.objectives import TERMS, InfoNCE, MultiwayInfoNCE
from isoglot.training import fields, read_config
from isoglot.training.checks import USED_BY, check_settings
from isoglot.training.config import TrainConfig, written_key
from isoglot.training.data import load_target
from isoglot.training.run import make_terms


def settings(**more) -> TrainConfig:
    return read_config(None, {"data": "d", "out": "o"} | more)


@pytest.fixture
def data(toy, tmp_path) -> Path:
    write_collection(toy, tmp_path / "toy")
    return tmp_path / "toy"


def test_every_key_has_a_flag_and_every_flag_a_key():
    from isoglot.cli.train import train

    flags = set(inspect.signature(train).parameters) - {"config", "resume"}
    nested = {flag for flag in flags if flag.startswith("code_switch_")}
    assert flags - nested == set(TrainConfig.model_fields)
    assert {f"code_switch_{key}" for key in ("rate", "side")} == nested
    assert all(field.description for field in TrainConfig.model_fields.values())
    assert set(USED_BY) <= set(TrainConfig.model_fields)


def test_words_that_are_written_again_to_be_read_quickly_are_those_of_their_rooms():
    """The command line asks for the fields of a run before torch is there."""
    assert fields.Attention == tuning.Attention
    assert fields.Pairing == batching.Pairing
    assert fields.Side == code_switching.Side
    code = "import sys, isoglot.cli.train; print([name for name in ('torch', 'numpy') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def as_documented(block: str) -> str:
    """Return a YAML file of all keys with what the fields say of each, sorted as `isoglot train --help` is."""
    written = re.findall(r"^([a-z]\w+): *([^#\n]*?) *(?:#.*)?$((?:\n-.*)*)", block, re.MULTILINE)
    values = {key: (value, items) for key, value, items in written}
    sections: dict[str, list[str]] = {}
    for name, field in TrainConfig.model_fields.items():
        value, items = values[written_key(name)]
        text, default = field.description, field.get_default()
        if default is not None and not field.is_required() and yaml.safe_load(value) != default:
            text += f" By default {default:g}." if isinstance(default, float) else f" By default {default}."
        start = f"{written_key(name)}: {value}".rstrip().ljust(29) + "  # "
        lines = textwrap.wrap(text, 139 - len(start))
        of = fields.about(field)["panel"] or "Data"
        sections.setdefault(of, []).append(start + f"\n{' ' * (len(start) - 2)}# ".join(lines) + items)
    return "\n\n".join("\n".join([f"# {of}", *keys]) for of, keys in sections.items()) + "\n"


def test_the_documentation_shows_every_key_as_it_is_written(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "run.yaml").write_text(block, encoding="utf-8")
    assert set(yaml.safe_load(block)) == set(map(written_key, TrainConfig.model_fields))
    config = read_config(tmp_path / "run.yaml", {})
    assert len(make_terms(config)) == 4
    assert block == as_documented(block)  # write what it returns, where a field has changed


# -- the objective --


def named(config: TrainConfig) -> dict[str, float]:
    return {type(term).__name__: weight for term, weight in make_terms(config).items()}


def test_without_an_objective_the_batches_decide():
    assert named(settings()) == {"InfoNCE": 1}
    assert named(settings(strategy="multiway")) == {"MultiwayInfoNCE": 1}
    for rule, own in {"hybrid": InfoNCE(), "multiway": MultiwayInfoNCE()}.items():
        (term,) = make_terms(settings(strategy=rule))
        assert term.temperature() == own.temperature()
    (term,) = make_terms(settings(strategy="multiway", temperature=0.2, symmetric=True))
    assert (term.temperature(), term.symmetric) == (pytest.approx(0.2), True)
    domain = settings(gamma=0.2, target="t", temperature=0.1)
    assert named(domain) == {"InfoNCE": 1, "DomainContrast": 1}
    assert [term.temperature() for term in make_terms(domain)] == [pytest.approx(0.1)] * 2


def test_terms_are_named_with_weights_and_settings(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "data: d\nout: o\nobjective:\n- InfoNCE:0.4\n- KLAlignment\n"
        "- {term: LanguageAdversary, weight: 0.1, hidden: null, max_lambda: 0.5}\n"
    )
    config = read_config(path, {})
    assert named(config) == {"InfoNCE": 0.4, "KLAlignment": 1, "LanguageAdversary": 0.1}
    adversary = list(make_terms(config))[-1]
    assert (adversary.hidden, adversary.max_lambda) == (None, 0.5)
    assert named(read_config(path, {"objective": ["InfoNCE", "ReverseTraining:2"]})) == {
        "InfoNCE": 1,
        "ReverseTraining": 2,
    }


@pytest.mark.parametrize("name", TERMS)
def test_every_term_can_be_an_objective(name):
    only_domain = name == "DomainContrast"
    more = {"gamma": 0.5, "target": "t"} if only_domain else {}
    terms = ["InfoNCE", name] if only_domain else [name]
    assert name in named(settings(objective=terms, **more))


# -- values --


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("1.5 gib", 3 * 2**29), ("500M", 500 * 10**6), ("64KiB", 65_536), ("123", 123), (7, 7)],
)
def test_memory_is_given_in_bytes_or_with_a_unit(text, size):
    assert settings(memory=text).memory == size


def test_flags_overrule_parts_of_code_switching(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("data: d\nout: o\ncode_switch: {lexicons: [a.tsv, b.tsv], rate: 0.3}\n")
    found = read_config(path, {"code_switch.rate": 0.7, "code_switch.lexicons": None}).code_switch
    assert (found.lexicons, found.rate, found.side) == (["a.tsv", "b.tsv"], 0.7, "query")
    assert settings(**{"code_switch.lexicons": ["c"]}).code_switch.lexicons == ["c"]
    assert settings(code_switch={"lexicons": "c"}).code_switch.lexicons == ["c"]


def test_freezing_and_lora_layers_are_read_from_words():
    assert [settings(freeze=value).freeze for value in ("embeddings", "3", 2)] == ["embeddings", 3, 2]
    given = ("query,value", ["dense"], "all-linear")
    assert [settings(lora_targets=one).lora_targets for one in given] == [
        ["query", "value"],
        ["dense"],
        "all-linear",
    ]


def test_the_learning_rate_suits_what_is_trained():
    rates = {
        ("static", None): 1e-2,
        ("scratch", None): 5e-4,
        ("some/model", None): 2e-5,
        ("some/model", 8): 2e-4,
    }
    for (encoder, rank), rate in rates.items():
        assert settings(encoder=encoder, lora_rank=rank).effective_learning_rate == rate
        assert settings(encoder=encoder, learning_rate=0.3).effective_learning_rate == 0.3
    assert settings(**{"from": "some/model"}).effective_learning_rate == 3e-3


def test_more_sub_words_are_kept_of_a_model_unless_a_number_is_given():
    assert settings().vocabulary == 32_000
    begun = settings(**{"from": "some/model"})
    assert begun.vocabulary == 64_000
    assert settings(**{"from": "some/model", "vocabulary": 500}).vocabulary == 500
    assert settings(**begun.model_dump(exclude={"data", "out"})) == begun  # as a run's folder holds it


def test_the_target_is_its_documents_and_needs_nothing_else(toy, data, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "corpus.jsonl").write_bytes((data / "corpus.jsonl").read_bytes())
    for folder in (data, alone):
        found = load_target(str(folder))
        assert found.document_texts() == toy.document_texts()
        assert found.queries.num_rows == 0
    assert load_target("worldfacts").documents.num_rows > 1000
    with (alone / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "en/tar", "lang": "en", "text": "again"}\n{"_id": "x", "text": "no language"}\n')
    with pytest.raises(InputError, match=r"no 'lang': give .* --lang.*duplicate document id.*line 7") as caught:
        load_target(str(alone))
    assert "corpus.jsonl line 8" in str(caught.value)
    assert load_target(str(alone), language="sw", lenient=True).languages == ("de", "en", "sw", "th")


def test_the_target_may_be_whatever_a_collection_is_loaded_from(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "home"))
    write_collection(toy, tmp_path / "home" / "xquad")
    write_collection(toy, tmp_path / "mine" / "train")
    for name in ("xquad", "XQuAD", str(tmp_path / "mine"), str(tmp_path / "mine" / "train")):
        assert load_target(name).document_texts() == toy.document_texts()
    with pytest.raises(InputError, match="the target nowhere is missing"):
        load_target("nowhere")
    with pytest.raises(InputError, match=r"is not a collection: it has no corpus.jsonl and no corpus.parquet"):
        load_target(str(tmp_path))


# -- mistakes --


@pytest.fixture
def mistakes(data, tmp_path):
    """Folders that the mistakes are made with, by name."""
    (tmp_path / "lexicons").mkdir()
    (tmp_path / "lexicons" / "fr-it.tsv").write_text("chat\tgatto\n")
    (tmp_path / "empty").mkdir()
    disable_progress_bar()  # as the command does, where transformers was not imported before
    return {"DATA": str(data), "TMP": str(tmp_path)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective: []", "'objective' is []: list should have at least 1 item"),
        ("objective: InfoNCE", "'objective' is 'InfoNCE': input should be a valid list"),
        (
            "objective: [Infonce]",
            "no term 'Infonce' (did you mean InfoNCE?): choose one of InfoNCE, MultiwayInfoNCE",
        ),
        ("objective: ['InfoNCE:much']", "'objective[0].weight' is 'much': input should be a valid number"),
        ("objective: [{term: InfoNCE, weight: 0}]", "'objective[0].weight' is 0: input should be greater than 0"),
        ("objective: [InfoNCE, {weight: 1}]", "'objective[1].term' is missing"),
        ("objective: [3]", "'objective[0]' is 3: should be the name of a term"),
        ("objective: [{term: InfoNCE, temp: 1}]", "InfoNCE has no setting 'temp': choose from temperature"),
        ("objective: [{term: InfoNCE, temperature: -1}]", "InfoNCE: the temperature must be above 0"),
        ("objective: [InfoNCE]\ntemperature: 0.1", "temperature is a setting of the default objective"),
        ("objective: [InfoNCE]\nsymmetric: true", "symmetric is a setting of the default objective"),
        ("objective: [InfoNCE, DomainContrast]", "DomainContrast applies to domain batches, and there are none"),
        (
            "objective: [InfoNCE, {term: LanguageAdversary, target: domain}]",
            "LanguageAdversary with the target domain applies to domain batches",
        ),
        ("objective: [InfoNCE]\ngamma: 0.2\ntarget: DATA", "no term of the objective applies to them: add DomainC"),
        ("objective: [DomainContrast]\ngamma: 0.2\ntarget: DATA", "no term for queries and documents: add one"),
        ("gamma: 0.2", "gamma draws batches of target-domain text: give target"),
        ("gamma: 1", "'gamma' is 1: input should be less than 1"),
        ("target: DATA", "target is text for domain batches: give gamma"),
        ("gamma: 0.2\ntarget: TMP/nowhere", "nowhere is missing"),
        ("gamma: 0.2\ntarget: TMP/empty", "empty is not a collection: it has no corpus.jsonl"),
        ("ways: 3", "the strategy hybrid has no ways; multiway has"),
        ("strategy: multiway\nways: 1", "multiway batches need at least 2 languages of a query, not 1"),
        ("strategy: multiway\nalpha: 0.5", "the strategy multiway has no alpha; hybrid has"),
        ("strategy: multiway\npairs: [en:de]", "draws languages, not language pairs: give languages"),
        ("negatives: 2", "toy has no hard negatives: find them by isoglot mine"),
        ("negatives: -1", "'negatives' is -1: input should be greater than or equal to 0"),
        ("code_switch: {rate: 0.5}", "'code_switch.lexicons' is missing"),
        ("code_switch: lexicons", "'code_switch' is 'lexicons': should be {lexicons: PATH, rate: R, side: SIDE}"),
        ("code_switch: {lexicons: a, speed: 2}", "unknown key 'code_switch.speed'"),
        ("code_switch: {lexicons: a, rate: 2}", "'code_switch.rate' is 2: input should be less than or equal to 1"),
        ("code_switch: {lexicons: a, side: left}", "'code_switch.side' is 'left': input should be 'query', 'docum"),
        ("code_switch: {lexicons: TMP/nowhere.tsv}", "nowhere.tsv does not exist"),
        ("code_switch: {lexicons: TMP/empty}", "empty holds no lexicon: expected files such as en-de.tsv"),
        (
            "code_switch: {lexicons: TMP/lexicons}",
            "code_switch changes nothing: toy is in de, en, th, the lexicons",
        ),
        ("code_switch: {lexicons: TMP/one.tab}", "one.tab does not exist"),
        ("attention: sdpa", "attention is a setting of scratch and pretrained models; the encoder static has none"),
        ("encoder: scratch\nattention: fast", "'attention' is 'fast': input should be 'sdpa', 'eager' or 'flash"),
        (
            "encoder: scratch\nfrom: MODEL",
            "from is a setting of static; the encoder scratch has none: leave it out",
        ),
        ("from_model: MODEL", "unknown key 'from_model'; the keys are data"),
        ("from: TMP/nowhere", "nowhere does not exist"),
        ("from: MODEL", "has 32 dimensions, so a static encoder from it cannot have 256"),
        ("freeze: embeddings", "freeze is a setting of pretrained models; the encoder static has none"),
        ("encoder: a/b\nfreeze: top", "'freeze' is 'top': should be embeddings, or how many of the lowest layers"),
        ("encoder: MODEL\nfreeze: 2\nlora_rank: 4", "freeze and lora_rank exclude each other"),
        ("encoder: MODEL\nlora_alpha: 4", "lora_alpha and lora_targets need lora_rank, such as 16"),
        ("encoder: MODEL\nlora_rank: 4\nlora_targets: [nose]", "Target modules {'nose'} not found"),
        ("memory: 4GB", "memory is a setting of scratch and pretrained models"),
        ("encoder: scratch\nmemory: lots", "'memory' is 'lots': should be a number of bytes, or one with a unit"),
        ("encoder: scratch\nmemory: 0", "'memory' is 0: input should be greater than 0"),
        ("chunk_tokens: 100", "chunk_tokens is a setting of scratch and pretrained models"),
        ("gradient_checkpointing: true", "gradient_checkpointing is a setting of scratch and pretrained models"),
        ("bf16: true", "bf16 is a setting of scratch and pretrained models"),
        ("encoder: scratch\nbf16: true\nfp16: true", "bf16 and fp16 exclude each other"),
        ("weight_decay: -0.1", "'weight_decay' is -0.1: input should be greater than or equal to 0"),
    ],
)
def test_a_mistake_is_one_sentence(text, message, mistakes, pretrained_folders, tmp_path, capsys):
    for word, path in (mistakes | {"MODEL": str(pretrained_folders["mbert"])}).items():
        text = text.replace(word, path)
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {mistakes['DATA']}\nout: {tmp_path / 'out'}\n{text}\n")
    assert main(["train", str(config)]) == 2
    said = capsys.readouterr()
    (line,) = said.err.strip().splitlines()
    assert line.startswith("isoglot: ")
    assert message in line
    assert not (tmp_path / "out").exists()


def test_half_precision_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    with pytest.raises(InputError, match="fp16 needs a GPU, and there is none"):
        check_settings(settings(encoder="scratch", fp16=True))


def test_a_run_is_resumed_with_the_objective_it_had_and_made_again_from_what_it_wrote(data, tmp_path, capsys):
    config = tmp_path / "run.yaml"
    terms = [{"term": "InfoNCE"}, {"term": "LanguageAdversary", "weight": 0.1, "hidden": None}]
    values = {"data": str(data), "steps": 4, "batch_size": 4, "dimensions": 8, "objective": terms}
    config.write_text(yaml.safe_dump(values))
    assert main(["train", str(config), "--out", str(tmp_path / "one")]) == 0
    written = tmp_path / "one" / "isoglot-training.yaml"
    assert yaml.safe_load(written.read_text())["objective"][1] == terms[1]
    assert main(["train", str(written), "--out", str(tmp_path / "two")]) == 0
    one, two = (next((tmp_path / name).rglob("*.safetensors")).read_bytes() for name in ("one", "two"))
    assert one == two
    logged = json.loads((tmp_path / "two" / "isoglot-training.json").read_text())["loss"]
    assert {"loss", "InfoNCE", "LanguageAdversary", "LanguageAdversary_accuracy"} <= set(logged[0])
    for left in ("modules.json", "isoglot-training.json"):
        (tmp_path / "one" / left).unlink()
    changed = ["--objective", "InfoNCE", "--out", str(tmp_path / "one"), "--resume"]
    capsys.readouterr()
    assert main(["train", str(config), *changed]) == 2
    assert "was started with objective" in capsys.readouterr().err
