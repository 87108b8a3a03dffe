"""Results of many models as leaderboards: one for each thing measured, its models best first."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isoglot.collections.cautions import CODE_MIXED, KEPT_IDENTICAL, POOL, QUERY_VIEW, caution_of
from isoglot.collections.collection import PSEUDO_QUERIES
from isoglot.collections.comparable import collection_hash
from isoglot.errors import InputError
from isoglot.evaluation.losers import shown_measure
from isoglot.evaluation.reservations import common_reservations, model_reservations
from isoglot.evaluation.result import Result
from isoglot.measures import SETTINGS, format_value, key_parts, measure_of, plural

__all__ = ["Board", "Leaderboard", "make_leaderboard", "names_best_first"]

RANKED_BY = ("multilingual", "monolingual", "cross_lingual")
"""By which setting models are ordered: the first one that there is."""
SHOWN_BIAS = ("rank_distance", "own_language_share@10")
NOT_SETTINGS = (
    *("date", "collection_hash", "identical_left_out"),
    *(KEPT_IDENTICAL, POOL, QUERY_VIEW, PSEUDO_QUERIES),
)
"""What `made` holds that is of the board, or a column of its own, and no setting of a model."""
DEFAULT_MEASURE = "AP"
TEXTS, QUERIES = "texts", "what was done to queries"
CHOSEN = ("which documents are in the pool of a query", QUERIES, "measure")
"""What differs by choice, and not with the collection."""
MODEL = "MODEL"


@dataclass(frozen=True)
class Board:
    """Results that compare, by what they are called, best first.

    Attributes:
        results: name -> result.
        files: name -> the file it was read from.
        measure: the rank measure of the board: AP where its results have it.
        ranked_by: key that models are ordered by, such as `multilingual.AP`; None where none has a value.
    """

    results: Mapping[str, Result]
    files: Mapping[str, str]
    measure: str
    ranked_by: str | None

    @property
    def first(self) -> Result:
        """The best of the results, which stands for all in what they share."""
        return next(iter(self.results.values()))

    @property
    def collection(self) -> str:
        """What the collection is called: by most of the results, if they do not agree."""
        return Counter(result.collection for result in self.results.values()).most_common(1)[0][0]

    @property
    def caution(self) -> str | None:
        """What is to be said of all its figures (`caution_of`)."""
        return caution_of(self.first.made)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the figures that a user of a retriever asks for first, in the order of the tables."""
        return (*(f"{setting}.{self.measure}" for setting in SETTINGS), *SHOWN_BIAS)

    def value(self, name: str, key: str | None = None) -> float | None:
        """Return a figure of a result: by default, that which models are ordered by."""
        return _value(self.results[name], key or self.ranked_by)

    def reservations(self) -> dict[str, list[str]]:
        """Return, of models where a claim does not hold, what is to be said, by name."""
        told = {name: model_reservations(one, self.measure) for name, one in self.results.items()}
        return {name: sentences for name, sentences in told.items() if sentences}

    def notes(self) -> list[str]:
        """Return what is to be said of all its figures."""
        caution = self.caution
        told = [f"{caution[0].upper()}{caution[1:]}."] if caution else []
        return told + common_reservations(list(self.results.values()))

    def finding(self) -> str:
        """Say in one sentence which model comes first."""
        if self.ranked_by is None:
            return "No result has a value to order models by."
        measure = measure_of(self.ranked_by)
        known = [name for name in self.results if self.value(name) is not None]
        text = format_value(self.value(known[0]), measure.form)
        if len(self.results) == 1:
            return f"One model: {known[0]}, with {measure.label} {text}."
        tops = [name for name in known if format_value(self.value(name), measure.form) == text]
        if len(tops) == len(self.results):
            return f"All {len(tops)} models have the same {measure.label}, {text}."
        named = tops[0] if len(tops) == 1 else f"{', '.join(tops[:-1])} and {tops[-1]}"
        have = "has" if len(tops) == 1 else "have"
        return f"Of {len(self.results)} models {named} {have} the highest {measure.label}, {text}."

    def command(self) -> str:
        """Return the command that measures one more model so that its row belongs here; MODEL stands for it."""
        made = self.first.made or {}
        words = ["isoglot", "evaluate", MODEL, self.collection]
        if pool := made.get(POOL):
            if pool["languages"] != ["all"]:
                words += ["--pool-languages", ",".join(pool["languages"])]
            words += ["--without-own-answer"] if pool["without_own_answer"] else []
        words += ["--keep-identical-ids"] if made.get(KEPT_IDENTICAL) else []
        if view := made.get(QUERY_VIEW):
            words += ["--queries", view["view"]]
            if view["view"] == CODE_MIXED:
                lexicons = [word for one in view["lexicons"] for word in ("--lexicon", f"{one}.tsv")]
                words += [*lexicons, "--mix-rate", f"{view['rate']:g}", "--mix-seed", str(view["seed"])]
        if self.measure != DEFAULT_MEASURE:
            words += ["--measures", self.measure]
        return shlex.join([*words, "--json", f"{MODEL}.json"])

    def settings(self, name: str) -> dict[str, Any]:
        """Return how a model encoded texts, as far as its result says; without what was left as it is."""
        return {
            key: value
            for key, value in (self.results[name].made or {}).items()
            if key not in NOT_SETTINGS and value not in (None, "")
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the board as plain numbers, strings, lists, dicts and None: figures, intervals, settings."""
        counted = self.first.multilingual or {}
        told = self.reservations()
        return {
            "collection": self.collection,
            "collection_hash": collection_hash(self.first),
            "languages": list(self.first.languages),
            "queries": counted.get("queries"),
            "documents": counted.get("documents"),
            "notes": self.notes(),
            "measure": self.measure,
            "ranked_by": self.ranked_by,
            "command": self.command(),
            "rows": [
                {
                    "model": name,
                    "file": self.files[name],
                    "figures": {key: _figure(one, key) for key in self.columns},
                    "settings": self.settings(name),
                    "date": (one.made or {}).get("date"),
                    "versions": one.versions,
                    "hardware": one.hardware,
                    "reservations": told.get(name, []),
                }
                for name, one in self.results.items()
            ],
        }


@dataclass(frozen=True)
class Leaderboard:
    """Results of many models, those that compare on a board each.

    Attributes:
        boards: in the order of their first results.
    """

    boards: Sequence[Board]

    @property
    def differs(self) -> str | None:
        """That figures of different boards do not compare, and why; None of a single board."""
        reasons = dict.fromkeys(
            reason
            for at, one in enumerate(self.boards)
            for other in self.boards[:at]
            for reason in _reasons(one, other)
        )
        if not reasons:
            return None
        *before, last = reasons
        why = f"{', '.join(before)} and {last}" if before else last
        return (
            f"These are {plural(len(self.boards), 'table')}, which differ in {why}: a figure of one does not "
            "compare with one of another."
        )

    def command(self) -> str:
        """Return the command that shows all this with one more result, MODEL.json."""
        files = [file for board in self.boards for file in board.files.values()]
        return shlex.join(["isoglot", "leaderboard", *files, f"{MODEL}.json"])

    def to_dict(self) -> dict[str, Any]:
        """Return what the file of a leaderboard holds: `differs`, and `boards` as `Board.to_dict` gives them."""
        return {"differs": self.differs, "boards": [board.to_dict() for board in self.boards]}


def _value(result: Result, key: str | None, macro: bool = False) -> float | None:
    """Return a figure; None where there is none, and of NaN."""
    setting, name = key_parts(key or "")
    held: Any = result.macro if macro and setting in (result.macro or ()) else vars(result)
    value = (held[setting] or {}).get(name)
    return None if value is None or math.isnan(value) else float(value)


def _figure(result: Result, key: str) -> dict[str, float | None]:
    setting, name = key_parts(key)
    low, high = ((result.intervals or {}).get(setting) or {}).get(name) or (None, None)
    return {"value": _value(result, key), "low": low, "high": high}


def names_best_first(
    results: Mapping[str, Result], measure: str = DEFAULT_MEASURE, *, macro: bool = False
) -> tuple[list[str], str | None]:
    """Order results of one collection, and say by what.

    Args:
        results: what each is called -> the result.
        measure: a rank measure.
        macro: by means over query languages, where a result has these.

    Returns:
        Names, best first: by the measure in the pool, or within languages where no result has a pool, or else
        across languages; equal ones stay as given, one without a value comes last. And the key of what they are
        ordered by, such as `multilingual.AP`; None where no result has any, when all stay as given.
    """
    keys = (f"{setting}.{measure}" for setting in RANKED_BY)
    sought = next((key for key in keys if any(_value(one, key) is not None for one in results.values())), None)

    def place(name: str) -> float:
        value = _value(results[name], sought, macro)
        return math.inf if value is None else -value

    return (list(results) if sought is None else sorted(results, key=place)), sought


def _measured(result: Result) -> dict[str, Any]:
    """Return what must be the same of results of one board, by what `Leaderboard.differs` calls it."""
    made, texts = result.made or {}, collection_hash(result)
    return {
        "collection": None if texts else result.collection,
        TEXTS: texts,
        "languages": sorted(result.languages),
        "pool size": (result.multilingual or {}).get("documents"),
        "number of queries": (result.multilingual or {}).get("queries"),
        "which documents are in the pool of a query": made.get(POOL),
        QUERIES: [made.get(QUERY_VIEW), made.get(PSEUDO_QUERIES)],
        "whether a query is ranked against itself": made.get("identical_left_out"),
        "measure": shown_measure(result),
    }


def make_leaderboard(results: Sequence[tuple[str, Result]]) -> Leaderboard:
    """Put results that compare into one board each.

    Results of another collection, of other texts or judgments of it (`collection_hash`), of another pool, of
    changed queries, or without a measure that the others have, never share a board. A file that does not say the
    hash shares one only with others of its collection's name that do not.

    Args:
        results: the file that each was read from, and the result.

    Returns:
        The boards, models best first. Two models of one name on a board are
        told apart by their files.

    Raises:
        InputError: there is no result, or a file is named twice.
    """
    if not results:
        raise InputError("a leaderboard needs a result: name the files of evaluate --json")
    if len({file for file, _ in results}) < len(results):
        raise InputError("a result is named twice: name each file once")
    groups: dict[str, list[tuple[str, Result]]] = {}
    for file, result in results:
        groups.setdefault(json.dumps(_measured(result), sort_keys=True), []).append((file, result))
    return Leaderboard([_board(group) for group in groups.values()])


def _board(group: Sequence[tuple[str, Result]]) -> Board:
    count = Counter(result.model for _, result in group)
    called = [one.model if count[one.model] == 1 else f"{one.model} ({file})" for file, one in group]
    found = {name: result for name, (_, result) in zip(called, group, strict=True)}
    measure = shown_measure(group[0][1])
    names, ranked_by = names_best_first(found, measure)
    files = {name: file for name, (file, _) in zip(called, group, strict=True)}
    return Board({name: found[name] for name in names}, {name: files[name] for name in names}, measure, ranked_by)


def _reasons(one: Board, other: Board) -> list[str]:
    """Say in what two boards differ; what follows from another collection is not told beside it."""
    sides = [_measured(board.first) for board in (one, other)]
    found = [key for key in sides[0] if sides[0][key] != sides[1][key]]
    if one.collection != other.collection and sides[0][TEXTS] != sides[1][TEXTS]:
        return ["collection", *(key for key in found if key in CHOSEN)]
    if QUERIES in found:  # which changes the hash of the texts
        return [key for key in found if key not in (TEXTS, "collection")]
    if TEXTS in found and None in (sides[0][TEXTS], sides[1][TEXTS]):
        return ["whether the file says its texts (collection_hash)", *(key for key in found if key in CHOSEN)]
    return ["texts or judgments (collection_hash)" if key == TEXTS else key for key in found]
