"""The teacher of a run: a model or files of embeddings, and its embeddings of the training collection."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import nn

from isoglot.batching.relations import english_versions
from isoglot.collections import Collection, JoinedCollection
from isoglot.collections.fingerprint import files_fingerprint, hash_of
from isoglot.collections.joining import Part
from isoglot.collections.negatives import hard_negative_rows
from isoglot.collections.scores import has_teacher_scores, teacher_score_rows
from isoglot.encoders import load_encoder, model_name
from isoglot.errors import InputError
from isoglot.evaluation.batches import Texts
from isoglot.evaluation.cache import model_fingerprint
from isoglot.evaluation.embed import Spoken, text_encoder, unit_rows
from isoglot.evaluation.sources import read_embeddings
from isoglot.objectives import TERMS, TeacherEmbeddings, TeacherScores, Terms
from isoglot.objectives.matryoshka import Matryoshka
from isoglot.objectives.teacher import OF, Of
from isoglot.objectives.terms import weighted_parts
from isoglot.training.execution.objective import GIVE_SCORES, GIVE_TEACHER

__all__ = [
    "Taught",
    "Teacher",
    "asked_of_teacher",
    "check_teacher",
    "read_teacher",
    "scores_to_learn",
    "teacher_embeddings",
]

FILES = "embeddings:"
logger = logging.getLogger(__name__)

IntArray = NDArray[np.integer[Any]]


@dataclass
class Teacher:
    """A teacher that has not seen the texts yet.

    Attributes:
        name: what it was given as.
        fingerprint: hash of the model, or of the files.
        model: the model; None where there are files. It is let go when it has embedded a collection.
        files: embeddings of queries and of documents, of each data set.
    """

    name: str
    fingerprint: str
    model: SentenceTransformer | None = None
    files: list[tuple[Path, Path]] = field(default_factory=list)


Taught: TypeAlias = Teacher | TeacherEmbeddings | SentenceTransformer | str | Path | Sequence[str]
"""A teacher, in whatever form it is given."""


def check_teacher(objective: Terms | Matryoshka, teacher: Any) -> None:
    """Refuse terms without the teacher that they need, and a teacher that no term learns from.

    Args:
        objective: terms, in whatever form they are given.
        teacher: None for none.

    Raises:
        InputError: one is there without the other.
    """
    learning = [type(one).__name__ for one in _learning(objective)]
    if learning and teacher is None:
        raise InputError(f"{learning[0]} learns from a teacher, and there is none: {GIVE_TEACHER}")
    if teacher is not None and not learning:
        choices = " or ".join(name for name, kind in TERMS.items() if kind.needs_teacher)
        raise InputError(
            f"a teacher is given, and no term of the objective learns from it: add {choices} to the objective, or "
            "leave teacher out"
        )


def _learning(objective: Terms | Matryoshka, what: str = "needs_teacher") -> list[nn.Module]:
    """Return the terms that learn from a teacher, or from scores."""
    terms = objective.objective if isinstance(objective, Matryoshka) else objective
    return [one for one, _ in weighted_parts(terms) if getattr(one, what, False)]


def asked_of_teacher(objective: Terms | Matryoshka) -> set[Of]:
    """Return whose embeddings the terms of an objective ask a teacher for: all, where one does not say."""
    asked: list[Any] = [getattr(one, "of", None) for one in _learning(objective)]
    return set(OF) if None in asked else set(asked)


def scores_to_learn(objective: Terms | Matryoshka, collection: Collection, negatives: int) -> TeacherScores | None:
    """Return the cross-encoder's scores that lie with a collection, where a term learns from them.

    Args:
        objective: terms, in whatever form they are given.
        collection: what is trained on.
        negatives: hard negatives of each query in batches.

    Raises:
        InputError: a term does, and the collection has no scores, or batches no hard negatives.
    """
    learning = [type(one).__name__ for one in _learning(objective, "needs_scores")]
    if not learning:
        return None
    if not negatives or not has_teacher_scores(collection):
        lacking = f"{collection.name} has none" if negatives else "batches have no hard negatives to be scored"
        raise InputError(f"{learning[0]} learns from a cross-encoder's scores, and {lacking}: {GIVE_SCORES}")
    offsets, documents, scores = teacher_score_rows(collection)
    return TeacherScores(offsets, documents + collection.queries.num_rows, scores, collection.query_index)


def read_teacher(given: SentenceTransformer | str | Path | Sequence[str]) -> Teacher:
    """Load a teacher.

    Args:
        given: a model, or its name or folder; or `embeddings:QUERIES,DOCUMENTS`, of several data sets a list of
            these, in their order.

    Raises:
        InputError: there is no such model or file, or there are several models.
    """
    if isinstance(given, SentenceTransformer):
        return Teacher(model_name(given), model_fingerprint(given, libraries=False) or "", given)
    names = [str(given)] if isinstance(given, str | Path) else [*given]
    if not any(name.startswith(FILES) for name in names):
        if len(names) != 1:
            raise InputError(
                f"{len(names)} models are given as the teacher ({', '.join(names)}): give one, for all data sets"
            )
        model = load_encoder(names[0])
        return Teacher(names[0], model_fingerprint(model, libraries=False) or "", model)
    files = [_two_files(name) for name in names]
    beside = [path.with_suffix(ending) for pair in files for path in pair for ending in (".ids", ".ids.gz")]
    hashes = [files_fingerprint([path]) for path in (*(path for pair in files for path in pair), *beside)]
    return Teacher(" ".join(names), hash_of(hashes), files=files)


def _two_files(name: str) -> tuple[Path, Path]:
    files = name.removeprefix(FILES).split(",")
    if not name.startswith(FILES) or len(files) != 2 or not all(files):
        raise InputError(
            f"the teacher {name!r}: name two files without commas, as embeddings:QUERIES.npy,DOCUMENTS.npy"
        )
    return Path(files[0]), Path(files[1])


def teacher_embeddings(
    teacher: Taught | None,
    collection: Collection,
    *,
    of: Iterable[Of] = OF,
    cache: str | Path | None = None,
    progress: bool = False,
) -> TeacherEmbeddings | None:
    """Return a teacher's embeddings of the texts that training on a collection may show.

    These are the queries with a relevant document, relevant documents and hard negatives, or their English
    versions. They lie in one file, of unit length, which the operating system pages in as it is read, and which is
    gone when they are.

    Args:
        teacher: who embeds them; None gives None.
        collection: the texts; of a joined one each set is embedded by itself.
        of: whose embeddings are asked for: a model embeds nothing that nobody asks for.
        cache: folder that keeps a model's embeddings (`EmbeddingCache`); None for none.
        progress: show progress bars.

    Raises:
        InputError: there is no such teacher, its files are not of these texts, or lack some, or embeddings are not
            finite.
    """
    if teacher is None or isinstance(teacher, TeacherEmbeddings):
        return teacher
    if not isinstance(teacher, Teacher):
        teacher = read_teacher(teacher)
    joined = isinstance(collection, JoinedCollection)
    parts = collection.parts if isinstance(collection, JoinedCollection) else (Part(collection, 0, 0, 0),)
    if teacher.files and len(teacher.files) != len(parts):
        raise InputError(
            f"the teacher has files of {len(teacher.files)} data sets, and there are {len(parts)}: give embeddings "
            "of each, in their order"
        )
    first_document = collection.queries.num_rows
    size = first_document + collection.documents.num_rows
    known = np.zeros(size, bool)
    matrix: NDArray[np.float32] | None = None
    # What is mapped stays readable when its name is gone.
    with tempfile.TemporaryDirectory(prefix="isoglot-teacher-", ignore_cleanup_errors=True) as folder:
        for number, part in enumerate(parts):
            if teacher.model is not None:
                found = _encoded(teacher.model, part.collection, set(of), cache, progress)
            else:
                found = _read(*teacher.files[number], part.unjoined() if joined else part.collection)
            for (rows, embeddings), start in zip(
                found, (part.first_query, first_document + part.first_document), strict=True
            ):
                if not len(rows):
                    continue
                if matrix is None:
                    shape = size, embeddings.shape[1]
                    matrix = np.memmap(Path(folder) / "embeddings", np.float32, "w+", shape=shape)
                if embeddings.shape[1] != matrix.shape[1]:
                    raise InputError(
                        f"the teacher's embeddings have {matrix.shape[1]} dimensions, and those of "
                        f"{part.collection.name} {embeddings.shape[1]}: embed all data sets with the same model"
                    )
                matrix[start + rows] = embeddings
                known[start + rows] = True
    teacher.model = None
    assert matrix is not None
    leads = english_versions(collection)
    return TeacherEmbeddings(matrix, leads, known, name=teacher.name, fingerprint=teacher.fingerprint)


Found = list[tuple[IntArray, NDArray[np.float32]]]
"""Rows of queries and their embeddings, then those of documents."""


def _asked_for(collection: Collection, of: set[Of]) -> list[IntArray]:
    """Return the query rows and document rows that are asked for, of texts that batches may hold."""
    first = collection.queries.num_rows
    documents = np.union1d(collection.relevance.documents, hard_negative_rows(collection)[1])
    shown = np.concatenate([np.flatnonzero(collection.relevant_counts > 0), first + documents]).astype(np.int64)
    rows = np.unique(np.concatenate([shown if one == "own" else english_versions(collection)[shown] for one in of]))
    return [rows[rows < first], rows[rows >= first] - first]


def _encoded(
    model: SentenceTransformer, collection: Collection, of: set[Of], cache: str | Path | None, progress: bool
) -> Found:
    """Embed what is asked for with a model, by its own prompts."""
    sides = (
        ("encode_query", "queries", collection.query_column, collection.query_language),
        ("encode_document", "documents", collection.document_column, collection.document_language),
    )
    found = []
    with text_encoder(model, cache=cache, progress=progress) as encode:
        for rows, (method, what, read, language) in zip(_asked_for(collection, of), sides, strict=True):
            embeddings = np.empty((0, 0), np.float32)
            if len(rows):
                texts = Texts(len(rows), lambda at, rows=rows, read=read: read(rows[at]).to_pylist())  # type: ignore[misc]
                embeddings = encode(method, texts, Spoken(language[rows], collection.languages))
                embeddings = unit_rows(embeddings, f"the {what} of {collection.name}", len(rows))
            found.append((rows, embeddings))
    return found


def _read(queries: Path, documents: Path, collection: Collection) -> Found:
    """Read the embeddings of a collection from files."""
    asked, answers = read_embeddings(queries, documents, collection, sample=True)
    judged = collection.judged_query_rows()
    rows = judged if len(asked) == len(judged) else np.arange(len(asked))
    return [
        (rows, unit_rows(asked, f"the queries in {queries}", len(asked))),
        (np.arange(len(answers)), unit_rows(answers, f"the documents in {documents}", len(answers))),
    ]
