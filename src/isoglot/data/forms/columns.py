"""Which columns of a table hold what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isoglot.errors import InputError
from isoglot.names import did_you_mean, in_a_line

__all__ = ["Columns", "Version", "parse_parallel", "read_columns", "require_columns"]


@dataclass(frozen=True)
class Version:
    """The columns that hold an entry in one language; None for what it does not have."""

    query: str | None = None
    document: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        query: of questions; None in a table of documents alone, or where `parallel` names them.
        document: of answers; None where `parallel` names those of each language.
        title: of the titles of documents.
        id: of what the language versions of an entry share, each in a row of its own.
        parallel: language tag -> the columns of its version, where a row holds an entry in several languages.
    """

    query: str | None = None
    document: str | None = None
    title: str | None = None
    id: str | None = None
    parallel: Mapping[str, Version] = field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        return self != Columns()

    @property
    def named(self) -> list[str]:
        """All columns that are named."""
        versions = (Version(self.query, self.document, self.title), *self.parallel.values())
        names = [name for one in versions for name in (one.query, one.document, one.title)]
        return list(dict.fromkeys(name for name in (*names, self.id) if name is not None))

    @property
    def have_queries(self) -> bool:
        """Whether some column holds questions."""
        return self.query is not None or any(version.query for version in self.parallel.values())


def read_columns(
    query: str | None = None,
    document: str | None = None,
    title: str | None = None,
    id: str | None = None,
    parallel: Mapping[str, str | Sequence[str | None] | Version] | None = None,
) -> Columns:
    """Return the columns that a user named.

    Args:
        query: see `Columns`; likewise the others.
        document: see `Columns`.
        title: see `Columns`.
        id: see `Columns`.
        parallel: language tag -> the column of questions; or (questions, answers) or (questions, answers, titles),
            None for what there is no column of.

    Raises:
        InputError: no column holds documents, or one would be named for nothing.
    """
    versions = {}
    for tag, given in (parallel or {}).items():
        parts = (given,) if isinstance(given, str) else given
        version = parts if isinstance(parts, Version) else Version(*(part or None for part in parts[:3]))
        if not isinstance(parts, Version) and (len(parts) > 3 or version == Version()):
            raise InputError(
                f"--parallel: {tag} needs a column of questions, of answers, or both, and perhaps titles"
            )
        versions[tag] = version
    columns = Columns(query, document, title, id, versions)
    if versions and query is not None:
        raise InputError("--query and --parallel exclude each other: the latter names the columns of questions")
    own = [tag for tag, version in versions.items() if version.document or version.title]
    if own and document is not None:
        raise InputError(
            f"--document and the answers of {own[0]} in --parallel exclude each other: name the answers in one way"
        )
    if title is not None and document is None:
        raise InputError("--title goes with --document; with --parallel, titles are TAG=QUESTIONS:ANSWERS:TITLES")
    if document is None and not any(version.document for version in versions.values()):
        raise InputError(
            "no column of answers is named: give --document COLUMN, or --parallel TAG=QUESTIONS:ANSWERS,… where "
            "each language has its own"
        )
    return columns


def parse_parallel(given: Sequence[str]) -> dict[str, Version]:
    """Return what `--parallel` says: `en=question_en:answer_en,de=question_de:answer_de`.

    Raises:
        InputError: it is not of this form, or names a language twice.
    """
    versions: dict[str, Version] = {}
    for part in (part.strip() for one in given for part in one.split(",")):
        tag, equals, names = part.partition("=")
        columns = [name.strip() or None for name in names.split(":")]
        if not tag.strip() or not equals or len(columns) > 3 or not any(columns):
            raise InputError(
                f"--parallel {part!r} is not TAG=QUESTIONS or TAG=QUESTIONS:ANSWERS, such as "
                "en=question_en:answer_en"
            )
        if tag.strip() in versions:
            raise InputError(f"--parallel names {tag.strip()} twice")
        versions[tag.strip()] = Version(*columns)
    return versions


def require_columns(wanted: Sequence[str], there: Sequence[str], source: str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        InputError: it does, or has it twice; says which ones there are.
    """
    for name in wanted:
        if name not in there:
            have = ", ".join(in_a_line(str(one)) for one in there[:20]) + (", …" if len(there) > 20 else "")
            meant = did_you_mean(name, there)
            raise InputError(f"{source} has no column {name!r}{meant}; its columns are {have or 'none'}")
        if list(there).count(name) > 1:
            raise InputError(f"{source} has two columns called {name!r}: rename one")
