import json

import numpy as np
import pytest
import vl_convert
from reporting_helpers import ATTACK, make_result

from isoglot.errors import InputError
from isoglot.reporting import Inspection, Space, save_figures, write_figures
from isoglot.reporting.figures import (
    difference_heatmap,
    distance_counts,
    distance_histogram,
    interval_dots,
    language_dots,
    pair_count_heatmap,
    pair_heatmap,
    share_heatmap,
    space_scatter,
)

CHARTS = {
    "pairs": lambda: pair_heatmap(make_result().pairs),
    "several": lambda: pair_heatmap(make_result().pairs, ["AP", "nDCG@10"]),
    "shares": lambda: share_heatmap(make_result().bias["language_share@10"], {"de": 0.9, "th": None}),
    "dots": lambda: language_dots(
        [{"lang": tag, "arm": arm, "value": 3.0, "reference": 1.0} for tag in ("de", "th") for arm in "ab"],
        axis="places",
        reference="pool",
    ),
    "intervals": lambda: interval_dots(
        [
            {"label": "AP", "arm": "a", "mean": 0.3, "low": 0.2, "high": 0.4},
            {"label": "AP", "arm": "b", "mean": 0.3, "low": None, "high": None},
        ],
        axis="AP",
    ),
    "distances": lambda: distance_histogram({"a": [0, 1, 5, 100], "b": [2, 3, np.nan]}),
    "space": lambda: space_scatter(np.eye(4)[:, :2], ["de", "th", "de", "th"], list("abcd")),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_figure_becomes_svg(name, tmp_path):
    [path] = save_figures({name: CHARTS[name]()}, tmp_path, ["svg"])
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<svg")
    assert "NaN" not in text
    assert "undefined" not in text


def test_png_and_svg_are_written_by_default(tmp_path):
    paths = save_figures({"pairs": CHARTS["pairs"]()}, tmp_path / "new")
    assert [path.name for path in paths] == ["pairs.svg", "pairs.png"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_the_figures_of_a_report_have_names_of_their_own(tmp_path):
    drawn = Inspection(make_result(), "a/b", Space(np.eye(2), ["de", "th"]))
    alone = write_figures(drawn, tmp_path / "one", ["svg"])
    parts = ["pairs", "rank_distance", "own_language", "distances", "origin", "space"]
    assert [path.stem for path in alone] == parts
    several = write_figures([drawn, make_result("a b"), make_result("c")], tmp_path / "all", ["svg"])
    names = [path.stem for path in several]
    together = ["differences-2", "differences-3", "average_precision", "distances"]
    assert names[:5] == [*(f"all-{name}" for name in together), "a_b-pairs"]
    assert "a_b_2-pairs" in names
    assert "c-origin" in names
    assert len(set(names)) == len(names) == 4 + 3 * 6 - 2
    with pytest.raises(InputError, match="at least one"):
        write_figures([], tmp_path)


def test_an_unknown_format_and_a_path_as_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="gif"):
        save_figures({"a": CHARTS["pairs"]()}, tmp_path, ["gif"])
    with pytest.raises(InputError, match="must not contain a path"):
        save_figures({"../a": CHARTS["pairs"]()}, tmp_path)


def test_languages_are_in_the_same_order_on_both_axes():
    spec = pair_heatmap(list(reversed(make_result().pairs))).to_dict()
    encoding = spec["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == encoding["y"]["scale"]["domain"] == ["de", "th"]


def test_several_heat_maps_share_a_scale_when_told_to():
    spec = pair_heatmap(make_result().pairs, "AP", tops={"AP": 0.95}).to_dict()
    assert {"name": "tops", "value": {"AP": 0.95}} in spec["params"]


def test_39_languages_fit(tmp_path):
    tags = [f"q{a}{b}" for a in "abcdef" for b in "abcdefg"][:39]
    pairs = [{"query_lang": a, "doc_lang": b, "queries": 1, "AP": 0.5} for a in tags for b in tags]
    [path] = save_figures({"pairs": pair_heatmap(pairs)}, tmp_path, ["svg"])
    width = float(path.read_text(encoding="utf-8").split('width="')[1].split('"')[0])
    assert width < 800


def test_text_of_the_data_is_escaped_in_svg(tmp_path):
    rows = [{"lang": "de", "arm": arm, "value": 1.0} for arm in (ATTACK, "other")]
    [path] = save_figures({"a": language_dots(rows, axis="x")}, tmp_path, ["svg"])
    assert "<script" not in path.read_text(encoding="utf-8")
    assert "<img" not in path.read_text(encoding="utf-8")


def test_distance_counts_are_shares_of_what_is_known():
    rows = distance_counts([0, 1, 1, 7, np.nan])
    assert [(row["class"], row["queries"]) for row in rows] == [("0", 1), ("1", 2), ("2–4", 0), ("5–9", 1)]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert distance_counts([np.nan]) == []


@pytest.mark.parametrize("top", [0, 1, 9, 10, 499_999, 500_000, 2_000_000])
def test_no_distance_is_lost_at_the_edges(top):
    assert sum(row["queries"] for row in distance_counts([0, 3, top])) == 3


def test_many_points_are_thinned_but_every_language_keeps_its_tag():
    languages = ["de"] * 4000 + ["th"]
    spec = space_scatter(np.random.default_rng(0).normal(size=(4001, 2)), languages).to_dict()
    assert sorted(len(layer["data"]["values"]) for layer in spec["layer"]) == [2, 1500]
    assert json.dumps(spec)


def test_counts_of_training_pairs_are_written_exactly():
    pairs = {"de": {"de": 112, "en": 23_105}, "en": {"de": 1_234_567, "en": 7}}
    svg = vl_convert.vegalite_to_svg(pair_count_heatmap(pairs).to_dict())
    for written in (">112<", ">23,105<", ">1,234,567<", ">7<"):
        assert written in svg


def test_differences_are_of_the_pairs_that_both_have_on_a_scale_around_0():
    first = [{"query_lang": "de", "doc_lang": tag, "AP": value} for tag, value in (("de", 0.5), ("fr", 0.25))]
    second = [{"query_lang": "de", "doc_lang": tag, "AP": value} for tag, value in (("de", 0.75), ("th", 0.1))]
    spec = difference_heatmap(first, second).to_dict()
    (values,) = spec["datasets"].values() if "datasets" in spec else (spec["data"]["values"],)
    assert [(cell["doc_lang"], cell["value"]) for cell in values] == [("de", 0.25)]
    assert '"domain": [-0.25, 0.25]' in json.dumps(spec)
    assert difference_heatmap(first, []) is None
