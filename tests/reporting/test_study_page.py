"""The page of a study: what a reader must find in it, and what must not be there."""

import json

import pytest
from reporting_helpers import ATTACK, Page
from study_example import arm, arms_of, as_read, decisive, make_study, of_tldr

from isoglot.collections.pseudo import pseudo_sentence
from isoglot.errors import InputError
from isoglot.reporting.page import coded
from isoglot.reporting.study import StudyResult, write_study_figures, write_study_page
from isoglot.reporting.study.charts import study_figures
from isoglot.reporting.study.comparison import Comparison
from isoglot.reporting.study.method import (
    alpha_of,
    arms_table,
    common_settings,
    differing_keys,
    setting_text,
    tuned_keys,
    write,
)
from isoglot.reporting.study.page import evaluation_tables
from isoglot.reporting.study.verdicts import lead_sentence, verdict_card


def compared(*args, **more) -> Comparison:
    return Comparison(**decisive(*args, **more))


def read(path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return read(write_study_page(make_study(), tmp_path_factory.mktemp("study") / "study.html"))


def test_the_answer_comes_first_and_whole(page):
    study = make_study()
    places = [page.text.find(sentence) for sentence in study["answer"]]
    assert min(places) > 0
    assert places == sorted(places)
    assert max(places) < page.text.rfind("How it was done")
    assert page.text.count(study["answer"][2]) == 1


def test_every_part_of_the_result_is_told(page):
    text = page.text.replace("\u00a0", " ")
    for wanted in (
        "How does α trade accuracy within a language for accuracy across languages?",
        "A half-and-half mixture keeps most of both.",
        "alpha-0.5 better as expected",
        "alpha-0.0 better not as expected",
        "within ±0.020",
        "no difference shown",
        "not measured",
        "+0.243 [+0.199, +0.287]",
        "−384.0 [−397.4, −370.6]",
        "< 0.001",
        "0.620",
        "1,584 queries, 2 seeds",
        "All trained arms had the same optimiser steps, 250.",
        "learning rate 0.01: 0.610; learning rate 0.02: 0.640; learning rate 9: failed",
        "worldfacts in place of train, which is absent",
        "CC BY-SA 4.0",
        "stands in for BEIR",
        "12 of 1,190 queries as they are, 3 nearly",
        "similarity 0.91",
        "Not looked at: dialogues",
        "256, which the paper does not state",
        "broken, seed 1, trial 3 : out of memory",
        "The evaluation miracl was left out: mteb is not installed",
        "The static encoder knows no word that it was not trained on.",
        "facts (worldfacts) stands in for it",
        "isoglot study run ratio --profile benchmark --out DIR",
        "isoglot study run ratio --profile embedded --out DIR",
        "python 3.11.7",
        "isoglot 0.1.0, study “ratio”, embedded profile, seeds 0, 1",
        "hybrid batch training: arXiv 2408.10536",
    ):
        assert wanted in text, wanted


def test_a_struck_claim_is_shown_struck_wherever_the_evaluation_is(page):
    assert [tag for tag, _ in page.elements].count("s") == 2  # at the check, and at the numbers
    assert page.text.count("zero-shot struck") == 2
    assert page.text.count("Wie entpacke ich ein Archiv mit tar?") == 1


def test_the_page_asks_for_nothing_from_elsewhere(page):
    for tag, attributes in page.elements:
        assert attributes.get("src") is None
        target = attributes.get("href")
        assert target in (None, "data:,") or target.startswith("#"), tag
    assert "default-src 'none'" in str(page.elements)


def attack(value):
    """Put markup in place of every text but those that the page decides by."""
    kept = ("verdict", "better", "setting", "measure", "same", "kind", "what")
    if isinstance(value, dict):
        return {key: one if key in kept else attack(one) for key, one in value.items()}
    if isinstance(value, list):
        return [attack(one) for one in value]
    return value + ATTACK if isinstance(value, str) else value


def test_markup_in_any_text_stays_text(tmp_path):
    study = of_tldr()
    study["arms"] = study["arms"][4:9] + study["arms"][-1:]
    for key in (
        "title",
        "question",
        "hypothesis",
        "sources",
        "choices",
        "data",
        "limits",
        "notes",
        "left_out",
        "zero_shot",
        "answer",
        "full_command",
    ):
        study[key] = attack(study[key])
    for one in study["arms"]:
        one["note"] = ATTACK
        one["failures"] = attack(one["failures"])
        one["config"] = attack(one["config"]) if one["name"] == "sequential" else one["config"]
    study["arms"].append(arm(ATTACK, (0.9, 0.5, 100.0), alpha=0.75))
    study["decisive"].append(decisive(ATTACK, "mixed", 0.1, 0.01, sentence=ATTACK))
    study["comparable"]["sentence"] = ATTACK
    page = read(write_study_page(study, tmp_path / "study.html"))
    assert "alert(1)" in page.text
    assert "img" not in page.tags()
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for attributes, text in page.scripts:
        if attributes.get("type") == "application/json":
            assert not set("<>&") & set(text)
            json.loads(text)
        else:
            assert "alert(1)" not in text


def test_a_result_of_bare_bones_makes_a_page(tmp_path):
    study = {
        "study": "own",
        "title": "bare",
        "question": "Why?",
        "answer": [],
        "decisive": [],
        "evaluations": [],
        "arms": [{"name": "only", "trained": True, "config": None, "seeds": []}],
    }
    text = read(write_study_page(study, tmp_path / "study.html")).text
    assert "Why?" in text
    assert "none ended well" in text
    assert "What failed" not in text
    assert write_study_figures(study, tmp_path / "figures") == []


def test_a_result_is_written_as_it_was_read():
    study = make_study()
    study["zero_shot"][0]["unlabelled"] = []
    for one in study["arms"]:
        del one["training_queries"]  # which pages look at where something else has added it
    result = StudyResult.read(study)
    assert StudyResult.read(result) is result
    told = result.to_dict()
    assert told.pop("published") is None
    assert told.pop("winner") is None
    assert list(told) == list(study)
    evaluations = zip(told.pop("evaluations"), study.pop("evaluations"), strict=True)
    assert all(one | other == one for one, other in evaluations)  # with what the example leaves out
    assert told == study


@pytest.mark.parametrize("wrong", [{}, {"study": "a", "title": "b"}, [], None])
def test_what_is_no_study_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="not the result of a study"):
        write_study_page(wrong, tmp_path / "study.html")


