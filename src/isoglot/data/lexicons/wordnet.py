"""Lexicons from wordnets, in which words of the same synset translate each other, and from files of any kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

from isoglot.collections.lines import read_lines
from isoglot.collections.problems import Problems
from isoglot.data.lexicons.lexicon import Lexicon, lexicon_from_pairs, read_lexicons
from isoglot.errors import InputError
from isoglot.files import why_no_file
from isoglot.languages.tags import canonical_tag
from isoglot.languages.words import without_vowel_signs, word_pattern

__all__ = ["gather_lexicons", "read_wordnet", "wordnet_lexicons"]


def read_wordnet(path: str | Path, *, lenient: bool = False) -> tuple[str, dict[str, list[str]]]:
    """Read a tab file of the Open Multilingual Wordnet (Bond and Foster 2013).

    Its first line is `# name <TAB> language <TAB> …`; others are `synset <TAB> type <TAB> word`. Lemmas are read;
    roots, broken plurals, definitions and examples are passed over.

    Args:
        path: the file, such as `wn-data-pol.tab`.
        lenient: leave bad lines out and say how many, instead of failing.

    Returns:
        The language's canonical tag, and synset -> words in the order of the file.

    Raises:
        InputError: the file is missing, does not name its language, or a line is bad (with its number).
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the wordnet {path} {why_no_file(path)}")
    problems = Problems(str(path), lenient)
    tag: str | None = None
    synsets: dict[str, list[str]] = {}
    for number, line in read_lines(path, problems):
        fields = line.split("\t")
        if number == 1:
            tag = _language(path, fields)
            continue
        if line.startswith("#"):
            continue
        word = without_vowel_signs(fields[-1].replace("_", " ").strip())
        if len(fields) < 3 or not word:
            problems.add("not a synset, a type and a word", f"{path.name} line {number}", repr(line[:80]))
        elif len(fields) == 3 and fields[1].split(":")[-1] == "lemma":
            synsets.setdefault(fields[0], []).append(word)
    problems.finish()
    if tag is None or not synsets:
        raise InputError(f"the wordnet {path} holds no lemma")
    return tag, synsets


def _language(path: Path, header: Sequence[str]) -> str:
    try:
        if not header[0].startswith("#"):
            raise ValueError
        return canonical_tag(header[1])
    except (IndexError, ValueError):
        raise InputError(
            f"{path} line 1 does not name the language: expected '# name', a tab and a language code"
        ) from None


def _join(wordnets: Mapping[str, Mapping[str, list[str]]], first: str, second: str) -> Iterator[Lexicon]:
    """Yield the lexicons of two languages, in both directions: of words that share a synset.

    Of each word first those with which it shares the most synsets.
    """
    forth: Counter[tuple[str, str]] = Counter()
    for synset in wordnets[first].keys() & wordnets[second].keys():
        forth.update(product(wordnets[first][synset], wordnets[second][synset]))
    back = {pair[::-1]: count for pair, count in forth.items()}
    for source, target, shared in ((first, second, forth), (second, first, back)):
        ordered = sorted(shared, key=lambda pair: (-shared[pair], pair))
        yield lexicon_from_pairs(source, target, [pair for pair in ordered if not _letter(pair[0])])


def _letter(word: str) -> bool:
    match = word_pattern().match(word) if len(word) == 1 else None
    return match is not None and match[1] is None


def wordnet_lexicons(
    paths: Iterable[str | Path], languages: Sequence[str] | None = None, *, lenient: bool = False
) -> list[Lexicon]:
    """Join wordnets on their synsets: a lexicon of each ordered pair of their languages.

    A word's translations are the words that share a synset with it, most shared synsets first, then by alphabet.
    Single letters, which wordnets list as symbols and texts hold as function words, are not translated.

    Args:
        paths: two or more tab files, each of another language.
        languages: only these (canonical tags); all of the files if None.
        lenient: leave bad lines out and say how many, instead of failing.

    Raises:
        InputError: as for `read_wordnet`; there are fewer than two files, or two of one language.
    """
    wordnets: dict[str, dict[str, list[str]]] = {}
    for path in paths:
        tag, synsets = read_wordnet(path, lenient=lenient)
        if tag in wordnets:
            raise InputError(f"{path} is another wordnet of {tag}: give one file of each language")
        wordnets[tag] = synsets
    if len(wordnets) < 2:
        raise InputError("a lexicon needs the wordnets of two languages: give two tab files or more")
    chosen = sorted(wordnets if languages is None else wordnets.keys() & set(languages))
    return [lexicon for pair in combinations(chosen, 2) for lexicon in _join(wordnets, *pair)]


def gather_lexicons(paths: Iterable[str | Path], *, lenient: bool = False) -> list[Lexicon]:
    """Read lexicons from files or folders of word pairs, and from wordnets (`.tab` files), which are joined.

    Raises:
        InputError: as for `read_lexicons` and `wordnet_lexicons`.
    """
    files = [Path(path) for path in paths]
    wordnets = [path for path in files if path.suffix == ".tab"]
    found = [one for path in files if path not in wordnets for one in read_lexicons(path, lenient=lenient)]
    return found + (wordnet_lexicons(wordnets, lenient=lenient) if wordnets else [])
