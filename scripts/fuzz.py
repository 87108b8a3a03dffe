"""Fuzz the readers of collections and published forms: a collection or an `InputError`, never another end.

    python scripts/fuzz.py WORK [libFuzzer options, such as -runs=10000 -seed=1 -max_total_time=60]

WORK/sources holds, in a folder named like its form, a valid small source of each form that is to be fuzzed. Every
run puts other bytes in the place of one of their files, for its time, led by the code that the bytes reach
(atheris). Without options it runs until interrupted. A crash is written to `crash-<hash>` in the current folder,
and is repeated by giving that file as the last argument.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris
import pandas  # noqa: F401 - imported before instrumentation, which would slow it down
import pyarrow.parquet  # noqa: F401

with atheris.instrument_imports(include=["isoglot.collections"]):
    from isoglot.data.convert import Columns, Reading, read_form
from isoglot.errors import InputError


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
            read_form(source, form, reading(source.name, lenient=bool(first & 1)))
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
