"""What Unicode CLDR knows about the inhabited territories of the world, as codes, in no language."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import yaml
from babel import Locale, localedata
from babel.core import get_global
from babel.numbers import get_territory_currencies

REFERENCE_DATE = date(2025, 1, 1)
"""Currencies are those in use on this day: fixed, so that the collection is the same whenever it is built."""

SPOKEN_PERCENT = 15.0
"""A language counts as widely spoken if at least this share of the population uses it, in percent."""

SPOKEN_LANGUAGES = 4
"""A sheet names at most this many widely spoken languages."""

MANY_ZONES = 4
"""A territory with more time zones than this is described by their representative places only."""


@dataclass(frozen=True)
class Territory:
    """The facts of one country or territory; a field that CLDR leaves open is empty.

    Attributes:
        code: ISO 3166-1 code, such as ``FR`` (or CLDR's ``XK``).
        region: UN M49 code of the sub-region of the world, such as ``155``, as a tuple of one.
        places: time zones of the tz database, each of which CLDR names by an exemplar city or island. Left
            out are those that bear the territory's own name, such as ``Asia/Singapore``.
        currencies: ISO 4217 codes of legal tender, the oldest first.
        official: language codes, by number of speakers: those official in the whole territory, and only where
            the law names none, the de facto ones.
        spoken: language codes of the most widely spoken languages, by number of speakers.
        first_day: the day on which the week begins, ``0`` for Monday, as a tuple of one.
    """

    code: str
    region: tuple[str, ...]
    places: tuple[str, ...]
    currencies: tuple[str, ...]
    official: tuple[str, ...]
    spoken: tuple[str, ...]
    first_day: tuple[str, ...]


@cache
def load_territories() -> tuple[Territory, ...]:
    """Return all inhabited territories, sorted by code."""
    text = files(__package__).joinpath("regions.yaml").read_text(encoding="utf-8")
    region_of = {code: region for region, codes in yaml.safe_load(text).items() for code in codes.split()}
    return tuple(
        Territory(
            code=code,
            region=(region_of[code],),
            places=_places(code),
            currencies=tuple(get_territory_currencies(code, REFERENCE_DATE, REFERENCE_DATE)),
            official=_official_languages(code),
            spoken=_spoken_languages(code),
            first_day=_first_day(code),
        )
        for code in sorted(region_of)
    )


def modern_zone(zone: str) -> str:
    """Return the current tz name of a zone that CLDR lists under the name it had when CLDR first met it."""
    return get_global("zone_aliases").get(zone, zone)


def _places(code: str) -> tuple[str, ...]:
    own_name = _letters(Locale("en").territories[code])
    zones = sorted(
        zone
        for zone in {modern_zone(zone) for zone in get_global("territory_zones").get(code, [])}
        if _letters(zone.split("/")[-1]) not in own_name
    )
    if len(zones) <= MANY_ZONES:
        return tuple(zones)
    # CLDR maps each Windows time zone to one place that stands for it: the large, known cities.
    representative = {modern_zone(zone) for zone in get_global("windows_zone_mapping").values()}
    return tuple(zone for zone in zones if zone in representative)


def _letters(name: str) -> str:
    """The plain letters of an English name, since tz writes "St_Barthelemy" for "St. Barthélemy"."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).casefold() if letter.isalpha())


def _languages(code: str) -> list[tuple[str, dict]]:
    """(language code, CLDR's record) of a territory, most speakers first; without scripts and repetitions."""
    records = get_global("territory_languages").get(code, {})
    ranked: dict[str, dict] = {}
    for tag, record in sorted(records.items(), key=lambda item: (-item[1]["population_percent"], item[0])):
        ranked.setdefault(tag.split("_")[0], record)
    if "nb" in ranked:
        # Norwegian (no) only repeats Bokmål (nb) and Nynorsk (nn).
        ranked.pop("no", None)
    return list(ranked.items())


def _official_languages(code: str) -> tuple[str, ...]:
    languages = _languages(code)
    for status in ("official", "de_facto_official"):
        found = tuple(language for language, record in languages if record["official_status"] == status)
        if found:
            return found
    return ()


def _spoken_languages(code: str) -> tuple[str, ...]:
    spoken = [language for language, record in _languages(code) if record["population_percent"] >= SPOKEN_PERCENT]
    return tuple(spoken[:SPOKEN_LANGUAGES])


def _first_day(code: str) -> tuple[str, ...]:
    """The first day of the week where CLDR states it; its default for the rest of the world is no fact."""
    for tag in get_global("territory_languages").get(code, {}):
        for locale in (f"{tag}_{code}", f"{_with_script(tag)}_{code}"):
            if localedata.exists(locale):
                week = localedata.load(locale, merge_inherited=False).get("week_data", {})
                return (str(week["first_day"]),) if "first_day" in week else ()
    return ()


def _with_script(language: str) -> str:
    likely = get_global("likely_subtags").get(language, language)
    return "_".join(likely.split("_")[:2])
