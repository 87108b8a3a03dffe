"""What a plain install does without any extra, and what it says where one is needed."""

from __future__ import annotations

import json
import re
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
import json
from isoglot.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["isoglot", *words]
    status = main()
    print("\\n" + json.dumps(["ended", status]), file=sys.stderr, flush=True)
"""


def run(*commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Give commands one after the other in a process; return of each its exit status and what it said."""
    process = [sys.executable, "-c", WITHOUT, json.dumps(commands)]
    done = subprocess.run(process, capture_output=True, text=True, check=True)
    *said, _ = re.split(r'^\["ended", (\d+)\]$', done.stderr, flags=re.MULTILINE)
    return [(int(status), " ".join(told.split())) for told, status in zip(said[::2], said[1::2], strict=True)]


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
def test_training_measuring_and_comparing_need_no_extra_and_what_does_says_which(folder: Path) -> None:
    data, model = str(folder / "data"), str(folder / "model")
    a, b = (str(folder / name) for name in ("a.json", "b.json"))
    plain = [
        ("train", "--data", data, "--out", model, "--encoder", "static", "--steps", "3", "--batch-size", "4"),
        ("evaluate", model, data, "--json", a),
        ("evaluate", model, data, "--json", b),
        ("compare", a, b),
    ]
    expected = [
        (("compare", a, b, "--html", "{folder}/page.html"), "needs altair: pip install 'isoglot[report]'"),
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
    ]
    refused = [tuple(word.format(folder=folder) for word in words) for words, _ in expected]
    ended = run(*plain, *refused)
    assert [status for status, _ in ended[: len(plain)]] == [0] * len(plain), ended
    for (status, said), (words, told) in zip(ended[len(plain) :], expected, strict=True):
        assert status == 2, (words, said)
        assert told in said
