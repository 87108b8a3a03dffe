"""The Tatoeba test set of LASER: sentences of 112 languages and their English translations, line by line.

Source: Artetxe and Schwenk, "Massively multilingual sentence embeddings for zero-shot cross-lingual transfer and
beyond", arXiv 1812.10464; https://github.com/facebookresearch/LASER.
"""

from __future__ import annotations

import re
from pathlib import Path

from isoglot.collections.collection import TRANSLATIONS
from isoglot.data.forms.files import Bad, check_text, count_lines, files_of, reporting, text_lines
from isoglot.data.forms.rows import Reading, Rows, Splits, content_id
from isoglot.errors import InputError

__all__ = ["read_tatoeba"]

NAME = re.compile(r"^tatoeba\.([a-z]{2,3})-([a-z]{2,3})\.([a-z]{2,3})$")


def read_tatoeba(source: Path, reading: Reading) -> Splits:
    """Read aligned sentences: each is a query, and answered by the documents that are its translations and itself.

    The English sentence and its translations, in whatever pairs of files, are the versions of one query and its
    relevant documents, so two translations of one English sentence count as translations of each other. Document
    ids are the language and a fingerprint of the sentence; the query's id is that of the English sentence. Between
    two languages this is LASER's task, on the pool of all pairs that are read; within a language there is none
    (`Collection.finds_translations`). Where a language has two translations of one English sentence, the first is
    the query version.

    Codes are written as CLDR does (`canonical_tag`): `cmn` is `zh`, `swh` is `sw`, `pes` is `fa`; `arz`, `wuu` and
    `yue` stay what they are, and `kzj`, since retired, is `dtp`.

    Args:
        source: a folder of pairs of files such as `tatoeba.deu-eng.deu` and `tatoeba.deu-eng.eng`, or one of the
            two files of a pair.
        reading: how.

    Raises:
        InputError: there is no such file, a file of a pair is missing, the two differ in their number of lines, or
            a line is bad.
    """
    rows = Rows(source, reading)
    expected = "tatoeba.deu-eng.deu"
    files = files_of(source, lambda path: NAME.match(path.name) is not None, expected)
    versions: dict[tuple[str, str], str] = {}  # (query, language) -> the sentence that is its version
    for prefix in sorted({path.with_suffix("") for path in files}):
        found = NAME.match(f"{prefix.name}.eng")
        if found is None:
            raise InputError(f"{source}: its name does not tell the two languages, as {expected} does")
        codes = (found[1], found[2])
        paths = [prefix.parent / f"{prefix.name}.{code}" for code in codes]
        with reporting(rows.problems, prefix.name):
            _add_pair(rows, versions, paths, [rows.tag(code) for code in codes])
    return rows.splits(form="tatoeba", **{TRANSLATIONS: True})


def _add_pair(rows: Rows, versions: dict[tuple[str, str], str], paths: list[Path], tags: list[str]) -> None:
    """Add the sentences of two aligned files.

    Raises:
        Bad: one of them has more lines.
    """
    sides = []
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is missing: sentences and translations come in two files")
        sides.append(dict(text_lines(path, rows.problems)))
    lengths = [count_lines(path) for path in paths]
    if lengths[0] != lengths[1]:
        raise Bad("two aligned files differ in their number of lines", f"{lengths[0]:,} and {lengths[1]:,}")
    for number in sorted(sides[0].keys() & sides[1].keys()):
        with reporting(rows.problems, f"{paths[0].stem} line {number}"):
            sentences = [check_text(side[number], "sentence") for side in sides]
            ids = [content_id(tag, sentence) for tag, sentence in zip(tags, sentences, strict=True)]
            query = ids[1]
            for identifier, language, sentence in zip(ids, tags, sentences, strict=True):
                rows.document(identifier, language, sentence)
                if versions.setdefault((query, language), identifier) == identifier:
                    rows.query(None, query, language, sentence)
                else:
                    rows.leave_out("query version beside another translation into its language")
                rows.judge(None, query, identifier)
