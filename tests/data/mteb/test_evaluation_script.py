import json

import pytest

from loading import load_script


@pytest.fixture(scope="module")
def script():
    return load_script("benchmarks/evaluation.py")


def test_peers_give_our_figures(script, shared_data, capsys):
    arguments = ["--data", str(shared_data / "xquad-r"), "--languages", "en,th", "--queries", "60"]
    assert script.main(arguments) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["benchmark"] == "evaluation"
    assert last["pairs"] == 4
    assert last["queries"] == 120
    assert last["with_encoding"]
    assert last["largest_difference"] < 1e-4
    assert last["mteb_largest_difference"] < 1e-5
    assert last["ratio"] == pytest.approx(last["peer"] / last["ours"])


def test_other_figures_would_be_noticed(script):
    ours = {"de-en": {"AP": 0.5}}
    assert script.largest_difference(ours, {"de-en": {"AP": 0.25}}) == 0.25
    with pytest.raises(SystemExit):
        script.largest_difference(ours, {"pool": {"AP": 0.5}})
