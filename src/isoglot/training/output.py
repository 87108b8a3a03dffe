"""The folder of a run: settings while it lasts, then the model, its settings and how it went."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from sentence_transformers import SentenceTransformer

from isoglot.errors import InputError
from isoglot.training.checkpoints import SAVING, put_in_place, remove_leftovers
from isoglot.training.checks import unused
from isoglot.training.config import TrainConfig, read_config

__all__ = ["CHECKPOINTS", "RECORD_FILE", "begin", "check_out", "finish"]

CHECKPOINTS = "checkpoints"
CONFIG_FILE = "isoglot-training.yaml"
RECORD_FILE = "isoglot-training.json"
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
        InputError: it holds other things, a finished model, or a run that was started with other settings.
    """
    out = Path(config.out)
    if (out / MODEL_FILE).is_file() and resume:
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


def _same_but_for_paths(started: TrainConfig, config: TrainConfig) -> bool:
    """Tell whether two runs may have the same data sets in the same order, wherever these lie."""
    mixtures = [[one.model_dump(exclude={"name"}) for one in run.data] for run in (started, config)]
    old, new = ([one.name for one in run.data] for run in (started, config))
    moved = any(one != other and one in new for one, other in zip(old, new, strict=False))
    return mixtures[0] == mixtures[1] and not moved


def begin(config: TrainConfig) -> None:
    """Make the folder of a run, remove what killed processes left in it, and write the settings."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    text = yaml.safe_dump(_effective(config), sort_keys=False, allow_unicode=True)
    written = out / f"{SAVING}{CONFIG_FILE}"
    written.write_text(text, encoding="utf-8")
    put_in_place(written, out / CONFIG_FILE)


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
