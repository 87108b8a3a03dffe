"""Candidates scored by a cross-encoder, from the command to the batches that learn from them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from isoglot.cli import main
from isoglot.collections import read_collection, write_collection
from isoglot.collections.negatives import hard_negative_rows
from isoglot.collections.scores import teacher_score_rows
from isoglot.encoders import static_encoder


@pytest.fixture(scope="module")
def cross_encoder(pretrained_folders, tmp_path_factory):
    """A cross-encoder with random weights."""
    folder = tmp_path_factory.mktemp("cross") / "model"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CrossEncoder(str(pretrained_folders["mbert"]), num_labels=1, device="cpu")
        torch.nn.init.normal_(model.model.classifier.weight, std=5.0)
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture
def mined(toy, cross_encoder, tmp_path):
    """The toy collection with hard negatives and scores, as the command writes it."""
    static_encoder(toy, dimensions=16, vocabulary=200).save(str(tmp_path / "model"))
    write_collection(toy, tmp_path / "data")
    command = ["mine", tmp_path / "model", tmp_path / "data", "--out", tmp_path / "mined", "--negatives", "1"]
    command += ["--where", "own", "--no-margin", "--device", "cpu", "--teacher", cross_encoder]
    assert main([str(one) for one in command]) == 0
    return tmp_path / "mined"


def test_hard_negatives_and_relevant_documents_of_their_languages_are_scored(mined, cross_encoder):
    collection = read_collection(mined)
    offsets, documents, scores = teacher_score_rows(collection)
    hard, negatives = hard_negative_rows(collection)
    queries = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    model = CrossEncoder(str(cross_encoder), device="cpu")
    pairs = list(zip(collection.query_texts(queries), collection.document_texts(documents), strict=True))
    expected = model.predict(pairs, activation_fn=torch.nn.Identity())
    assert np.ptp(expected) > 0.02
    assert np.allclose(scores, expected, atol=1e-3)
    for row in range(len(offsets) - 1):
        found = set(documents[offsets[row] : offsets[row + 1]].tolist())
        own = set(negatives[hard[row] : hard[row + 1]].tolist())
        relevant = collection.relevance.of(collection.query_index[row])
        language = collection.query_language[row]
        assert len(own) == 1
        assert found == own | {one for one in relevant.tolist() if collection.document_language[one] == language}


@pytest.mark.parametrize("strategy", ["hybrid", "multiway"])
def test_a_run_learns_from_them(mined, tmp_path, strategy):
    command = ["train", "--data", mined, "--out", tmp_path / "out", "--dimensions", 16, "--vocabulary", 200]
    command += ["--strategy", strategy, "--steps", 40, "--batch-size", 4, "--negatives", 1, "--save-steps", 0]
    command += ["--objective", "ScoreDistillation", "--learning-rate", 0.05]
    assert main([str(one) for one in command]) == 0
    logs = json.loads((tmp_path / "out" / "isoglot-training.json").read_text())["loss"]
    assert np.mean([one["loss"] for one in logs[-5:]]) < 0.5 * np.mean([one["loss"] for one in logs[:3]])
    assert all(one["ScoreDistillation_candidates"] >= 2 for one in logs)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": "data", "negatives": 1}, "negatives is 1, and toy has no hard negatives"),
        (
            {"negatives": 0},
            "ScoreDistillation learns from a cross-encoder's scores, and batches have no hard",
        ),
    ],
)
def test_a_run_without_scores_is_refused(mined, tmp_path, capsys, changed, message):
    given = {"data": "mined", "negatives": 1} | changed
    command = ["train", "--data", tmp_path / given["data"], "--out", tmp_path / "out", "--dimensions", 16]
    command += ["--steps", 2, "--batch-size", 4, "--negatives", given["negatives"], "--vocabulary", 200]
    capsys.readouterr()
    assert main([str(one) for one in [*command, "--objective", "ScoreDistillation"]]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_cross_encoder_is_told_before_anything_is_encoded(toy, tmp_path, capsys):
    write_collection(toy, tmp_path / "data")
    command = [
        "mine",
        tmp_path / "model",
        tmp_path / "data",
        "--out",
        tmp_path / "out",
        "--teacher",
        tmp_path / "no",
    ]
    assert main([str(one) for one in command]) == 2
    assert f"the model folder {tmp_path / 'no'} does not exist" in capsys.readouterr().err
