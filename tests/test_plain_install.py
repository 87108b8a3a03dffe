"""What a plain install does without any extra, and what it says where one is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isoglot.collections import collection_from_rows, write_collection

EXTRAS = (  # transformers itself looks for peft, requests and sacremoses, and torch for jinja2
    *("altair", "babel", "bm25s", "ir_datasets", "model2vec", "mteb", "numba", "pooch", "py3langid", "pysbd"),
    *("fastapi", "lancedb", "ray", "rensa", "sacrebleu", "skeletoken", "uvicorn", "vl_convert"),
)
WITHOUT = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv[0] = "isoglot"
from isoglot.cli import main
sys.exit(main())
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ("sun", "moon", "sea", "tree", "stone", "river")
    collection = collection_from_rows(
        [
            (f"{tag}{n}", tag, "", f"{tag} page of the {word}")
            for tag in ("en", "de")
            for n, word in enumerate(words)
        ],
        [(f"q{n}", tag, f"{tag} where is the {word}") for tag in ("en", "de") for n, word in enumerate(words)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in ("en", "de") for n in range(len(words))],
    )
    found = tmp_path_factory.mktemp("plain")
    write_collection(collection, found / "data")
    return found


@pytest.mark.slow
def test_training_measuring_and_comparing_need_no_extra(folder: Path) -> None:
    data, model = str(folder / "data"), str(folder / "model")
    words = ("--encoder", "static", "--steps", "3", "--batch-size", "4")
    trained = run("train", "--data", data, "--out", model, *words)
    assert trained.returncode == 0, trained.stderr
    for name in ("a", "b"):
        measured = run("evaluate", model, data, "--json", str(folder / f"{name}.json"))
        assert measured.returncode == 0, measured.stderr
    compared = run("compare", str(folder / "a.json"), str(folder / "b.json"))
    assert compared.returncode == 0, compared.stderr
    page = run("compare", str(folder / "a.json"), str(folder / "b.json"), "--html", str(folder / "page.html"))
    assert page.returncode == 2
    assert "needs altair: pip install 'isoglot[report]'" in " ".join(page.stderr.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("data", "build", "worldfacts", "--to", "{folder}/w"),
            "worldfacts needs babel: pip install 'isoglot[data]'",
        ),
        (("index", "{folder}/m", "{folder}/data", "--to", "{folder}/i"), "an index needs lancedb: pip install"),
        (
            ("evaluate", "{folder}/m", "{folder}/data", "--engine", "ray"),
            "--engine ray needs ray: pip install 'isoglot[ray]'",
        ),
        (("data", "stats", "{folder}/data", "--html", "{folder}/p.html"), "pip install 'isoglot["),
        (("serve", "{folder}/index"), "serving an index needs fastapi: pip install 'isoglot[serve]'"),
    ],
)
def test_what_needs_an_extra_says_which(folder: Path, words: tuple[str, ...], told: str) -> None:
    done = run(*(word.format(folder=folder) for word in words))
    assert done.returncode == 2, done.stderr
    assert told in " ".join(done.stderr.split())
