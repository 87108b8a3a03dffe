"""`Lexicon`: words of one language and their translations into another; its form on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isoglot.collections.lines import read_lines
from isoglot.collections.problems import Problems
from isoglot.errors import InputError
from isoglot.files import new_folder, why_no_file
from isoglot.languages.tags import canonical_tag, read_tag
from isoglot.languages.words import fold_word

__all__ = ["Lexicon", "lexicon_from_pairs", "read_lexicon", "read_lexicons", "write_lexicon", "write_lexicons"]

SUFFIXES = (".tsv", ".txt")


@dataclass(frozen=True)
class Lexicon:
    """A bilingual dictionary of one direction.

    Attributes:
        source: canonical tag of the words' language.
        target: canonical tag of the translations' language.
        translations: word, as `fold_word` gives it -> its translations, the best known first.
    """

    source: str
    target: str
    translations: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.translations)

    def __repr__(self) -> str:
        return f"Lexicon({self.source} → {self.target}: {len(self):,} words)"

    def reversed(self) -> Lexicon:
        """Return the lexicon of the other direction: each translation, and the words that it translates."""
        pairs = ((there, word) for word, translations in self.translations.items() for there in translations)
        return lexicon_from_pairs(self.target, self.source, pairs)


def lexicon_from_pairs(source: str, target: str, pairs: Iterable[tuple[str, str]]) -> Lexicon:
    """Make a lexicon from (word, translation) pairs, in order of preference.

    Words are folded (`fold_word`), and any space in words and translations is one blank, as files separate them by
    tabs and ends of lines. Pairs of a word and itself say nothing and are left out, as are repeats and pairs of
    which one is nothing but space.

    Raises:
        InputError: a language tag is none, or both languages are the same.
    """
    source, target = (read_tag(tag, "a lexicon's languages") for tag in (source, target))
    if source == target:
        raise InputError(f"a lexicon has two languages, not {source!r} twice")
    gathered: dict[str, dict[str, None]] = {}
    for word, translation in pairs:
        folded, there = _one_line(fold_word(word)), _one_line(translation)
        if folded and there and folded != fold_word(there):
            gathered.setdefault(folded, {})[there] = None
    return Lexicon(source, target, {word: tuple(found) for word, found in gathered.items()})


def _one_line(text: str) -> str:
    return " ".join(text.replace("\ufeff", "").split())


def _languages_of(path: Path) -> tuple[str, str]:
    """Read the language pair from a file's name: `en-de.tsv`, `zh-TW-en.txt`, MUSE's `en-de.0-5000.txt`.

    Where there are several readings, one of canonical tags alone is meant: `ar-pt-BR` is Arabic and Brazilian
    Portuguese, as Arabic of Portugal and Breton are `ar-PT-br`.
    """
    name = path.name.split(".")[0]
    parts = name.split("-")
    found = []
    begins = [at for at, part in enumerate(parts) if at and len(part) in (2, 3) and part.isalpha()]
    for at in begins:
        try:
            found.append((canonical_tag("-".join(parts[:at])), canonical_tag("-".join(parts[at:]))))
        except ValueError:
            continue
    found = [pair for pair in found if "-".join(pair) == name] or found
    if len(found) != 1:
        problem = "two readings" if found else "no language pair"
        raise InputError(
            f"the lexicon {path} has {problem} in its name: call it SOURCE-TARGET.tsv, such as en-de.tsv, or give "
            "source and target"
        )
    return found[0]


def read_lexicon(
    path: str | Path, source: str | None = None, target: str | None = None, *, lenient: bool = False
) -> Lexicon:
    """Read a lexicon: a line holds a word and a translation, with a tab between them.

    Without a tab a line is two words with a space between, as in MUSE's dictionaries (arXiv 1710.04087). A word
    with several translations has several lines, the best first.

    Args:
        path: the file.
        source: language of the words; from the file's name (`en-de.tsv`) if source or target is not given.
        target: language of the translations.
        lenient: leave bad lines out and say how many, instead of failing.

    Raises:
        InputError: the file is missing, a line is bad (with its number and what is wrong), there is no line, or the
            languages are not known.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the lexicon {path} {why_no_file(path)}")
    if source is None or target is None:
        source, target = _languages_of(path)
    problems = Problems(str(path), lenient)
    pairs = []
    for number, line in read_lines(path, problems):
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
        if len(fields) == 2 and all(fields):
            pairs.append((fields[0], fields[1]))
        else:
            problems.add("not a word and its translation", f"{path.name} line {number}", repr(line[:80]))
    problems.finish()
    if not pairs:
        raise InputError(f"the lexicon {path} holds no line: expected a word, a tab and its translation in each")
    return lexicon_from_pairs(source, target, pairs)


def read_lexicons(path: str | Path, *, lenient: bool = False) -> list[Lexicon]:
    """Read one lexicon, or all of a folder: its `.tsv` and `.txt` files, named after their languages.

    Raises:
        InputError: as for `read_lexicon`, or the folder holds no such file.
    """
    path = Path(path)
    if not path.is_dir():
        return [read_lexicon(path, lenient=lenient)]
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not files:
        raise InputError(f"{path} holds no lexicon: expected files such as en-de.tsv")
    return [read_lexicon(file, lenient=lenient) for file in files]


def write_lexicon(lexicon: Lexicon, folder: str | Path) -> Path:
    """Write a lexicon as `SOURCE-TARGET.tsv`, in the form that `read_lexicon` reads.

    Args:
        lexicon: what to write.
        folder: where to; made if it is not there.

    Returns:
        The file.
    """
    path = Path(folder) / f"{lexicon.source}-{lexicon.target}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for word, translations in lexicon.translations.items():
            file.writelines(f"{word}\t{translation}\n" for translation in translations)
    return path


def write_lexicons(lexicons: Iterable[Lexicon], folder: str | Path) -> None:
    """Write lexicons, a file each, those without a word left out; the folder appears whole or not at all.

    Raises:
        InputError: the folder exists and is not empty, or no lexicon has a word.
    """
    with new_folder(folder) as temporary:
        written = [write_lexicon(lexicon, temporary) for lexicon in lexicons if len(lexicon)]
        if not written:
            raise InputError(f"there is no lexicon to write to {folder}: none has a word")
