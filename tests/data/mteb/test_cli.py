"""`isoglot evaluate MODEL mteb:TASK`: mteb's measures, or ours on mteb's data."""

from __future__ import annotations

import json

import pytest

from isoglot.cli import main
from isoglot.encoders import static_encoder


@pytest.fixture
def model(toy, tmp_path):
    static_encoder(toy, dimensions=16, vocabulary=300).save(str(tmp_path / "model"))
    return str(tmp_path / "model")


def test_a_task_by_mteb_and_by_us(model, shared_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ISOGLOT_DATA", str(shared_data))
    task, languages = "mteb:XQuADRRetrieval", ["--lang", "en,de"]
    theirs, ours = tmp_path / "theirs.json", tmp_path / "ours.json"
    assert main(["evaluate", model, task, *languages, "--json", str(theirs)]) == 0
    assert "ndcg_at_10" in capsys.readouterr().out
    assert main(["evaluate", model, task, *languages, "--pool", "--bootstrap", "0", "--json", str(ours)]) == 0
    scores = json.loads(theirs.read_text())["scores"]["test"]
    pairs = {f"{row['query_lang']}-{row['doc_lang']}": row for row in json.loads(ours.read_text())["pairs"]}
    assert set(pairs) == {"de-de", "de-en", "en-de", "en-en"}
    for name, row in pairs.items():
        assert scores[name]["ndcg_at_10"] == pytest.approx(row["nDCG@10"], abs=2e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mteb:NFCorpuss"], "NFCorpus"),
        (["mteb:XQuADRRetrieval", "--html", "x.html"], "--html does not apply to mteb's own measures"),
        (["worldfacts", "--pool"], "--pool goes with mteb:TASK"),
    ],
)
def test_what_does_not_go_together_is_said(model, capsys, arguments, message):
    assert main(["evaluate", model, *arguments]) == 2
    assert message in capsys.readouterr().err
