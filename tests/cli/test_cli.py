"""The command line as a user meets it: what works, and one clear sentence for what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from isoglot.cli import main
from isoglot.collections import read_collection, write_collection


@pytest.fixture
def data(toy, tmp_path) -> Path:
    write_collection(toy, tmp_path / "toy")
    return tmp_path / "toy"


@pytest.fixture
def model(toy, tmp_path) -> Path:
    from isoglot.encoders import static_encoder

    static_encoder(toy, dimensions=16, vocabulary=200).save(str(tmp_path / "model"))
    return tmp_path / "model"


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must be refused; return its one sentence."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    (line,) = [line for line in said.err.splitlines() if line.strip()]
    assert line.startswith("isoglot: ")
    return line


def test_train_then_evaluate(data, tmp_path, capsys):
    out, result = tmp_path / "out", tmp_path / "result.json"
    size = ["--steps", "20", "--batch-size", "4", "--dimensions", "16"]
    assert main(["train", "--data", str(data), "--strategy", "hybrid", "--out", str(out), *size, "--quiet"]) == 0
    assert main(["evaluate", str(out), str(data), "--json", str(result), "--bootstrap", "50"]) == 0
    shown = capsys.readouterr().out
    assert "rank_distance" in shown
    found = json.loads(result.read_text())
    assert list(found) == [
        *("collection", "model", "languages", "monolingual", "cross_lingual", "multilingual", "bias"),
        *("macro", "geometry", "intervals", "pairs", "seconds", "versions", "hardware", "made", "fair"),
    ]
    made = found["made"]
    assert made["dtype"] == "float32"
    assert made["date"].endswith("+00:00")
    assert len(made["collection_hash"]) == 32
    assert "Questions in" in shown
    assert "questions by language, worst first" in shown
    assert "--html report.html" in shown
    assert found["monolingual"]["pairs"] == 3
    assert found["cross_lingual"]["pairs"] == 6
    for key in ("rank_distance", "max_rank", "complete@10", "own_language_share@10"):
        assert isinstance(found["bias"][key], float)
    assert len(found["pairs"]) == 9
    assert {"query_lang", "doc_lang", "queries", "AP", "nDCG@10", "R@10", "RR@10"} <= set(found["pairs"][0])


def test_a_run_from_yaml_takes_flags_too(data, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {data}\nsteps: 500\nbatch_size: 4\ndimensions: 16\n")
    assert main(["train", str(config), "--steps", "3", "--out", str(tmp_path / "out")]) == 0
    assert "steps: 3" in (tmp_path / "out" / "isoglot-training.yaml").read_text()


def test_flags_say_all_that_yaml_does_but_settings_of_terms(data, tmp_path):
    (tmp_path / "en-de.tsv").write_text("archive\tArchiv\n")
    flags = "--strategy multiway --ways 2 --objective MultiwayInfoNCE:0.7 --objective KLAlignment --encoder scratch"
    flags += " --dimensions 64 --layers 1 --vocabulary 200 --max-length 32 --attention eager --memory 2GiB --bf16"
    flags += (
        " --gradient-checkpointing --chunk-tokens 64 --weight-decay 0.1 --max-grad-norm 0.5 --no-cache --warmup 0.5"
    )
    flags += " --matryoshka 32,64"
    flags += f" --schedule cosine --gamma 0 --code-switch {tmp_path / 'en-de.tsv'} --code-switch-rate 0.9 --seed 3"
    folders = ["--data", str(data), "--out", str(tmp_path / "out")]
    assert main(["train", *folders, *flags.split(), "--steps", "2", "--batch-size", "4", "--quiet"]) == 0
    written = yaml.safe_load((tmp_path / "out" / "isoglot-training.yaml").read_text())
    assert written["objective"] == [
        {"term": "MultiwayInfoNCE", "weight": 0.7},
        {"term": "KLAlignment", "weight": 1.0},
    ]
    assert written["matryoshka"] == [32, 64]
    assert written["code_switch"] == {"lexicons": [str(tmp_path / "en-de.tsv")], "rate": 0.9, "side": "query"}
    assert (written["ways"], written["memory"], written["bf16"], written["cache"]) == (2, 2**31, True, False)
    assert "temperature" not in written


@pytest.mark.slow
def test_two_processes_train_one_model(data, tmp_path, capsys):
    """As `torchrun -m isoglot train`: one model, one line about it, and the losses of one process."""
    flags = [
        "--data",
        str(data),
        "--strategy",
        "multiway",
        "--dimensions",
        "16",
        "--steps",
        "6",
        "--batch-size",
        "12",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "isoglot", "train", *flags, "--out", str(tmp_path / "two"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr
    assert main(["train", *flags, "--out", str(tmp_path / "one"), "--quiet"]) == 0
    for said in (done.stdout, capsys.readouterr().out):
        assert said.count("Trained with multiway batches for 6 steps") == 1
    records = {name: json.loads((tmp_path / name / "isoglot-training.json").read_text()) for name in ("one", "two")}
    losses = {name: [entry["loss"] for entry in record["loss"]] for name, record in records.items()}
    assert losses["two"] == pytest.approx(losses["one"], abs=1e-3)
    assert records["two"]["encoded"] == records["one"]["encoded"]


def test_worldfacts_is_built_checked_and_described(tmp_path, capsys):
    folder = tmp_path / "facts"
    assert main(["data", "build", "worldfacts", "--languages", "en,sw,tha", "--to", str(folder)]) == 0
    assert main(["data", "check", str(folder)]) == 0
    assert main(["data", "stats", str(folder), "--split", "test", "--json", str(tmp_path / "stats.json")]) == 0
    assert "ok: " in capsys.readouterr().out
    assert set(json.loads((tmp_path / "stats.json").read_text())["languages"]) == {"en", "sw", "th"}
    train, test = (read_collection(folder, split=split) for split in ("train", "test"))
    assert not set(train.query_ids.to_pylist()) & set(test.query_ids.to_pylist())


def test_conversion_to_parquet_and_back_gives_the_same_files(data, tmp_path):
    for form, source, to in (("parquet", data, "parquet"), ("jsonl", tmp_path / "parquet", "jsonl")):
        assert main(["data", "convert", str(source), "--form", form, "--to", str(tmp_path / to)]) == 0
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        assert (tmp_path / "jsonl" / name).read_bytes() == (data / name).read_bytes()


def test_xquad_r_converts(shared_data, tmp_path, capsys):
    source = shared_data / "xquad-r"
    assert main(["data", "convert", str(source), "--form", "lareqa", "--to", str(tmp_path / "x")]) == 0
    assert "13,014 documents, 13,090 queries (1,190 ids)" in capsys.readouterr().out


def spoil(folder: Path, name: str, line: str) -> Path:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return folder


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("corpus.jsonl", '{"_id": "x", ', "not valid JSON (corpus.jsonl line 7"),
        (
            "corpus.jsonl",
            '{"_id": "en/tar", "lang": "en", "text": "x"}',
            "duplicate document id (corpus.jsonl line 7",
        ),
        ("queries.jsonl", '{"_id": "list", "lang": "en", "text": "x"}', "duplicate query id and language"),
        ("qrels.tsv", "nobody\ten/tar\t1", "judgment of an unknown query id (qrels.tsv line 8: 'nobody')"),
        ("qrels.tsv", "list\tnothing\t1", "judgment of an unknown document id (qrels.tsv line 8: 'nothing')"),
    ],
)
def test_bad_lines_are_named_by_file_line_and_reason(data, capsys, tmp_path, name, line, message):
    spoil(data, name, line)
    for command in (["data", "check", data], ["train", "--data", data, "--out", tmp_path / "o"]):
        assert message in complaint(capsys, *command)
    assert not (tmp_path / "o").exists()
    assert main(["data", "check", str(data), "--lenient"]) == 0
    assert "left out 1 bad rows" in capsys.readouterr().out


def test_other_bad_input_is_one_sentence_too(data, model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no waiting for a network
    out = tmp_path / "o"
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.yaml").write_text(f"data: {data}\nout: {out}\nalhpa: 0.5\n")
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        (bare / name).write_text("")
    cases = {
        ("data", "check", tmp_path / "nowhere"): "nowhere is missing",
        ("data", "check", bare): "holds no documents: the collection is empty",
        ("train", "--data", tmp_path / "empty", "--out", out): "is not a collection: it has no corpus.jsonl",
        ("train", tmp_path / "bad.yaml"): "unknown key 'alhpa' (did you mean alpha?); the keys are data,",
        ("train", "--data", data, "--out", out, "--languages", "fr"): "has no language 'fr'",
        (
            "train",
            "--data",
            data,
            "--out",
            out,
            "--strategy",
            "hybird",
        ): "no strategy 'hybird' (did you mean hybrid?): choose one of",
        ("train", "--data", data, "--out", out, "--alpha", "much"): "--alpha 'much' is neither a number",
        ("train", "--data", data, "--out", data): "already exists and is not empty",
        ("train", "--data", data, "--out", out, "--encoder", tmp_path / "empty"): "empty is not a model",
        ("train", "--steps", "many"): "should be a valid integer",
        ("train", "--stepps", "3"): "No such option: --stepps",
        ("evaluate", tmp_path / "empty", data): "empty is not a model",
        ("evaluate", tmp_path / "gone", data): "does not exist",
        ("evaluate", "no/such-model", data): "cannot be loaded",
        ("evaluate", model, tmp_path / "nowhere"): "nowhere is missing",
        ("evaluate", model): "Missing argument 'data'",
        ("data", "convert", data, "--form", "word", "--to", out): "unknown form 'word'; the forms are",
        ("data", "build", "moonfacts", "--to", out): "nothing called 'moonfacts' can be built",
        ("data", "build", "worldfacts", "--languages", "tlh", "--to", out): "not written in 'tlh'",
        ("dance",): "No such command 'dance'",
    }
    for arguments, message in cases.items():
        assert message in complaint(capsys, *arguments)
    assert not out.exists()


def test_a_language_without_queries_is_refused(toy, tmp_path, capsys):
    from isoglot.collections import collection_from_rows

    silent = collection_from_rows(
        [("en/1", "en", "", "one"), ("de/1", "de", "", "eins")],
        [("q", "en", "which one?")],
        [("q", "en/1", 1), ("q", "de/1", 1)],
    )
    write_collection(silent, tmp_path / "silent")
    arguments = ("train", "--data", tmp_path / "silent", "--out", tmp_path / "o", "--languages", "de")
    assert "no monolingual training pair" in complaint(capsys, *arguments)


def test_python_m_isoglot_is_the_same_and_is_quick_to_ask():
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-X", "importtime", "-m", "isoglot", "--version"]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("isoglot ")
    assert " torch" not in done.stderr  # nothing heavy is loaded to answer a question


def test_debug_shows_where_an_error_arose(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "nowhere"), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read_is_bad_input_for_every_command(data, tmp_path, capsys, monkeypatch):
    """Exit status 2, as for all bad input; what fails for other reasons, such as a full disk, has status 1."""
    opened = Path.open

    def refuse(path: Path, *arguments: object, **options: object) -> object:
        if path.parent == data:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    out = ["--out", str(tmp_path / "out")]
    for command in (
        ["data", "check", data],
        ["data", "translate", data, "--to", "fr", "--from", "en", "--model", "m", *out],
        ["train", "--data", data, *out],
    ):
        assert "ermission denied" in complaint(capsys, *command)


def test_a_sample_must_say_what_to_draw(data, tmp_path, capsys):
    said = complaint(capsys, "data", "sample", data, "--to", tmp_path / "out")
    assert "nothing says what to draw: give --budget TAG=N, --default N or --hold-out-languages" in said
    assert main(["data", "sample", str(data), "--default", "1", "--to", str(tmp_path / "out")]) == 0


def test_help_names_the_catalogue_wherever_a_collection_is_asked_for(capsys):
    for command in ("data check", "data stats", "data sample", "data translate", "mine", "train", "evaluate"):
        assert main([*command.split(), "--help"]) == 0
        assert "isoglot data list" in " ".join(capsys.readouterr().out.replace("│", " ").split()), command


@pytest.mark.parametrize(
    "code",
    [
        "import isoglot",
        "from isoglot.cli import main; main(['--help'])",
        "from isoglot.cli import main; main(['evaluate', '--help'])",
        "from isoglot.cli import main; main(['study', 'list'])",
        "from isoglot.cli import main; main(['study', 'show', 'ratio'])",
    ],
)
def test_help_and_import_are_quick(code):
    """Neither torch, which takes seconds, nor what draws figures is imported before something is to be done."""
    said = f"import sys; {code}; print([name for name in ('torch', 'altair', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
