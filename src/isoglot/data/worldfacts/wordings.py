"""How a fact sheet and a question are said in each language: `templates/<language>.yaml`.

In every wording ``{}`` stands for a name, and the sentence is built so that the name stays as CLDR cites it:
after a colon, as a topic or in apposition, never where it would need an article, a case or a suffix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


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
