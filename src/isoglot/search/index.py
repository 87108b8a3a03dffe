"""`Index`: documents of all languages on disk, searched by questions in any language."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.arrow import take_rows
from isoglot.collections.collection import Collection
from isoglot.encoders import load_encoder
from isoglot.errors import InputError
from isoglot.evaluation.batches import BATCH_SIZE
from isoglot.evaluation.fair import check_fair, fair_ranking
from isoglot.languages.matching import match_tag
from isoglot.languages.tags import read_tag
from isoglot.measures import plural
from isoglot.names import did_you_mean
from isoglot.search.embedding import embed_documents, embed_query, embedding_bar, vector_fingerprint
from isoglot.search.integrity import check_index, is_local, writing_alone
from isoglot.search.rows import Rows, documents_of
from isoglot.search.settings import Settings, read_settings
from isoglot.search.table import (
    add_rows,
    connect,
    count_languages,
    delete_rows,
    missing_ids,
    nearest_rows,
    open_documents,
    rows_of,
    tidy,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["MOST", "Hit", "Index", "open_index"]

MOST = 1000
"""Largest k."""
CANDIDATES = 100
"""Documents of each language that a fair ranking chooses from, at least."""
BLOCK = 1024
"""Documents that are embedded and written together where an index is updated."""


@dataclass(frozen=True)
class Hit:
    """A document that was found.

    Attributes:
        id: the document's.
        language: its tag.
        title: its title; may be empty.
        text: its text.
        score: cosine of question and document; in a hybrid or fair ranking, what these rank by.
        rank: from 1.
    """

    id: str
    language: str
    title: str
    text: str
    score: float
    rank: int


class Index:
    """Documents with their vectors, in LanceDB; made by `build_index`, opened by `open_index`.

    Several threads and processes may search it, and see what others write by the next question.

    Attributes:
        path: where it is.
    """

    def __init__(
        self, path: str | Path, database: Any, settings: Settings, model: SentenceTransformer | None
    ) -> None:
        self.path = str(path)
        self._database, self._settings = database, settings
        self._table = open_documents(database, settings.dimension)
        self._model = model
        self._encoding = threading.Lock()  # tokenizers are set up anew by every call
        self._counted: tuple[int, dict[str, int]] | None = None

    def __len__(self) -> int:
        count: int = self._table.count_rows()
        return count

    def __repr__(self) -> str:
        return f"Index({self.path!r}: {len(self):,} documents, {len(self.languages)} languages, {self.model_name})"

    @property
    def name(self) -> str:
        """Name of the collection that it was built of."""
        return self._settings.name

    @property
    def model_name(self) -> str:
        """Name or folder of the model that made its vectors."""
        return self._settings.model or "a model given in Python"

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return self._settings.dimension

    @property
    def repair(self) -> str | None:
        """Method by which the model was repaired; None if it was not."""
        return self._settings.repair

    @property
    def languages(self) -> dict[str, int]:
        """How many documents each language has, by tag."""
        version = self._table.version
        if self._counted is None or self._counted[0] != version:
            self._counted = version, count_languages(self._table)
        return dict(self._counted[1])

    @property
    def model(self) -> SentenceTransformer:
        """The model that made its vectors; loaded when it is first needed.

        Raises:
            InputError: it is no longer where it was, or is another one.
        """
        with self._encoding:
            return self._loaded()

    def _loaded(self) -> SentenceTransformer:
        if self._model is None:
            name = self._settings.model
            remedy = f"give it: open_index({self.path!r}, model), or --model"
            if name is None:
                raise InputError(f"the model of {self.path} was given in Python, without a name: {remedy}")
            try:
                model = load_encoder(name, **self._settings.loading)
            except InputError as error:
                raise InputError(
                    f"{self.path} cannot be searched, for {error}; if the model moved, {remedy}"
                ) from None
            check_model(self.path, self._settings, model)
            self._model = model
        return self._model

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        language: str | None = None,
        within: Sequence[str] | None = None,
        fair: str | None = None,
        hybrid: bool = False,
    ) -> list[Hit]:
        """Find the documents that answer a question.

        Args:
            query: the question, in any language.
            k: most documents, 1 to `MOST`.
            language: tag of the question, for models that ask for it.
            within: tags of the languages in which documents are sought; all if None.
            fair: `calibrate`, `fuse` or `quota` (`fair_ranking`), over the best `CANDIDATES` documents, or k, of
                each language; quotas are the languages' shares of the index. None for the best scores.
            hybrid: seek the question's words as well, and fuse both rankings.

        Returns:
            The documents, best first.

        Raises:
            InputError: the question is empty, k is out of range, a tag is none or the index has no document of it,
                there is no such fair ranking, or the model is not the index's.
        """
        if not 1 <= k <= MOST:
            raise InputError(f"k must be from 1 to {MOST}, not {k}")
        if fair is not None:
            check_fair(fair)
        tags = None if within is None else self._tags(within)
        spoken = None if language is None else read_tag(language, "language")
        vector = self._embedded(query, spoken)
        text = query if hybrid else None
        if fair is None:
            found = nearest_rows(self._table, vector, k, languages=tags, text=text)
        else:
            found = self._fairly(fair, vector, k, tags or list(self.languages), text)
        return [Hit(rank=rank, **row) for rank, row in enumerate(found[:k], 1)]

    def _tags(self, within: Sequence[str]) -> list[str]:
        known = self.languages
        tags = list(dict.fromkeys(read_tag(tag, "within") for tag in within))
        for tag in tags:
            if tag not in known:
                has = ", ".join(known) or "none"
                near = match_tag(tag, known)
                meant = did_you_mean(tag, known) if near is None else f" (did you mean {near}?)"
                raise InputError(f"{self.path} has no document in {tag!r}{meant}; it has {has}")
        return tags

    def _fairly(
        self, method: str, vector: NDArray[np.float32], k: int, tags: list[str], text: str | None
    ) -> list[dict[str, Any]]:
        """Return the k best documents of candidates that every language has some of, ranked fairly."""
        depth = max(k, CANDIDATES)
        by_language = [nearest_rows(self._table, vector, depth, languages=[tag], text=text) for tag in tags]
        rows = [row for found in by_language for row in found]
        codes = np.repeat(np.arange(len(tags)), [len(found) for found in by_language])
        counts = self.languages
        sizes = np.array([counts.get(tag, 0) for tag in tags])
        order, scores = fair_ranking(np.array([row["score"] for row in rows]), codes, method, sizes=sizes)
        return [{**rows[at], "score": float(scores[at])} for at in order[:k]]

    def _embedded(self, query: str, language: str | None) -> NDArray[np.float32]:
        """Return the vector of a question, if it is of the model that made the index as it is now."""
        with self._encoding:
            vector = embed_query(self._loaded(), query, language)
        settings = read_settings(self._database, self.path)
        if settings != self._settings:
            raise InputError(f"{self.path} was removed or built anew by another model: open it again")
        if len(vector) != self.dimension:
            raise InputError(_other_dimensions(self.path, self.dimension, len(vector)))
        return vector

    def upsert(
        self, rows: Collection | Iterable[Rows], *, batch_size: int = BATCH_SIZE, progress: bool = False
    ) -> int:
        """Add documents, or replace those of the same ids; what returned is on disk.

        It is written in blocks, each whole or not at all: after a kill those before are there.

        Args:
            rows: a collection, whose documents are taken; or documents as (id, language, title, text), or as
                mappings with the keys `_id`, `lang`, `text` and, if there is one, `title`.
            batch_size: most texts of a forward pass.
            progress: show a bar.

        Returns:
            How many.

        Raises:
            InputError: an id is there twice, a tag is none, a text is empty, or the model is not the index's.
        """
        documents = documents_of(rows)
        table, total = documents.documents, documents.documents.num_rows
        with embedding_bar(total, progress) as tell:
            for start in range(0, total, BLOCK):
                at = np.arange(start, min(start + BLOCK, total))
                texts, block = documents.document_texts(at), take_rows(table, at)
                with self._encoding:
                    languages = block["lang"].to_pylist()
                    vectors = embed_documents(self._loaded(), texts, languages, batch_size=batch_size)
                if vectors.shape[1] != self.dimension:
                    raise InputError(_other_dimensions(self.path, self.dimension, vectors.shape[1]))
                with writing_alone(self.path):
                    add_rows(self._table, rows_of(block, texts, vectors))
                tell(start + len(at))
        with writing_alone(self.path):
            tidy(self._table)
        return total

    def delete(self, ids: Sequence[str], *, strict: bool = False) -> int:
        """Delete documents by id. What returned is on disk.

        Args:
            ids: the documents'.
            strict: delete nothing if an id is not there, instead of passing it over.

        Returns:
            How many there were.

        Raises:
            InputError: `strict`, and an id is not there.
        """
        wanted = list(dict.fromkeys(ids))
        if strict and (missing := missing_ids(self._table, wanted)):
            what = f"{len(missing):,} of {plural(len(wanted), 'id')}"
            raise InputError(
                f"{self.path} has no document for {what}, such as {missing[0]!r}: nothing was deleted; leave them "
                "out, or pass them over with --lenient"
            )
        with writing_alone(self.path):
            count = delete_rows(self._table, wanted)
            tidy(self._table)
        return count


def open_index(
    path: str | Path, model: SentenceTransformer | str | Path | None = None, *, check: bool = True
) -> Index:
    """Open an index.

    Args:
        path: of an index that `build_index` or `isoglot index` made; a folder, or an address such as `s3://…`.
        model: the model that made it, or its name or folder if that is another now; None for the one that it names,
            which is loaded when it is first needed.
        check: see that its files are as they were written, which reads all of it once; not in an object store.

    Raises:
        InputError: there is no index, it is not finished or damaged, the model is not the one that made it, or
            LanceDB is not installed.
    """
    if is_local(path) and not Path(path).is_dir():
        raise InputError(f"there is no index {path}: build it by isoglot index MODEL DATA --to {path}")
    database = connect(path)
    settings = read_settings(database, str(path))
    if settings is None:
        raise InputError(f"{path} is not an index: build one by isoglot index MODEL DATA --to DIR")
    if not settings.complete:
        raise InputError(f"the index {path} is not finished: repeat the command that built it, and it goes on")
    if check:
        check_index(path)
    if isinstance(model, str | Path):
        model = load_encoder(model, **settings.loading)
    if model is not None:
        check_model(str(path), settings, model)
    return Index(path, database, settings, model)


def check_model(path: str, settings: Settings, model: Any) -> None:
    """See that a model is the one that made an index.

    Raises:
        InputError: it is another.
    """
    dimension = getattr(model, "get_embedding_dimension", lambda: None)()
    if dimension is not None and dimension != settings.dimension:
        raise InputError(_other_dimensions(path, settings.dimension, dimension))
    if settings.fingerprint is not None and settings.fingerprint != vector_fingerprint(model):
        raise InputError(
            f"{path} is an index of another model, or of {settings.model or 'this one'} before it was changed: "
            "search it with the model that made it, or build it anew"
        )


def _other_dimensions(path: str, dimension: int, given: int) -> str:
    return (
        f"{path} is an index of another model: its vectors have {dimension} dimensions, this model's {given}; "
        "search it with the model that made it, or build it anew"
    )
