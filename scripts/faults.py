"""Try every fault that a run may meet, and print what became of it: how often, and what was lost.

    python scripts/faults.py [--trials 10] [--only NAME] [--work DIR]

Each fault is a function that tries it once on data of a few texts and returns what went wrong, which is nothing
where the fault is handled: one sentence says it, no half output has its name, and what was done before is there.
Disks that are full or read-only are small ones in memory, for which a superuser of Linux is needed; elsewhere these
are skipped. Kills are another script's, `kill_everything.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from isoglot import files
from isoglot.cli import main as isoglot
from isoglot.collections import collection_from_rows, read_collection, write_collection
from isoglot.encoders import load_encoder, scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation.embed import embed_collection

TAGS = ("de", "en")
Problems = list[str]


class Skipped(Exception):
    """A fault cannot be brought about here."""


# -- what faults are tried on --


def make_given(folder: Path) -> None:
    """Write a collection of a few pages, `data`, and a model of it, `model`."""
    names = [f"{one} {two}" for one in ("red", "old", "long") for two in ("boat", "house", "river", "tale")]
    collection = collection_from_rows(
        [(f"{tag}/{name}", tag, "", f"{tag} page of the {name} " * 20) for tag in TAGS for name in names],
        [(name, tag, f"{tag} about the {name}") for tag in TAGS for name in names],
        [(name, f"{tag}/{name}", 1) for tag in TAGS for name in names],
        name="pages",
    )
    write_collection(collection, folder / "data")
    static_encoder(collection, dimensions=16, vocabulary=150).save(str(folder / "model"))


def training(given: Path, out: Path, *more: str, steps: int = 8) -> list[str]:
    """Return the command of a training run of a moment."""
    size = (
        f"--encoder static --dimensions 16 --vocabulary 150 --batch-size 6 --steps {steps} --save-steps 2 --quiet"
    )
    return ["train", "--data", str(given / "data"), "--out", str(out), *size.split(), *more]


def run(arguments: list[str]) -> tuple[int, str]:
    """Run the program; return its exit status and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = isoglot(arguments)
    return status, said.getvalue()


def refused(arguments: list[str], status: tuple[int, ...], *signs: str) -> Problems:
    """Run a command that must end with one sentence that has one of some signs."""
    got, said = run(arguments)
    last = said.strip().splitlines()[-1] if said.strip() else ""
    name = " ".join(arguments[:2])
    if got not in status:
        return [f"{name} ended with {got}: {said[-300:]}"]
    if "this is a bug" in said or "Traceback" in said or not any(sign in last for sign in signs):
        return [f"{name} said {said[-300:]!r}"]
    return []


def done(arguments: list[str]) -> Problems:
    """Run a command that must come to its end."""
    got, said = run(arguments)
    return [] if got == 0 else [f"{' '.join(arguments[:2])} ended with {got}: {said[-300:]}"]


def weights(out: Path) -> bytes:
    """Return the weights of a trained model."""
    return (out / "model.safetensors").read_bytes()


def damage(path: Path, rng: random.Random) -> None:
    """Flip a bit of a file, or cut off its end; what has it open keeps it as it was."""
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    if rng.random() < 0.25:
        content = content[:at]
    else:
        content[at] ^= 1 << rng.randrange(8)
    path.unlink()
    path.write_bytes(content)


