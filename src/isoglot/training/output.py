"""The folder of a run: settings while it lasts, then the model, its settings and how it went."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import torch
from sentence_transformers import SentenceTransformer

from isoglot.batching import JointSampler, StepSampler
from isoglot.collections import Collection
from isoglot.collections.fingerprint import collection_fingerprint, hash_of
from isoglot.errors import InputError
from isoglot.files import held_alone, versions, yaml_text
from isoglot.hardware import hardware
from isoglot.publishing import CARD, keep_card
from isoglot.training.callbacks import StopEarly
from isoglot.training.checkpoints import SAVING, last_checkpoint, put_in_place, remove_leftovers, writing
from isoglot.training.checks import unused
from isoglot.training.config import WHERE_TO, TrainConfig, read_config
from isoglot.training.data import parts_of, training_sets
from isoglot.training.teacher import Teacher
from isoglot.training.trainer import HybridTrainer

__all__ = [
    "CHECKPOINTS",
    "LOGS",
    "RECORD_FILE",
    "alone",
    "begin",
    "check_data",
    "check_out",
    "count_encoded",
    "data_contents",
    "describe",
    "effective_settings",
    "finish",
    "is_finished",
    "leave_nothing_untrained",
    "read_record",
]

CHECKPOINTS = "checkpoints"
CONFIG_FILE = "isoglot-training.yaml"
RECORD_FILE = "isoglot-training.json"
DATA_FILE = "data.json"  # with the checkpoints, since it matters as long as these do
LOCK = ".lock"
LOGS = "runs"  # of TensorBoard, as transformers calls it
TEACHER = "teacher"  # before its name, among what a run reads
TIMES = ("_time", "_runtime", "_per_second")  # ends of what the trainer says of a validation besides measures
MODEL_FILE = "modules.json"  # sentence-transformers' own; here the last one to appear

PATHS = {"data", "target", "teacher", "validation", "out"}
MAY_CHANGE = {*PATHS, "lenient", "save_steps", "keep_checkpoints", "cache", "fsdp"}
"""Settings that a run may be resumed with other values of: paths, and what has no part in the weights."""


def effective_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that decide a run, as they are written to its folder."""
    used = config.model_dump(exclude={*unused(config), *WHERE_TO})
    used["learning_rate"] = config.effective_learning_rate
    if config.objective is None:
        used["temperature"] = config.effective_temperature
    # None is left out as the value of a key only: a setting of a term may have it
    return {key: value for key, value in used.items() if value is not None}


Run = TypeVar("Run")


def alone(run: Callable[..., Run]) -> Callable[..., Run]:
    """Have a run, whose first argument is its configuration, hold its folder while it lasts.

    The system lets go of it when the process ends, however it does. Of several processes of one run the first holds
    it. A run that is finished is only read.

    Raises:
        InputError: another run holds the folder, or it cannot be written to.
    """

    @wraps(run)
    def held(config: TrainConfig, **options: Any) -> Run:
        out = Path(config.out)
        if os.environ.get("RANK", "0") != "0" or is_finished(out) or (out.exists() and not out.is_dir()):
            return run(config, **options)
        missing = [folder for folder in (out, *out.absolute().parents) if not folder.exists()]
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {out}: {error.strerror}") from None
        told = f"another run is writing to {out}: wait for it, or choose another --out"
        try:
            with held_alone(out / LOCK, told):
                try:
                    return run(config, **options)
                finally:
                    with suppress(OSError):
                        (out / LOCK).unlink()
        finally:
            for folder in missing:
                with suppress(OSError):  # something is in it
                    folder.rmdir()

    return held


def check_out(config: TrainConfig, resume: bool) -> None:
    """See whether the folder of a run can be used.

    Raises:
        InputError: it holds other things, a model of another making, or a run that was started with other settings.
    """
    out = Path(config.out)
    if (out / MODEL_FILE).is_file() and resume and not is_finished(out):
        raise InputError(f"{out} already holds a finished model: there is nothing to resume")
    if out.exists() and (not out.is_dir() or ({one.name for one in out.iterdir()} - {LOCK} and not resume)):
        raise InputError(f"{out} already exists and is not empty; choose another --out, or continue with --resume")
    if not (out / CONFIG_FILE).is_file():
        return
    started = read_config(out / CONFIG_FILE, {})
    old, new = effective_settings(started), effective_settings(config)
    changed = [key for key in {**old, **new} if key not in MAY_CHANGE and old.get(key) != new.get(key)]
    if not _same_but_for_paths(started, config):
        changed.insert(0, "data")
    if changed:
        said = ", ".join(f"{key} {old.get(key)} (now {new.get(key)})" for key in changed)
        raise InputError(
            f"{out} was started with {said}: resume it with the settings it had, or start anew in another --out"
        )


