import pytest
from reporting_helpers import make_result, one_language

from isoglot.evaluation import Compared
from isoglot.measures import canonical_key, format_value, percent
from isoglot.reporting.comparison import comparison_sentences, side_by_side, verdict_table
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.prose import pool_shares, result_sentences


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def told(result) -> list[str]:
    return [plain(sentence) for sentence in result_sentences(result)]


def test_pool_share_is_recovered_from_share_and_excess():
    shares = pool_shares(make_result())
    assert shares == pytest.approx({"de": 0.93, "th": 0.07})


def test_sentences_name_the_numbers():
    sentences = told(make_result())
    assert any(
        "reaches AP 0.700 (mean of 2 languages)" in text and "0.300 (mean of 2 language pairs): 57 % less" in text
        for text in sentences
    )
    assert any(
        "best from German questions to Thai documents (AP 0.350)" in text
        and "worst from Thai questions to German documents (AP 0.250)" in text
        for text in sentences
    )
    assert any("212 places after the best-placed one, at place 230 of 1,000" in text for text in sentences)
    assert any("largest for Thai questions (245 places) and smallest for German" in text for text in sentences)
    assert "Of the top 10 for a Thai question, 87 % are Thai, though Thai is 7 % of the pool." in sentences
    assert any("34 % have the answer in each of them" in text for text in sentences)
    assert any("in 99 % of the cases; guessing would give 50 %" in text for text in sentences)


def test_one_language_says_so_and_nothing_of_bias():
    sentences = told(one_language())
    assert sentences[0] == "Within German, the model reaches AP 0.700."
    assert "of one language" in sentences[1]
    assert len(sentences) == 2


def test_no_preference_is_said_as_such():
    result = make_result()
    result.bias["by_query_language"]["th"]["own_language_share@10"] = 0.004
    result.bias["by_query_language"]["de"]["own_language_share@10"] = -0.2
    assert any(text.startswith("No language's questions are shown") for text in told(result))


def test_nothing_that_was_not_measured_is_said():
    result = make_result(monolingual=None, cross_lingual=None, multilingual=None, geometry=None, pairs=[])
    result.bias = dict.fromkeys(result.bias)
    assert told(result) == []


def test_only_cross_lingual():
    assert "no question has an answer in its own language" in told(make_result(monolingual=None))[0]


def test_complete_10_of_more_than_10_languages_is_not_blamed_for_being_0():
    result = make_result(languages=[f"l{at}" for at in range(12)])
    result.bias["complete@10"] = 0.0
    result.bias["complete@100"] = 0.25
    [text] = [text for text in told(result) if "in each of them" in text]
    assert text.endswith("25 % have the answer in each of them among the top 100.")


def made(setting: str, measure: str, first: float, second: float, p: float) -> Compared:
    shared = {"difference": second - first, "p": p, "p_holm": p, "effect_size": 0.4, "query_ids": 20}
    return Compared(
        model="other", language=None, setting=setting, measure=measure, first=first, second=second, **shared
    )


TESTS = [
    made("monolingual", "AP", 0.7, 0.71, 0.0014),
    made("cross_lingual", "AP", 0.3, 0.5, 0.2),
    made("bias", "rank_distance", 212.4, 5.0, 0.01),
    made("bias", "own_language_share@10", 0.1, -0.05, 0.001),
    made("bias", "own_language_share@10", -0.1, -0.05, 0.001),
]


