"""The page of costs has the tables that its script makes, and the model counts as the code does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from loading import load_script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    """The script, as a module."""
    return load_script("scripts/scale.py")


@pytest.fixture(scope="module")
def model(scale: ModuleType):
    return scale.read_model()


def test_the_page_has_the_tables_of_the_script(scale: ModuleType, model) -> None:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert set(scale.TABLES) == {found[2] for found in scale.MARKED.finditer(page)}
    assert scale.filled(page, model) == page, "python scripts/scale.py --write"


def test_parameters_are_those_of_transformers(model) -> None:
    import torch
    from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    for one in model.encoders:
        if not one.layers:
            continue
        xlm = "xlm" in one.name
        config = (XLMRobertaConfig if xlm else BertConfig)(
            vocab_size=one.vocabulary,
            max_position_embeddings=one.positions,
            hidden_size=one.width,
            intermediate_size=one.inner,
            num_hidden_layers=one.layers,
            num_attention_heads=one.width // 64,
            type_vocab_size=1 if xlm else 2,
        )
        with torch.device("meta"):
            built = (XLMRobertaModel if xlm else BertModel)(config, add_pooling_layer=False)
        assert sum(part.numel() for part in built.parameters()) == one.parameters
        assert sum(part.numel() for part in built.encoder.parameters()) == one.multiplied


def test_a_forward_pass_has_the_flops_that_torch_counts(model) -> None:
    """Of multiplications alone, which is what torch counts: biases, norms and softmax are hundredths of them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    small = replace(model.encoders[1], layers=2, width=128, inner=512, vocabulary=100, positions=128)
    config = BertConfig(
        vocab_size=100,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        attn_implementation="eager",
    )
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        BertModel(config, add_pooling_layer=False)(torch.zeros(3, 100, dtype=torch.long))
    assert small.forward(100) * 300 == pytest.approx(counted.get_total_flops(), rel=0.02)


def test_blocks_of_scores_have_the_rows_that_ranking_gives_them(scale: ModuleType, model) -> None:
    from isoglot.evaluation.ranks import DEFAULT_MEMORY, MOST_ROWS, block_rows

    assert sys.modules["scale_model"].BLOCK == DEFAULT_MEMORY
    assert sys.modules["scale_model"].MOST_ROWS == MOST_ROWS
    for documents in (1, 1000, 131_072, 131_073, 1_000_000, 2**26, 2**26 + 1, 106_332_152):
        assert model.rows(documents) == block_rows(documents, DEFAULT_MEMORY)


def test_miracl_is_as_the_catalogue_says(model) -> None:
    passages, queries, of_passages, of_queries = model.totals()
    assert (passages, queries) == (106_332_152, 13_495)
    assert set(model.given["characters"]) == set(model.given["ntrex"]) == {row[0] for row in model.languages()}
    characters = sum(model.given["characters"][tag][0] * count for tag, count, *_ in model.languages())
    assert characters == pytest.approx(37_282_620_861, rel=1e-4)  # which mteb's statistics give for all of it
    assert of_passages / passages > of_queries / queries > 2


def test_a_step_counts_what_processes_do(model) -> None:
    """By hand: 8 processes, a batch of 1,000, an encoder of one layer whose figures are round."""
    one = replace(model.encoders[1], layers=1, width=10, inner=20, vocabulary=100, positions=10, dimensions=10)
    given = json.loads(json.dumps(model.given))
    given["gpu"] |= {"bf16_flops": 1e6, "fp32_flops": 1e6}
    given["node"] |= {"gpus": 8, "link_rate": 1e6, "network_rate": 1e5}
    given["assumed"] |= {"utilisation": 0.5, "chunks_computed_again": 0.0}
    made = replace(model, given=given)
    step = made.step(one, 8, 1000)
    assert one.multiplied == 4 * (100 + 10) + (2 * 200 + 10 + 20) + 40
    tokens, length = model.pair()
    assert step["encode"] == pytest.approx(3 * 1000 * tokens * (2 * 910 + 4 * length * 10) / (8 * 0.5e6))
    assert step["loss"] == pytest.approx(6 * 1000 * 1000 * 10 / 0.5e6)
    assert step["gather"] == pytest.approx(2 * 1000 * 10 * 4 * 7 / 8 / 0.5e6)
    assert step["all-reduce"] == pytest.approx(2 * one.parameters * 4 * 7 / 8 / 0.5e6)
    wide = made.step(one, 16, 1000)  # more than a node has: over the network
    assert wide["gather"] == pytest.approx(2 * 1000 * 10 * 4 * 15 / 16 / 0.05e6)
    assert wide["encode"] == pytest.approx(step["encode"] / 2)
    assert wide["loss"] == step["loss"]