def is_finished(out: str | Path) -> bool:
    """Tell whether a folder holds a run that has come to its end."""
    return (Path(out) / MODEL_FILE).is_file() and (Path(out) / RECORD_FILE).is_file()


def read_record(out: str | Path) -> dict[str, Any]:
    """Return how the finished run in a folder went: what `finish` wrote of it."""
    record: dict[str, Any] = json.loads((Path(out) / RECORD_FILE).read_text(encoding="utf-8"))
    return record


def _same_but_for_paths(started: TrainConfig, config: TrainConfig) -> bool:
    """Tell whether two runs may have the same data sets in the same order, wherever these lie."""
    mixtures = [[one.model_dump(exclude={"name"}) for one in run.data] for run in (started, config)]
    old, new = ([one.name for one in run.data] for run in (started, config))
    moved = any(one != other and one in new for one, other in zip(old, new, strict=False))
    return mixtures[0] == mixtures[1] and not moved


def data_contents(
    config: TrainConfig, collection: Collection, target: Collection | None, teacher: Teacher | None = None
) -> dict[str, str]:
    """Return what a run reads: number and name of each data set, the target, the teacher -> hash of all it holds.

    Args:
        config: the run.
        collection: what it trains on, as it is sampled.
        target: of its domain batches.
        teacher: whose embeddings it learns from.
    """
    parts = parts_of(collection)
    names = [one.name for one in config.data]
    if len(names) != len(parts):  # a collection that was given to `train`
        names = [one.name for one in parts]
    sets = {
        f"data set {number}, {name}": one for number, (name, one) in enumerate(zip(names, parts, strict=True), 1)
    }
    if target is not None:
        sets[f"target {config.target}"] = target
    found = {name: hash_of([collection_fingerprint(one), one.finds_translations]) for name, one in sets.items()}
    return found if teacher is None else found | {f"{TEACHER} {teacher.name}": teacher.fingerprint}


def check_data(out: str | Path, contents: Mapping[str, str]) -> None:
    """See that a run that is resumed reads what its last checkpoint was trained on, wherever that lies now.

    Args:
        out: folder of the run.
        contents: what `data_contents` returns.

    Raises:
        InputError: a data set has other texts, ids, languages or judgments, or the teacher is another one.
    """
    noted = Path(out) / CHECKPOINTS / DATA_FILE
    if last_checkpoint(noted.parent) is None or not noted.is_file():
        return
    before = json.loads(noted.read_text(encoding="utf-8"))
    changed = [name for (name, now), old in zip(contents.items(), before, strict=False) if now != old]
    if changed and changed[-1].startswith(f"{TEACHER} "):
        raise InputError(
            f"{out} was started with another {TEACHER} than {changed[-1].removeprefix(f'{TEACHER} ')}: resume it "
            "with the one it had, or start anew in another --out"
        )
    if changed:
        raise InputError(
            f"{out} was started with other texts or judgments than are now in {'; '.join(changed)}: resume it with "
            "the data it had, or start anew in another --out"
        )


def begin(config: TrainConfig, contents: Mapping[str, str]) -> None:
    """Make the folder of a run, remove what killed processes left in it, and write the settings and the hashes of
    what the data sets hold (`data_contents`)."""
    out = Path(config.out)
    checkpoints = out / CHECKPOINTS
    checkpoints.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    text = yaml_text(effective_settings(config))
    for path, content in ((out / CONFIG_FILE, text), (checkpoints / DATA_FILE, json.dumps([*contents.values()]))):
        written = path.with_name(SAVING + path.name)
        written.write_text(content, encoding="utf-8")
        put_in_place(written, path)


@contextmanager
def leave_nothing_untrained(out: Path) -> Iterator[None]:
    """Take back what a run wrote to its folder where it ends in an error before its first checkpoint.

    There is nothing to resume, and the same command works once the reason is mended.
    """
    there = out.exists()
    try:
        yield
    except BaseException:
        checkpoints = out / CHECKPOINTS
        if last_checkpoint(checkpoints) is None and not (out / MODEL_FILE).exists():
            for path in (checkpoints / DATA_FILE, out / CONFIG_FILE):
                path.unlink(missing_ok=True)
            shutil.rmtree(out / LOGS, ignore_errors=True)
            for folder in (checkpoints, out)[: 1 if there else 2]:
                with suppress(OSError):  # it holds something else, which stays
                    folder.rmdir()
        raise


