"""What an evaluation found, in words."""

from __future__ import annotations

from typing import Any

from isoglot.measures import COUNTS, count, format_value, percent, plural
from isoglot.reporting.result_like import ResultLike
from isoglot.reporting.words import article, name_of

__all__ = ["pool_shares", "result_sentences"]

NO_PREFERENCE = 0.01
"""Difference of shares below which nothing is called a preference."""


def pool_shares(result: ResultLike, k: int = 10) -> dict[str, float]:
    """Recover the share of each language in the pool: its share of the top k minus the excess over the pool.

    Returns:
        tag -> share, of languages that have queries and documents and whose values are in the result.
    """
    shares = result.bias.get(f"language_share@{k}") or {}
    measured = result.bias.get("by_query_language") or {tag: result.bias for tag in shares if len(shares) == 1}
    found = {}
    for tag, row in shares.items():
        excess = measured.get(tag, {}).get(f"own_language_share@{k}")
        if excess is not None and tag in row:
            found[tag] = min(1.0, max(0.0, row[tag] - excess))
    return found


def _settings(result: ResultLike, measure: str) -> list[str]:
    """Say how crossing languages compares with staying in one."""
    mono = (result.monolingual or {}).get(measure)
    cross = (result.cross_lingual or {}).get(measure)
    pairs = {
        name: plural(values.get("pairs", 0), "language pair" if name == "cross_lingual" else "language")
        for name, values in (("monolingual", result.monolingual), ("cross_lingual", result.cross_lingual))
        if values
    }
    if mono is not None and cross is not None:
        sentence = (
            f"Asked in the language of the documents, the model reaches {measure} {format_value(mono)} (mean of "
            f"{pairs['monolingual']}); asked in another language, {format_value(cross)} "
            f"(mean of {pairs['cross_lingual']})"
        )
        if mono > 0 and round(mono, 3) != round(cross, 3):
            side = "less" if cross < mono else "more"
            sentence += f": {percent(abs(cross - mono) / mono)} {side}"
        return [sentence + "."]
    if mono is not None:
        where = name_of(result.languages[0]) if len(result.languages) == 1 else "each language on its own"
        sentences = [f"Within {where}, the model reaches {measure} {format_value(mono)}."]
        if len(result.languages) == 1:
            sentences.append(
                "The collection is of one language, so nothing can be said about other languages or language bias."
            )
        else:
            sentences.append(
                "No question has an answer in another language, so crossing languages is not measured."
            )
        return sentences
    if cross is not None:
        return [
            f"Asked in another language than the documents', the model reaches {measure} {format_value(cross)} "
            f"(mean of {pairs['cross_lingual']}); no question has an answer in its own language."
        ]
    return []


def _pairs(result: ResultLike, measure: str) -> list[str]:
    """Name the best and the worst pair of different languages."""
    rows = [row for row in result.pairs if row["query_lang"] != row["doc_lang"] and row.get(measure) is not None]
    if len(rows) < 2:
        return []
    best, worst = max(rows, key=lambda row: row[measure]), min(rows, key=lambda row: row[measure])
    if not best[measure]:
        return [f"Across languages it finds nothing, in none of the {len(rows)} pairs ({measure} 0)."]
    if round(best[measure], 3) == round(worst[measure], 3):
        return [
            f"It crosses all {len(rows)} pairs of languages equally well ({measure} {format_value(best[measure])})."
        ]

    def pair(row: dict[str, Any]) -> str:
        asked, found = name_of(row["query_lang"]), name_of(row["doc_lang"])
        return f"{asked} questions to {found} documents ({measure} {format_value(row[measure])})"

    return [f"Across languages it does best from {pair(best)} and worst from {pair(worst)}."]


def _distance(result: ResultLike) -> list[str]:
    """Say how far apart the languages of an answer are placed, and for whom most."""
    distance, highest = result.bias.get("rank_distance"), result.bias.get("max_rank")
    if distance is None:
        return []
    sentence = (
        "In one pool of all languages, the worst-placed language of an answer comes on average "
        f"{format_value(distance, 'rank')} places after the best-placed one"
    )
    documents = (result.multilingual or {}).get("documents")
    if highest is not None:
        sentence += f", at place {format_value(highest, 'rank')}"
        sentence += f" of {documents:,}" if documents else ""
    sentences = [sentence + "."]
    by_language = {
        tag: values["rank_distance"]
        for tag, values in (result.bias.get("by_query_language") or {}).items()
        if values.get("rank_distance") is not None
    }
    if len(by_language) > 1:
        least, most = min(by_language, key=by_language.__getitem__), max(by_language, key=by_language.__getitem__)
        texts = [format_value(by_language[tag], "rank") for tag in (most, least)]
        if texts[0] != texts[1]:
            sentences.append(
                f"This distance is largest for {name_of(most)} questions ({texts[0]} places) and smallest for "
                f"{name_of(least)} ones ({texts[1]})."
            )
    return sentences


