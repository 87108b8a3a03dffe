"""`isoglot train` with every kind of encoder and everything the engine can do: what it saves loads and measures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sentence_transformers import SentenceTransformer

from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.collections.negatives import with_hard_negatives

NUMBERS = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "de": "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "th": "หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ สิบเอ็ด สิบสอง",
}
PAGES = {"en": "page about the number", "de": "Seite über die Zahl", "th": "หน้า เกี่ยวกับ เลข"}


def counting(hard: int = 0) -> Collection:
    """A page for each of twelve numbers in three languages, with a question; hard negatives are the next pages."""
    names = {tag: words.split() for tag, words in NUMBERS.items()}
    collection = collection_from_rows(
        [(f"{tag}/{n}", tag, "", f"{PAGES[tag]} {names[tag][n]}") for tag in NUMBERS for n in range(12)],
        [(f"q{n}", tag, f"{names[tag][n]} ?") for n in range(12) for tag in NUMBERS],
        [(f"q{n}", f"{tag}/{n}", 1) for n in range(12) for tag in NUMBERS],
        name="counting",
    )
    if not hard:
        return collection
    rows = collection.queries.num_rows
    pages = (collection.query_index[:, None] + np.arange(1, hard + 1)) % 12 + 12 * np.arange(rows)[:, None] % 36
    return with_hard_negatives(collection, hard * np.arange(rows + 1), pages.ravel())


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "counting"
    write_collection(counting(), folder)
    return folder


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def record_of(out: Path) -> dict:
    return json.loads((out / "isoglot-training.json").read_text())


def measure(out: Path, data: Path, to: Path) -> dict:
    run("evaluate", out, data, "--json", to, "--bootstrap", 10, "--quiet")
    return json.loads(to.read_text())


RUNS = [(kind, rule, ()) for kind in ("mbert", "xlmr", "minilm") for rule in ("hybrid", "multiway")]
RUNS[4] = pytest.param(*RUNS[4], marks=pytest.mark.slow)
RUNS += [
    ("xlmr", "hybrid", ("--lora-rank", "4", "--lora-targets", "all-linear", "--gradient-checkpointing")),
    ("mbert", "multiway", ("--freeze", "1", "--bf16", "--pooling", "cls", "--attention", "eager")),
    ("minilm", "hybrid", ("--lora-rank", "4", "--memory", "1", "--chunk-tokens", "64", "--query-prompt", "ask: ")),
]


@pytest.mark.parametrize(("kind", "strategy", "more"), RUNS)
def test_every_encoder_trains_saves_loads_and_is_measured(kind, strategy, more, data, pretrained_folders, tmp_path):
    start, out = pretrained_folders[kind], tmp_path / "out"
    size = ("--steps", 6, "--batch-size", 6, "--learning-rate", 1e-3, "--no-cache")
    run("train", "--data", data, "--encoder", start, "--strategy", strategy, "--out", out, *size, *more)
    model = SentenceTransformer(str(out), device="cpu")
    before = SentenceTransformer(str(start), device="cpu").encode(["one ?"])
    assert model.encode(["one ?"]).shape == before.shape
    assert not np.allclose(model.encode(["one ?"]), before, atol=1e-3)
    assert not list(out.rglob("adapter*"))
    assert 0 < measure(out, data, tmp_path / "result.json")["multilingual"]["AP"] <= 1
    encoded = record_of(out)["encoded"]
    assert encoded["since_step"] == 0
    assert encoded["texts"] <= 6 * 2 * 6
    assert encoded["tokens"] <= encoded["padded_tokens"]
    assert (encoded["recomputed_chunks"] > 0) == ("--memory" in more)


def test_precision_changes_a_transformer_and_memory_does_not(data, tmp_path, monkeypatch):
    # the library's dropout draws the same masks in both precisions
    monkeypatch.setattr("isoglot.training.execution.embedding.quick_dropout", lambda model: nullcontext())
    flags = ("--data", data, "--encoder", "scratch", "--dimensions", 64, "--layers", 1, "--steps", 2, "--quiet")
    weights = {}
    for name, more in {"plain": (), "bf16": ("--bf16",), "little": ("--memory", "1")}.items():
        run("train", *flags, *more, "--batch-size", 6, "--chunk-tokens", 40, "--out", tmp_path / name)
        model = SentenceTransformer(str(tmp_path / name), device="cpu")
        weights[name] = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert record_of(tmp_path / "little")["encoded"]["recomputed_chunks"] > 0
    assert record_of(tmp_path / "plain")["encoded"]["recomputed_chunks"] == 0
    step = (weights["bf16"] - weights["plain"]).norm()
    assert (weights["little"] - weights["plain"]).norm() < 0.01 * step


@contextmanager
def interrupted(monkeypatch, at: int) -> Iterator[None]:
    """Interrupt runs in a step."""
    from isoglot.training import HybridTrainer
    from isoglot.training import run as run_module

    class Interrupted(HybridTrainer):
        def training_step(self, *args, **kwargs):
            if self.state.global_step == at:
                raise KeyboardInterrupt
            return super().training_step(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "HybridTrainer", Interrupted)
        yield


def test_lora_resumes_and_ends_as_if_it_had_not_stopped(data, pretrained_folders, tmp_path, monkeypatch):
    flags = ["train", "--data", data, "--encoder", pretrained_folders["mbert"], "--lora-rank", 2]
    flags += ["--steps", 6, "--save-steps", 3, "--batch-size", 6, "--memory", "1GB", "--quiet"]
    run(*flags, "--out", tmp_path / "whole")
    with interrupted(monkeypatch, at=4):
        assert main([str(flag) for flag in [*flags, "--out", tmp_path / "cut"]]) == 130
    run(*flags, "--out", tmp_path / "cut", "--resume")
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert one == two
    whole, cut = (record_of(tmp_path / name)["encoded"] for name in ("whole", "cut"))
    assert (whole["since_step"], cut["since_step"]) == (0, 3)
    assert cut["texts"] == whole["texts"] / 2


def test_a_static_encoder_starts_from_a_pretrained_one_and_resumes(data, pretrained_folders, tmp_path, monkeypatch):
    pytest.importorskip(
        "model2vec.distill", reason="needs model2vec and skeletoken: pip install 'isoglot[distill]'"
    )
    from isoglot.data import load_collection
    from isoglot.encoders import distil_static
    from isoglot.training.cpu.sparse_adamw import KEY

    monkeypatch.setattr("isoglot.training.cpu.sparse_adamw.SMALLEST", 0)
    start, size = pretrained_folders["mbert"], {"dimensions": 16, "vocabulary": 120}
    flags = ["train", "--data", data, "--encoder", "static", "--from", start, "--quiet"]
    flags += ["--dimensions", size["dimensions"], "--vocabulary", size["vocabulary"]]
    flags += ["--steps", 6, "--save-steps", 3, "--batch-size", 6]
    run(*flags, "--out", tmp_path / "whole")
    settings = yaml.safe_load((tmp_path / "whole" / "isoglot-training.yaml").read_text())
    assert (settings["from"], settings["encoder"]) == (str(start), "static")

    before, after = (
        distil_static(start, load_collection(data), **size),
        SentenceTransformer(str(tmp_path / "whole")),
    )
    assert before[0].tokenizer.get_vocab() == after[0].tokenizer.get_vocab()
    moved = (after[0].embedding.weight.cpu() - before[0].embedding.weight.cpu()).abs().max(dim=1).values
    rows = {n for text in ("one ?", "page about the number one") for n in before[0].tokenizer.encode(text).ids}
    assert all(moved[sorted(rows)] > 1e-4)
    assert (moved == 0).any()  # sub-words that no text has

    with interrupted(monkeypatch, at=4):
        assert main([str(flag) for flag in [*flags, "--out", tmp_path / "cut"]]) == 130
    (state,) = (tmp_path / "cut").rglob("optimizer.pt")
    assert KEY in torch.load(state, weights_only=True)  # only the vectors that a batch uses are updated
    run(*flags, "--out", tmp_path / "cut", "--resume")
    one, two = (next((tmp_path / name).rglob("*.safetensors")).read_bytes() for name in ("whole", "cut"))
    assert one == two


def test_the_best_checkpoint_of_adapters_becomes_the_model(data, pretrained_folders, tmp_path):
    flags = ("--lora-rank", 2, "--steps", 4, "--batch-size", 6, "--save-steps", 2, "--learning-rate", 0.01)
    best = ("--validation", data, "--best-measure", "multilingual_AP")
    out = tmp_path / "out"
    run("train", "--data", data, "--encoder", pretrained_folders["xlmr"], "--out", out, *flags, *best)
    found = measure(out, data, tmp_path / "result.json")["multilingual"]["AP"]
    assert found == pytest.approx(record_of(out)["best"]["value"], abs=1e-4)


@pytest.fixture
def everything(tmp_path) -> dict:
    """A configuration with code-switching, hard negatives, domain batches, adversaries of languages and domains."""
    write_collection(counting(hard=3), tmp_path / "data")
    (tmp_path / "domain").mkdir()
    texts = [f"the {word} of the sea is number {n} and it is blue" for n, word in enumerate(NUMBERS["en"].split())]
    lines = (json.dumps({"_id": str(n), "lang": "en", "text": text}) for n, text in enumerate(texts))
    (tmp_path / "domain" / "corpus.jsonl").write_text("\n".join(lines))
    pairs = zip(NUMBERS["en"].split(), NUMBERS["de"].split(), strict=True)
    (tmp_path / "en-de.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
    return {
        "data": str(tmp_path / "data"),
        "dimensions": 32,
        "steps": 40,
        "batch_size": 6,
        "learning_rate": 0.05,
        "gamma": 0.25,
        "target": str(tmp_path / "domain"),
        "negatives": 2,
        "code_switch": {"lexicons": str(tmp_path / "en-de.tsv"), "rate": 0.5, "side": "both"},
        "objective": [
            {"term": "InfoNCE", "temperature": 0.1, "learn_temperature": True},
            {"term": "DomainContrast", "weight": 0.5},
            {"term": "LanguageAdversary", "weight": 0.1},
            {"term": "LanguageAdversary", "weight": 0.1, "target": "domain", "momentum": 64},
        ],
    }


def train_from(values: dict, out: Path) -> torch.Tensor:
    """Train from a file; return the vectors."""
    out.with_suffix(".yaml").write_text(yaml.safe_dump(values))
    run("train", out.with_suffix(".yaml"), "--out", out, "--quiet")
    return SentenceTransformer(str(out), device="cpu")[0].embedding.weight.detach()


def test_everything_at_once_from_one_file(everything, tmp_path):
    train_from(everything, tmp_path / "out")
    record = record_of(tmp_path / "out")
    assert {"InfoNCE_temperature", "DomainContrast", "LanguageAdversary", "LanguageAdversary_2"} <= set().union(
        *record["loss"]
    )
    # 30 batches of 6 queries, 6 documents and at most 12 hard negatives; 10 of the crops of 6 texts
    assert 30 * 12 + 10 * 12 < record["encoded"]["texts"] <= 30 * 24 + 10 * 12
    assert record["loss"][-1]["InfoNCE"] < record["loss"][0]["InfoNCE"]
    found = measure(tmp_path / "out", Path(everything["data"]), tmp_path / "result.json")
    assert found["multilingual"]["AP"] > 0.5


@pytest.mark.slow
def test_each_part_of_it_changes_what_is_learned(everything, tmp_path):
    terms = everything["objective"]
    changes = {
        "whole": {},
        "no negatives": {"negatives": None},
        "no code-switching": {"code_switch": None},
        "more domain text": {"gamma": 0.6},
        "no domain text": {"gamma": None, "target": None, "objective": [terms[0], terms[2]]},
        "no crops": {"objective": [terms[0], *terms[2:]]},
        "no adversary of languages": {"objective": [*terms[:2], terms[3]]},
        "no adversary of domains": {"objective": terms[:3]},
        "other weights": {"objective": [terms[0], terms[1] | {"weight": 2.0}, *terms[2:]]},
        "shorter gradients": {"max_grad_norm": 0.01},
        "weight decay": {"weight_decay": 0.1},
        "short memory": {"adam_beta1": 0.5},
    }
    found = {}
    for number, (name, change) in enumerate(changes.items()):
        values = {key: value for key, value in (everything | change).items() if value is not None}
        found[name] = train_from(values | {"steps": 8}, tmp_path / str(number))
    assert torch.equal(train_from(everything | {"steps": 8}, tmp_path / "again"), found["whole"])
    names = list(found)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            assert not torch.equal(found[one], found[other]), (one, other)


def test_token_ids_are_kept_for_later_runs_unless_told_otherwise(data, tmp_path, monkeypatch):
    flags = ("--data", data, "--steps", 2, "--batch-size", 6, "--dimensions", 8, "--quiet")
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    run("train", *flags, "--out", tmp_path / "one", "--no-cache")
    assert not (tmp_path / "cache").exists()
    for out in ("two", "three"):
        run("train", *flags, "--out", tmp_path / out)
        assert len(list((tmp_path / "cache" / "tokens").glob("*.tokens"))) == 2  # queries and documents
