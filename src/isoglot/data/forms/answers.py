"""Relevance by answer match: of a corpus of passages, those that hold an answer of a question are relevant to it.

Source: the measure of open-domain retrieval since DrQA (Chen et al., arXiv 1704.00051) and DPR (Karpukhin et al.,
arXiv 2004.04906): a passage counts if the words of an answer occur in it, one after the other.
"""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import langcodes
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex

from isoglot.collections.building import TEXT_COLUMNS
from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_documents
from isoglot.data.forms.files import default_tag
from isoglot.data.forms.passages import read_table
from isoglot.errors import InputError

__all__ = ["ANSWERS", "answer_tokens", "judge_by_answers", "read_passages"]

ANSWERS = "answers"
"""The key of a query's line that holds its answers: a list of texts, in the version's language."""

# Scripts written without spaces between words: there a word is looked for as a run of characters.
SCRIPTS = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan")
UNSPACED = "[" + "".join(rf"\p{{{name}}}" for name in SCRIPTS) + r"--[\p{M}\p{P}\p{Z}\p{C}]]"
ANY_UNSPACED = regex.compile(UNSPACED, regex.V1)
TOKEN = regex.compile(rf"{UNSPACED}\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}]--{UNSPACED}]+|[^\p{{Z}}\p{{C}}]", regex.V1)
# The same for texts that have none of those scripts, or ASCII only: two and four times as fast.
SPACED_TOKEN = regex.compile(r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]")
ASCII_TOKEN = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")

PASSAGE = list(TEXT_COLUMNS["documents"])

CHUNK = 16_384  # passages held as Python objects at a time


def answer_tokens(text: str) -> list[str]:
    """Split a text as answers are matched: without regard to case, in Unicode's decomposed form (NFD).

    A token is a run of letters, digits and marks, or one other character that is no space; of scripts that are
    written without spaces (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan), one character with its marks. For other
    scripts this is DPR's tokenizer.
    """
    if text.isascii():
        return ASCII_TOKEN.findall(text.lower())
    text = unicodedata.normalize("NFD", text).lower()
    return (TOKEN if ANY_UNSPACED.search(text) else SPACED_TOKEN).findall(text)


class _Finder:
    """Finds which of many answers occur in a text, in time that hardly depends on how many there are."""

    def __init__(self) -> None:
        self.queries: dict[tuple[str, ...], list[int]] = {}
        self.lengths: dict[str, set[int]] = defaultdict(set)

    def add(self, answer: str, query: int) -> None:
        tokens = tuple(answer_tokens(answer))
        if tokens:
            known = self.queries.setdefault(tokens, [])
            if not known or known[-1] != query:
                known.append(query)
            self.lengths[tokens[0]].add(len(tokens))

    def find(self, text: str) -> list[int]:
        """Return the queries, each once and in order, that an answer in this text belongs to."""
        tokens = answer_tokens(text)
        if self.lengths.keys().isdisjoint(tokens):
            return []
        found: set[int] = set()
        for start, token in enumerate(tokens):
            for length in self.lengths.get(token, ()):
                found.update(self.queries.get(tuple(tokens[start : start + length]), ()))
        return sorted(found)


def _language(tag: str) -> str:
    """Return a tag without region and script: answers in `zh-CN` are looked for in texts in `zh`."""
    return langcodes.Language.get(tag).language or tag


def _finders(queries: Collection) -> dict[str, _Finder]:
    """Return, for each language, what finds the answers that the query versions of this language have."""
    finders: dict[str, _Finder] = defaultdict(_Finder)
    if "extra" not in queries.queries.column_names:
        return finders
    columns = (queries.queries[name].to_pylist() for name in ("lang", "extra"))
    for query, tag, extra in zip(queries.query_index.tolist(), *columns, strict=True):
        answers = json.loads(extra).get(ANSWERS, []) if extra else []
        if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
            name = queries.query_ids[query].as_py()
            raise InputError(f"{queries.name}: {ANSWERS!r} of the query {name!r} ({tag}) is not a list of texts")
        for answer in answers:
            finders[_language(tag)].add(answer, query)
    return finders


def judge_by_answers(queries: Collection, corpus: pa.Table) -> Collection:
    """Return a collection of these queries and these passages, relevant where a passage holds an answer.

    A passage is searched, title and text, for the answers in its own language, and is relevant to all versions of
    the query: a Thai question is answered by an English passage that holds the English answer. A query whose
    answers no passage holds keeps its place without judgments.

    Such relevance is cheap and imperfect: a passage may hold the words of an answer and answer nothing. With it,
    `Success@k` is the recall@k that DPR and BGE-M3 report, over the questions that some passage answers.

    Args:
        queries: the queries, their answers under the key `answers` (see `ANSWERS`); its documents and judgments
            are not used.
        corpus: passages, with columns `_id`, `lang` (canonical), `title` and `text`.

    Raises:
        InputError: answers are not lists of texts, or no passage holds any.
    """
    finders = _finders(queries)
    query, document = array("i"), array("i")
    row = 0
    for batch in corpus.select(["lang", "title", "text"]).to_batches(max_chunksize=CHUNK):
        columns = (batch.column(name).to_pylist() for name in ("lang", "title", "text"))
        for tag, title, text in zip(*columns, strict=True):
            finder = finders.get(_language(tag))
            if finder is not None:
                found = finder.find(f"{title}\n{text}")
                query.extend(found)
                document.extend([row] * len(found))
            row += 1
    if not query:
        languages = ", ".join(sorted(set(pc.unique(corpus["lang"]).to_pylist())))
        raise InputError(
            f"no passage of the corpus ({languages}) holds an answer of {queries.name}, whose answers are in "
            f"{', '.join(sorted(finders)) or 'no language: its queries have none'}"
        )
    judged = np.frombuffer(query, np.int32)
    judgments = pa.table(
        {
            "query": pa.array(judged, pa.int32()),
            "document": pa.array(np.frombuffer(document, np.int32), pa.int32()),
            "score": pa.array(np.ones(len(judged), np.int32)),
        }
    )
    unanswered = len(queries.query_ids) - len(np.unique(judged))
    metadata = queries.metadata | {"relevance": "answer match", "queries_without_relevant": unanswered}
    return replace(queries, documents=corpus, judgments=judgments, metadata=metadata)


def read_passages(source: Path, language: str | None = None, lenient: bool = False) -> pa.Table:
    """Read the passages that are to be retrieved from.

    Args:
        source: a collection folder or BEIR folder, of which only `corpus.jsonl` or `corpus.parquet` is read; or a
            table of tab-separated `id, text, title` as DPR's `psgs_w100.tsv` (`read_table`).
        language: tag of passages that have none; a table's have none.
        lenient: leave bad rows out and say how many, instead of failing.

    Returns:
        A table with columns `_id`, `lang`, `title` and `text`; ids are unique.

    Raises:
        InputError: the source is none, has bad rows, or holds no passage; a table's language is not given.
    """
    if source.is_dir():
        passages = read_documents(source, language=language, lenient=lenient).documents.select(PASSAGE)
    elif source.is_file():
        passages = read_table(source, default_tag(language, source), lenient)
    else:
        raise InputError(
            f"{source} is missing: expected a folder with corpus.jsonl, or a table such as psgs_w100.tsv"
        )
    if not passages.num_rows:
        raise InputError(f"{source} holds no passage")
    return passages