def test_figures_become_files(tmp_path, monkeypatch):
    from isoglot.reporting.study import page as module

    few = study_figures(as_read(of_tldr(decisive=[])))[0]
    kept = dict(list(few.charts.items())[:1])
    monkeypatch.setattr(module, "study_figures", lambda result: [type(few)(few.title, few.text, kept)])
    files = write_study_figures(make_study(), tmp_path)
    assert [path.name for path in files] == ["ratio-tldr-monolingual-AP.svg", "ratio-tldr-monolingual-AP.png"]
    assert "curriculum" in files[0].read_text(encoding="utf-8")


def test_only_settings_that_differ_are_shown():
    arms = as_read(make_study()).arms
    assert differing_keys(arms) == ["encoder", "strategy", "alpha", "objective"]
    shared = dict(common_settings(arms))
    assert shared["batch size".replace(" ", "_")] == "256"
    assert shared["temperature"] == "0.05"
    assert "alpha" not in shared
    by_name = {one.name: one for one in arms}
    assert setting_text(by_name["curriculum"], "alpha") == "linear, 1 to 0 in 250 steps"
    assert setting_text(by_name["adversary"], "objective") == "InfoNCE + 0.5 × LanguageAdversary (max_lambda 0.03)"
    assert setting_text(by_name["sequential"], "strategy") == "monolingual → cross_lingual"
    assert setting_text(by_name["as-it-is"], "alpha") == "–"
    assert write(["InfoNCE", {"term": "LanguageAdversary"}]) == "InfoNCE + LanguageAdversary"
    assert write(["de", "en"]) == "de, en"
    assert setting_text(by_name["as-it-is"], "encoder") == "intfloat/multilingual-e5-small"


def test_a_prompt_that_only_some_trained_arms_have_is_a_difference():
    arms = arms_of(arm("a", (0.9, 0.5, 1.0)), arm("b", (0.9, 0.5, 1.0), query_prompt="query: "))
    assert differing_keys(arms) == ["query_prompt"]


@pytest.mark.parametrize(
    ("settings", "alpha"),
    [
        ({"strategy": "hybrid", "alpha": 0.3}, 0.3),
        ({"strategy": "monolingual"}, 1.0),
        ({"strategy": "cross_lingual"}, 0.0),
        ({"strategy": "mixed"}, None),
        ({"strategy": "hybrid", "alpha": {"shape": "linear", "start": 1, "end": 0, "steps": 9}}, None),
    ],
)
def test_the_share_of_monolingual_batches_of_an_arm(settings, alpha):
    (one,) = arms_of({"config": [settings]})
    assert alpha_of(one) == alpha


