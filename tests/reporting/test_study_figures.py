"""The figures of a study: what is drawn, from which of its numbers, and where labels go."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_example import as_read, make_study, of_tldr, spread

from isoglot.reporting.figures.labels import LETTER, LINE, place_labels
from isoglot.reporting.figures.labels import spread as spread_out
from isoglot.reporting.figures.points import not_beaten
from isoglot.reporting.figures.style import score_format
from isoglot.reporting.study.charts import common_name, study_figures


@pytest.fixture(scope="module")
def charts():
    return {name: chart for part in study_figures(as_read(make_study())) for name, chart in part.charts.items()}


def drawn(chart) -> list[dict]:
    """The data of a figure: all layers'."""
    spec = chart.chart.to_dict()
    parts = [spec, *spec.get("layer", ())]
    return [row for part in parts for row in part.get("data", {}).get("values", ())]


def test_figures_are_drawn_only_from_what_is_there():
    def parts(study):
        return {name.partition("-")[0] for part in study_figures(as_read(study)) for name in part.charts}

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
    found = {name: chart for part in study_figures(as_read(study)) for name, chart in part.charts.items()}
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
    found = {name: chart for part in study_figures(as_read(study)) for name, chart in part.charts.items()}
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
    names = {name for part in study_figures(as_read(study)) for name in part.charts}
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
        itertools.product(("englishway-zh", "crossway-zh"), ("0", "100", "1,000"))
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
