"""Kill every long command at random moments, and count what was lost: nothing may be.

    python scripts/kill_everything.py [--kills 100] [--seed 1] [--signal KILL] [--only train,study] [--work DIR]

Each case is a command with a cache and an output of its own. It is ended by the signal at a moment drawn evenly
from the time that it takes undisturbed, up to three times in a row; whatever lies under the output's name is then
either absent or what an undisturbed run wrote (else it counts as a half output). Then the same command is given
once more, and what it leaves is compared with the undisturbed run's, byte for byte but for times (lost bits). A
signal that a command may answer (TERM, INT) must end it in one sentence, without a traceback.

The commands run in forks of this process, which has imported what they need: a start takes no time.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).parents[1]
TIMES = {"seconds", "date", "encoded", "resumed_from_step", "command"}
"""Keys of JSON that tell when and how long, not what; `encoded` is counted since a run went on."""
CALLS = {"max_length", "pad_token_type_id", "padding_side", "stride", "truncation_side", "truncation_strategy"}
"""Keys of `tokenizer_config.json` that tell how the tokenizer was last called before it was saved."""
TIMES_IN_TEXT = re.compile(r"\d+(\.\d+)? (s|seconds|min)\b|\d{4}-\d{2}-\d{2}")
WARM = (
    *("transformers", "isoglot.cli.program", "isoglot.data.translation", "isoglot.evaluation.hard_negatives"),
    *("isoglot.search.embedding", "isoglot.studies.perform", "isoglot.studies.result", "isoglot.training.run"),
)
"""Modules that commands need."""
PATIENCE = 600.0
"""Seconds after which a command that goes on counts as one that hangs."""
MOST_IN_A_ROW = 3

Found = dict[str, str]
"""What a command left: file -> hash of its content without times."""


@dataclass(frozen=True)
class Command:
    """A long command of the program.

    Attributes:
        name: what it is called in the table.
        arguments: returns its arguments for an output.
        found: returns what lies under the name of an output, whole by the program's own sign of it; {} for nothing.
        again: what is added when the command is given again.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    found: Callable[[Path], Found]
    again: tuple[str, ...] = ()


@dataclass
class Count:
    """What happened to one command."""

    kills: int = 0
    cases: int = 0
    lost: int = 0
    half: int = 0
    untold: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


# -- what a command left --


def digest(content: bytes) -> str:
    """Return a short hash."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def timeless(value: Any) -> Any:
    """Return what was read from JSON or YAML without times."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def content_of(path: Path) -> str:
    """Return a hash of a file without times."""
    if path.suffix == ".json":
        told = timeless(json.loads(path.read_bytes()))
        if path.name == "tokenizer_config.json":
            told = {key: value for key, value in told.items() if key not in CALLS and value is not None}
        return json.dumps(told, sort_keys=True)
    if path.suffix in (".yaml", ".yml"):
        return digest(json.dumps(timeless(yaml.safe_load(path.read_bytes())), default=str).encode())
    if path.suffix == ".parquet":
        table = pq.read_table(path, use_threads=False)
        return digest(json.dumps(table.to_pydict(), default=str, ensure_ascii=False).encode())
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8").replace(" --resume", "")
        return digest(TIMES_IN_TEXT.sub("", text).encode())
    return digest(path.read_bytes())


