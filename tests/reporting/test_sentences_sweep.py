"""What pages and terminals say, in situations in which words written for the usual case would be untrue.

Situations are rows, places where something is said are columns; a rule holds for every cell of its situation.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation_helpers import parallel_collection
from reporting_helpers import Page
from rich.console import Console

from isoglot.cli.tables import comparison_table, losers_table, result_table
from isoglot.collections import Collection, collection_from_rows
from isoglot.evaluation import Result, compare_all, evaluate_embeddings, measure
from isoglot.evaluation.losers import who_loses
from isoglot.evaluation.statistics import Averages, bootstrap_intervals
from isoglot.reporting import Inspection, write_report
from isoglot.reporting.comparison import comparison_sentences
from isoglot.reporting.prose import result_sentences


def evaluated(collection: Collection, queries: np.ndarray, documents: np.ndarray, name: str = "model") -> Result:
    return evaluate_embeddings(queries, documents, collection, bootstrap=50, name=name)


def perfect(languages: int, ids: int) -> Result:
    """All questions find all their answers first, in every language alike."""
    vectors = np.tile(np.eye(ids), (languages, 1))
    return evaluated(parallel_collection(languages, ids), vectors, vectors)


def random(collection: Collection, seed: int = 0) -> Result:
    rng = np.random.default_rng(seed)
    queries, documents = collection.queries.num_rows, collection.documents.num_rows
    return evaluated(collection, rng.normal(size=(queries, 8)), rng.normal(size=(documents, 8)))


def nothing_found() -> Result:
    """A run with one document a question, which is not relevant."""
    collection = parallel_collection(3, 6)
    folder = Path(_FOLDER[0])
    lines = [f"q{at}@{tag} Q0 de{(at + 1) % 6} 1 1 run\n" for tag in ("de", "en", "fr") for at in range(6)]
    (folder / "nothing.run").write_text("".join(lines))
    return measure(f"run:{folder / 'nothing.run'}", collection, bootstrap=50)


def unlinked() -> Collection:
    """Every question in one language, with an answer in its own: nothing is parallel."""
    return collection_from_rows(
        [(f"{tag}{at}", tag, "", f"answer {tag} {at}") for tag in ("de", "en") for at in range(6)],
        [(f"q-{tag}{at}", tag, f"question {tag} {at}") for tag in ("de", "en") for at in range(6)],
        [(f"q-{tag}{at}", f"{tag}{at}", 1) for tag in ("de", "en") for at in range(6)],
        name="unlinked",
    )


def partly_judged() -> Collection:
    """Six questions in three languages, of which one is judged, in one language alone."""
    whole = parallel_collection(3, 6)
    rows = zip(*(whole.queries[name].to_pylist() for name in ("_id", "lang", "text")), strict=True)
    texts = zip(*(whole.documents[name].to_pylist() for name in ("_id", "lang", "title", "text")), strict=True)
    return collection_from_rows(list(texts), list(rows), [("q0", "de0", 1)], name="partly judged")


SITUATIONS: dict[str, Callable[[], Result]] = {
    "one-language": lambda: random(parallel_collection(1, 8)),
    "one-language-perfect": lambda: perfect(1, 8),
    "one-question": lambda: random(parallel_collection(3, 1)),
    "one-question-one-language": lambda: random(parallel_collection(1, 1)),
    "two-languages": lambda: random(parallel_collection(2, 8)),
    "all-alike": lambda: perfect(3, 8),
    "nothing-found": nothing_found,
    "not-parallel": lambda: random(unlinked()),
    "partly-judged": lambda: random(partly_judged()),
}
_FOLDER: list[str] = []
_MADE: dict[str, Result] = {}


@pytest.fixture
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of a situation, made once."""
    if request.param not in _MADE:
        _FOLDER[:] = [str(tmp_path_factory.mktemp("runs"))]
        _MADE[request.param] = SITUATIONS[request.param]()
    return _MADE[request.param]


def printed(*tables: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    for table in tables:
        if table is not None:
            console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def page(result: Result, folder: Path) -> str:
    write_report([Inspection(result, "model")], folder / "page.html")
    return Page((folder / "page.html").read_text(encoding="utf-8")).text


def comparison(result: Result, folder: Path) -> str:
    """The page of a comparison of a result with itself under another name, and what the terminal says."""
    arms = {"first": result, "second": result}
    tests = compare_all(arms, draws=50)
    write_report([Inspection(one, name) for name, one in arms.items()], folder / "page.html", tests=tests)
    said = Page((folder / "page.html").read_text(encoding="utf-8")).text
    return (
        f"{said} {' '.join(comparison_sentences(arms, tests, 'first'))} {printed(comparison_table(tests, 'first'))}"
    )


PLACES: dict[str, Callable[[Result, Path], str]] = {
    "sentences": lambda result, _: " ".join(result_sentences(result)),
    "who-loses": lambda result, _: " ".join(who_loses(result)),
    "terminal": lambda result, _: printed(result_table(result), losers_table(result)),
    "notebook": lambda result, _: f"{result!r} {result._repr_html_()}",
    "page": page,
    "comparison": comparison,
}
NEVER = r"\bnan\b|\bNone\b|\binf\b|\bNaN\b|\b1 (?:pairs|languages|questions|queries|documents)\b|of 0 \("
"""What is no value, and what is none of its number."""
UNTRUE: dict[str, str] = {
    "one-language": r"[Aa]cross languages|other language than|worst from|language bias is",
    "one-language-perfect": r"[Aa]cross languages|other language than|worst from",
    "all-alike": r"worst from|find least|costs|gains|\bless\b(?! than)|largest for|stands? furthest",
    "nothing-found": r"equally well|[Ii]n no language does the answer stand behind|find least|costs|gains",
    "not-parallel": r"worst from|costs|gains|other languages? than the documents' ",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("found", SITUATIONS, indirect=True, ids=list(SITUATIONS))
def test_nothing_is_said_that_is_not_so(
    found: Result, place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    said = PLACES[place](found, tmp_path).replace("\u00a0", " ").replace("\u202f", " ")
    assert re.findall(NEVER, said) == []
    situation = next(name for name, one in _MADE.items() if one is found)
    if situation in UNTRUE and place in ("sentences", "who-loses"):
        assert re.findall(UNTRUE[situation], said) == []
    if place == "comparison":
        assert not re.search(r"is (?:better|worse) than", said)


@pytest.mark.parametrize("found", ["one-question", "one-question-one-language"], indirect=True)
def test_of_one_question_there_is_no_interval(found: Result) -> None:
    """Drawn again and again it is always the same: an interval would say that all is known."""
    assert set((found.intervals or {}).values()) <= {None}
    assert "[" not in printed(result_table(found))


def test_of_a_measure_that_one_of_many_questions_has_there_is_no_interval() -> None:
    ids = np.repeat(np.arange(5), 2)
    values = np.where(ids == 3, [0.25, 0.75] * 5, np.nan)
    found = bootstrap_intervals(Averages.plain({"one": values, "all": np.arange(10.0)}, ids), 5, draws=20)
    assert found["one"] is None
    assert found["all"] is not None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("all-alike", "Questions in all 3 languages find the same in the pool of all languages (AP 1.000)."),
        ("all-alike", "Asking in another language than the documents' changes nothing (AP 1.000)."),
        ("nothing-found", "Questions in all 3 languages find the same in the pool of all languages (AP 0.000)."),
    ],
    indirect=["found"],
)
def test_a_tie_is_called_one(found: Result, said: str) -> None:
    assert said in who_loses(found)
