"""The quality gates on cases written by hand, and on translations by people."""

from __future__ import annotations

import pytest

from isoglot.data import load_collection
from isoglot.data.translation import gates
from isoglot.data.translation.gates import GATES, Pair, Verdict, check_gates, judge, length_ratio, reject
from isoglot.errors import InputError

ENGLISH = "How do I list the files of a folder, the newest first?"
LONG = "The committee decided yesterday that all members have to pay their fees before the end of the month."

CASES = [
    # reason, source, target, text, translation
    (None, "en", "de", ENGLISH, "Wie liste ich die Dateien eines Ordners auf, die neueste zuerst?"),
    ("empty", "en", "de", ENGLISH, ""),
    ("empty", "en", "de", ENGLISH, " … !"),
    ("copied", "en", "de", ENGLISH, ENGLISH),
    ("copied", "en", "th", ENGLISH, ENGLISH.upper() + " "),
    (None, "en", "de", "tar", "tar"),
    (None, "en", "de", "Visual Studio Code", "Visual Studio Code"),
    (None, "en", "de", "Grace Brewster Murray Hopper", "Grace Brewster Murray Hopper"),
    (None, "en", "de", "tar -xf archive.tar.gz path/to/file", "tar -xf archive.tar.gz path/to/file"),
    (None, "en", "de", "1984, 2001 and 2010", "1984, 2001 and 2010"),
    ("copied", "zh", "ja", "今天北京下雨我们在家", "今天北京下雨我们在家"),
    (None, "zh", "ja", "东京都", "东京都"),
    ("repetition", "en", "de", ENGLISH, "Wie liste ich ich ich ich ich ich ich ich auf"),
    ("repetition", "en", "de", LONG, "Der Ausschuss hat beschlossen, " + "dass die Mitglieder " * 9),
    ("repetition", "en", "zh", ENGLISH, "我如何列出文件" + "夹" * 20),
    ("repetition", "en", "zh", ENGLISH, "列出文件" * 8),
    (None, "en", "de", "no no no no no", "nein nein nein nein nein"),
    (
        None,
        "en",
        "de",
        "Row, row, row your boat, gently down the stream",
        "Ruder, ruder, ruder dein Boot sanft den Strom hinab",
    ),
    ("repetition", "en", "de", LONG, "Der Ausschuss entschied gestern, dass alle zahlen. " * 3),
    (
        "language",
        "en",
        "de",
        LONG,
        "Le comité a décidé hier que tous les membres doivent payer leurs cotisations avant la fin.",
    ),
    ("language", "en", "de", LONG, LONG.replace("committee", "council")),
    ("language", "en", "th", LONG, "Der Ausschuss hat gestern beschlossen, dass alle Mitglieder zahlen müssen."),
    (
        "language",
        "en",
        "ru",
        LONG,
        "Komitet reshil vchera, chto vse chleny dolzhny zaplatit vznosy do kontsa mesyatsa.",
    ),
    (None, "en", "hr", LONG, "Odbor je jučer odlučio da svi članovi moraju platiti članarinu do kraja mjeseca."),
    (
        None,
        "en",
        "sr-Latn",
        LONG,
        "Odbor je juče odlučio da svi članovi moraju da plate članarinu do kraja meseca.",
    ),
    (
        None,
        "en",
        "id",
        LONG,
        "Panitia memutuskan kemarin bahwa semua anggota harus membayar iuran sebelum akhir bulan.",
    ),
    (None, "en", "ja", "Unpack with tar.", "tar で展開します。"),
    ("length", "en", "de", LONG, "Der Ausschuss."),
    (
        "length",
        "en",
        "de",
        "Hello there, my friend.",
        "Hallo, mein Freund. Der Ausschuss hat gestern beschlossen, dass alle Mitglieder bezahlen müssen. "
        "Das war noch nie so, und niemand hat es gewollt.",
    ),
    (None, "en", "zh", LONG, "委员会昨天决定，所有成员必须在月底前缴纳会费。"),
]