def finish(out: Path, model: SentenceTransformer, record: dict[str, Any], card: str) -> None:
    """Write the model, its card and how the run went, and remove the checkpoints.

    The file that makes the folder a model appears last: a folder that has it holds all the rest.
    """
    written = out / f"{SAVING}model"
    shutil.rmtree(written, ignore_errors=True)
    keep_card(model, card)
    with writing(out / "model"):
        # the library's card would ask the Hub what it knows of the encoder
        model.save(str(written), create_model_card=False)
        (written / CARD).write_text(card, encoding="utf-8")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (written / RECORD_FILE).write_text(text, encoding="utf-8")
    for path in sorted(written.iterdir(), key=lambda path: path.name == MODEL_FILE):
        put_in_place(path, out / path.name)
    shutil.rmtree(written, ignore_errors=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def count_encoded(trainer: HybridTrainer) -> dict[str, int] | None:
    """Return what was embedded since the run began or continued, by all processes together; None for encoders
    that take more than token ids, whose texts are not counted. All processes must ask."""
    embedder: Any = trainer.loss.embedder
    counts = torch.tensor([embedder.padded_tokens, embedder.recomputed], device=trainer.args.device)
    padded, recomputed = trainer.accelerator.reduce(counts).tolist()
    if not embedder.texts:
        return None
    return {
        "since_step": trainer.start_step,
        "texts": embedder.texts,
        "tokens": embedder.tokens,
        "padded_tokens": padded,
        "recomputed_chunks": recomputed,
    }


def _small_pairs(sampler: StepSampler) -> dict[str, dict[str, int]]:
    return {
        f"{a}→{b}": {"training_pairs": count, "batches": batches}
        for (a, b), (count, batches) in sorted(sampler.small_pairs.items())
    }


def _sets(sampler: JointSampler, batches: int) -> list[dict[str, Any]]:
    """Say of each data set what it has and what so many batches of the run took from it."""
    return [
        {
            "name": one.name,
            "documents": one.part.collection.documents.num_rows,
            "queries": one.part.collection.queries.num_rows,
            "languages": list(one.part.collection.languages),
            "training_pairs": one.training_pairs,
            "share": one.share,
            "batches": drawn,
            "missing": list(one.missing),
            "small_pairs": {} if one.sampler is None else _small_pairs(one.sampler),
            "pairs_missed": {} if one.sampler is None else one.sampler.missed,
        }
        for one, drawn in zip(sampler.sets, sampler.batches_drawn(batches), strict=True)
    ]


def describe(
    collection: Collection,
    trainer: HybridTrainer,
    seconds: dict[str, float],
    encoded: dict[str, int] | None,
    early: StopEarly | None = None,
) -> dict[str, Any]:
    """Return how a run went.

    Args:
        collection: what was trained on.
        trainer: after training.
        seconds: what each phase took.
        encoded: as `count_encoded` tells.
        early: what may have stopped the run before its last step.
    """
    history = trainer.state.log_history
    record: dict[str, Any] = {
        "collection": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "languages": list(collection.languages),
        "data": training_sets(collection),
        "command": sys.argv if sys.argv and Path(sys.argv[0]).stem in ("isoglot", "__main__") else None,
        "steps": trainer.state.global_step,
        "stopped_at": None if early is None else early.stopped_at,
        "stop_reason": None if early is None else early.reason,
        "resumed_from_step": trainer.start_step or None,
        "encoded": encoded,
        "loss": [entry for entry in history if "loss" in entry],  # and what the terms log
        "small_pairs": _small_pairs(trainer.sampler),
        "pairs_missed": trainer.sampler.missed,
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
        "versions": versions(),
        "hardware": hardware() | {"processes": trainer.args.world_size},
    }
    teacher = getattr(trainer.loss, "teacher", None)
    if teacher is not None:
        record["teacher"] = {
            "name": teacher.name,
            "fingerprint": teacher.fingerprint,
            "dimensions": teacher.dimensions,
        }
    if isinstance(trainer.sampler, JointSampler):
        record["sets"] = _sets(
            trainer.sampler, trainer.state.global_step * trainer.args.gradient_accumulation_steps
        )
    evaluator = trainer.evaluator
    if evaluator is not None:
        record["validation"] = {
            "collection": evaluator.collection.name,
            "results": [
                {key.removeprefix("eval_"): value for key, value in entry.items() if not key.endswith(TIMES)}
                for entry in history
                if f"eval_{evaluator.primary_metric}" in entry
            ],
        }
    if trainer.best_checkpoint is not None:
        record["best"] = {
            "step": trainer.state.best_global_step,
            "measure": trainer.args.metric_for_best_model,
            "value": trainer.state.best_metric,
        }
    return record
