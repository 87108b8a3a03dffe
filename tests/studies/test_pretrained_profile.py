"""The pretrained profile as it is packaged, with a small encoder and small data in the forms in which they are
published; and what is said of published figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from benchmark_files import Topic, lareqa_file, topics, word, write_encoders
from form_samples import squad_file, squad_question

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.errors import InputError
from isoglot.files import read_yaml
from isoglot.reporting.study.result import StudyArm
from isoglot.studies import StudyRequest, runner
from isoglot.studies.library import first_articles
from isoglot.studies.published import Beside, Published
from isoglot.studies.recipe_files import RECIPES
from isoglot.studies.result import published_beside

TLDR = ("ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "ru", "th", "tr", "zh")
NTREX = [
    "arb",
    "deu",
    "eng",
    "spa",
    "fra",
    "hin",
    "ind",
    "ita",
    "jpn",
    "kor",
    "nld",
    "pol",
    "rus",
    "tha",
    "tur",
    "zho-CN",
]
TATOEBA = ["ara", "deu", "spa", "fra", "hin", "ind", "ita", "jpn", "kor", "nld", "pol", "rus", "tha", "tur", "cmn"]
XQUAD = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with all that the profile trains on but for DRCD."""
    root = tmp_path / "shared"
    names = list(topics("tldr", 8))
    pages = collection_from_rows(
        [(f"{tag}/{name}", tag, "", topic.text(tag)) for tag in TLDR for name, topic in names],
        [(name, tag, topic.question(tag)) for tag in TLDR for name, topic in names],
        [(name, f"{tag}/{name}", 1) for tag in TLDR for name, _ in names],
    )
    write_collection(pages, root / "tldr" / "train")

    def lines(folder: str, name: str, tag: str) -> None:
        path = root / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{Topic(f'{folder} {n}').text(tag)}\n" for n in range(6)), encoding="utf-8")

    for code in NTREX:
        lines("ntrex", f"newstest2019-{'src' if code == 'eng' else 'ref'}.{code}.txt", code)
    for code in TATOEBA:
        lines("tatoeba", f"tatoeba.{code}-eng.{code}", code)
        lines("tatoeba", f"tatoeba.{code}-eng.eng", "eng")
    asked = [
        (topic.text("zh"), [squad_question(name, topic.question("zh"), *topic.answer("zh"))])
        for name, topic in topics("cmrc", 6)
    ]
    (root / "qa" / "cmrc2018").mkdir(parents=True)
    (root / "qa" / "cmrc2018" / "cmrc2018_dev.json").write_bytes(squad_file(*asked))
    (root / "xquad-r").mkdir()
    for tag in XQUAD:
        (root / "xquad-r" / f"{tag}.json").write_bytes(lareqa_file(tag, "xquad", 4))
    monkeypatch.setenv("ISOGLOT_DATA", str(root))
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    return root


def write_small(folder: Path) -> Path:
    """The packaged recipe with fewer and smaller steps, and layers frozen that a small encoder has."""
    recipe = read_yaml(RECIPES / "paper.yaml", "question: …")
    profile = recipe["profiles"]["pretrained"]
    profile["train"] |= {"steps": 3, "batch_size": 24, "freeze": 1, "save_steps": 0, "learning_rate": 0.01}
    profile["seeds"] = [0]
    measured = {one["name"] for one in profile["evaluate"]}
    figures = [one for one in recipe["published"]["figures"] if one["on"] in measured]
    recipe["published"] = recipe["published"] | {"figures": figures}
    path = folder / "paper.yaml"
    path.write_text(yaml.safe_dump({**recipe, "profiles": {"pretrained": profile}}, sort_keys=False), "utf-8")
    return path


