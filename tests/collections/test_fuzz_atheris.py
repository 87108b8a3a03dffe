"""A short run of the coverage-guided fuzzer on all readers; `scripts/fuzz.py` runs as long as one likes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from form_samples import SAMPLES, lay_out
from reader_samples import READERS

pytest.importorskip("atheris", reason="the fuzzer atheris is not installed: it has wheels for Linux only")
OTHERS = (
    *("npy", "parquet embeddings", "run", "lexicon", "lexicon of MUSE", "wordnet", "config", "recipe", "result"),
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"
MEMORY = Path("/dev/shm")


@pytest.mark.slow
def test_no_reader_ends_otherwise_than_it_may():
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        others = {name: one.files for name, one in READERS.items() if name in OTHERS}
        for name, files in (SAMPLES | others).items():
            lay_out(Path(folder) / "sources" / name, files)
        command = [sys.executable, str(SCRIPT), folder, "-runs=2000", "-seed=1"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 2000 runs" in done.stderr