def files_in(folder: Path) -> Found:
    """Return what the files of a folder hold, hidden ones left out."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            found[str(name)] = content_of(path)
    return found


def model_in(folder: Path) -> Found:
    """Return a model, once its last file is there; checkpoints are no part of it."""
    if not (folder / "modules.json").is_file():
        return {}
    return {name: value for name, value in files_in(folder).items() if not name.startswith("checkpoints/")}


def study_in(folder: Path) -> Found:
    """Return a study: its finished runs, and its result once that is there."""
    found = {f"runs/{name}": value for name, value in files_in(folder / "runs").items()}
    if (folder / "study.json").is_file():
        found["study.json"] = content_of(folder / "study.json")
    return found


def index_in(folder: Path) -> Found:
    """Return the documents of a finished index with their vectors, in the order of their ids."""
    if not folder.is_dir():
        return {}
    read, write = os.pipe()
    child = os.fork()  # LanceDB's threads must not be in the process that forks commands
    if not child:
        os.close(read)
        told = b"unreadable"
        try:
            told = _index_told(folder)
        except BaseException as error:
            told = f"unreadable: {type(error).__name__} {error}".encode()
        os.write(write, told[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read().decode()
    os.waitpid(child, 0)
    return {"documents": told} if told else {}


def _index_told(folder: Path) -> bytes:
    from isoglot.errors import InputError
    from isoglot.search import open_index

    try:
        index = open_index(folder)
    except InputError as error:
        if "is not finished" in str(error) or "is not an index" in str(error):
            return b""
        raise
    table = index._table.to_arrow().sort_by("id")
    vectors = np.stack(table["vector"].to_numpy(zero_copy_only=False))
    rows = json.dumps(table.drop_columns(["vector"]).to_pydict(), ensure_ascii=False).encode()
    return digest(rows + vectors.tobytes()).encode()


# -- commands --


def load_test_module(path: str) -> Any:
    """Import a file of the tests, which make the smallest models and data that there are."""
    spec = importlib.util.spec_from_file_location(f"tests_{Path(path).stem}", ROOT / "tests" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def make_data(folder: Path) -> None:
    """Write a small collection and a model trained on it, a translation model, and a recipe with its data."""
    from isoglot.cli import main
    from isoglot.collections import write_collection

    few = load_test_module("studies/conftest.py")
    for part in few.PARTS:
        write_collection(few.pages(part), folder / "tiny" / part)
    size = ["--encoder", "static", "--dimensions", "16", "--batch-size", "8", "--steps", "4", "--quiet"]
    assert main(["train", "--data", str(folder / "tiny" / "train"), "--out", str(folder / "model"), *size]) == 0
    recipe = few.RECIPE
    profile = recipe["profiles"]["embedded"]
    profile["train"] |= {"steps": 12, "save_steps": 3}
    profile["seeds"] = [0, 1]
    profile["evaluate"][0] |= {"along": [0, 5, 12], "geometry": True}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    if importlib.util.find_spec("sentencepiece") is not None:
        (folder / "translator").mkdir()
        load_test_module("data/translation/translation_models.py").make_m2m100(folder / "translator")


def commands(given: Path) -> list[Command]:
    """Return the commands that are killed, on what `make_data` wrote."""
    data, model = str(given / "tiny" / "train"), str(given / "model")
    size = ["--dimensions", "16", "--batch-size", "8", "--steps", "20", "--save-steps", "2", "--quiet"]
    size += ["--keep-checkpoints", "2"]
    scratch = ["--layers", "1", "--max-length", "16", "--dimensions", "64", *size[2:]]

    def train(*more: str) -> Callable[[Path], list[str]]:
        return lambda out: ["train", "--data", data, "--out", str(out), *more]

    def evaluate(out: Path) -> list[str]:
        return ["evaluate", model, data, "--quiet", "--json", str(out / "r.json")]

    def mine(out: Path) -> list[str]:
        return ["mine", model, data, "--no-margin", "--quiet", "--out", str(out)]

    def translate(out: Path) -> list[str]:
        languages = ["--from", "en", "--to", "sw", "--max-length", "16"]
        return ["data", "translate", data, *languages, "--model", str(given / "translator"), "--out", str(out)]

    def study(out: Path) -> list[str]:
        return ["study", "run", str(given / "tiny.yaml"), "--out", str(out), "--jobs", "1", "--quiet"]

    found = [
        Command("train", train("--encoder", "static", *size), model_in, ("--resume",)),
        Command("train a transformer", train("--encoder", "scratch", *scratch), model_in, ("--resume",)),
        Command("evaluate", evaluate, files_in),
        Command("convert", lambda out: ["data", "convert", data, "--form", "parquet", "--to", str(out)], files_in),
        Command("translate", translate, files_in),
        Command("mine", mine, files_in),
        Command("index", lambda out: ["index", model, data, "--to", str(out), "--quiet"], index_in),
        Command("study", study, study_in),
    ]
    missing = {"translate": "sentencepiece", "index": "lancedb"}
    return [one for one in found if importlib.util.find_spec(missing.get(one.name, "isoglot")) is not None]


# -- kills --


def warm() -> None:
    """Import what commands need, and compile what they compile; not LanceDB, whose threads no fork has."""
    import torch

    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from isoglot.training.cpu import sparse_adamw

    torch.set_num_threads(1)
    weight = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = sparse_adamw.DeferredAdamW(torch.optim.AdamW([weight]), weight)
    for rows in ([0, 1], [1, 2]):
        optimizer.take(np.array(rows))
        optimizer.give(np.array(rows), torch.ones(2, 3))
        optimizer.step()
    optimizer.catch_up()
    gc.freeze()  # no run looks for garbage in what is here


def start(arguments: list[str], cache: Path, said: Path) -> int:
    """Run a command in a fork of this process, and a group of its own; return its process id."""
    child = os.fork()
    with contextlib.suppress(OSError):  # both set it, so that it is set whichever comes first
        os.setpgid(child, child)
    if child:
        return child
    os.environ["ISOGLOT_CACHE"] = str(cache)
    with said.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    status = 70
    try:
        from isoglot.cli import main

        sys.argv = ["isoglot", *arguments]
        status = main(arguments)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def in_fork(work: Callable[[Path], object], argument: Path) -> None:
    """Do something in a fork: forks of a process with threads, which it may start, would hang."""
    child = os.fork()
    if not child:
        try:
            work(argument)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{work.__name__} failed")


def end_of(child: int, until: float) -> int | None:
    """Return the exit status of a process, minus the signal that ended it; None if it is still there at a time."""
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(0.002, left))


def run_whole(arguments: list[str], cache: Path, said: Path) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it fails, or hangs.
    """
    child = start(arguments, cache, said)
    status = end_of(child, time.monotonic() + PATIENCE)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if status != 0:
        told = " ".join(said.read_text(encoding="utf-8", errors="replace").split())[-600:]
        raise RuntimeError(f"it {'hangs' if status is None else f'ends with {status}'}: {told}")


