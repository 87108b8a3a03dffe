"""What a repair bought and what it cost, in a sentence, where a model and its repair are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from isoglot.measures import SETTINGS, format_value, measure_of
from isoglot.reporting.result_like import ComparedLike, ResultLike
from isoglot.reporting.words import listed

__all__ = ["repair_sentences"]

ASKED = {
    "rank_distance": "rank distance",
    "multilingual.AP": "AP over all languages in one pool",
    "monolingual.AP": "AP within one language",
}


def repair_sentences(
    results: Mapping[str, ResultLike], tests: Sequence[ComparedLike] = (), first: str = ""
) -> list[str]:
    """Say of every model that is a repair of the first, or that the first is a repair of, what was bought and paid.

    Args:
        results: name -> result.
        tests: paired tests of every other result against the first.
        first: what the first is called.
    """
    told = []
    for name, result in results.items():
        if name == first or first not in results:
            continue
        of_first = _is_repair(result, results[first])
        if of_first or _is_repair(results[first], result):
            told += _sentence(name, [one for one in tests if one.model == name], first, of_first)
    return told


def _is_repair(repaired: ResultLike, before: ResultLike) -> bool:
    of = (getattr(repaired, "made", None) or {}).get("repair_of")
    return of is not None and (of == before.model or Path(of).resolve() == Path(before.model).resolve())


def _sentence(name: str, tests: Sequence[ComparedLike], first: str, of_first: bool) -> list[str]:
    """Say what the tests of a model against the first show, from the side of the one that is repaired."""
    found: dict[str, list[str]] = {"better": [], "worse": [], "not shown": []}
    for key, asked in ASKED.items():
        for one in tests:
            tested = f"{one.setting}.{one.measure}" if one.setting in SETTINGS else one.measure
            if one.language is not None or measure_of(tested).key != key:
                continue
            form = measure_of(key).form
            before, after = (one.first, one.second) if of_first else (one.second, one.first)
            values = f"{asked} from {format_value(before, form)} to {format_value(after, form)}"
            verdict = one.verdict
            if not of_first and verdict != "not shown":
                verdict = "worse" if verdict == "better" else "better"
            found[verdict].append(f"{values} (p {one.p_holm:.4f})")
    if not any(found.values()):
        return []
    repaired, before_it = (name, first) if of_first else (first, name)
    bought = listed(found["better"]) or "nothing that a test shows"
    cost = listed(found["worse"]) or "nothing that a test shows"
    unshown = f" No difference is shown: {listed(found['not shown'])}." if found["not shown"] else ""
    return [f"{repaired} is {before_it} repaired. It bought: {bought}. It cost: {cost}.{unshown}"]
