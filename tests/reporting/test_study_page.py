"""The page of a study: what a reader must find in it, and what must not be there."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting_helpers import ATTACK, Page
from study_example import arm, decisive, make_study, spread

from isoglot.errors import InputError
from isoglot.reporting.figures.front import not_beaten
from isoglot.reporting.figures.labels import LETTER, LINE, place_labels
from isoglot.reporting.figures.labels import spread as spread_out
from isoglot.reporting.figures.numbers import score_format
from isoglot.reporting.study import write_study_figures, write_study_page
from isoglot.reporting.study.charts import study_figures
from isoglot.reporting.study.configs import (
    alpha_of,
    common_settings,
    differing_keys,
    setting_text,
    tuned_keys,
    write,
)
from isoglot.reporting.study.courses import common_name
from isoglot.reporting.study.method import arms_table
from isoglot.reporting.study.tables import evaluation_tables
from isoglot.reporting.study.verdicts import verdict_card


def read(path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return read(write_study_page(make_study(), tmp_path_factory.mktemp("study") / "study.html"))


@pytest.fixture(scope="module")
def charts():
    return {name: chart for part in study_figures(make_study()) for name, chart in part.charts.items()}


def of_tldr(**changes) -> dict:
    """The study with one of its evaluations: quicker to draw."""
    study = make_study(**changes)
    study["evaluations"] = study["evaluations"][:1]
    return study


def drawn(chart) -> list[dict]:
    """The data of a figure: all layers'."""
    spec = chart.chart.to_dict()
    parts = [spec, *spec.get("layer", ())]
    return [row for part in parts for row in part.get("data", {}).get("values", ())]


def test_the_answer_comes_first_and_whole(page):
    study = make_study()
    places = [page.text.find(sentence) for sentence in study["answer"]]
    assert min(places) > 0
    assert places == sorted(places)
    assert max(places) < page.text.find("How it was done")
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
        assert attributes.get("href") in (None, "data:,"), tag
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


def test_figures_are_drawn_only_from_what_is_there():
    def parts(study):
        return {name.partition("-")[0] for part in study_figures(study) for name in part.charts}

    everything = of_tldr()
    everything["decisive"] = everything["decisive"][:1]
    assert parts(everything) == {"ratio", "front", "budget", "gain", "along", "probe"}
    for one in everything["arms"]:
        one["along"] = {}
        one.pop("training_queries")
    assert parts(everything) == {"ratio", "front", "budget", "gain", "probe"}
    for one in everything["arms"]:
        one["sample"] = None
        one["estimates"].get("tldr", {}).pop("geometry", None)
        one["estimates"].get("tldr", {}).pop("by_language", None)
    assert parts(everything) == {"ratio", "front"}
    two = make_study()
    two["arms"] = [one for one in two["arms"] if one["name"] in ("mixed", "adversary")]
    for one in two["arms"]:
        one["estimates"] = {"tldr": {"multilingual": {"AP": spread(0.5)}}}
        one["along"] = {}
    assert parts(two) == set()


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


@pytest.mark.parametrize("wrong", [{}, {"study": "a", "title": "b"}, [], None])
def test_what_is_no_study_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="not the result of a study"):
        write_study_page(wrong, tmp_path / "study.html")


def test_the_curve_joins_arms_that_differ_in_alpha_alone(charts):
    rows = drawn(charts["ratio-tldr-cross_lingual-AP"])
    curve = {row["arm"]: row["alpha"] for row in rows if row.get("alpha") is not None}
    assert curve == {"alpha-0.0": 0.0, "alpha-0.25": 0.25, "alpha-0.5": 0.5, "alpha-1.0": 1.0}
    others = {row["arm"] for row in rows} - set(curve)
    assert {"mixed", "adversary", "curriculum", "sequential"} <= others
    assert "broken" not in others


def test_an_arm_too_far_off_for_the_curve_to_be_seen_is_told_instead_of_drawn(charts):
    chart = charts["ratio-tldr-monolingual-AP"]
    assert "as-it-is" not in {row["arm"] for row in drawn(chart)}
    assert chart.caption == "Off the scale: as-it-is 0.410."


def test_one_language_has_no_second_setting(charts):
    assert [name for name in charts if name.startswith("ratio-cranfield")] == [
        "ratio-cranfield-monolingual-nDCG@10"
    ]


def test_gains_are_those_of_seeds_in_each_language(charts):
    study = of_tldr()
    study["decisive"] = study["decisive"][:1]
    study["arms"] = study["arms"][:4]
    study["arms"][2]["estimates"]["tldr"]["by_language"]["th"]["cross_lingual"]["AP"]["seeds"] = [0.5, 0.7]
    study["arms"][3]["estimates"]["tldr"]["by_language"]["th"]["cross_lingual"]["AP"]["seeds"] = [0.4, 0.2]
    found = {name: chart for part in study_figures(study) for name, chart in part.charts.items()}
    rows = {
        row["lang"]: row for row in drawn(found["gain-tldr-cross_lingual-AP-alpha-0.5-alpha-1.0"]) if "lang" in row
    }
    assert set(rows) == {"de", "en", "th", "zh"}
    assert rows["th"]["gain"] == pytest.approx(0.3)
    assert (rows["th"]["low"], rows["th"]["high"]) == pytest.approx((0.1, 0.5))
    assert rows["en"]["at"] > rows["de"]["at"] > rows["th"]["at"] > rows["zh"]["at"]  # zh has none


