"""Every reader of files of the project: small sound files for it, and what it makes of them as plain values."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from form_samples import COLUMNS, LANGUAGES, SAMPLES, Files, as_lines, documents, extras, judged, lay_out, queries

from isoglot.collections import Collection, collection_from_rows, read_collection
from isoglot.data.convert import Reading, read_form
from isoglot.data.forms.columns import Columns
from isoglot.data.lexicons.lexicon import read_lexicon
from isoglot.data.lexicons.wordnet import read_wordnet
from isoglot.errors import InputError
from isoglot.evaluation import Result, evaluate_embeddings
from isoglot.evaluation.sources.embeddings import read_embeddings
from isoglot.evaluation.sources.run_reading import read_run
from isoglot.studies.recipe_files import read_recipe
from isoglot.training.config import read_config

READ = {
    "documents": [("dé", "en", "", "a river"), ("d2", "de", "", "ein Fluss"), ("d3", "de", "", "ein Berg")],
    "queries": [("q1", "en", "river"), ("q1", "de", "Fluss")],
    "qrels": [("q1", "dé", 1), ("q1", "d2", 1)],
}
COLLECTION = collection_from_rows(READ["documents"], READ["queries"], READ["qrels"], name="read")


def plain(collection: Collection) -> Any:
    """All that a collection says, but for its name."""
    scores = sorted(
        (str(collection.query_ids[int(query)]), str(collection.documents["_id"][int(document)]))
        for query, document in zip(collection.relevance.queries, collection.relevance.documents, strict=True)
    )
    return documents(collection), queries(collection), extras(collection), judged(collection), scores


def of_form(form: str, source: str = "", corpus: str | None = None) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        language = LANGUAGES.get(form) if corpus is None else "en"
        path = None if corpus is None else folder / corpus
        reading = Reading(language=language, corpus=path, columns=COLUMNS.get(form, Columns()))
        splits = read_form(folder / source, form, reading)
        return {split: (plain(one), one.metadata.get("left_out")) for split, one in splits.items()}

    return read


def as_npy(rows: Any) -> bytes:
    target = io.BytesIO()
    np.save(target, rows)
    return target.getvalue()


def as_parquet(table: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(table), target)
    return target.getvalue()


def embeddings(queries: str, documents: str) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        return tuple(table.tolist() for table in read_embeddings(folder / queries, folder / documents, COLLECTION))

    return read


def run(folder: Path) -> Any:
    found = read_run(folder / "system.run", COLLECTION)
    return found.queries.tolist(), found.documents.tolist(), found.scores.tolist(), found.tag


def result(folder: Path) -> Any:
    read = Result.from_json(folder / "result.json")
    return read.to_dict(), {name: values.tolist() for name, values in read.per_query.items()}


def _result_files() -> Files:
    rng = np.random.default_rng(0)
    found = evaluate_embeddings(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), COLLECTION, bootstrap=0)
    target = io.BytesIO()
    pq.write_table(pa.table(found.per_query), target)
    text = json.dumps(found.to_dict(), ensure_ascii=False, indent=1) + "\n"
    return {"result.json": text.encode(), "result.queries.parquet": target.getvalue()}


TREC: Files = {
    "corpus.jsonl": as_lines(
        *({"_id": one, "lang": tag, "title": title, "text": text} for one, tag, title, text in READ["documents"]),
    ),
    "queries.jsonl": as_lines(
        *({"_id": one, "lang": tag, "text": text} for one, tag, text in READ["queries"]),
    ),
    "qrels.tsv": "q1 0 dé 1\nq1 0 d2 1\n".encode(),
    "collection.yaml": "name: Flüsse\nkeep_tags: false\n".encode(),
}
VECTORS = np.arange(15, dtype=np.float32).reshape(5, 3)
CONFIG = {"data": "Flüsse", "out": "model", "encoder": "static", "strategy": "hybrid", "steps": 4}
RECIPE = {
    "name": "tiny",
    "title": "a study of nothing é",
    "question": "Does it run?",
    "hypothesis": "It does.",
    "profiles": {
        "embedded": {
            "data": {"train": {"collection": "train"}},
            "train": {"data": "train", "encoder": "static", "steps": 4},
            "seeds": [0],
            "arms": {"mono": {"train": {"strategy": "monolingual"}}, "hybrid": {"train": {"strategy": "hybrid"}}},
            "evaluate": [{"name": "test", "data": "train", "measures": ["AP"]}],
        }
    },
}


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes:
        files: sound ones, by their place in a folder.
        read: what it makes of a folder with such files: plain values that can be compared.
    """

    files: Files
    read: Callable[[Path], Any]


