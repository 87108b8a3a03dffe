"""What users add of their own: every block of docs/extending.md runs, and slips are told."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

from isoglot.batching import Batch, BatchSampler, GivenSampler, Hybrid, Monolingual, strategy
from isoglot.cli import main
from isoglot.collections import collection_from_rows
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.names import did_you_mean
from isoglot.objectives import term
from isoglot.training import HybridTrainer, read_config

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    yield tmp_path
    sys.modules.pop("balance", None)


def blocks():
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_runs(folder, capsys):
    names: dict[str, object] = {"__name__": "page"}
    for language, text in blocks():
        file = re.match(r"# (\S+)\n", text)
        if file:
            Path(file[1]).write_text(text)
        elif language == "python":
            exec(compile(text, str(PAGE), "exec"), names)
        else:
            for line in text.splitlines():
                assert main([*shlex.split(line)[1:], "--dimensions", "16"]) == 0, capsys.readouterr().err
    record = json.loads(Path("balanced/isoglot-training.json").read_text())
    assert all(entry["Balance"] > 0 for entry in record["loss"])
    assert names["trainer"].state.global_step == 4


def write_balance():
    (source,) = (text for _, text in blocks() if text.startswith("# balance.py"))
    Path("balance.py").write_text(source + "\nSPARE = 3\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.at_all:Balance", r"cannot be imported from .* what is installed: No module named 'nowhere'"),
        ("balance:Balanced", r"balance has no Balanced \(did you mean Balance\?\)"),
        ("balance:SPARE", "not derived from isoglot.objectives.Term"),
        ("balance:ThroughSpanish", "not derived from isoglot.objectives.Term"),
        ("infonce", r"no term 'infonce' \(did you mean InfoNCE\?\)"),
        ("broken:Term", "broken:Term cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_is_no_term_is_told(folder, name, said):
    write_balance()
    Path("broken.py").write_text("1 / 0\n")
    with pytest.raises(InputError, match=said):
        term(name)


def test_settings_of_own_terms_are_looked_at(folder):
    write_balance()
    assert term("balance:Balance", power=2).power == 2
    with pytest.raises(InputError, match=r"no setting 'pover' \(did you mean power\?\)"):
        term("balance:Balance", pover=2)
    with pytest.raises(InputError, match="power cannot be 'x'"):
        term("balance:Balance", power="x")


@pytest.mark.parametrize(
    ("given", "name", "weight"),
    [("InfoNCE", "InfoNCE", 1), ("InfoNCE:0.3", "InfoNCE", 0.3), ("a.b:C", "a.b:C", 1), ("a.b:C:2", "a.b:C", 2)],
)
def test_a_term_in_one_word(given, name, weight):
    (one,) = read_config(None, {"data": "d", "out": "o", "objective": [given]}).objective
    assert (one.term, one.weight) == (name, weight)


def test_strategies_by_class(folder):
    write_balance()
    own = strategy("balance:ThroughSpanish", alpha=0.25)
    assert isinstance(own, Hybrid)
    assert (own.name, own.alpha) == ("ThroughSpanish", 0.25)
    with pytest.raises(InputError, match="ThroughSpanish has no ways"):
        strategy("balance:ThroughSpanish", ways=3)
    with pytest.raises(InputError, match=r"no strategy 'cross-lingal' \(did you mean cross_lingual\?\)"):
        strategy("cross-lingal")


def pages(count=8):
    return collection_from_rows(
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in ("en", "de") for n in range(count)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang in ("en", "de") for n in range(count)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in ("en", "de") for n in range(count)],
    )


class Given:
    def __init__(self, batch):
        self.batch = batch

    def __getitem__(self, step):
        return self.batch


def batch(queries, documents):
    return Batch(0, "mono", None, None, np.array(queries, np.int32), np.array(documents, np.int32))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([0], [1]), "Given gives tuple for step 3, not a Batch"),
        (batch([0, 1], [0]), "2 queries and 1 documents for step 3"),
        (batch([0], [99]), "document rows for step 3 that are none of the 16"),
        (batch([], []), "query rows for step 3"),
    ],
)
def test_a_sampler_that_gives_no_batches_is_told(given, said):
    with pytest.raises(InputError, match=said):
        GivenSampler(Given(given), pages(), 4)[3]


def test_a_sampler_goes_without_a_strategy_and_with_its_own_collection(tmp_path):
    data, other = pages(), pages()
    args = Arguments(str(tmp_path), max_steps=2, report_to="none", disable_tqdm=True, per_device_train_batch_size=4)
    model = static_encoder(data, dimensions=8, vocabulary=120)
    sampler = BatchSampler(data, Hybrid(), 4, seed=42)
    with pytest.raises(InputError, match="leave out strategy"):
        HybridTrainer(model, data, sampler=sampler, strategy=Monolingual(), args=args)
    with pytest.raises(InputError, match="give it the same collection"):
        HybridTrainer(model, other, sampler=sampler, args=args)
    trainer = HybridTrainer(model, data, sampler=sampler, args=args)
    assert trainer.sampler is sampler
    given = HybridTrainer(model, data, sampler=Given(sampler[0]), args=args).sampler
    assert (given[7].step, given[7].queries.tolist()) == (7, sampler[0].queries.tolist())


def test_what_may_be_meant():
    assert did_you_mean("INFO-NCE", ["InfoNCE", "KLAlignment"]) == " (did you mean InfoNCE?)"
    assert did_you_mean("batch_sise", ["batch_size", "steps"]) == " (did you mean batch_size?)"
    assert did_you_mean("quite another", ["batch_size", "steps"]) == ""
