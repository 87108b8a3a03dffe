"""What the names of files and folders tell: the split that texts belong to, and their language."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.data.forms.files import default_tag, files_of
from isoglot.errors import InputError
from isoglot.languages.names import is_also_a_word, language_in_name
from isoglot.languages.tags import Tags, canonical_tag

__all__ = ["SourceFile", "language_of", "source_files", "split_of", "stem_of"]

SPLITS = {
    "train": ("train", "training", "trn"),
    "dev": ("dev", "devel", "development"),
    "validation": ("val", "valid", "validation"),
    "evaluation": ("eval", "evaluation"),
    "test": ("test", "testing", "tst", "devtest"),
}
"""How publishers call splits. Those called validation or evaluation are the split dev, where nothing else is."""
KINDS = {word: kind for kind, words in SPLITS.items() for word in words}
SPLIT_WORD = re.compile(rf"^({'|'.join(KINDS)})(?:sets?|data|splits?|files?|s)?$")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # QATrain-v2 has QA, Train and v
ENDING = re.compile(r"\.(?:jsonl?|ndjson|tsv|csv|txt|parquet|gz)$", re.IGNORECASE)


@dataclass(frozen=True)
class SourceFile:
    """A file of a source, and what its name, or that of a folder of the source that it is in, tells.

    Attributes:
        path: the file.
        name: its path in the source, without endings and white space, other than that of any other: `nq-train`.
        split: train, dev or test; None if the names tell none, and of a source that is one file.
        language: its tag, as it is written there; None if the names tell none.
    """

    path: Path
    name: str
    split: str | None
    language: str | None


def stem_of(name: str) -> str:
    """Return a file's name without what tells its form: `xquad.de.json.gz` is `xquad.de`."""
    while (shorter := ENDING.sub("", name)) != name and shorter:
        name = shorter
    return name


def _kinds(name: str) -> list[str]:
    """Return the kinds of split that a name tells, of `SPLITS`."""
    words = {word.lower() for word in (*WORD.findall(name), *re.findall(r"[A-Za-z]+", name))}
    return [kind for kind in SPLITS if any((m := SPLIT_WORD.match(word)) and KINDS[m[1]] == kind for word in words)]


def _folders(path: Path, source: Path) -> tuple[str, ...]:
    """Return the names of the folders of a source that a file is in, the innermost first."""
    return path.relative_to(source).parent.parts[::-1]


def _kind_of(path: Path, source: Path) -> str | None:
    """Return the kind of split that a file's name tells, or else the folder nearest to it.

    Raises:
        InputError: the file's name tells two.
    """
    kinds = _kinds(stem_of(path.name))
    if len(kinds) > 1:
        raise InputError(
            f"{path}: its name tells two splits, {' and '.join(kinds)}; rename it, as to {kinds[0]}.json"
        )
    for folder in _folders(path, source) if not kinds else ():
        if len(kinds := _kinds(folder)) == 1:
            break
    return kinds[0] if len(kinds) == 1 else None


def _split(kind: str | None) -> str | None:
    return "dev" if kind in ("validation", "evaluation") else kind


def split_of(path: Path, source: Path | None = None) -> str | None:
    """Return the split that a file's name tells, or that of a folder of the source; None if they tell none.

    Case, spaces, numbers and versions do not matter: `TEST v1.1.json`, `QA-Train(2).json`, `DRCD_training.json`.

    Raises:
        InputError: the name tells two.
    """
    return _split(_kind_of(path, source or path.parent))


def _language_codes(name: str) -> list[str]:
    """Return the parts of a name, between dots, that are a language's code, the last first; splits do not count."""
    found = []
    for part in reversed(stem_of(name).split(".")):
        words = [word for word in re.split(r"[ _-]", part) if not _kinds(word)]
        if words and language_in_name(code := "-".join(words)):
            found.append(code)
    return found


def _languages(paths: Sequence[Path], source: Path) -> dict[Path, str | None]:
    """Return the language that each file's name tells, or else the folder nearest to it.

    A code that is as likely a word (`my train.json`) is one where another file tells another language.
    """
    codes = {}
    for path in paths:
        told = (code for name in (path.name, *_folders(path, source)) for code in _language_codes(name))
        codes[path] = next(told, None)
    alone = len({code.lower() for code in codes.values() if code}) == 1
    return {
        path: None if code is None or (alone and is_also_a_word(code)) else code for path, code in codes.items()
    }


def source_files(source: Path, wanted: Callable[[Path], bool], expected: str) -> list[SourceFile]:
    """Return the files of a source and what their names tell.

    Args:
        source: as for `files_of`.
        wanted: as for `files_of`.
        expected: as for `files_of`.

    Raises:
        InputError: there is no such file; a name tells two splits, two names one split in different words (`dev`,
            `val`); or several files of one language tell no split: they may be for training and for testing.
    """
    paths = files_of(source, wanted, expected)
    languages = _languages(paths, source if source.is_dir() else source.parent)
    if source.is_file():
        return [SourceFile(source, stem_of(source.name), None, languages[source])]
    kinds = {path: _kind_of(path, source) for path in paths}
    _refuse_two_words(kinds)
    if not any(kinds.values()):
        _refuse_without_split(source, languages)
    return [
        SourceFile(path, name, _split(kinds[path]), languages[path])
        for path, name in zip(paths, _short_names(paths, source), strict=True)
    ]


def _short_names(paths: Sequence[Path], source: Path) -> list[str]:
    whole = [re.sub(r"\s", "_", path.relative_to(source).as_posix()) for path in paths]
    known = Counter(stem_of(name) for name in whole)
    return [stem if known[stem := stem_of(name)] == 1 else name for name in whole]


def language_of(file: SourceFile, source: Path, tags: Tags) -> str:
    """Return the language of the texts of a file.

    Args:
        file: the file.
        source: what it belongs to.
        tags: reads tags; its default, which a user gave, counts more than the name of a single file.

    Raises:
        InputError: none is given or told, or another is given than a name in a folder tells.
    """
    if file.language is None:
        return tags.default or default_tag(None, file.path)
    if tags.default is None:
        return tags(file.language)
    told = canonical_tag(file.language)
    if told != canonical_tag(tags.default) and file.path != source:
        raise InputError(f"{file.path} is of the language {told} by its name; leave --lang out")
    return tags.default


def _refuse_two_words(kinds: dict[Path, str | None]) -> None:
    first: dict[str | None, tuple[Path, str]] = {}
    for path, kind in kinds.items():
        if kind is None:
            continue
        other, before = first.setdefault(_split(kind), (path, kind))
        if before != kind:
            raise InputError(
                f"{other} and {path} are both the split {_split(kind)} by their names, one as {before} and one as "
                f"{kind}; convert them apart, or rename one"
            )


def _refuse_without_split(source: Path, languages: dict[Path, str | None]) -> None:
    """Refuse several files of one language, unless they are numbered parts of one: `part-0.json`, `part-1.json`.

    Raises:
        InputError: there are some.
    """
    together: dict[str | None, list[Path]] = defaultdict(list)
    for path, language in languages.items():
        together[language and canonical_tag(language)].append(path)
    for paths in together.values():
        if len({re.sub(r"\d+", "", str(path)) for path in paths}) > 1:
            names = ", ".join(str(path.relative_to(source)) for path in paths[:3])
            more = ", …" if len(paths) > 3 else ""
            raise InputError(
                f"{source}: the names of several files ({names}{more}) tell no split, and they may be for training "
                "and for testing: call them train, dev or test, or convert them apart"
            )
