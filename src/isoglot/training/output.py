"""The folder of a run: settings while it lasts, then the model, its settings and how it went."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sentence_transformers import SentenceTransformer

from isoglot.collections import Collection, JoinedCollection
from isoglot.collections.fingerprint import collection_fingerprint, hash_of
from isoglot.errors import InputError
from isoglot.training.checkpoints import SAVING, last_checkpoint, put_in_place, remove_leftovers
from isoglot.training.checks import unused
from isoglot.training.config import TrainConfig, read_config

__all__ = [
    "CHECKPOINTS",
    "RECORD_FILE",
    "begin",
    "check_data",
    "check_out",
    "data_contents",
    "finish",
    "is_finished",
    "read_record",
]

CHECKPOINTS = "checkpoints"
CONFIG_FILE = "isoglot-training.yaml"
RECORD_FILE = "isoglot-training.json"
DATA_FILE = "data.json"  # with the checkpoints, since it matters as long as these do
MODEL_FILE = "modules.json"  # sentence-transformers' own; here the last one to appear

MAY_CHANGE = {"data", "target", "validation", "lenient", "out", "save_steps", "keep_checkpoints", "cache"}
"""Settings that a run may be resumed with other values of: paths, and what has no part in the weights."""


def _effective(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that decide a run, as they are written to its folder."""
    used = config.model_dump(exclude=set(unused(config)))
    used["learning_rate"] = config.effective_learning_rate
    if config.objective is None:
        used["temperature"] = config.effective_temperature
    # None is left out as the value of a key only: a setting of a term may have it
    return {key: value for key, value in used.items() if value is not None}


def check_out(config: TrainConfig, resume: bool) -> None:
    """See whether the folder of a run can be used.

    Raises:
        InputError: it holds other things, a model of another making, or a run that was started with other settings.
    """
    out = Path(config.out)
    if (out / MODEL_FILE).is_file() and resume and not is_finished(out):
        raise InputError(f"{out} already holds a finished model: there is nothing to resume")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not resume)):
        raise InputError(f"{out} already exists and is not empty; choose another --out, or continue with --resume")
    if not (out / CONFIG_FILE).is_file():
        return
    started = read_config(out / CONFIG_FILE, {})
    old, new = _effective(started), _effective(config)
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


def data_contents(config: TrainConfig, collection: Collection, target: Collection | None) -> dict[str, str]:
    """Return what a run reads: number and name of each data set, and the target -> hash of all it holds.

    Args:
        config: the run.
        collection: what it trains on, as it is sampled.
        target: of its domain batches.
    """
    parts = (
        [one.collection for one in collection.parts] if isinstance(collection, JoinedCollection) else [collection]
    )
    names = [one.name for one in config.data]
    if len(names) != len(parts):  # a collection that was given to `train`
        names = [one.name for one in parts]
    sets = {
        f"data set {number}, {name}": one for number, (name, one) in enumerate(zip(names, parts, strict=True), 1)
    }
    if target is not None:
        sets[f"target {config.target}"] = target
    return {name: hash_of([collection_fingerprint(one), one.finds_translations]) for name, one in sets.items()}


def check_data(out: str | Path, contents: Mapping[str, str]) -> None:
    """See that a run that is resumed reads what its last checkpoint was trained on, wherever that lies now.

    Args:
        out: folder of the run.
        contents: what `data_contents` returns.

    Raises:
        InputError: a data set has other texts, ids, languages or judgments.
    """
    noted = Path(out) / CHECKPOINTS / DATA_FILE
    if last_checkpoint(noted.parent) is None or not noted.is_file():
        return
    before = json.loads(noted.read_text(encoding="utf-8"))
    changed = [name for (name, now), old in zip(contents.items(), before, strict=False) if now != old]
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
    text = yaml.safe_dump(_effective(config), sort_keys=False, allow_unicode=True)
    for path, content in ((out / CONFIG_FILE, text), (checkpoints / DATA_FILE, json.dumps([*contents.values()]))):
        written = path.with_name(SAVING + path.name)
        written.write_text(content, encoding="utf-8")
        put_in_place(written, path)


def finish(out: Path, model: SentenceTransformer, record: dict[str, Any]) -> None:
    """Write the model and how the run went, and remove the checkpoints.

    The file that makes the folder a model appears last: a folder that has it holds all the rest.
    """
    written = out / f"{SAVING}model"
    shutil.rmtree(written, ignore_errors=True)
    model.save(str(written))
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (written / RECORD_FILE).write_text(text, encoding="utf-8")
    for path in sorted(written.iterdir(), key=lambda path: path.name == MODEL_FILE):
        put_in_place(path, out / path.name)
    shutil.rmtree(written, ignore_errors=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