def test_arms_that_were_not_tuned_alike_are_not_joined_by_their_tuned_settings():
    """Learning rates that tuning chose differ from arm to arm, and are no reason to part a curve."""
    study = of_tldr(decisive=[])
    study["arms"] = study["arms"][:4]
    rates = iter((0.01, 0.02, 0.05, 0.01))
    for one in study["arms"][:4]:
        one["config"][0]["learning_rate"] = next(rates)
    assert any(name.startswith("ratio-") for part in study_figures(as_read(study)) for name in part.charts)
    for one in study["arms"]:
        one["tuning"] = None
    assert not any(name.startswith("ratio-") for part in study_figures(as_read(study)) for name in part.charts)


def test_only_what_was_tuned_for_every_arm_is_left_aside():
    """Where each method tunes settings of its own, these are what tells the methods apart."""
    tuned = {"on": "dev", "setting": "multilingual", "measure": "AP", "trials": []}
    arms = [
        {"tuning": {**tuned, "chosen": chosen}}
        for chosen in ({"temperature": 0.1, "tau": 1}, {"tau": 0.5, "objective": []})
    ]
    assert tuned_keys(arms_of(*arms)) == ["tau"]
    assert tuned_keys(arms_of(*arms, {"tuning": {**tuned, "chosen": None}}, {"tuning": None})) == ["tau"]
    assert tuned_keys(arms_of({"tuning": None})) == []


def test_an_arm_is_marked_best_only_where_tests_say_so_against_every_other():
    def marked(study):
        return {
            (row[0].text, head.text, head.note)
            for table in evaluation_tables(as_read(study), "tldr")
            for row in table.rows
            for head, cell in zip(table.heads, row, strict=True)
            if cell.best
        }

    study = make_study()
    assert marked(study) == set()
    study["arms"] = [one for one in study["arms"] if one["name"] in ("alpha-0.5", "alpha-1.0")]
    assert marked(study) == {("alpha-0.5", "AP", "cross-lingual")}
    study["decisive"][0]["verdict"] = "no difference shown"
    assert marked(study) == set()
    study["decisive"][0]["verdict"] = "second better"
    assert marked(study) == {("alpha-1.0", "AP", "cross-lingual")}


def test_effects_are_drawn_on_the_side_of_the_better_arm():
    high = verdict_card(compared("a", "b", 0.1, 0.05))["drawing"]
    assert high["dot"] > 50
    assert high["right"] == "a better"
    low = verdict_card(compared("a", "b", -10.0, 5.0, setting="bias", measure="rank_distance", better="low"))[
        "drawing"
    ]
    assert low["dot"] < 50
    assert low["left"] == "a better"
    share = {"setting": "bias", "measure": "own_language_share@10", "better": "zero"}
    below = verdict_card(compared("a", "b", 0.1, 0.05, **share, first_mean=-0.1, second_mean=-0.2))["drawing"]
    assert (below["left"], below["right"]) == ("b better", "a better")
    above = verdict_card(compared("a", "b", 0.1, 0.05, **share, first_mean=0.2, second_mean=0.1))["drawing"]
    assert (above["left"], above["right"]) == ("a better", "b better")
    apart = verdict_card(compared("a", "b", 0.3, 0.05, **share, first_mean=0.2, second_mean=-0.1))["drawing"]
    assert (apart["left"], apart["right"]) == ("b higher", "a higher")
    for drawing in (high, low):
        assert 0 <= drawing["bar"][0] <= drawing["dot"] <= drawing["bar"][1] <= 100


def test_a_comparison_of_one_seed_has_an_effect_without_interval():
    card = verdict_card(
        compared(
            "a",
            "b",
            0.1,
            0.0,
            low=None,
            high=None,
            p_holm=None,
            query_ids=None,
            seeds=1,
            test="t over seeds",
            setting="geometry",
            measure="cka",
        )
    )
    assert ("effect", "+0.100") in card["facts"]
    assert ("corrected p", "not tested") in card["facts"]
    assert ("over", "1 seed") in card["facts"]
    assert card["drawing"]["bar"] is None


