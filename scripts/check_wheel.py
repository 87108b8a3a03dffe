"""Build wheel and sdist, look into them, and try the wheel in empty environments of every Python that is here.

    python scripts/check_wheel.py                         # builds, and says what is in both
    python scripts/check_wheel.py --install               # also installs it for each Python from 3.10 on
    python scripts/check_wheel.py --install 3.11 3.12     # into these
    python scripts/check_wheel.py --install 3.11 --sizes  # also says how large the peer alone is
    python scripts/check_wheel.py --sizes                 # both as they are in the environment that runs this

In every environment, pinned by constraints.txt, without the source and without a cache: `isoglot --version`,
`isoglot doctor`, a collection of four texts on which a static encoder is trained and measured, and, once the extra
`report` is installed, `isoglot demo`. Environments are removed as soon as they are tried. The exit status is 1 if
anything is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from email import message_from_string
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OLDEST, PEER = 10, "sentence-transformers"
SEED = ("pip", "setuptools", "pkg_resources", "_distutils_hack")  # of an empty environment
TORCH = ("torch", "functorch", "nvidia", "triton", "cuda")
FACTS = {  # two questions, each with an answer, in two languages: fewer teach nothing
    "q1": {
        "en": ("capital of Canada", "Ottawa is the capital of Canada"),
        "de": ("Hauptstadt von Kanada", "Ottawa ist die Hauptstadt von Kanada"),
    },
    "q2": {
        "en": ("capital of Switzerland", "Bern is the capital of Switzerland"),
        "de": ("Hauptstadt der Schweiz", "Bern ist die Hauptstadt der Schweiz"),
    },
}
EACH = [(name, tag, *texts) for name, versions in FACTS.items() for tag, texts in versions.items()]
DATA = {
    "corpus.jsonl": "".join(
        f'{{"_id": "{tag}/{name}", "lang": "{tag}", "text": "{answer}"}}\n' for name, tag, _, answer in EACH
    ),
    "queries.jsonl": "".join(
        f'{{"_id": "{name}", "lang": "{tag}", "text": "{question}"}}\n' for name, tag, question, _ in EACH
    ),
    "qrels.tsv": "query-id\tcorpus-id\tscore\n" + "".join(f"{name}\t{tag}/{name}\t1\n" for name, tag, *_ in EACH),
}


def build(folder: Path) -> tuple[Path, Path]:
    """Build wheel and sdist of what git has of the source; return their paths.

    The wheel is built from the sdist, as `python -m build` does, so that what the sdist lacks is lacking.
    """
    source, unpacked = folder / "source", folder / "unpacked"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    sdist = folder / _backend("build_sdist", source, folder)
    with tarfile.open(sdist) as packed:
        packed.extractall(unpacked, filter="data") if hasattr(tarfile, "data_filter") else packed.extractall(
            unpacked
        )
    (inside,) = unpacked.iterdir()
    return folder / _backend("build_wheel", inside, folder), sdist


def _backend(what: str, source: Path, folder: Path) -> str:
    """Call the build backend of pyproject.toml in a process of its own; return the name of the file it wrote."""
    code = f"import sys; from setuptools import build_meta; print(build_meta.{what}(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, folder], cwd=source, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{what}: {done.stderr}")
    return done.stdout.splitlines()[-1]


def metadata_of(wheel: Path) -> Message:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [one for one in packed.namelist() if one.endswith(".dist-info/METADATA")]
        return message_from_string(packed.read(name).decode())


def faults_of(wheel: Path, sdist: Path) -> list[str]:
    """Say what is not as it should be in a wheel and an sdist, a sentence each."""
    package = ROOT / "src" / "isoglot"
    wanted = {
        f"isoglot/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as packed:
        held = set(packed.namelist())
    told = {name for name in held if PurePosixPath(name).parts[0].endswith(".dist-info")}
    faults = [f"the wheel lacks {name}" for name in sorted(wanted - held)]
    faults += [f"the wheel holds {name}, which is not of the package" for name in sorted(held - told - wanted)]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in told):
        faults.append("the wheel lacks the licence")
    with tarfile.open(sdist) as packed:
        inside = {name.partition("/")[2] for name in packed.getnames()}
    needed = ("pyproject.toml", "LICENSE", "CHANGELOG.md", "CITATION.cff", "docs/package.md", "tests/conftest.py")
    faults += [f"the sdist lacks {name}" for name in needed if name not in inside]
    faults += [f"the sdist lacks src/{name}" for name in sorted(wanted) if f"src/{name}" not in inside]
    return faults


def pythons() -> dict[str, Path]:
    """Return the interpreters that are here, from the oldest that isoglot supports on: `3.11` -> its path."""
    found: dict[str, Path] = {}
    places = [
        *Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3"),
        *Path("/usr/bin").glob("python3.*[0-9]"),
    ]
    for path in sorted(places):
        code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True)
        if not done.returncode:
            found.setdefault(done.stdout.strip(), path)
    kept = {name: path for name, path in found.items() if int(name.partition(".")[2]) >= OLDEST}
    return dict(sorted(kept.items(), key=lambda one: int(one[0].partition(".")[2])))


class Environment:
    """An empty environment of a Python, in which nothing of the source is to be seen."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder = folder
        subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
        self.bin = folder / "venv" / "bin"

    def run(self, *words: str | Path, seconds: int = 3600) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in an empty folder."""
        here = self.folder / "here"
        here.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ISOGLOT_"))}
        kept |= {"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"), "HF_HUB_OFFLINE": "1"}
        command = [str(self.bin / words[0]), *map(str, words[1:])]
        return subprocess.run(command, cwd=here, env=kept, capture_output=True, text=True, timeout=seconds)

    def install(self, *what: str | Path) -> None:
        """Install, as pinned."""
        home = os.environ.get("PIP_CACHE_DIR") or Path("~/.cache/pip").expanduser()
        done = self.run(
            *("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--cache-dir", home),
            *("--constraint", ROOT / "constraints.txt", *what),
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, what))} cannot be installed: {done.stderr[-2000:]}")

    def sizes(self) -> tuple[float, int, float]:
        """Return megabytes (10^6) of what is installed, its distributions, and megabytes without torch."""
        (packages,) = (self.folder / "venv" / "lib").glob("python*/site-packages")
        by_name: dict[str, int] = {}
        for path in packages.rglob("*"):
            if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
                top = path.relative_to(packages).parts[0].lower()
                by_name[top] = by_name.get(top, 0) + path.stat().st_size
        ours = {
            name: size for name, size in by_name.items() if not name.startswith(("pip", "setuptools", "pkg_res"))
        }
        rest = sum(
            size for name, size in ours.items() if not name.startswith(("torch", "nvidia", "triton", "cuda"))
        )
        distributions = sum(name.endswith(".dist-info") for name in ours)
        return sum(ours.values()) / 1e6, distributions, rest / 1e6


def installed(names: set[str]) -> dict[str, int]:
    """Return what distributions and all that they need take here: name -> bytes, by what each says it installed."""
    found: dict[str, int] = {}
    left = {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    while left:
        name = left.pop()
        held = distribution(name)
        found[name] = sum(path.size or 0 for path in held.files or ())
        for text in held.requires or ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                left |= {re.sub(r"[-_.]+", "-", need.name).lower()} - found.keys()
    return found


def tell_sizes(wheel: Path) -> None:
    """Say what a plain install takes beside the peer alone, and what it adds."""
    needs = (Requirement(text) for text in metadata_of(wheel).get_all("Requires-Dist") or ())
    base = {need.name for need in needs if need.marker is None}
    ours, theirs = installed(base), installed({PEER})
    for name, held in (("isoglot", ours), (PEER, theirs)):
        rest = sum(size for one, size in held.items() if not one.startswith(TORCH))
        told = (
            f"{sum(held.values()) / 1e6:,.0f} MB in {len(held)} distributions, {rest / 1e6:,.0f} MB without torch"
        )
        print(f"what {name} needs: {told}")
    added = sorted(((size, one) for one, size in ours.items() if one not in theirs), reverse=True)
    print("isoglot adds", ", ".join(f"{one} {size / 1e6:.1f} MB" for size, one in added))


def try_out(name: str, python: Path, wheel: Path, with_peer: bool) -> list[str]:
    """Install a wheel into an empty environment and use it; return what went wrong."""
    faults: list[str] = []
    start = time.perf_counter()

    def check(environment: Environment, *words: str, status: int = 0, told: str = "") -> None:
        done = environment.run("isoglot", *words)
        if done.returncode != status or told not in " ".join((done.stdout + done.stderr).split()):
            said = (done.stdout + done.stderr)[-1500:]
            faults.append(f"Python {name}: isoglot {' '.join(words)}: status {done.returncode}\n{said}")
            print(faults[-1], flush=True)  # at once: the other Pythons take long

    if with_peer:
        with tempfile.TemporaryDirectory(prefix="isoglot-peer-") as folder:
            peer = Environment(python, Path(folder))
            peer.install(PEER)
            print(
                "Python {}: {} alone: {:,.0f} MB in {} distributions, {:,.0f} MB without torch".format(
                    name, PEER, *peer.sizes()
                ),
                flush=True,
            )
    with tempfile.TemporaryDirectory(prefix="isoglot-wheel-") as folder:
        environment = Environment(python, Path(folder))
        environment.install(wheel)
        print(
            "Python {}: isoglot: {:,.0f} MB in {} distributions, {:,.0f} MB without torch".format(
                name, *environment.sizes()
            ),
            flush=True,
        )
        data = Path(folder) / "here" / "data"
        data.mkdir(parents=True)
        for file, text in DATA.items():
            (data / file).write_text(text, encoding="utf-8")
        check(environment, "--version", told=f"isoglot {metadata_of(wheel)['Version']}")
        check(environment, "doctor", told="Nothing that isoglot needs is missing.")
        check(environment, "train", "--data", "data", "--strategy", "monolingual", "--steps", "2", "--out", "model")
        check(environment, "evaluate", "model", "data", "--json", "result.json")
        check(environment, "demo", "--out", "no", status=2, told="pip install 'isoglot[")
        environment.install(f"isoglot[report] @ {wheel.as_uri()}")
        print("Python {}: isoglot[report]: {:,.0f} MB in {} distributions".format(name, *environment.sizes()[:2]))
        check(environment, "demo", "--seeds", "1", "--steps", "60", "--out", "demo")
        if not (Path(folder) / "here" / "demo" / "report.html").is_file():
            faults.append(f"Python {name}: the demo wrote no report")
        done = environment.run("python", "-m", "pip", "check")
        faults += [f"Python {name}: {done.stdout}"] if done.returncode else []
    took = (time.perf_counter() - start) / 60
    print(f"Python {name}: {'failed' if faults else 'works'}, {took:.1f} minutes", flush=True)
    return faults


def main() -> int:
    """Build, look, and try; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--install", nargs="*", metavar="VERSION", help="such as 3.12; all that are here if none is named"
    )
    parser.add_argument("--sizes", action="store_true", help=f"also install {PEER} alone, and say how large it is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isoglot-build-") as folder:
        wheel, sdist = build(Path(folder))
        faults = faults_of(wheel, sdist)
        for path in (wheel, sdist):
            print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB", flush=True)
        if given.sizes and given.install is None:
            tell_sizes(wheel)
        here = pythons() if given.install is not None else {}
        for name in () if given.install is None else given.install or here:
            if name not in here:
                faults.append(f"there is no Python {name} here, only {', '.join(here)}")
                continue
            faults += try_out(name, here[name], wheel, given.sizes)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