@contextlib.contextmanager
def empty_room(work: Path) -> Iterator[Path]:
    """Yield a folder of always the same name, which settings and cards tell, for one case."""
    room = work / "room"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    yield room
    shutil.rmtree(room, ignore_errors=True)


def undisturbed(command: Command, work: Path) -> tuple[float, Found]:
    """Return how many seconds a command takes, and what it leaves."""
    with empty_room(work) as room:
        clock = time.monotonic()
        run_whole(command.arguments(room / "out"), room / "cache", room / "said")
        return time.monotonic() - clock, command.found(room / "out")


def differences(found: Found, whole: Found, *, part: bool) -> list[str]:
    """Return the files that are not those of an undisturbed run; with `part` some may be missing."""
    changed = [
        told_of(name, value, whole[name]) for name, value in found.items() if whole.get(name, value) != value
    ]
    changed += [name for name in found if name not in whole]
    return changed + ([] if part else [name for name in whole if name not in found])


def told_of(name: str, value: str, other: str) -> str:
    """Return the name of a file that differs, and of JSON in which keys."""
    if not name.endswith(".json"):
        return name
    one, two = json.loads(value), json.loads(other)
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    return f"{name} ({', '.join(f'{key}: {str(one.get(key))[-80:]} | {str(two.get(key))[-80:]}' for key in keys)})"