def test_tokens_are_means_over_seeds_and_unknown_where_a_seed_has_none():
    study = make_study()
    study["arms"][0]["tokens"] = {"0": 100, "1": 201}
    study["arms"][1]["tokens"] = {"0": 100, "1": None}
    rows = {name: cells for name, _, cells in arms_table(as_read(study)).rows}
    assert rows["alpha-0.0"][-1] == "150"
    assert rows["alpha-0.25"][-1] == "–"


def test_figures_on_queries_that_nobody_asked_say_so_once(tmp_path):
    study = make_study()
    sentence = pseudo_sentence("title")
    assert "Mind:" not in read(write_study_page(study, tmp_path / "real.html")).text
    for one in study["evaluations"][:2]:
        one["pseudo_queries"] = "title"
    text = " ".join(read(write_study_page(study, tmp_path / "pseudo.html")).text.split())
    assert text.count(f"Mind: tldr, xquad-r: {sentence}.") == text.count("Mind:") == 1


def test_what_nothing_was_stated_of_is_not_said_to_be_held(tmp_path):
    study = of_tldr()
    study["comparable"] |= {"stated": False}
    text = read(write_study_page(study, tmp_path / "study.html")).text
    assert "as stated?" not in text
    assert "The same optimiser steps for all? yes" in " ".join(text.split())


def leads(*arms: dict[str, float]) -> str | None:
    """What is said of arms with these means of cross-lingual measures, and of ranks that are good when low."""
    told = [
        {
            "name": f"arm-{at}",
            "trained": True,
            "estimates": {
                "tldr": {
                    "cross_lingual": {name: {"mean": mean} for name, mean in means.items() if name != "max_rank"},
                    "bias": {name: {"mean": mean} for name, mean in means.items() if name == "max_rank"},
                }
            },
        }
        for at, means in enumerate(arms)
    ]
    return lead_sentence(as_read(of_tldr(arms=told, decisive=[])), "tldr")


def test_who_leads_is_said_as_the_tables_show_it():
    two = leads({"AP": 0.5, "R@10": 0.5, "max_rank": 3.0}, {"AP": 0.4, "R@10": 0.6, "max_rank": 2.0})
    assert two == ("Of 3 measures on tldr, arm-1 has the best mean in 2 and arm-0 in 1; that alone is no test.")
    assert leads({"AP": 0.0, "R@10": 0.0}, {"AP": 0.0, "R@10": 0.0}) is None  # nothing was found
    assert leads({"AP": 0.5}) is None  # alone
    tied = leads({"AP": 0.5, "R@10": 0.1}, {"AP": 0.5, "R@10": 0.0})
    assert tied is not None
    assert tied.startswith("Of 2 measures on tldr, arm-0 has the best mean in 1;")


def test_of_one_seed_nothing_is_said_of_seeds(tmp_path):
    study = of_tldr()
    for one in study["arms"]:
        one["seeds"] = one["seeds"][:1]
        one["failures"] = []
        for key in ("runs", "steps", "tokens"):
            one[key] = dict([*one[key].items()][:1])
        _one_seed(one["estimates"])
        _one_seed(one["along"])
    text = read(write_study_page(study, tmp_path / "study.html")).text
    assert "over queries alone, since there is one seed" in text
    for wrong in ("queries and seeds", "Means over seeds", "mean over seeds", "gain of a seed", "1 seeds"):
        assert wrong not in text


def _one_seed(values):
    """Keep the value of the first seed, all the way down."""
    if isinstance(values, list):
        for one in values:
            _one_seed(one)
    elif isinstance(values, dict):
        if "seeds" in values:
            values["seeds"] = values["seeds"][:1]
        for one in values.values():
            if isinstance(one, dict | list):
                _one_seed(one)


def test_arms_are_code_and_settings_are_words():
    said = "cross_lingual is better than hybrid-0.5 by cross-lingual AP on <x>, hybrid-0.55 and a hybrid aside."
    names = ["hybrid", "hybrid-0.5", "cross_lingual", "a"]
    assert str(coded(said, names)) == (
        "<code>cross_lingual</code> is better than <code>hybrid-0.5</code> by cross-lingual AP on &lt;x&gt;, "
        "hybrid-0.55 and a <code>hybrid</code> aside."
    )
    assert str(coded("a & b", ["a"])) == "a &amp; b"


def test_arms_are_code_on_the_page(tmp_path):
    html = write_study_page(make_study(), tmp_path / "study.html").read_text(encoding="utf-8")
    assert "<code>alpha-0.5</code> better</span>" in html