def as_yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode()


READERS: dict[str, Reader] = {
    **{form: Reader(files, of_form(form)) for form, files in SAMPLES.items() if form != "jsonl"},
    "mkqa with passages": Reader(
        {
            "q/mkqa.jsonl": gzip.decompress(SAMPLES["mkqa"]["mkqa.jsonl.gz"]),
            "psgs.tsv": 'id\ttext\ttitle\n7\tby Ridley Scott\tFilmé\n8\t"in 2000, ""he"" said"\tFilm\n'.encode(),
        },
        of_form("mkqa", "q", "psgs.tsv"),
    ),
    "trec judgments": Reader(TREC, lambda folder: (plain(read := read_collection(folder)), read.name)),
    "npy": Reader(
        {
            "q.npy": as_npy(VECTORS[:2]),
            "d.npy": as_npy(VECTORS[2:]),
            "q.ids": b"q1\tde\nq1\ten\n",
            "d.ids": "d2\ndé\nd3\n".encode(),
        },
        embeddings("q.npy", "d.npy"),
    ),
    "parquet embeddings": Reader(
        {
            "q.parquet": as_parquet({"_id": ["q1", "q1"], "lang": ["de", "en"], "embedding": VECTORS[:2].tolist()}),
            "d.parquet": as_parquet({"_id": ["d2", "d3", "dé"], "embedding": VECTORS[2:].tolist()}),
        },
        embeddings("q.parquet", "d.parquet"),
    ),
    "run": Reader(
        {"system.run": "q1@en Q0 dé 1 2.5 mine\nq1@en Q0 d2 2 1.5 mine\nq1@de Q0 d3 1 1 mine\n".encode()}, run
    ),
    "lexicon": Reader(
        {"en-de.tsv": "river\tFluss\nwell\tgut\nwell\tschön\n".encode()},
        lambda folder: dict(read_lexicon(folder / "en-de.tsv").translations),
    ),
    "lexicon of MUSE": Reader(
        {"en-de.txt": "river Fluss\nwell gut\nwell schön\n".encode()},
        lambda folder: dict(read_lexicon(folder / "en-de.txt").translations),
    ),
    "wordnet": Reader(
        {"wn-data-pol.tab": "# plWordNet\tpol\thttp://x\tfree\n1-n\tlemma\trzeka\n2-n\tlemma\tżółw\n".encode()},
        lambda folder: read_wordnet(folder / "wn-data-pol.tab"),
    ),
    "config": Reader(
        {"run.yaml": as_yaml(CONFIG)}, lambda folder: read_config(folder / "run.yaml", {}).model_dump()
    ),
    "recipe": Reader(
        {"tiny.yaml": as_yaml(RECIPE)}, lambda folder: read_recipe(str(folder / "tiny.yaml")).model_dump()
    ),
    "result": Reader(_result_files(), result),
}


def read_sound(root: Path) -> dict[str, Any]:
    """What each reader makes of its sound files, laid out in a folder."""
    return {name: one.read(lay_out(root / name, one.files)) for name, one in READERS.items()}


def unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def refusal(reader: str, folder: Path) -> str:
    """The sentence in which a reader refuses a folder."""
    with pytest.raises(InputError) as caught:
        READERS[reader].read(folder)
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    assert "pickle" not in told
    assert told.count("is not valid JSON") <= 1
    return told


def names(told: str, name: str) -> bool:
    """Whether a sentence names a file, or the two files that go together by what their names share."""
    file = Path(name)
    return any(part in told for part in (file.name, file.stem) if part)
