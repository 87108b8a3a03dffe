"""Pushing to the Hub, against a stand-in of it; a trained model is never lost because pushing failed."""

from __future__ import annotations

import pytest
from hub_stand_in import hub
from huggingface_hub import constants
from sentence_transformers import SentenceTransformer

from isoglot.cli import main
from isoglot.collections import write_collection
from isoglot.errors import InputError, IsoglotError
from isoglot.publishing import check_repository, push_folder


@pytest.fixture
def command(toy, tmp_path):
    write_collection(toy, tmp_path / "toy")
    settings = ["--steps", "2", "--batch-size", "4", "--dimensions", "8", "--vocabulary", "150"]
    return ["train", "--data", str(tmp_path / "toy"), "--out", str(tmp_path / "m"), *settings]


def test_what_is_pushed_is_the_folder(command, tmp_path, monkeypatch, toy):
    with hub(monkeypatch) as server:
        assert main([*command, "--push-to-hub", "me/toy-model"]) == 0
    pushed = server.repositories["me/toy-model"]
    assert not pushed["private"]
    here = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir() if path.is_file()}
    assert {name: text for name, text in pushed["files"].items() if "/" not in name} == here
    assert b'SentenceTransformer("me/toy-model")' in pushed["files"]["README.md"]
    for name, content in pushed["files"].items():
        (tmp_path / "back" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / name).write_bytes(content)
    texts = toy.query_texts()
    models = (SentenceTransformer(str(tmp_path / name)) for name in ("m", "back"))
    first, second = (model.encode(texts) for model in models)
    assert (first == second).all()


def test_a_private_repository_is_private_or_refused(command, tmp_path, monkeypatch):
    with hub(monkeypatch) as server:
        assert main([*command, "--push-to-hub", "me/hidden", "--private"]) == 0
        assert server.repositories["me/hidden"]["private"]
        assert push_folder(tmp_path / "m", "me/hidden", private=True).endswith("/me/hidden")  # once more
        push_folder(tmp_path / "m", "me/open")
        with pytest.raises(IsoglotError, match="me/open is there and public"):
            push_folder(tmp_path / "m", "me/open", private=True)


@pytest.mark.parametrize(
    ("token", "name", "reason"),
    [
        (None, "me/m", "there is no token: log in by `hf auth login`, or set HF_TOKEN"),
        ("hf_wrong", "me/m", "log in by `hf auth login` with a token that may write there"),
        ("hf_of_a_test", "others/m", "log in by `hf auth login` with a token that may write there"),
    ],
)
def test_a_model_that_was_not_pushed_is_here_and_pushed_by_resuming(
    token, name, reason, command, tmp_path, monkeypatch, capsys
):
    with hub(monkeypatch, token):
        assert main([*command, "--push-to-hub", name]) == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("isoglot: ")]
    assert said.startswith(f"isoglot: the trained model is in {tmp_path / 'm'}, but was not pushed to {name}: ")
    assert said.endswith(f"{reason}; the same command with --resume pushes it")
    assert SentenceTransformer(str(tmp_path / "m")).get_embedding_dimension() == 8
    with hub(monkeypatch) as server:
        assert main([*command, "--push-to-hub", "me/m", "--resume"]) == 0
    assert "model.safetensors" in {path.rpartition("/")[2] for path in server.repositories["me/m"]["files"]}


def test_no_network_is_told_in_a_sentence(command, tmp_path, monkeypatch, capsys):
    with hub(monkeypatch) as server:
        address = server.address
    monkeypatch.setattr(constants, "ENDPOINT", address)  # where nobody listens any more
    assert main([*command, "--push-to-hub", "me/m"]) == 1
    assert "see that the Hub can be reached; the same command with --resume pushes it" in capsys.readouterr().err
    assert (tmp_path / "m" / "model.safetensors").is_file() or (tmp_path / "m" / "modules.json").is_file()


def test_names_are_checked_before_training(command, tmp_path, capsys):
    assert main([*command, "--push-to-hub", "not a name"]) == 2
    assert "write USER/NAME, such as me/my-model" in capsys.readouterr().err
    assert main([*command, "--private"]) == 2
    assert "--private is of a repository on the Hub" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
    with pytest.raises(InputError, match="'a/b/c' cannot be a repository"):
        check_repository("a/b/c")