def one_case(command: Command, whole: Found, takes: float, room: Path, rng: random.Random, sign: int) -> Count:
    """Kill a command one to three times, and let it come to its end."""
    count = Count(cases=1)
    out, cache, said = room / "out", room / "cache", room / "said"
    given = command.arguments(out)
    moments = []
    for number in range(rng.randint(1, MOST_IN_A_ROW)):
        moments.append(round(rng.uniform(0, takes), 3))
        child = start([*given, *(command.again if number else ())], cache, said)
        status = end_of(child, time.monotonic() + moments[-1])
        if status is not None:  # it was quicker than the clock
            if status != 0 and not (status == 2 and command.found(out)):
                count.problems.append(f"{command.name} at {moments}: ended by itself with {status}")
            break
        os.killpg(child, sign)
        status = end_of(child, time.monotonic() + PATIENCE)
        count.kills += 1
        if sign != signal.SIGKILL:
            told = said.read_text(encoding="utf-8", errors="replace")
            if status is None or "Traceback" in told or "this is a bug" in told:
                count.untold += 1
                count.problems.append(f"{command.name} at {moments}: {status}, {' '.join(told.split())[-400:]}")
            if status is None:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
        halves = _half(command, out, whole)
        if halves:
            count.half += 1
            count.problems.append(f"{command.name} at {moments}: half outputs {', '.join(halves[:4])}")
        if command.found(out) == whole:
            break  # it had come to its end
    try:
        if command.found(out) != whole:
            again = command.again if count.kills or not command.again else ()
            run_whole([*given, *again], cache, said)
        lost = differences(command.found(out), whole, part=False)
    except Exception as error:
        lost = [f"everything: {error}"]
    if lost:
        count.lost += 1
        count.problems.append(f"{command.name} at {moments}: lost {', '.join(lost[:4])}")
    return count


def _half(command: Command, out: Path, whole: Found) -> list[str]:
    try:
        return differences(command.found(out), whole, part=True)
    except Exception as error:
        return [f"unreadable ({type(error).__name__}: {error})"]


def kill_all(work: Path, kills: int, seed: int, sign: int, only: list[str]) -> Iterator[tuple[str, Count]]:
    """Kill each command its share of times; yield what happened to it."""
    given = work / "given"
    os.environ |= {"HF_HUB_OFFLINE": "1", "ISOGLOT_CACHE": str(work / "cache"), "ISOGLOT_DATA": str(given / "tiny")}
    warm()
    in_fork(make_data, given)
    chosen = [one for one in commands(given) if not only or one.name in only]
    for number, command in enumerate(chosen):
        share = kills // len(chosen) + (number < kills % len(chosen))
        begun = time.monotonic()
        count, rng = Count(), random.Random(f"{seed} {command.name}")
        _, first = undisturbed(command, work)  # which compiles, and reads files that are not in memory yet
        takes, whole = undisturbed(command, work)
        unlike = differences(first, whole, part=False)
        if unlike or not whole:
            raise RuntimeError(f"{command.name} does not repeat itself undisturbed: {unlike}")
        while count.kills < share and count.cases < 3 * share:
            with empty_room(work) as room:
                one = one_case(command, whole, takes, room, rng, sign)
            for name in ("kills", "cases", "lost", "half", "untold"):
                setattr(count, name, getattr(count, name) + getattr(one, name))
            count.problems += one.problems
        count.seconds = time.monotonic() - begun
        yield command.name, count


def main() -> int:
    """Run it; return 1 if anything was lost, half or untold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signal", default="KILL", choices=["KILL", "TERM", "INT"])
    parser.add_argument("--only", default="", help="names of commands, separated by commas")
    parser.add_argument("--work", type=Path, help="folder for all of it; a temporary one by default")
    options = parser.parse_args()
    sign = getattr(signal, f"SIG{options.signal}")
    with tempfile.TemporaryDirectory(dir=options.work, prefix="isoglot-kills-") as folder:
        total = Count()
        print("| command | kills | runs to the end after them | lost bits in | half outputs | untold | seconds |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        only = [one for one in options.only.split(",") if one]
        for name, one in kill_all(Path(folder), options.kills, options.seed, sign, only):
            values = (one.kills, one.cases, one.lost, one.half, one.untold, round(one.seconds))
            print(f"| {name} | {' | '.join(map(str, values))} |", flush=True)
            for problem in one.problems:
                print(f"  {problem}", file=sys.stderr, flush=True)
            for key in ("kills", "cases", "lost", "half", "untold"):
                setattr(total, key, getattr(total, key) + getattr(one, key))
            total.problems += one.problems
        print(f"| all | {total.kills} | {total.cases} | {total.lost} | {total.half} | {total.untold} | |")
    return 1 if total.problems else 0


if __name__ == "__main__":
    sys.exit(main())