def test_the_paired_test_decides_and_not_whether_intervals_overlap():
    results = {"base": make_result("base"), "other": make_result("other")}  # intervals of which overlap everywhere
    said = [plain(text) for text in comparison_sentences(results, TESTS, "base")]
    assert said == [
        "Within one language, other is better than base (monolingual AP 0.710 beside 0.700; p 0.0014).",
        "In treating the languages of an answer alike, other is better than base (rank distance 5.0 beside 212, in "
        "a pool of 1,000 documents; p 0.0100).",
        "In not preferring the question's own language, other is better than base (own-language share of the top "
        "10 −5.0 beside −10.0; p 0.0010).",
        "Across languages, no difference is shown between other and base (cross-lingual AP 0.500 beside 0.300; "
        "p 0.2000).",
        "In not preferring the question's own language, neither other nor base is shown to be better (own-language "
        "share of the top 10 −5.0 beside +10.0; p 0.0010).",
    ]
    table = verdict_table(TESTS, "base")
    at = [head.text for head in table.heads].index("verdict")
    assert [row[at].text for row in table.rows] == ["better", "not shown", "better", "not shown", "better"]
    assert [row[0].note for row in table.rows][2:4] == ["lower is better", "0 is best"]


def test_without_a_test_nothing_is_called_better():
    said = " ".join(comparison_sentences({"base": make_result("base"), "better": make_result("better")}))
    assert "No paired test was made" in said
    assert "is better than" not in said
    assert "better 212, in a pool of 1,000 documents." in plain(said)


def test_the_pool_is_told_where_all_have_the_same():
    arms = {name: Inspection(make_result(name)) for name in ("a", "b")}
    note = side_by_side(arms).note
    assert note.endswith("Ranks are places in a pool of 1,000 documents in 2 languages.")
    arms["b"].result.multilingual = {**arms["b"].result.multilingual, "documents": 900}
    assert "pool" not in side_by_side(arms).note


def test_comparison_of_different_collections_says_only_that():
    sentences = comparison_sentences({"a": make_result(), "b": make_result(collection="other")})
    assert len(sentences) == 1
    assert "do not compare" in sentences[0]


@pytest.mark.parametrize("key", ["cross_lingual.AP", "cross-lingual AP", "cross_lingual_AP", "cross_lingual/AP"])
def test_a_measure_has_one_key_however_it_is_written(key):
    assert canonical_key(key) == "cross_lingual.AP"
    assert canonical_key("bias.rank_distance") == canonical_key("rank_distance") == "rank_distance"


def test_numbers_as_they_are_written():
    assert plain(percent(0.34)) == "34 %"
    assert plain(percent(0.125)) == "12.5 %"
    assert plain(percent(0.9999)) == "over 99.9 %"
    assert plain(percent(0.0)) == "0 %"
    assert format_value(1451.6, "rank") == "1,452"
    assert format_value(-0.0521, "points") == "−5.2"
    assert format_value(-0.00001) == "0.000"
    assert plain(format_value(-0.00001, "percent")) == "0.0 %"
    assert format_value(None) == format_value(float("nan")) == "–"


def test_what_a_run_does_not_hold_is_said_in_numbers():
    result = make_result()
    assert "The run" not in " ".join(told(result))
    counted = {
        "monolingual": {"relevant": 40, "unretrieved": 2},
        "cross_lingual": {"relevant": 1200, "unretrieved": 1100},
        "multilingual": {"relevant": 1240, "unretrieved": 1102},
    }
    result.bias["unretrieved_documents"] = counted
    said = " ".join(told(result))
    assert "does not hold 1,102 of the 1,240 relevant documents (89 %): 2 of 40 in the question's own" in said
    assert "and 1,100 of 1,200 in other languages." in said
    result.bias["unretrieved_documents"] = {**counted, "monolingual": None}
    assert "(89 %): 1,100 of 1,200 in other languages." in " ".join(told(result))
    counted["multilingual"]["unretrieved"] = 0
    assert "holds every relevant document" in " ".join(told(result))


def test_the_answer_furthest_behind_the_own_language_is_named():
    result = make_result()
    result.bias["best_rank"] = {"de": {"de": 3.0, "fr": 215.0}, "fr": {"fr": 2.0, "de": 40.0}}
    said = " ".join(told(result))
    assert "A German question finds the French answer 212 places below the German one, on average" in said
    result.bias["best_rank"] = {"de": {"de": 3.0, "fr": 2.0}, "fr": {"fr": 2.0, "de": 1.5}}
    assert "In no language does the answer stand behind" in " ".join(told(result))
