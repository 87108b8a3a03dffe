"""Training on a sample: what is drawn, what a held-out language leaves behind, and what a run says of it."""

from __future__ import annotations

import json

import pytest
import yaml
from sentence_transformers import SentenceTransformer

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.data import load_collection, sample_collection
from isoglot.errors import InputError, IsoglotError
from isoglot.training import read_config, run, train
from isoglot.training.checks import check_settings
from isoglot.training.data import sample_training_data

PAGES = 30
SPOKEN = {"en": "page about", "de": "Seite über", "sw": "ukurasa wa", "th": "หน้าเกี่ยวกับ"}
SMALL = {"dimensions": 16, "vocabulary": 200, "batch_size": 8, "steps": 6, "save_steps": 0, "cache": False}


@pytest.fixture(scope="module")
def pages():
    """Thirty pages in four languages, a question each."""
    return collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{words} {n}") for tag, words in SPOKEN.items() for n in range(PAGES)],
        [(f"q{n}", tag, f"{n} {words}?") for tag, words in SPOKEN.items() for n in range(PAGES)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in SPOKEN for n in range(PAGES)],
        name="pages",
    )


@pytest.fixture(scope="module")
def data(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages") / "pages"
    write_collection(pages, folder)
    return folder


def settings(**more):
    return read_config(None, {"data": "d", "out": "o"} | more)


def sizes(collection) -> dict[str, tuple[int, int]]:
    """Language -> its queries and documents."""
    counts = {}
    for tag in collection.languages:
        index = collection.language_index(tag)
        counts[tag] = (
            int((collection.query_language == index).sum()),
            int((collection.document_language == index).sum()),
        )
    return counts


# -- what is trained on --


def test_without_budgets_the_collection_is_trained_on_as_it_is(pages):
    assert sample_training_data(settings(seed=3), pages) is pages


def test_budgets_of_languages_and_of_the_others(pages):
    drawn = sample_training_data(settings(sample={"sw": 5, "de": "all"}, default_budget=12), pages)
    assert sizes(drawn) == {"de": (30, 30), "en": (12, 12), "sw": (5, 5), "th": (12, 12)}
    rest = sample_training_data(settings(default_budget=7, hold_out_languages=["th"]), pages)
    assert sizes(rest) == {"de": (7, 7), "en": (7, 7), "sw": (7, 7)}


def test_the_sample_is_that_of_the_command_line_and_of_its_own_seed(pages):
    def ids(collection):
        return sorted(zip(collection.queries["lang"].to_pylist(), collection.query_texts(), strict=True))

    expected = ids(sample_collection(pages, {"sw": 5}, seed=4))
    for seed in (0, 1):
        assert ids(sample_training_data(settings(sample={"sw": 5}, sample_seed=4, seed=seed), pages)) == expected
    assert ids(sample_training_data(settings(sample={"sw": 5}, sample_seed=5), pages)) != expected


def test_a_held_out_language_leaves_no_letter_in_the_model(data, tmp_path):
    out = tmp_path / "out"
    flags = f"train --data {data} --out {out} --hold-out-languages th --dimensions 16 --vocabulary 200"
    assert main([*flags.split(), "--batch-size", "8", "--steps", "4", "--no-cache", "--quiet"]) == 0
    pieces = "".join(SentenceTransformer(str(out))[0].tokenizer.get_vocab())
    assert "ü" in pieces
    assert not set(pieces) & set(SPOKEN["th"])
    record = json.loads((out / "isoglot-training.json").read_text(encoding="utf-8"))
    assert (record["languages"], record["queries"], record["documents"]) == (["de", "en", "sw"], 90, 90)


def test_a_collection_that_is_loaded_already_is_sampled_too(pages, tmp_path):
    seen = []

    def note(trainer):
        from transformers import TrainerCallback

        seen.append(sizes(trainer.sampler.collection))
        return TrainerCallback()

    config = settings(**SMALL | {"steps": 2}, sample={"sw": 9}, out=str(tmp_path / "out"))
    train(config, collection=pages, callbacks=[note])
    assert seen == [{"de": (30, 30), "en": (30, 30), "sw": (9, 9), "th": (30, 30)}]


# -- what a run says of it --


def test_the_settings_stand_beside_the_model_and_resuming_keeps_to_them(data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    written = tmp_path / "run.yaml"
    written.write_text(
        yaml.safe_dump(SMALL | {"data": str(data), "out": str(out), "default_budget": 3, "sample": {"de": 1}})
    )
    flags = ["--budget", "swa=10", "--budget", "EN=all", "--default-budget", "20", "--hold-out-languages", "th"]

    def cut_short(*_: object) -> None:
        raise IsoglotError("as if killed at the very end")

    with monkeypatch.context() as patched:
        patched.setattr(run, "finish", cut_short)
        assert main(["train", str(written), *flags, "--sample-seed", "2"]) == 1
    assert (
        "training on a sample of pages: 60 of its 120 queries, 60 of its 120 documents" in capsys.readouterr().err
    )
    said = yaml.safe_load((out / "isoglot-training.yaml").read_text(encoding="utf-8"))
    # flags win over the file, whose budgets they replace
    assert (said["sample"], said["default_budget"]) == ({"sw": 10, "en": "all"}, 20)
    assert (said["hold_out_languages"], said["sample_seed"]) == (["th"], 2)

    for changed in (
        [*flags, "--sample-seed", "3"],
        [*flags[2:], "--sample-seed", "2"],
        [*flags[:-2], "--sample-seed", "2"],
        [*flags, "--default-budget", "all", "--sample-seed", "2"],
    ):
        assert main(["train", str(written), *changed, "--resume"]) == 2
        assert "was started with" in capsys.readouterr().err
    reordered = [*flags[2:4], *flags[:2], *flags[4:], "--sample-seed", "2"]
    assert main(["train", str(written), *reordered, "--resume"]) == 0
    assert (out / "modules.json").is_file()


def test_a_run_without_a_sample_says_nothing_of_one(data, tmp_path, capsys):
    train(settings(**SMALL | {"steps": 1}, data=str(data), out=str(tmp_path / "out")))
    written = (tmp_path / "out" / "isoglot-training.yaml").read_text(encoding="utf-8")
    assert not {"sample", "default_budget", "hold_out_languages", "sample_seed"} & set(yaml.safe_load(written))
    assert "sample" not in capsys.readouterr().err


# -- values --


def test_tags_are_read_leniently_and_all_is_a_budget(tmp_path):
    written = tmp_path / "run.yaml"
    written.write_text("data: d\nout: o\nsample: {zh_cn: 5, deu: all, 'no': 0, sw: null}\ndefault_budget: all\n")
    config = read_config(written, {"hold_out_languages": ["pt_BR", "pt-BR"]})
    assert config.sample == {"zh-CN": 5, "de": "all", "no": 0, "sw": "all"}
    assert (config.default_budget, config.hold_out_languages) == (None, ["pt-BR"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample: {sw: -1}", "the budget of sw should be a number of queries, or all"),
        ("sample: {sw: 1.5}", "the budget of sw should be"),
        ("sample: {sw: true}", "the budget of sw should be"),
        ("sample: {false: 5}", "write a language's tag, such as sw"),
        ("sample: {7: 5}", "7 is no language"),
        ("sample: {klingonese: 5}", "'klingonese' is not a"),
        ("sample: {zh_cn: 5, zh-CN: 6}", "zh-CN has two budgets"),
        ("sample: 100", "such as {sw: 100, de: all}"),
        ("sample: {}", "'sample' is {}"),
        ("default_budget: many", "'default_budget' is 'many': should be a number of queries, or all"),
        ("hold_out_languages: [false]", "write a language's tag, such as sw"),
        ("hold_out_languages: []", "'hold_out_languages' is []"),
        ("hold_out_languages: th", "'hold_out_languages' is 'th'"),
        ("sample_seed: x", "'sample_seed' is 'x'"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    written = tmp_path / "run.yaml"
    written.write_text(f"data: d\nout: o\n{text}\n")
    with pytest.raises(InputError) as caught:
        read_config(written, {})
    assert words in str(caught.value)


def test_a_seed_without_a_sample_is_refused():
    check_settings(settings(sample_seed=1, default_budget=5))
    for more in ({}, {"hold_out_languages": ["th"]}):
        with pytest.raises(InputError, match="sample_seed draws a sample: give"):
            check_settings(settings(sample_seed=1, **more))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--budget", "sw"], "--budget 'sw' is not a language and a number, such as sw=100"),
        (["--budget", "sw=1o0"], "--budget sw=1o0: '1o0' is neither a number of queries nor all"),
        (["--budget", "sw=1", "--budget", "swa=2"], "sw has a budget already"),
        (["--budget", "xyzzy=1"], "--budget: 'xyzzy' is not"),
        (["--budget", "fr=1"], "pages has no language 'fr'; it has de, en, sw, th"),
        (["--hold-out-languages", "fr"], "pages has no language 'fr'"),
        (["--budget", "sw=5", "--hold-out-languages", "sw"], "sw is held out and has a budget"),
        (["--default-budget", "0"], "no query of pages is left in the sample"),
        (["--hold-out-languages", "th", "--languages", "th,en"], "'th'"),
    ],
)
def test_a_sample_that_cannot_be_drawn_ends_the_run_before_it_begins(data, tmp_path, capsys, flags, words):
    out = tmp_path / "out"
    assert main(["train", "--data", str(data), "--out", str(out), *flags]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("isoglot: ")
    assert words in line
    assert not out.exists()


def test_a_sample_of_parquet_is_that_of_json_lines(pages, data, tmp_path):
    write_collection(pages, tmp_path / "fast", "parquet")
    config = settings(sample={"sw": 4}, hold_out_languages=["th"])
    one, other = (sample_training_data(config, load_collection(folder)) for folder in (data, tmp_path / "fast"))
    assert one.query_texts() == other.query_texts()
    assert one.document_texts() == other.document_texts()
    assert one.judgments.equals(other.judgments)
