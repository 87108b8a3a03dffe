"""Fuzz every reader of files: what they hold or an `InputError`, never another end.

    python scripts/fuzz.py WORK [libFuzzer options, such as -runs=10000 -seed=1 -max_total_time=60]

WORK/sources holds, in a folder named like its form or another reader (`OTHERS`), a valid small source of each that
is to be fuzzed. Every run puts other bytes in the place of one of their files, for its time, led by the code that
the bytes reach (atheris). Without options it runs until interrupted. A crash is written to `crash-<hash>` in the
current folder, and is repeated by giving that file as the last argument.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import pandas  # noqa: F401 - imported before instrumentation, which would slow it down
import pyarrow.parquet  # noqa: F401

with atheris.instrument_imports(
    include=["isoglot.collections", "isoglot.evaluation.sources", "isoglot.data.lexicons"]
):
    from isoglot.collections import collection_from_rows
    from isoglot.data.convert import Columns, Reading, read_form
    from isoglot.data.lexicons.lexicon import read_lexicon
    from isoglot.data.lexicons.wordnet import read_wordnet
    from isoglot.evaluation import Result
    from isoglot.evaluation.sources.embeddings import read_embeddings
    from isoglot.evaluation.sources.run_reading import read_run
    from isoglot.studies.recipe_files import read_recipe
    from isoglot.training.config import read_config
from isoglot.errors import InputError

COLLECTION = collection_from_rows(
    [("dé", "en", "", "a river"), ("d2", "de", "", "ein Fluss"), ("d3", "de", "", "ein Berg")],
    [("q1", "en", "river"), ("q1", "de", "Fluss")],
    [("q1", "dé", 1), ("q1", "d2", 1)],
)
OTHERS: dict[str, Callable[[Path], Any]] = {
    "npy": lambda folder: read_embeddings(folder / "q.npy", folder / "d.npy", COLLECTION),
    "parquet embeddings": lambda folder: read_embeddings(folder / "q.parquet", folder / "d.parquet", COLLECTION),
    "run": lambda folder: read_run(folder / "system.run", COLLECTION),
    "lexicon": lambda folder: read_lexicon(folder / "en-de.tsv"),
    "lexicon of MUSE": lambda folder: read_lexicon(folder / "en-de.txt"),
    "wordnet": lambda folder: read_wordnet(folder / "wn-data-pol.tab"),
    "config": lambda folder: read_config(folder / "run.yaml", {}),
    "recipe": lambda folder: read_recipe(str(folder / "tiny.yaml")),
    "result": lambda folder: Result.from_json(folder / "result.json"),
}
"""What a folder's name stands for where it is no form: a reader of the files in it."""


def reading(form: str, lenient: bool) -> Reading:
    """Say what the files of a form do not."""
    columns = Columns("question", "answer", id="n") if form == "table" else Columns()
    return Reading(language={"dpr": "en", "table": "lang"}.get(form), lenient=lenient, columns=columns)


def fuzz(work: Path, options: list[str]) -> None:
    """Fuzz the forms; the process ends with status 0 if no run ended otherwise than it may."""
    logging.disable(logging.CRITICAL)
    files = [
        (form.name, form, path, path.read_bytes())
        for form in sorted((work / "sources").iterdir())
        for path in sorted(form.rglob("*"))
        if path.is_file()
    ]
    seeds = work / "seeds"
    seeds.mkdir(exist_ok=True)
    for number, (*_, content) in enumerate(files):
        (seeds / f"{number}").write_bytes(bytes([2 * number]) + content)

    def run(data: bytes) -> None:
        # the first byte says which file the others are, and whether the reading is lenient
        first = data[0] if data else 0
        form, source, path, content = files[first // 2 % len(files)]
        path.write_bytes(data[1:])
        try:
            if form in OTHERS:
                OTHERS[form](source)
            else:
                read_form(source, form, reading(form, lenient=bool(first & 1)))
        except InputError:
            pass
        finally:
            path.write_bytes(content)

    atheris.Setup([sys.argv[0], *options, str(seeds)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    fuzz(Path(sys.argv[1]), sys.argv[2:])