@pytest.mark.parametrize(("reason", "source", "target", "text", "translation"), CASES)
def test_a_case(reason, source, target, text, translation):
    pair = Pair(source, target, *length_ratio(source, target, []))
    assert reject(text, translation, pair) == reason


@pytest.mark.parametrize("name", GATES)
def test_each_gate_can_be_switched_off(name):
    (case, *_) = [case for case in CASES if case[0] == name]
    _, source, target, text, translation = case
    pair = Pair(source, target, *length_ratio(source, target, []))
    assert reject(text, translation, pair, without=[name]) != name
    assert reject(text, translation, pair, without=list(GATES)) is None


def test_an_unknown_gate_is_named():
    with pytest.raises(
        InputError, match=r"no gate 'lenght' \(did you mean length\?\); the gates are empty, copied"
    ):
        check_gates(["lenght"])


def test_lengths_are_learnt_from_many_and_bad_ones_do_not_move_them():
    fair = [(20 + n, 45 + 2 * n) for n in range(60)]  # twice as long
    ratio, factor = length_ratio("en", "my", fair + [(50, 2000)] * 20)
    assert ratio == pytest.approx(1.8, abs=0.1)
    assert factor == 2.5
    assert length_ratio("en", "my", fair[:49]) == (1.0, 3.5)
    assert length_ratio("zh", "en", [])[0] == pytest.approx(1 / 0.45)


def test_without_an_identifier_the_script_still_tells(monkeypatch):
    monkeypatch.setattr(gates, "_identifier", lambda: None)
    german = "Der Ausschuss hat gestern beschlossen, dass alle Mitglieder zahlen müssen."
    assert reject(LONG, german, Pair("en", "ru")) == "language"
    assert reject(LONG, german, Pair("en", "fr")) is None


def test_hardly_a_translation_by_people_is_rejected(shared_data):
    """XQuAD-R's questions, which professionals translated; some Greek ones were left in English."""
    collection = load_collection(shared_data / "xquad-r")
    rows = zip(*(collection.queries[name].to_pylist() for name in ("_id", "lang", "text")), strict=True)
    asked: dict[str, dict[str, str]] = {}
    for identifier, language, text in rows:
        asked.setdefault(language, {})[identifier] = text
    for target in ("de", "th", "tr", "zh"):
        texts = list(asked["en"].values())[:400]
        verdicts = judge(texts, [asked[target][name] for name in list(asked["en"])[:400]], "en", target)
        assert sum(verdict.reason is not None for verdict in verdicts) <= 1
        untranslated = judge(texts, texts, "en", target)
        assert sum(verdict.reason is None for verdict in untranslated) <= 4


def test_what_does_not_come_back_is_rejected():
    texts = ["How do I unpack an archive?", "42", "Which files are there?"]
    there = ["Wie entpacke ich ein Archiv?", "42", "Welche Dateien gibt es dort?"]
    back = ["How do I unpack an archive?", "42", "The weather is fine."]
    found = judge(texts, there, "en", "de", back=back, min_chrf=40)
    assert found[0] == Verdict(None, 100.0)
    assert found[1] == Verdict(None)
    assert found[2].reason == "round-trip"
    assert found[2].chrf < 40
    assert all(verdict.reason is None for verdict in judge(texts, there, "en", "de", back=back))


CHRF = [  # translation back, source, the chrF that Popović's definition gives: by hand, and as sacrebleu's
    ("the cat sat on the mat", "the cat is on the mat", 64.6),
    ("Der Hund bellt.", "Der Hund bellte laut.", 67.1),
    ("在东京", "在东京都", 68.9),
    ("abc", "xyz", 0.0),
    ("a", "ab", 55.6),
    (" the  cat\n", "the cat", 100.0),
    ("", "the cat", 0.0),
]


@pytest.mark.parametrize(("back", "text", "chrf"), CHRF)
def test_how_alike_the_way_back_is(back, text, chrf):
    (verdict,) = judge([text], ["etwas"], "en", "de", back=[back])
    assert verdict.chrf == chrf
