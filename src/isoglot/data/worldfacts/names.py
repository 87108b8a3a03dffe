"""What Unicode CLDR calls territories, regions, places, currencies, languages and weekdays in a language."""

from __future__ import annotations

from functools import cached_property

from babel import Locale
from babel.core import get_global
from babel.dates import get_day_names

from isoglot.data.worldfacts.facts import modern_zone


class Names:
    """CLDR's names in one language, in citation form; None where CLDR has no name in that language.

    Args:
        language: a language tag that Babel knows, such as ``sw``.
    """

    def __init__(self, language: str) -> None:
        self._locale = Locale.parse(language, sep="-")

    def of(self, field: str, value: str) -> str | None:
        """Return the name of a value of a field of `facts.Territory`.

        Args:
            field: `code`, `region`, `places`, `currencies`, `official`, `spoken` or `first_day`.
            value: one of the field's values, such as ``EUR`` for `currencies`.
        """
        if field == "places":
            return self._place(value)
        if field == "first_day":
            return get_day_names("wide", "format", self._locale).get(int(value))
        if field == "currencies":
            return self._locale.currencies.get(value)
        if field in ("official", "spoken"):
            return self._locale.languages.get(value)
        return self._locale.territories.get(value)

    def _place(self, zone: str) -> str | None:
        city = self._cities.get(zone)
        if city is None and self._is_latin:
            # The exemplar city is then the last part of the zone's name (UTS 35, part 4, "Using Time Zone
            # Names"): locales in Latin script list only the cities that they spell differently.
            city = zone.split("/")[-1].replace("_", " ")
        return city

    @cached_property
    def _cities(self) -> dict[str, str]:
        zones = self._locale.time_zones
        return {modern_zone(zone): zones[zone]["city"] for zone in zones if "city" in zones[zone]}

    @cached_property
    def _is_latin(self) -> bool:
        likely = get_global("likely_subtags").get(self._locale.language, "")
        return (self._locale.script or likely.split("_")[1]) == "Latn"
