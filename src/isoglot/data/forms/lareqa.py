"""The LAReQA form: SQuAD JSON with sentence breaks, one file per language (XQuAD-R, MLQA-R).

Source: Roy et al., "LAReQA: Language-agnostic answer retrieval from a multilingual pool", arXiv 2004.05484;
https://github.com/google-research-datasets/lareqa.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from isoglot.collections.collection import Collection
from isoglot.data.forms.files import Bad, check_id, is_blank, reporting, shown, take
from isoglot.data.forms.names import stem_of
from isoglot.data.forms.rows import Candidates, Reading, Rows
from isoglot.data.forms.squad import paragraphs
from isoglot.errors import InputError
from isoglot.languages.names import is_also_a_word, language_in_name
from isoglot.languages.tags import Tags

__all__ = ["is_lareqa", "read_lareqa"]


def is_lareqa(folder: Path) -> bool:
    """Tell whether a folder holds one JSON file per language, and none of the files of a collection."""
    if not folder.is_dir() or any(folder.glob("corpus.*")) or any(folder.glob("queries.*")):
        return False
    names = [stem_of(path.name) for path in _json_files(folder)]
    return any(language_in_name(name) and not is_also_a_word(name) for name in names)


def _json_files(folder: Path) -> list[Path]:
    paths = (*folder.glob("*.json"), *folder.glob("*.json.gz"))
    return sorted(path for path in paths if not path.name.startswith("."))


def read_lareqa(
    source: str | Path,
    candidates: Candidates = "sentence",
    *,
    language: str | None = None,
    lenient: bool = False,
    label: str | None = None,
    keep_tags: bool = False,
) -> Collection:
    """Read a collection in the LAReQA form.

    Each paragraph has `context`, `qas` (questions with `id`, `question` and `answers`) and `sentence_breaks`:
    [start, end) offsets in characters of its sentences. A question's id is shared by its translations, so the
    sentence (or paragraph) that holds its answer is relevant in every language that has the question. The
    answer's place is the start of the first answer; it may run on into the next sentence. Other answers must
    be right too, but make nothing relevant.

    Document ids are `<language>/<article>/<paragraph>/<sentence>`, counted from 0, without the last part
    where paragraphs are retrieved. With `sentence`, XQuAD-R has the 13,014 candidates its authors report.

    Args:
        source: a folder with a file `<language>.json` for each language, or one such file.
        candidates: what is retrieved: each `sentence`; each sentence with its paragraph (`sentence+context`:
            the text is the sentence, a line break, then the whole paragraph, as in the paper, where
            the encoder reads a sentence in its context); or each `paragraph`.
        language: tag of the texts of a single file; without it, and in a folder, the file's name is the tag.
        lenient: leave bad paragraphs and questions out and say how many, instead of failing. A file that is
            no JSON at all is an error all the same.
        label: what messages call the source; its path if None.
        keep_tags: leave language tags as they are written.

    Raises:
        InputError: there is no such file, a file's name is no language, it is not JSON of this form, sentence
            breaks overlap or lie outside the paragraph, or an answer lies outside it or in no sentence.
    """
    if candidates not in get_args(Candidates):
        raise InputError(f"--candidates {candidates!r} is none of {', '.join(get_args(Candidates))}")
    source = Path(source)
    rows = Rows(source, Reading(language=language, lenient=lenient, label=label, keep_tags=keep_tags))
    files = _files(source, rows.tags)
    for tag, path in files.items():
        for number, _, place, content in paragraphs(path, rows.problems):
            with reporting(rows.problems, place):
                _add_paragraph(rows, candidates, tag, f"{tag}/{number}", place, content)
    if not lenient:
        rows.problems.finish()
    for what, count in zip(("paragraphs", "questions"), rows.sizes, strict=True):
        if not count:
            raise InputError(f"{source} holds no {what}")
    return rows.splits(candidates=candidates)[None]


def _files(source: Path, tags: Tags) -> dict[str, Path]:
    """Return the files to read by canonical language tag."""
    if source.is_dir():
        if tags.default is not None:
            raise InputError(f"{source} is a folder: its file names give the languages; leave --lang out")
        paths = _json_files(source)
        if not paths:
            raise InputError(f"{source} has no files named <language>.json, such as de.json")
    elif source.is_file():
        paths = [source]
    else:
        raise InputError(f"{source} is missing: expected a folder with a file <language>.json per language")
    files: dict[str, Path] = {}
    for path in paths:
        code = tags.default or stem_of(path.name)
        if tags.default is None and language_in_name(code) is None:
            raise InputError(f"{path}: its name does not say the language, as de.json or zh-CN.json does")
        if (tag := tags(code)) in files:
            raise InputError(f"{files[tag]} and {path} are both of the language {tag}; keep one")
        files[tag] = path
    return files


def _sentences(context: str, breaks: list[Any]) -> list[tuple[int, int]]:
    """Return the sentence breaks of a paragraph, checked: in order, apart, within it and around some text."""
    last = 0
    for number, span in enumerate(breaks):
        case = f"{shown(span)} of sentence {number}"
        if not isinstance(span, list) or len(span) != 2 or any(type(offset) is not int for offset in span):
            raise Bad("a sentence break is not [start, end]", case)
        start, end = span
        if not 0 <= start < end <= len(context):
            raise Bad("sentence breaks out of range", f"{case}, the paragraph has {len(context)} characters")
        if start < last:
            raise Bad("sentence breaks overlap or are out of order", f"{case}, the one before ends at {last}")
        if not context[start:end].strip():
            raise Bad("a sentence is empty", case)
        last = end
    return [(start, end) for start, end in breaks]


def _answer_sentence(answers: list[Any], context: str, sentences: list[tuple[int, int]]) -> int:
    """Return the number of the sentence in which the first answer begins, having checked all answers."""
    found = []
    for answer in answers:
        text = "" if is_blank(answer, "text") else take(answer, "text", str)  # the place alone is used
        start = take(answer, "answer_start", int)
        if not 0 <= start <= start + len(text) <= len(context):
            case = f"{text[:40]!r} at {start}, the paragraph has {len(context)} characters"
            raise Bad("an answer outside its paragraph", case)
        start += len(text) - len(text.lstrip())  # spaces between sentences belong to neither
        holding = [number for number, (begin, end) in enumerate(sentences) if begin <= start < end]
        if not holding:
            raise Bad("an answer in no sentence", f"{text[:40]!r} at {start}")
        found += holding
    if not found:
        raise Bad("a question without an answer")
    return found[0]


def _add_paragraph(rows: Rows, candidates: Candidates, tag: str, name: str, place: str, content: Any) -> None:
    """Add a paragraph's candidates and questions; report questions that are bad.

    Raises:
        Bad: the paragraph as a whole is.
    """
    context = take(content, "context", str)
    sentences = _sentences(context, take(content, "sentence_breaks", list))
    questions = take(content, "qas", list)
    if candidates == "paragraph":
        rows.document(name, tag, context)
    else:
        after = f"\n{context}" if candidates == "sentence+context" else ""
        for number, (start, end) in enumerate(sentences):
            rows.document(f"{name}/{number}", tag, context[start:end] + after)
    for number, entry in enumerate(questions):
        with reporting(rows.problems, f"{place} question {number}"):
            query = take(entry, "id", str)
            with reporting(rows.problems, f"{place} question {query!r}"):
                if rows.has_query(check_id(query), tag):
                    raise Bad("duplicate question id")
                question = take(entry, "question", str)
                sentence = _answer_sentence(take(entry, "answers", list), context, sentences)
                document = name if candidates == "paragraph" else f"{name}/{sentence}"
                rows.query(None, query, tag, question, relevant=[document])