@contextlib.contextmanager
def told() -> Iterator[list[str]]:
    """Collect what the log says."""
    sentences: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: sentences.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("isoglot")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield sentences
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a disk in memory; yield a function that mounts it anew with other options."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        raise Skipped("no disk in memory can be mounted here")
    try:
        yield (
            lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True) and None
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set environment variables for a while."""
    with mock.patch.dict(os.environ, values):
        yield


# -- faults --


def disk_full(given: Path, room: Path, rng: random.Random) -> Problems:
    """The disk of the output fills up; once there is room the same command goes on."""
    found: Problems = []
    data, model = str(given / "data"), str(given / "model")
    commands = {
        "train": training(given, room / "disk" / "out"),
        "convert": ["data", "convert", data, "--form", "jsonl", "--to", str(room / "disk" / "out")],
        "evaluate": ["evaluate", model, data, "--quiet", "--no-cache", "--json", str(room / "disk" / "r.json")],
        "mine": ["mine", model, data, "--no-margin", "--no-cache", "--quiet", "--out", str(room / "disk" / "out")],
    }
    name = rng.choice(sorted(commands))
    size = rng.randint(4, 60 if name == "train" else 12)
    with small_disk(room / "disk", f"{size}k") as mount:
        found += refused(commands[name], (1, 2), "no room", "No space left", "cannot write")
        kept = [path.name for path in (room / "disk").iterdir() if not path.name.startswith(".")]
        if name != "train" and kept:
            found.append(f"{name} left {kept}")
        if (room / "disk" / "out" / "modules.json").exists():
            found.append(f"{name} left half a model")
        mount("size=32m")
        found += done([*commands[name], *(["--resume"] if name == "train" else [])])
    return [f"{name} on {size} KiB: {one}" for one in found]


def cache_full(given: Path, room: Path, rng: random.Random) -> Problems:
    """The disk of the cache is full: what is not kept is computed, and said."""
    data, model, out = str(given / "data"), str(given / "model"), room / "r.json"
    with small_disk(room / "disk", "8k"), environment(ISOGLOT_CACHE=str(room / "disk" / "cache")), told() as said:
        found = done(["evaluate", model, data, "--json", str(out)])
        found += done(training(given, room / "out"))
    return found + ([] if sum("not kept" in one for one in said) >= 2 else [f"nothing of it was said: {said}"])


def read_only(given: Path, room: Path, rng: random.Random) -> Problems:
    """The output is on a disk that may not be written to."""
    found: Problems = []
    data, model = str(given / "data"), str(given / "model")
    with small_disk(room / "disk", "1m") as mount:
        (room / "disk" / "empty").mkdir()
        mount("ro")
        for out in (room / "disk" / "empty", room / "disk" / "new"):
            for command in (
                training(given, out),
                ["data", "convert", data, "--form", "jsonl", "--to", str(out)],
                ["mine", model, data, "--no-margin", "--no-cache", "--quiet", "--out", str(out)],
            ):
                found += refused(command, (2,), "ead-only")
        command = ["evaluate", model, data, "--quiet", "--no-cache", "--json", str(room / "disk" / "r.json")]
        found += refused(command, (2,), "ead-only")
        with environment(ISOGLOT_CACHE=str(room / "disk" / "cache")):
            found += done(training(given, room / "out"))  # a cache is no output
    return found


def memory_in_evaluation(given: Path, room: Path, rng: random.Random) -> Problems:
    """A batch does not fit into memory: it is cut in halves, which is said, and gives the same embeddings."""
    collection = read_collection(given / "data")
    model = scratch_encoder(collection, dimensions=64, layers=1, vocabulary=150, max_length=16)
    _, *whole = embed_collection(model, collection)
    most, encode = rng.randint(1, 20), model.encode
    error = rng.choice([torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])

    def tight(inputs: list[str], *arguments: object, **options: object) -> object:
        if len(inputs) > most:
            raise error
        return encode(inputs, *arguments, **options)

    with mock.patch.object(model, "encode", tight), told() as said:
        _, *halved = embed_collection(model, collection)
    same = all(np.allclose(one, two, atol=1e-5) for one, two in zip(whole, halved, strict=True))
    heard = any("out of memory: batches are cut in" in one for one in said)
    return ([] if same else ["other embeddings"]) + ([] if heard else ["it was not said"])


def memory_in_training(given: Path, room: Path, rng: random.Random) -> Problems:
    """A chunk does not fit into memory, forward or backward: it is halved, which is said, and the step repeated."""
    from isoglot.training.execution import embedding

    most, padded = rng.randint(70, 120), embedding.padded

    def tight(*arguments: object) -> dict[str, torch.Tensor]:
        found = padded(*arguments)  # type: ignore[arg-type]
        if found["input_ids"].numel() > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return found

    command = training(given, room / "out")
    command[command.index("static")] = "scratch"
    command[command.index("--dimensions") + 1] = "64"
    command += ["--layers", "1", "--max-length", "16"]
    with mock.patch.object(embedding, "padded", tight), told() as said:
        found = done(command)
    heard = sum("out of memory: from this step on" in one for one in said)
    return found + ([] if heard else ["it was not said"])


def two_runs(given: Path, room: Path, rng: random.Random) -> Problems:
    """A second run into a folder is refused while the first one lives, and goes on once that was killed."""
    out = room / "out"
    command = [sys.executable, "-m", "isoglot", *training(given, out, steps=1_000_000)]
    # not a fork: in a process with threads, such as one that tests share, it may hang
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        until = time.monotonic() + 120
        while not list(out.glob("checkpoints/checkpoint-*")) and time.monotonic() < until:
            time.sleep(0.02)
        found = refused(training(given, out, "--resume"), (2,), "another run is writing to")
        first.kill()
    found += refused(training(given, out), (2,), "already exists and is not empty")
    shutil.rmtree(out)
    return found + done(training(given, out))


def study_worker_killed(given: Path, room: Path, rng: random.Random) -> Problems:
    """A worker of a study is killed: its run alone fails, which is said, and the same command makes it."""
    recipe, out = room / "small.yaml", room / "out"
    size = {"dimensions": 8, "vocabulary": 150, "batch_size": 6, "steps": 100, "save_steps": 10, "cache": False}
    profile = {
        "data": {"pages": {"collection": "data"}},
        "train": {"data": "pages", "encoder": "static", **size},
        "seeds": [0],
        "arms": {name: {"train": {"strategy": name}} for name in ("monolingual", "multiway")},
        "evaluate": [{"name": "test", "data": "pages", "measures": ["AP"]}],
        "decisive": [{"first": "multiway", "second": "monolingual", "on": "test", "setting": "cross_lingual"}],
    }
    words = dict.fromkeys(("title", "question", "hypothesis"), "small")
    recipe.write_text(json.dumps({"name": "small", **words, "profiles": {"embedded": profile}}), encoding="utf-8")

    def command(folder: Path, jobs: int) -> list[str]:
        return ["study", "run", str(recipe), "--out", str(folder), "--jobs", str(jobs), "--quiet"]

    def kill_one() -> None:
        until = time.monotonic() + 300
        while not list(out.glob("runs/.work-*/**/checkpoint-*")) and time.monotonic() < until:
            time.sleep(0.01)
        if workers := multiprocessing.active_children():
            rng.choice(workers).kill()

    with environment(ISOGLOT_DATA=str(given)):
        found = done(command(room / "whole", 1))
        killer = threading.Thread(target=kill_one)
        killer.start()
        status, said = run(command(out, 2))
        killer.join()
        failed = [line for line in said.splitlines() if line.startswith("failed: ")]
        if status != 1 or len(failed) != 1 or "its process was ended by SIGKILL" not in failed[0]:
            found.append(f"status {status}: {said[-300:]!r}")
        found += done(command(out, 2))
    one, two = (json.loads((folder / "study.json").read_text()) for folder in (room / "whole", out))
    return found + ([] if one == two else ["another result"])


def checkpoint_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """A file of the last checkpoint is damaged: the one before is taken, and the run ends with the same weights."""
    from isoglot.training import output

    whole, cut = room / "whole", room / "cut"
    found = done(training(given, whole))
    with mock.patch.object(output.shutil, "rmtree"):  # the checkpoints stay
        found += done(training(given, cut))
    for name in ("modules.json", "model.safetensors"):
        (cut / name).unlink()
    last = cut / "checkpoints" / "checkpoint-8"
    bad = rng.choice([path for path in sorted(last.rglob("*")) if path.is_file() and path.stat().st_size])
    damage(bad, rng)
    with told() as said:
        got, words = run([*training(given, cut, "--resume")])
    if got != 0:
        return [*found, f"{bad.name}: {words[-300:]}"]
    if weights(cut) != weights(whole):
        found.append(f"{bad.name}: other weights")
    if not any("is damaged on the disk" in one for one in said):
        found.append(f"{bad.name}: it was not said")
    return found


def all_checkpoints_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """All checkpoints are damaged: they are refused."""
    from isoglot.training import output

    out = room / "out"
    with mock.patch.object(output.shutil, "rmtree"):
        found = done(training(given, out))
    (out / "modules.json").unlink()
    for checkpoint in (out / "checkpoints").glob("checkpoint-*"):
        damage(checkpoint / "optimizer.pt", rng)
    return found + refused(training(given, out, "--resume"), (2,), "are damaged on the disk")


def embeddings_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """A file of cached embeddings, or its checksum, is damaged: the texts are encoded again."""
    collection, model = read_collection(given / "data"), load_encoder(given / "model")
    _, *whole = embed_collection(model, collection, cache=room)
    bad = rng.choice(sorted((room / "embeddings").iterdir()))
    damage(bad, rng)
    with told() as said:
        _, *again = embed_collection(model, collection, cache=room)
    same = all(np.array_equal(one, two) for one, two in zip(whole, again, strict=True))
    heard = any("are encoded again" in one for one in said)
    return ([] if same else [f"{bad.name}: other embeddings"]) + ([] if heard else [f"{bad.name}: not said"])


def token_ids_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """Cached token ids are damaged: texts are tokenized again."""
    with environment(ISOGLOT_CACHE=str(room / "cache")):
        found = done(training(given, room / "one"))
        bad = rng.choice([path for path in sorted((room / "cache" / "tokens").rglob("*")) if path.is_file()])
        damage(bad, rng)
        with told() as said:
            found += done(training(given, room / "two"))
    if weights(room / "one") != weights(room / "two"):
        found.append(f"{bad.name}: other weights")
    return found + ([] if any("tokenized again" in one for one in said) else [f"{bad.name}: it was not said"])


def collection_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """A checked collection in the cache is damaged: the files are read again."""
    with environment(ISOGLOT_CACHE=str(room)), mock.patch("isoglot.collections.cache.LARGE", 0):
        whole = read_collection(given / "data")
        bad = rng.choice([path for path in sorted((room / "collections").rglob("*")) if path.is_file()])
        damage(bad, rng)
        with told() as said:
            again = read_collection(given / "data")
        same = again.documents.equals(whole.documents) and again.judgments.equals(whole.judgments)
    heard = any("is damaged on the disk" in one for one in said)
    return ([] if same else [f"{bad.name}: another collection"]) + ([] if heard else [f"{bad.name}: not said"])


def parquet_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """A Parquet file of ours is damaged: it is refused, or what was damaged says nothing of the collection."""
    whole = read_collection(given / "data")
    write_collection(whole, room / "data", form="parquet")
    bad = rng.choice(sorted((room / "data").glob("*.parquet")))
    damage(bad, rng)
    try:
        again = read_collection(room / "data")
    except InputError:
        return []
    columns = ("_id", "lang", "title", "text")
    same = all(again.documents[name].to_pylist() == whole.documents[name].to_pylist() for name in columns)
    same &= again.queries["text"].to_pylist() == whole.queries["text"].to_pylist()
    same &= again.judgments["score"].to_pylist() == whole.judgments["score"].to_pylist()
    return [] if same else [f"{bad.name}: read as another collection"]


def index_damaged(given: Path, room: Path, rng: random.Random) -> Problems:
    """A file of an index is damaged: it is refused."""
    from isoglot.search import build_index, open_index

    try:
        index = build_index(given / "model", read_collection(given / "data"), room / "index")
    except InputError as error:
        raise Skipped(str(error)) from None
    index.upsert([("new", "en", "", "a new page")])
    open_index(room / "index")
    inner = [
        path for path in sorted((room / "index").rglob("*")) if path.is_file() and path.parent != room / "index"
    ]
    bad = rng.choice([path for path in inner if path.suffix != ".json"])
    damage(bad, rng)
    return refused(["search", str(room / "index"), "a page"], (1, 2), "damaged", "cannot be opened")


def hub_unreachable(given: Path, room: Path, rng: random.Random) -> Problems:
    """The Hub cannot be reached: a sentence names what else can be given."""
    code = (  # without the minute that the Hub's client waits between its attempts
        "import sys, time; time.sleep = lambda seconds: None; from isoglot.cli import main; "
        "sys.exit(main(['evaluate', 'nobody/nothing-at-all', sys.argv[1], '--quiet']))"
    )
    values = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(room)}
    process = subprocess.run(
        [sys.executable, "-c", code, str(given / "data")],
        env=os.environ | values,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    last = process.stderr.strip().splitlines()[-1:] or [""]
    fine = process.returncode == 2 and "folder" in last[0] and "HF_HUB_OFFLINE" in last[0]
    return [] if fine else [f"status {process.returncode}: {process.stderr[-400:]}"]


def clock_jumps(given: Path, room: Path, rng: random.Random) -> Problems:
    """The clock jumps by up to ten years, forth and back, at every look at it: results are the same."""
    now, real = rng, time.time
    found = done(training(given, room / "one"))

    def jumping() -> float:
        return real() + now.uniform(-1, 1) * 10 * 365 * 86_400

    with mock.patch("time.time", jumping), mock.patch.object(files.time, "time", jumping):
        found += done(training(given, room / "two"))
        model, data = str(given / "model"), str(given / "data")
        for name in ("a", "b"):
            found += done(["evaluate", model, data, "--quiet", "--json", str(room / f"{name}.json")])
        found += done(["data", "convert", data, "--form", "parquet", "--to", str(room / "parquet"), "--quiet"])
    if weights(room / "one") != weights(room / "two"):
        found.append("other weights")
    one, two = (json.loads((room / f"{name}.json").read_text())["multilingual"] for name in ("a", "b"))
    return found + ([] if one == two else ["other measures"])


def shared_memory_full(given: Path, room: Path, rng: random.Random) -> Problems:
    """`/dev/shm` is full: nothing is kept there that is needed."""
    small = "mount --make-rprivate / && mount -t tmpfs -o size=4k tmpfs /dev/shm && head -c 4096 /dev/zero"
    inside = ["unshare", "--mount", "sh", "-c", f'{small} > /dev/shm/full && exec "$@"', "sh"]
    try:
        subprocess.run([*inside, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("/dev/shm cannot be replaced here") from None
    model, data = str(given / "model"), str(given / "data")
    evaluation = ["evaluate", model, data, "--quiet", "--json", str(room / "r.json")]
    code = (  # one after the other in a process, which imports everything once
        "import json, sys; from isoglot.cli import main; "
        "sys.exit(next((f'{words[0]} ended with {status}' for words in json.loads(sys.argv[1]) "
        "if (status := main(words))), 0))"
    )
    both = json.dumps([training(given, room / "out"), evaluation])
    ended = subprocess.run([*inside, sys.executable, "-c", code, both], capture_output=True, text=True, check=False)
    return [ended.stderr[-400:]] if ended.returncode else []


FAULTS: dict[str, Callable[[Path, Path, random.Random], Problems]] = {
    "disk full": disk_full,
    "cache full": cache_full,
    "read-only output": read_only,
    "out of memory in evaluation": memory_in_evaluation,
    "out of memory in training": memory_in_training,
    "two runs into one folder": two_runs,
    "killed worker of a study": study_worker_killed,
    "damaged checkpoint": checkpoint_damaged,
    "all checkpoints damaged": all_checkpoints_damaged,
    "damaged embeddings": embeddings_damaged,
    "damaged token ids": token_ids_damaged,
    "damaged collection in the cache": collection_damaged,
    "damaged Parquet": parquet_damaged,
    "damaged index": index_damaged,
    "hub unreachable": hub_unreachable,
    "clock jumps": clock_jumps,
    "full /dev/shm": shared_memory_full,
}
ONCE = ("read-only output", "hub unreachable", "cache full", "full /dev/shm")
"""Faults in which nothing is drawn: more than a few trials say no more than one."""


def try_fault(name: str, given: Path, work: Path, seed: int) -> Problems:
    """Try a fault once, in an empty folder and with a cache of its own.

    Raises:
        Skipped: it cannot be brought about here.
    """
    with tempfile.TemporaryDirectory(dir=work, ignore_cleanup_errors=True) as folder:
        room = Path(folder) / "room"
        room.mkdir()
        with environment(ISOGLOT_CACHE=str(Path(folder) / "cache"), HF_HUB_OFFLINE="1"):
            return FAULTS[name](given, room, random.Random(f"{name} {seed}"))


def main() -> int:
    """Try all faults, print a line of the table for each; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--only", default="", help="one fault")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(dir=options.work, prefix="isoglot-faults-") as folder:
        given = Path(folder) / "given"
        make_given(given)
        print("| fault | tried | not handled |\n| --- | --- | --- |", flush=True)
        for name in [options.only] if options.only else FAULTS:
            found: Problems = []
            tried = 0
            try:
                for seed in range(min(options.trials, 2) if name in ONCE else options.trials):
                    found += try_fault(name, given, Path(folder), seed)
                    tried += 1
            except Skipped as reason:
                print(f"| {name} | skipped: {reason} | |", flush=True)
                continue
            print(f"| {name} | {tried} | {len(found)} |", flush=True)
            for one in found:
                print(f"  {one}", file=sys.stderr, flush=True)
            bad += len(found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
