"""How facts are said in a language: what CLDR calls things, and the wordings of sheets and questions.

The wordings are those of `templates/<language>.yaml`.

In every wording ``{}`` stands for a name, and the sentence is built so that the name stays as CLDR cites it:
after a colon, as a topic or in apposition, never where it would need an article, a case or a suffix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import yaml
from babel import Locale
from babel.dates import get_day_names

from isoglot.data.worldfacts.facts import modern_zone
from isoglot.languages.matching import script_of

__all__ = ["Names", "Wordings", "load_wordings", "worldfacts_languages"]


@dataclass(frozen=True)
class Wordings:
    """The wordings of one language.

    Attributes:
        separator: what stands between the names of a list.
        joint: what stands between the sentences of a sheet.
        sheet: line of a sheet -> (wording for one name, wording for several names).
        questions: relation -> its wordings.
    """

    separator: str
    joint: str
    sheet: dict[str, tuple[str, str]]
    questions: dict[str, tuple[str, ...]]

    def say(self, line: str, names: tuple[str, ...]) -> str:
        """Return a line of a sheet, such as "Currencies: Haitian Gourde, US Dollar."."""
        one, several = self.sheet[line]
        return (one if len(names) == 1 else several).replace("{}", self.separator.join(names))


@cache
def worldfacts_languages() -> tuple[str, ...]:
    """Return the BCP-47 tags of the languages that worldfacts is written in, sorted."""
    names = [entry.name for entry in files(__package__).joinpath("templates").iterdir()]
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


@cache
def load_wordings(language: str) -> Wordings:
    """Return the wordings of a language out of `worldfacts_languages`."""
    text = files(__package__).joinpath("templates", f"{language}.yaml").read_text(encoding="utf-8")
    content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return Wordings(
        separator=content["separator"],
        joint=content["joint"],
        sheet={line: _one_and_several(wording) for line, wording in content["sheet"].items()},
        questions={relation: tuple(wordings) for relation, wordings in content["questions"].items()},
    )


def _one_and_several(wording: str | list[str]) -> tuple[str, str]:
    """A language without grammatical number says both the same way, and its file has one string."""
    one, several = (wording, wording) if isinstance(wording, str) else wording
    return one, several


class Names:
    """CLDR's names in one language, in citation form; None where CLDR has no name in that language.

    Args:
        language: a language tag that Babel knows, such as ``sw``.
    """

    def __init__(self, language: str) -> None:
        self._language, self._locale = language, Locale.parse(language, sep="-")

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
        if city is None and script_of(self._language) == "Latn":
            # The exemplar city is then the last part of the zone's name (UTS 35, part 4, "Using Time Zone
            # Names"): locales in Latin script list only the cities that they spell differently.
            city = zone.split("/")[-1].replace("_", " ")
        return city

    @cached_property
    def _cities(self) -> dict[str, str]:
        zones = self._locale.time_zones
        return {modern_zone(zone): zones[zone]["city"] for zone in zones if "city" in zones[zone]}
