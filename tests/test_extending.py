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
from isoglot.data import load_collection
from isoglot.data.translation.gates import check_gates
from isoglot.encoders import load_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation.measures import parse_measure
from isoglot.languages.tags import read_tag
from isoglot.names import did_you_mean
from isoglot.objectives import term
from isoglot.reporting.study.method import write
from isoglot.studies.recipe_files import recipe_path
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
        ("balance:Through", "not derived from isoglot.objectives.Term"),
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
    own = strategy("balance:Through", alpha=0.25)
    assert isinstance(own, Hybrid)
    assert (own.name, own.alpha, own.tongue) == ("Through", 0.25, "es")
    with pytest.raises(InputError, match="Through has no ways"):
        strategy("balance:Through", ways=3)
    with pytest.raises(InputError, match=r"no strategy 'cross-lingal' \(did you mean cross_lingual\?\)"):
        strategy("cross-lingal")


OWN = """
from dataclasses import dataclass
from isoglot import Hybrid, Strategy

@dataclass(frozen=True, kw_only=True)
class Through(Hybrid):
    tongue: str = "es"
    least: tuple[str, ...] = ()

class Plain(Strategy):
    def __init__(self, share: float, **others):
        super().__init__(**others)
        object.__setattr__(self, "share", share)
"""


def test_settings_of_own_strategies(folder):
    Path("balance.py").write_text(OWN)
    given = {"strategy": "balance:Through", "tongue": "de", "least": ["en", "de"]}
    Path("run.yaml").write_text(json.dumps({"data": "d", "out": "o", "alpha": 0.25, "strategy": given}))
    config = read_config("run.yaml", {})
    own = config.make_strategy()
    assert (own.name, own.tongue, own.least, own.alpha) == ("Through", "de", ("en", "de"), 0.25)
    assert config.strategy_name == "balance:Through"
    Path("again.yaml").write_text(
        json.dumps(config.model_dump(exclude_none=True, by_alias=True))
    )  # as runs keep it
    assert read_config("again.yaml", {}).make_strategy() == own
    assert read_config("run.yaml", {"strategy": "mixed", "alpha": None}).strategy_name == "mixed"
    assert strategy("balance:Plain", settings={"share": 1}).share == 1.0
    assert write(given) == "balance:Through (tongue de, least en, de)"


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "balance:Through",
            {"tonge": "de"},
            r"no setting 'tonge' \(did you mean tongue\?\): choose from tongue, least",
        ),
        ("balance:Through", {"tongue": 3}, "balance:Through: tongue cannot be 3"),
        ("balance:Through", {"alpha": 0.3}, "alpha is a key of its own: write it beside strategy"),
        ("balance:Plain", {"share": "much"}, "balance:Plain: share cannot be 'much'"),
        ("mixed", {"tongue": "de"}, "mixed has no setting 'tongue', and no other"),
    ],
)
def test_settings_that_a_strategy_does_not_have_are_told(folder, name, settings, said):
    Path("balance.py").write_text(OWN)
    with pytest.raises(InputError, match=said):
        read_config(None, {"data": "d", "out": "o", "strategy": {"strategy": name, **settings}}).make_strategy()


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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda folder: parse_measure("ndgc@10"), r"no measure 'ndgc@10' \(did you mean nDCG@k\?\)"),
        (lambda folder: read_config(None, {"data": "d", "out": "o", "batch-sise": 3}), r"mean batch_size\?"),
        (
            lambda folder: read_config(None, {"data": {"name": "d", "wieght": 2}, "out": "o"}),
            r"unknown key 'data\[0\].wieght' \(did you mean weight\?\)",
        ),
        (lambda folder: read_tag("Turkish", "--lang"), r"--lang: 'Turkish' .* \(did you mean tr\?\)"),
        (lambda folder: read_tag("Norwegan", "--lang"), r"\(did you mean no\?\)"),
        (lambda folder: load_collection("xqaud-r"), r"xqaud-r is missing \(did you mean xquad-r\?\)"),
        (lambda folder: load_collection("runs/facst"), r"\(did you mean runs/facts\?\)"),
        (
            lambda folder: load_encoder("runs/my-modle"),
            r"model folder runs/my-modle does not exist .*runs/my-model\?",
        ),
        (lambda folder: recipe_path("ratoi"), r"no study 'ratoi' \(did you mean ratio\?\)"),
        (lambda folder: check_gates(["lenght"]), r"\(did you mean length"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_may_be_meant(folder, asked, said):
    Path("runs/facts").mkdir(parents=True)
    Path("runs/my-model").mkdir()
    Path("runs/my-model/modules.json").write_text("[]")
    with pytest.raises(InputError, match=said):
        asked(folder)