def _behind_own(result: ResultLike) -> list[str]:
    """Name the answer that stands furthest behind the one in the question's own language."""
    gaps = {
        (asked, found): rank - row[asked]
        for asked, row in (result.bias.get("best_rank") or {}).items()
        for found, rank in row.items()
        if asked in row and found != asked
    }
    if not gaps:
        return []
    asked, found = max(gaps, key=gaps.__getitem__)
    if gaps[asked, found] < 1:
        counted = (result.bias.get("unretrieved_documents") or {}).get("multilingual") or {}
        if counted.get("unretrieved"):  # what is not found stands behind nothing
            return []
        return ["In no language does the answer stand behind the one in the question's own language, on average."]
    name = name_of(asked)
    who = article(name)
    return [
        f"{who[0].upper()}{who[1:]} question finds the {name_of(found)} answer "
        f"{format_value(gaps[asked, found], 'rank')} places below the {name} one, on average; no other pair of "
        "languages is further apart."
    ]


def _preference(result: ResultLike, k: int = 10) -> list[str]:
    """Say who is shown documents of their own language more than the pool holds."""
    shares = result.bias.get(f"language_share@{k}") or {}
    pool = pool_shares(result, k)
    if not pool:
        return []
    excess = {tag: shares[tag][tag] - share for tag, share in pool.items()}
    most = max(excess, key=excess.__getitem__)
    if excess[most] < NO_PREFERENCE:
        return [
            f"No language's questions are shown documents of their own language more often than the pool of all "
            f"documents would suggest (top {k}, by one percentage point or more)."
        ]
    name = name_of(most)
    return [
        f"Of the top {k} for {article(name)} question, {percent(shares[most][most])} are {name}, though {name} is "
        f"{percent(pool[most])} of the pool."
    ]


def _complete(result: ResultLike) -> list[str]:
    k = 10 if len(result.languages) <= 10 else 100  # more languages than places could not be complete
    share = result.bias.get(f"complete@{k}")
    if share is None or len(result.languages) > k:
        return []
    if share == 0:
        return [f"No question answered in several languages has the answer in each of them among the top {k}."]
    return [
        f"Of the questions answered in several languages, {percent(share)} have the answer in each of them among "
        f"the top {k}."
    ]


def _unretrieved(result: ResultLike) -> list[str]:
    """Say how many of the relevant documents a run file leaves out, and what that means for the rest."""
    counted = result.bias.get("unretrieved_documents") or {}
    pool = counted.get("multilingual")
    if pool is None:
        return []
    if not pool["unretrieved"]:
        return ["The run holds every relevant document of every question."]
    settings = {"monolingual": "in the question's own language", "cross_lingual": "in other languages"}
    parts = [
        f"{count(values['unretrieved'])} of {count(values['relevant'])} {where}"
        for setting, where in settings.items()
        if (values := counted.get(setting)) is not None
    ]
    missing = percent(pool["unretrieved"] / pool["relevant"])
    return [
        f"The run does not hold {count(pool['unretrieved'])} of the {count(pool['relevant'])} relevant documents "
        f"({missing}): {' and '.join(parts)}. Each counts as last of the pool in rank distance and max rank; the "
        "more are missing, the less these two say. Where nothing is found, rank distance is the largest there is."
    ] + (
        [
            f"For {plural(empty, 'question')} the run ranks nothing: the shares of languages in the top 10 are of "
            "the others alone."
        ]
        if (empty := result.bias.get("unranked_queries"))
        else []
    )


def _geometry(result: ResultLike) -> list[str]:
    space = result.geometry or {}
    found, chance = space.get("language_identification"), space.get("language_identification_chance")
    if found is None or chance is None:
        return []
    return [
        f"A linear classifier reads the language off a question's embedding in {percent(found)} of the cases; "
        f"guessing would give {percent(chance)}."
    ]


def result_sentences(result: ResultLike, measure: str = "AP") -> list[str]:
    """Say in plain sentences what an evaluation found; what was not measured is left out.

    Args:
        result: the result.
        measure: the rank measure spoken of; the first that the result has if it lacks this one.
    """
    values = result.multilingual or result.monolingual or result.cross_lingual or {}
    if measure not in values:
        measure = next((name for name in values if name not in COUNTS), measure)
    return [
        *_settings(result, measure),
        *_pairs(result, measure),
        *_distance(result),
        *_behind_own(result),
        *_preference(result),
        *_complete(result),
        *_unretrieved(result),
        *_geometry(result),
    ]