def test_predictions_are_near_what_was_measured(scale: ModuleType, model) -> None:
    """Within a quarter, as the page says; wrong exponents, units or passes are not."""
    found = scale.checks(model)
    assert len(found) >= 10
    for what, _, predicted, measured in found:
        assert 0.75 < predicted / measured < 1.25, what


def test_what_the_page_says_breaks_first_does(scale: ModuleType, model) -> None:
    """Every sentence of its answer, against the tables' figures."""
    gpu, (passages, *_) = model.given["gpu"], model.totals()
    transformers = [one for one in model.encoders if one.layers]
    assert model.rows(passages) == 1
    assert all(one.dimensions * passages * 4 > gpu["memory"] for one in model.encoders)
    for one in transformers:  # with more rows the product computes as long as it reads, or longer
        assert model.on_cores(one, scale.LARGE)["product"] < model.on_cores(one)["product"] / 4
        computed = 2 * passages * model.totals()[1] * one.dimensions / model.product
        assert model.on_cores(one, scale.LARGE)["product"] == pytest.approx(computed)
    for one in transformers[:2]:
        on_eight = model.on_gpus(one, 8)
        assert on_eight["tokenise"] > on_eight["encode"]
    for one in transformers:
        few, many = (model.step(one, run["gpus"], run["batch"]) for run in model.given["training"]["runs"])
        assert few["loss"] < 0.15 * few["encode"]
        assert many["loss"] > many["encode"]
        for step in (few, many):
            assert step["gather"] < step["all-reduce"] < max(step["encode"], step["loss"])
        on_64 = model.step(one, 64, 16_384)
        if one.name == "xlm-roberta-base":
            assert on_64["loss"] == pytest.approx(on_64["encode"], rel=0.2)
    assert model.loss_bytes(65_536) > gpu["memory"] / 2
    static = model.step(model.encoders[0], 64, 65_536)
    assert static["loss"] > 0.8 * sum(static.values())
    assert 1e9 < model.given["node"]["memory"] / 8 / model.sampler_bytes(1) < 4e9


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234, "1,230"),
        (0.01234, "0.0123"),
        (9.999, "10.00"),
    ],
)
def test_numbers_have_three_digits(scale: ModuleType, value: float, written: str) -> None:
    assert scale.number(value) == written


def test_amounts_have_units(scale: ModuleType) -> None:
    assert [scale.size(10**n) for n in (0, 3, 8, 10, 13, 16)] == [
        *("1.00 B", "1.00 kB", "100 MB", "10.0 GB", "10.0 TB", "10,000 TB"),
    ]
    assert [scale.duration(s) for s in (0.0015, 1, 119, 121, 7200, 3600 * 72)] == [
        *("1.50 ms", "1.00 s", "119 s", "2.02 min", "2.00 h", "3.00 days"),
    ]
    assert scale.power(1.23e17) == "1.2 · 10¹⁷"


def test_numbers_of_one_s_own_change_the_tables(tmp_path: Path) -> None:
    given = yaml.safe_load((ROOT / "scripts" / "scale.yaml").read_text(encoding="utf-8"))
    given["prices"]["gpu_hour"] *= 10
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "scale.py")]
    plain, mine = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=True).stdout.splitlines()
        for more in ([], ["--rates", str(tmp_path / "mine.yaml")])
    )
    changed = [(a, b) for a, b in zip(plain, mine, strict=True) if a != b]
    assert changed
    for before, after in changed:
        cells = [line.strip("| ").split(" | ") for line in (before, after)]
        assert cells[0][:-1] == cells[1][:-1]  # all but the price
