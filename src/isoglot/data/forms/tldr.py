"""tldr-pages: pages about commands, each with a few things that one does with it, in many languages.

Source: https://github.com/tldr-pages/tldr (CC BY 4.0), its folders `pages`, `pages.de`, …
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from isoglot.data.forms.files import Bad, check_text, reporting, shown, text_lines
from isoglot.data.forms.rows import Reading, Rows, Splits
from isoglot.errors import InputError

__all__ = ["read_tldr"]

FOLDER = re.compile(r"^pages(?:\.([A-Za-z]{2,3}(?:_[A-Za-z]{2,4})?))?$")
PIVOT = "en"
LINK = re.compile(r"<https?://")
SHARES = (("test", 0.05), ("dev", 0.10), ("train", 1.0))  # upper ends of the ranges of hashes


@dataclass(frozen=True)
class _Page:
    """A page in one language: its place, what it says of the command, and the lines of its examples."""

    language: str
    place: str  # <platform>/<command>
    name: str
    about: list[str]
    examples: list[str]


def read_tldr(source: Path, reading: Reading) -> Splits:
    """Read the pages of the tldr-pages repository: what one wants to do is the query, the page the document.

    A document is a page in a language, `<language>/<platform>/<command>`: name, description and example lines,
    without the commands and without the lines that link elsewhere. A query is the line of an example, as
    "Extract an archive", `<platform>/<command>#<number>` counted from 0. All languages' pages of the command
    are relevant.

    Examples are matched by their place: a translation's lines are versions of the English ones where it has as
    many, else it has none. A line that stands on several pages of its language ("Display help") tells no page
    and is left out, with all its translations where it is the English one. The split is by the command's name,
    alike on all platforms: about 90 % train, 5 % dev and 5 % test, whatever else the repository holds. Pages
    are documents of all splits.

    Args:
        source: the repository, or a folder that holds `pages` and perhaps `pages.de`, `pages.pt_BR`, ….
        reading: how.

    Raises:
        InputError: there are no English pages, or a page is bad.
    """
    rows = Rows(source, reading)
    pages: list[_Page] = []
    for folder, language in _folders(source, rows).items():
        for path in sorted(folder.glob("*/*.md")):
            place = f"{path.parent.name}/{path.stem}"
            with reporting(rows.problems, f"{folder.name}/{place}.md"):
                pages.append(_parse(path, language, place, rows))
    for page in pages:
        text = ". ".join(line.rstrip(".") for line in (*page.about, *page.examples))
        rows.document(f"{page.language}/{page.place}", page.language, f"{page.name}: {text}")
    english = {page.place: page for page in pages if page.language == PIVOT}
    occurrences = Counter((page.language, line) for page in pages for line in set(page.examples))
    for page in pages:
        _add_queries(rows, page, english.get(page.place), occurrences)
    return rows.splits(form="tldr")


def _folders(source: Path, rows: Rows) -> dict[Path, str]:
    """Return the folders of pages and their languages, English first."""
    folders: dict[Path, str] = {}
    for folder in sorted(source.glob("pages*")) if source.is_dir() else ():
        if folder.is_dir() and not folder.is_symlink() and (found := FOLDER.match(folder.name)):
            try:
                folders[folder] = rows.tag(found[1] or PIVOT)
            except Bad as bad:
                raise InputError(f"{folder}: its name does not say the language: {bad.case}") from None
    if PIVOT not in folders.values():
        raise InputError(f"{source} holds no folder 'pages': expected the tldr-pages repository")
    return folders


def _parse(path: Path, language: str, place: str, rows: Rows) -> _Page:
    """Read a page: `# name`, `> description` lines, then `- what one does:` and a command, again and again.

    Raises:
        Bad: it has no name, no description and no example, or something of it is empty.
    """
    name, about, examples = "", [], []
    for _, line in text_lines(path, rows.problems):
        if line.startswith("# ") and not name:
            name = check_text(line[2:].strip(), "name")
        elif line.startswith("> ") and not LINK.search(line):
            about.append(line[2:].strip())
        elif line.startswith("- "):
            examples.append(check_text(line[2:].strip().rstrip(":：").strip(), "example"))
    if not name or not (about or examples):
        raise Bad("no page: a name after # and a description after > are missing", shown(place))
    return _Page(language, place, name, about, examples)


def _split(place: str) -> str:
    """Return the split of a command, by a hash of its name, so that it never changes."""
    command = place.partition("/")[2]
    share = int.from_bytes(hashlib.sha256(command.encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
    return next(split for split, end in SHARES if share < end)


def _add_queries(rows: Rows, page: _Page, english: _Page | None, occurrences: Counter[tuple[str, str]]) -> None:
    """Add the queries of a page, and itself as relevant to all queries of the command."""
    if english is None:
        rows.leave_out("page without an English one, as a question's")
        return
    split = _split(page.place)
    aligned = len(page.examples) == len(english.examples)
    if not aligned:
        rows.leave_out("page with more or fewer examples than in English, as a question's")
    for number, line in enumerate(english.examples):
        if occurrences[PIVOT, line] > 1:
            continue
        query = f"{page.place}#{number}"
        if aligned and occurrences[page.language, page.examples[number]] == 1:
            rows.query(split, query, page.language, page.examples[number])
        rows.judge(split, query, f"{page.language}/{page.place}")