@pytest.mark.parametrize(
    ("gpus", "visible", "devices"),
    [(0, None, [None]), (2, None, ["0", "1"]), (2, "1", ["1"])],
)
def test_runs_are_spread_over_the_gpus_where_there_are_any(gpus, visible, devices, shared, tmp_path, monkeypatch):
    encoder = write_encoders(tmp_path / "models")["xlm-roberta-base"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    request = StudyRequest(write_small(tmp_path), tmp_path / "out", profile="pretrained", encoder=encoder)
    workshop = runner._Made(request).workshop
    assert (workshop.threads is None) == (gpus > 0)
    assert runner._devices(workshop) == devices


def test_the_pretrained_profile_trains_the_encoder_that_is_given_on_several_sets(shared, tmp_path, capsys):
    encoder = write_encoders(tmp_path / "models")["xlm-roberta-base"]
    command = ["study", "run", str(write_small(tmp_path)), "--profile", "pretrained", "--jobs", "1"]
    assert main([*command, "--out", str(tmp_path / "none")]) == 2
    assert "--encoder FOLDER" in capsys.readouterr().err
    status = main([*command, "--out", str(tmp_path / "out"), "--encoder", encoder])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "minutes on two cores" in said.out

    result: dict[str, Any] = json.loads((tmp_path / "out" / "study.json").read_text())
    arms = {arm["name"]: arm for arm in result["arms"]}
    assert list(arms) == ["before", "monolingual", "cross_lingual", "hybrid", "multiway"]
    assert not any(arm["failures"] for arm in arms.values())
    assert {arm["config"][0]["encoder"] for arm in arms.values()} == {encoder}
    assert not arms["before"]["trained"]
    means = {name: arm["estimates"]["xquad-r"]["multilingual"]["AP"]["mean"] for name, arm in arms.items()}
    assert len(set(means.values())) == len(means)  # every arm was trained, each in its own way
    assert [note for note in result["notes"] if note.startswith("nothing is trained on drcd: ")]
    assert {one["name"] for one in result["data"]} == {"tldr", "ntrex", "tatoeba", "cmrc2018", "xquad-r"}
    (claim,) = result["zero_shot"]
    assert claim["holds"]
    assert set(claim["against"]) == {"tldr", "ntrex", "tatoeba", "cmrc2018"}
    assert not any(one["verdict"] == "not measured" for one in result["decisive"])

    published = result["published"]
    assert not published["comparable"]
    assert published["sentence"].startswith("The published figures are no yardstick for these: ")
    (one,) = (
        one
        for one in published["figures"]
        if (one["arm"], one["setting"], one["measure"]) == ("hybrid", "macro_bias", "rank_distance")
    )
    ours = arms["hybrid"]["estimates"]["xquad-r"]["macro_bias"]["rank_distance"]
    assert (one["published_arm"], one["published"], one["ours"]) == ("xlmr-hybrid", 286.6, ours["mean"])
    page = (tmp_path / "out" / "study.html").read_text(encoding="utf-8")
    assert "[[" not in re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    for wanted in ("Beside the published figures", "not comparable", "287", "arXiv 2408.10536, tables"):
        assert wanted in page, wanted


def test_the_first_articles_are_a_pool_of_their_own(tmp_path):
    for tag in ("en", "zh"):
        articles = [json.loads(lareqa_file(tag, name, 2))["data"][0] for name in ("first", "second", "third")]
        (tmp_path / f"{tag}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    whole = read_lareqa(tmp_path)
    part = first_articles(whole, 2)
    assert part.documents["_id"].to_pylist() == [
        name for name in whole.documents["_id"].to_pylist() if name.split("/")[1] != "2"
    ]
    assert set(part.query_ids.to_pylist()) == {
        f"{a} {n} {q}" for a in ("first", "second") for n in (0, 1) for q in (0, 1)
    }
    assert part.judgments.num_rows == 16
    other = collection_from_rows([("a", "en", "", word("en", 1))], [("q", "en", "?")], [("q", "a", 1)])
    with pytest.raises(InputError, match="'a' has none"):
        first_articles(other, 1)


def figure(mean: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"mean": mean, "low": low, "high": high, "seeds": [mean]}


def test_published_figures_are_told_with_the_difference_and_whether_our_interval_holds_them():
    published = Published.model_validate(
        {
            "source": "a paper",
            "figures": [
                {
                    "on": "x",
                    "setting": "multilingual",
                    "measure": "AP",
                    "averaged": "…",
                    "arms": {"a": 0.5, "b": 0.6},
                },
                {"on": "not run", "setting": "multilingual", "measure": "AP", "averaged": "…", "arms": {"a": 0.1}},
            ],
        }
    )
    told_arms = [
        {"name": "ours", "estimates": {"x": {"multilingual": {"AP": figure(0.52, 0.49, 0.55)}}}},
        {"name": "b", "estimates": {"x": {"multilingual": {"AP": figure(0.5, 0.45, 0.55)}}}},
        {"name": "failed", "estimates": {}},
    ]
    arms = [StudyArm(trained=True, **one) for one in told_arms]
    told = published_beside(published, Beside(differs="the data.", arms={"ours": "a", "b": "b"}), arms)
    assert told is not None
    assert [(one.arm, one.within, round(one.difference, 3)) for one in told.figures] == [
        ("ours", True, 0.02),
        ("b", False, -0.1),
    ]
    assert told.sentence == "Our 95 % intervals hold 1 of 2 published figures. Set-ups differ: the data."
    by_name = published_beside(published, Beside(differs="all", comparable=False), arms)
    assert by_name is not None
    assert [one.arm for one in by_name.figures] == ["b"]
    assert by_name.sentence == "The published figures are no yardstick for these: all."
    assert published_beside(published, None, arms) is None