def test_without_sizes_gains_are_drawn_by_language_alone():
    study = of_tldr()
    study["decisive"] = study["decisive"][2:3]  # alpha-0.5 against mixed by rank distance
    for one in study["arms"]:
        del one["training_queries"]
    found = {name: chart for part in study_figures(study) for name, chart in part.charts.items()}
    chart = found["gain-tldr-bias-rank_distance-alpha-0.5-mixed"]
    assert {row["tag"]: row["value"] for row in drawn(chart)} == pytest.approx(
        dict.fromkeys(("de", "en", "th", "zh"), -384.0)
    )
    assert chart.caption == "Left of the grey line is better."


def test_what_is_the_same_for_all_arms_is_not_drawn():
    study = of_tldr(decisive=[])
    for one in study["arms"]:
        if one["estimates"]:
            one["estimates"]["tldr"]["monolingual"] = {"AP": spread(1.0)}
    names = {name for part in study_figures(study) for name in part.charts}
    assert "ratio-tldr-cross_lingual-AP" in names
    assert "ratio-tldr-monolingual-AP" not in names
    assert not any(name.startswith("front") for name in names)


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["hybrid-0", "hybrid-100", "hybrid-none"], "hybrid"),
        (["hybrid-100-tau-0.5", "hybrid-1000-tau-0.5"], "hybrid-tau-0.5"),
        (["few", "many"], "few … many"),
    ],
)
def test_arms_are_called_together_by_what_their_names_share(names, common):
    assert common_name(names) == common


def test_budgets_are_a_line_for_each_way_of_training(charts):
    rows = drawn(charts["budget-zh-tldr-multilingual-AP"])
    assert {(row["arm"], row["x"]) for row in rows} == set(
        itertools.product(("mixedway-zh", "crossway-zh"), ("0", "100", "1,000"))
    )
    study = make_study()
    values = {
        one["name"]: one["estimates"]["tldr"]["by_language"]["zh"]["multilingual"]["AP"]["mean"]
        for one in study["arms"]
        if "way-zh" in one["name"]
    }
    assert {row["mean"] for row in rows} == set(values.values())


def test_the_probe_is_beside_chance_and_knows_adversaries(charts):
    rows = {row["arm"]: row for row in drawn(charts["probe-tldr"])}
    assert all(row["chance"] == 0.25 for row in rows.values())
    assert [name for name, row in rows.items() if row["kind"] == "with an adversary"] == ["adversary"]


def test_a_sequential_training_is_marked_where_it_changes(charts):
    assert {"x": 125} in drawn(charts["along-tldr-cross_lingual-AP"])


def test_figures_become_files(tmp_path, monkeypatch):
    from isoglot.reporting.study import charts as module

    few = study_figures(of_tldr(decisive=[]))[0]
    kept = dict(list(few.charts.items())[:1])
    monkeypatch.setattr(module, "study_figures", lambda result: [type(few)(few.title, few.text, kept)])
    files = write_study_figures(make_study(), tmp_path)
    assert [path.name for path in files] == ["ratio-tldr-monolingual-AP.svg", "ratio-tldr-monolingual-AP.png"]
    assert "curriculum" in files[0].read_text(encoding="utf-8")


def test_only_settings_that_differ_are_shown():
    arms = make_study()["arms"]
    assert differing_keys(arms) == ["encoder", "strategy", "alpha", "objective"]
    shared = dict(common_settings(arms))
    assert shared["batch size".replace(" ", "_")] == "256"
    assert shared["temperature"] == "0.05"
    assert "alpha" not in shared
    by_name = {one["name"]: one for one in arms}
    assert setting_text(by_name["curriculum"], "alpha") == "linear, 1 to 0 in 250 steps"
    assert setting_text(by_name["adversary"], "objective") == "InfoNCE + 0.5 × LanguageAdversary (max_lambda 0.03)"
    assert setting_text(by_name["sequential"], "strategy") == "monolingual → cross_lingual"
    assert setting_text(by_name["as-it-is"], "alpha") == "–"
    assert write(["InfoNCE", {"term": "LanguageAdversary"}]) == "InfoNCE + LanguageAdversary"
    assert write(["de", "en"]) == "de, en"
    assert setting_text(by_name["as-it-is"], "encoder") == "intfloat/multilingual-e5-small"


