"""Line-aligned translations: a text file for each language, line n of all of them being the same sentence.

NTREX-128 is published so (Federmann, Kocmi and Xin, "NTREX-128 – news test references for MT evaluation of 128
languages", SUMEval 2022; https://github.com/MicrosoftTranslator/NTREX), as are many parallel corpora.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from pathlib import Path

from isoglot.collections.collection import TRANSLATIONS
from isoglot.data.forms.files import (
    check_text,
    count_lines,
    files_of,
    reporting,
    text_lines,
)
from isoglot.data.forms.names import split_of
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.data.groups import Groups
from isoglot.errors import InputError
from isoglot.languages.names import language_in_name
from isoglot.languages.tags import canonical_tag
from isoglot.measures import plural

__all__ = ["ARTICLES", "language_of", "read_aligned"]

logger = logging.getLogger(__name__)

ARTICLES = "DOCUMENT_IDS.tsv"
"""NTREX's file of which article each line is from."""
EXPECTED = "newstest2019-ref.deu.txt or corpus.de"
NOT_TEXT = (".tsv", ".csv", ".md", ".json", ".jsonl", ".yaml", ".xml", ".sgm", ".py", ".sh")


def language_of(name: str) -> str | None:
    """Return the language that a file's name ends with, before `.txt`, `.gz` and a split; None if it tells none.

    `newstest2019-ref.srp-Latn.txt` is `sr-Latn`, `corpus.de` is `de`, `deu_Latn.dev` is `de`.
    """
    return language_in_name(_last_part(name))


def _last_part(name: str) -> str:
    parts = name.removesuffix(".gz").removesuffix(".txt").split(".")
    if len(parts) > 1 and split_of(Path(parts[-1])) is not None:
        parts = parts[:-1]
    return parts[-1]


def read_aligned(source: Path, reading: Reading) -> Splits:
    """Read line-aligned files: every sentence is a query in every language, and sought are its translations.

    Line n is the query `n`, with a version in each language, and every version is a document. A text and itself are
    no training pair and no retrieval (`Collection.finds_translations`). Lines with the same sentence in some
    language share all their relevant documents, so that no translation of a sentence counts as wrong because it
    stands in another line; the same sentence twice is one document. Document ids are the language and a fingerprint
    of the sentence. Of two files of one language that with the shorter name makes the query versions. Where there
    is NTREX's `DOCUMENT_IDS.tsv`, in the folder or the one that it is in, queries keep the `article` of their line.

    Args:
        source: a folder of text files whose names end with their languages (`language_of`), which may lie in
            folders in it; names that tell none are passed over. Where names tell splits (`corpus.train.de`), lines
            are counted within them.
        reading: how.

    Raises:
        InputError: there are no such files, or of one language only, two of them have different numbers of lines,
            or a line is blank.
    """
    if source.is_file():
        raise InputError(f"{source} is one file, and aligned ones are many: give the folder of {EXPECTED}")
    rows = Rows(source, reading)
    splits: dict[str | None, list[tuple[Path, str]]] = defaultdict(list)
    paths = files_of(source, _may_be_sentences, EXPECTED)
    for path in sorted(paths, key=lambda path: (len(path.name), path.name)):
        if language_of(path.name) is None:
            code = _last_part(path.name)
            logger.info(
                "%s: passed over; if its language is %s, call it so with a script: %s-Latn", path, code, code
            )
        else:
            splits[split_of(path, source)].append((path, rows.tags(_last_part(path.name))))
    if not splits:
        raise InputError(f"{source} holds no file like {EXPECTED}")
    for split, files in splits.items():
        _refuse_two_sets(files)
        languages = {language for _, language in files}
        if len(languages) == 1:
            raise InputError(
                f"{source} has sentences in {languages.pop()} alone: they are to find their translations, so there "
                "must be files of another language as well"
            )
        _add_lines(rows, split, files, _articles(source, rows))
    return rows.splits(form="aligned", **{TRANSLATIONS: True})


def _may_be_sentences(path: Path) -> bool:
    """Tell whether a name may be that of a file of sentences; a folder's without an ending is a folder's."""
    return path.suffix not in NOT_TEXT and _may_tell(path.name) and bool(path.suffix or not path.is_dir())


def _may_tell(name: str) -> bool:
    try:
        return bool(canonical_tag(_last_part(name)))
    except ValueError:
        return False


def _refuse_two_sets(files: list[tuple[Path, str]]) -> None:
    """Refuse files of two sets of sentences, such as `a.de`, `a.en`, `b.de`, `b.en`.

    Second translations have a number (`ref-2.spa.txt`), or are those of some language alone.
    """
    sets: dict[str, dict[str, Path]] = defaultdict(dict)  # language -> what stands before it -> file
    for path, language in files:
        sets[language].setdefault(re.sub(r"[\W\d_]+", "", path.name.replace(_last_part(path.name), "")), path)
    seen: dict[frozenset[str], str] = {}
    for language, found in sets.items():
        names = frozenset(found)
        if len(names) > 1 and seen.setdefault(names, language) != language:
            one, other = (str(path) for path in list(found.values())[:2])
            raise InputError(
                f"{one} and {other} are two sets of sentences, and tell no split: call them train, dev or test, or "
                "convert them apart"
            )


def _articles(source: Path, rows: Rows) -> dict[int, str]:
    """Return the article of each line, from 1; empty where that is not told."""
    path = next((folder / ARTICLES for folder in (source, source.parent) if (folder / ARTICLES).exists()), None)
    return {} if path is None else {number: line.strip() for number, line in text_lines(path, rows.problems)}


def _add_lines(rows: Rows, split: str | None, files: list[tuple[Path, str]], articles: dict[int, str]) -> None:
    """Add the sentences of aligned files.

    Raises:
        InputError: they differ in their number of lines; first of all what cannot be read, which may be why.
    """
    documents: dict[int, list[str]] = defaultdict(list)  # line -> its documents
    same: dict[str, int] = {}  # document -> the first line that it stands in
    groups: Groups[int] = Groups()
    versions: set[tuple[int, str]] = set()
    lengths: dict[int, Path] = {}
    for path, language in files:
        for line, sentence in text_lines(path, rows.problems):
            with reporting(rows.problems, f"{path.name} line {line}"):
                document = content_id(language, check_text(sentence, "sentence"))
                rows.document(document, language, sentence)
                documents[line].append(document)
                groups.join(line, same.setdefault(document, line))
                if (line, language) in versions:
                    rows.leave_out("query version beside another translation into its language")
                    continue
                versions.add((line, language))
                article = {"article": articles[line]} if line in articles else None
                rows.query(split, _query(split, line), language, sentence, article)
        lengths.setdefault(count_lines(path), path)
    if len(lengths) > 1:
        rows.problems.finish()
        (one, first), (two, second) = list(lengths.items())[:2]
        raise InputError(
            f"{first} has {plural(one, 'line')} and {second} {two:,}: aligned files have the same number"
        )
    if articles and len(articles) not in lengths and not rows.problems.counts:
        raise InputError(
            f"{ARTICLES} names the articles of {len(articles):,} lines, and {files[0][0]} has "
            f"{next(iter(lengths)):,}: get both of one version, or remove it"
        )
    shared: dict[int, list[str]] = defaultdict(list)
    for line, listed in documents.items():
        shared[groups.of(line)] += listed
    for line in documents:
        for document in shared[groups.of(line)]:
            rows.judge(split, _query(split, line), document)


def _query(split: str | None, line: int) -> str:
    return f"{split}/{line}" if split else str(line)
