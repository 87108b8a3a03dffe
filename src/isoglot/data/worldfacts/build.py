"""Documents, queries and relevance judgments of worldfacts, and the questions that are asked."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from babel.core import get_cldr_version

from isoglot.data.worldfacts.facts import REFERENCE_DATE, Territory, load_territories
from isoglot.data.worldfacts.wordings import Names, load_wordings, worldfacts_languages
from isoglot.errors import InputError

__all__ = ["MAX_ANSWERS", "RELATIONS", "SPLITS", "WorldfactsTables", "build_worldfacts"]

SPLITS = ("train", "test")

MAX_ANSWERS = 5
"""A question answered by more territories than this is not asked. Where the euro or English is used would
make a good part of the pool relevant, and hardly any two such queries could share a training batch."""

MAX_PLACES = 2
"""Places asked after per territory. Questions that one sheet answers cannot share a training batch, so a sheet
with twenty cities (Russia's, by time zones) would keep the batches of all others small."""

TEST_SHARE = 0.2
"""Share of the queries that form the test split. The other wording of a test query's fact may be trained on, so
that the names a test query uses were met in training: names met nowhere cannot be told apart by an encoder without
pretraining, whatever its batches."""

# Line of a sheet -> field of `Territory`, in the order in which a sheet is read.
_LINES = {name: name for name in ("region", "places", "currencies", "official", "spoken")} | {"week": "first_day"}


@dataclass(frozen=True)
class Relation:
    """A kind of question.

    Attributes:
        name: as in query ids and in the templates.
        field: the field of `facts.Territory` that holds the answer (or, if reverse, the subject).
        reverse: whether the question names a value of the field and asks for the territory.
        share: share of the subjects that are asked about: keeps the collection small and the relations even.
    """

    name: str
    field: str
    reverse: bool
    share: float


RELATIONS = (
    Relation("currency-of", "currencies", reverse=False, share=0.5),
    Relation("official-language-of", "official", reverse=False, share=0.5),
    Relation("region-of", "region", reverse=False, share=0.5),
    Relation("week-start-of", "first_day", reverse=False, share=0.5),
    Relation("currency-used-in", "currencies", reverse=True, share=1.0),
    Relation("language-official-in", "official", reverse=True, share=1.0),
    Relation("language-spoken-in", "spoken", reverse=True, share=0.6),
    Relation("place-in", "places", reverse=True, share=0.5),
)


@dataclass(frozen=True)
class WorldfactsTables:
    """The collection as plain rows, in a fixed order.

    Attributes:
        documents: (document id, language, title, text); the id is ``de/FR``, the title the territory's name.
        queries: split -> (query id, language, text); the id is ``currency-of/FR#0``: relation, subject and
            wording. All language versions of a query share it.
        qrels: split -> (query id, document id, 1): the sheets that state the fact, in every language.
        metadata: name, title, licence, source, citation, languages, splits, and what the facts depend on:
            the CLDR version and the day on which the currencies were in use.
    """

    documents: list[tuple[str, str, str, str]]
    queries: dict[str, list[tuple[str, str, str]]]
    qrels: dict[str, list[tuple[str, str, int]]]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class _Sheet:
    """A fact sheet: field -> value -> the name it bears on this sheet, for what the sheet states."""

    territory: str
    title: str
    text: str
    stated: dict[str, dict[str, str]]


def build_worldfacts(languages: Sequence[str] | None = None) -> WorldfactsTables:
    """Build the collection from the CLDR data in the installed Babel.

    A sheet leaves out a line if CLDR lacks one of its names in that language, and a question is not asked in
    a language in which its name is missing, is ambiguous, or stands on no sheet.

    Args:
        languages: BCP-47 tags out of `worldfacts_languages`; all of them if None.

    Returns:
        The same rows for the same languages, in whatever order those were given.

    Raises:
        InputError: if a language is not available, or none is named.
    """
    chosen = _choose_languages(languages)
    sheets = {language: _write_sheets(language) for language in chosen}
    documents = [
        (f"{language}/{sheet.territory}", language, sheet.title, sheet.text)
        for language in chosen
        for sheet in sheets[language]
    ]
    queries: dict[str, list[tuple[str, str, str]]] = {split: [] for split in SPLITS}
    qrels: dict[str, list[tuple[str, str, int]]] = {split: [] for split in SPLITS}
    for relation in RELATIONS:
        names = {language: _askable_names(relation, sheets[language]) for language in chosen}
        answers = _answers(relation, sheets)
        for subject in _subjects(relation):
            asked_in = [language for language in chosen if subject in names[language]]
            if not asked_in:
                continue
            for number in range(len(load_wordings(asked_in[0]).questions[relation.name])):
                query_id = f"{relation.name}/{subject}#{number}"
                split = _split_of(query_id)
                for language in asked_in:
                    wording = load_wordings(language).questions[relation.name][number]
                    text = wording.replace("{}", names[language][subject])
                    queries[split].append((query_id, language, text))
                qrels[split].extend((query_id, document_id, 1) for document_id in answers[subject])
    return WorldfactsTables(documents, queries, qrels, _describe(chosen))


def _choose_languages(languages: Sequence[str] | None) -> tuple[str, ...]:
    available = worldfacts_languages()
    if languages is None:
        return available
    unknown = sorted(set(languages) - set(available))
    if unknown:
        named = ", ".join(map(repr, unknown))
        raise InputError(f"worldfacts is not written in {named}; available are {', '.join(available)}.")
    if not languages:
        raise InputError(f"Name at least one language for worldfacts; available are {', '.join(available)}.")
    return tuple(sorted(set(languages)))


def _write_sheets(language: str) -> list[_Sheet]:
    """One sheet per territory that has a name in the language."""
    names = Names(language)
    written = (_write_sheet(territory, names, language) for territory in load_territories())
    return [sheet for sheet in written if sheet is not None]


def _write_sheet(territory: Territory, names: Names, language: str) -> _Sheet | None:
    title = names.of("code", territory.code)
    if title is None:
        return None
    wordings = load_wordings(language)
    lines = [wordings.say("territory", (title,))]
    stated: dict[str, dict[str, str]] = {}
    for line, field in _LINES.items():
        named = _name_values(territory, field, names)
        if named:
            stated[field] = named
            lines.append(wordings.say(line, tuple(named.values())))
    return _Sheet(territory.code, title, wordings.joint.join(lines), stated)


def _name_values(territory: Territory, field: str, names: Names) -> dict[str, str]:
    """Value -> name; empty if a name is missing: half a list of languages would be a false statement."""
    values: tuple[str, ...] = getattr(territory, field)
    named = {value: names.of(field, value) for value in values}
    found = {value: name for value, name in named.items() if name is not None}
    return found if len(found) == len(named) else {}


def _subjects(relation: Relation) -> list[str]:
    """What the relation asks about in any language, sorted: territory codes, or values if reverse."""
    territories = load_territories()
    if not relation.reverse:
        subjects = [territory.code for territory in territories]
    else:
        counts = Counter(value for territory in territories for value in getattr(territory, relation.field))
        subjects = sorted(value for value, count in counts.items() if count <= MAX_ANSWERS)
    asked = [subject for subject in subjects if _is_asked(relation, subject)]
    if relation.field != "places":
        return asked
    kept: set[str] = set()
    for territory in territories:
        kept.update([place for place in asked if place in territory.places][:MAX_PLACES])
    return [place for place in asked if place in kept]


def _askable_names(relation: Relation, sheets: list[_Sheet]) -> dict[str, str]:
    """Subject -> its name in the language of these sheets, where a question can name it unambiguously.

    A question is asked only where a sheet of its own language answers it.
    """
    names: dict[str, str] = {}
    for sheet in sheets:
        stated = sheet.stated.get(relation.field, {})
        names.update(stated if relation.reverse else {sheet.territory: sheet.title} if stated else {})
    bearers = Counter(map(str.casefold, names.values()))  # what differs in case alone is the same to a reader
    if relation.field == "places":
        # A question after a place that is called like a country would read as one after the country.
        bearers.update(sheet.title.casefold() for sheet in sheets)
    return {subject: name for subject, name in names.items() if bearers[name.casefold()] == 1}


def _answers(relation: Relation, sheets: dict[str, list[_Sheet]]) -> dict[str, list[str]]:
    """Subject -> ids of the documents that state the fact, in the order of the documents."""
    answers: dict[str, list[str]] = defaultdict(list)
    for language, written in sheets.items():
        for sheet in written:
            stated = sheet.stated.get(relation.field, {})
            subjects = list(stated) if relation.reverse else [sheet.territory] if stated else []
            for subject in subjects:
                answers[subject].append(f"{language}/{sheet.territory}")
    return answers


def _is_asked(relation: Relation, subject: str) -> bool:
    """Whether the relation's question is asked about this subject: the same answer in every run."""
    return _fraction(f"asked {relation.name}/{subject}") < relation.share


def _split_of(query_id: str) -> str:
    """Return the split of a query, "train" or "test"; all its language versions share it."""
    return "test" if _fraction(f"split {query_id}") < TEST_SHARE else "train"


def _fraction(key: str) -> float:
    """A number in [0, 1) that depends on nothing but the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def _describe(languages: tuple[str, ...]) -> dict[str, Any]:
    version = get_cldr_version()
    return {
        "name": "worldfacts",
        "title": "Worldfacts: parallel questions on countries and territories",
        "licence": "Unicode License v3 (Unicode-3.0)",
        "source": f"Unicode CLDR {version} through Babel, https://cldr.unicode.org",
        "citation": f"Unicode Consortium. Unicode Common Locale Data Repository (CLDR), version {version}. "
        "https://cldr.unicode.org",
        "cldr_version": version,
        "reference_date": REFERENCE_DATE.isoformat(),
        "languages": list(languages),
        "splits": list(SPLITS),
    }