def test_a_prompt_that_only_some_trained_arms_have_is_a_difference():
    arms = [arm("a", (0.9, 0.5, 1.0)), arm("b", (0.9, 0.5, 1.0), query_prompt="query: ")]
    assert differing_keys(arms) == ["query_prompt"]


@pytest.mark.parametrize(
    ("settings", "alpha"),
    [
        ({"strategy": "hybrid", "alpha": 0.3}, 0.3),
        ({"strategy": "hybrid"}, 0.5),
        ({"strategy": "monolingual"}, 1.0),
        ({"strategy": "cross_lingual"}, 0.0),
        ({"strategy": "mixed"}, None),
        ({"strategy": "hybrid", "alpha": {"shape": "linear", "start": 1, "end": 0, "steps": 9}}, None),
    ],
)
def test_the_share_of_monolingual_batches_of_an_arm(settings, alpha):
    assert alpha_of({"trained": True, "config": [settings]}) == alpha


def test_arms_that_were_not_tuned_alike_are_not_joined_by_their_tuned_settings():
    """Learning rates that tuning chose differ from arm to arm, and are no reason to part a curve."""
    study = of_tldr(decisive=[])
    study["arms"] = study["arms"][:4]
    rates = iter((0.01, 0.02, 0.05, 0.01))
    for one in study["arms"][:4]:
        one["config"][0]["learning_rate"] = next(rates)
    assert any(name.startswith("ratio-") for part in study_figures(study) for name in part.charts)
    for one in study["arms"]:
        one["tuning"] = None
    assert not any(name.startswith("ratio-") for part in study_figures(study) for name in part.charts)


def test_only_what_was_tuned_for_every_arm_is_left_aside():
    """Where each method tunes settings of its own, these are what tells the methods apart."""
    arms = [
        {"tuning": {"chosen": chosen}} for chosen in ({"temperature": 0.1, "tau": 1}, {"tau": 0.5, "objective": []})
    ]
    assert tuned_keys(arms) == ["tau"]
    assert tuned_keys([*arms, {"tuning": {"chosen": None}}, {"tuning": None}]) == ["tau"]
    assert tuned_keys([{"tuning": None}]) == []


def test_an_arm_is_marked_best_only_where_tests_say_so_against_every_other():
    def marked(study):
        return {
            (row[0].text, head.text, head.note)
            for table in evaluation_tables(study, "tldr")
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
    high = verdict_card(decisive("a", "b", 0.1, 0.05))["drawing"]
    assert high["dot"] > 50
    assert high["right"] == "a better"
    low = verdict_card(decisive("a", "b", -10.0, 5.0, setting="bias", measure="rank_distance", better="low"))[
        "drawing"
    ]
    assert low["dot"] < 50
    assert low["left"] == "a better"
    for drawing in (high, low):
        assert 0 <= drawing["bar"][0] <= drawing["dot"] <= drawing["bar"][1] <= 100


def test_a_comparison_of_one_seed_has_an_effect_without_interval():
    card = verdict_card(
        decisive(
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
    rows = {name: cells for name, _, cells in arms_table(study).rows}
    assert rows["alpha-0.0"][-1] == "150"
    assert rows["alpha-0.25"][-1] == "–"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9))
def test_labels_move_apart_in_their_order_and_within_the_figure(places):
    moved = spread_out(places, 10, 0, 100)
    order = sorted(range(len(places)), key=lambda at: places[at])
    assert all(moved[b] - moved[a] >= 10 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-1e-9 <= place <= 100 + 1e-9 for place in moved)
    if all(b - a >= 10 for a, b in itertools.pairwise(sorted(places))):
        assert moved == pytest.approx(places)


@given(st.lists(st.tuples(st.floats(0, 270), st.floats(0, 300)), max_size=20))
def test_labels_cover_neither_each_other_nor_another_point(points):
    texts = ["label"] * len(points)
    boxes = []
    for (x, y), place in zip(points, place_labels(points, texts, 270, 300), strict=True):
        if place is None:
            continue
        dx, dy, align = place
        left = x + dx - {"left": 0, "right": 5 * LETTER, "center": 2.5 * LETTER}[align]
        boxes.append((left, y + dy - LINE / 2, left + 5 * LETTER, y + dy + LINE / 2))
        assert not any(
            left < a < left + 5 * LETTER and abs(b - y - dy) < LINE / 2 for a, b in points if (a, b) != (x, y)
        )
    for one, other in itertools.combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_no_other_point_beats(points):
    front = not_beaten(points, (1.0, -1.0))
    for at, (x, y) in enumerate(points):
        beaten = any((a >= x and b <= y) and (a > x or b < y) for a, b in points)
        assert front[at] is not beaten
    assert any(front)


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ((0.0, 1.0), ".2f"),
        ((0.40, 0.45), ".2f"),
        ((0.024, 0.036), ".3f"),
        ((0.5, 0.5), ".2f"),
        ((None, 0.1), ".2f"),
    ],
)
def test_ticks_have_the_decimals_that_tell_them_apart(values, written):
    assert score_format(values) == written
