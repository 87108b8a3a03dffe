"""One training run, from configuration to a model folder that says how it was made."""

from __future__ import annotations

import json
import logging
import math
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from transformers import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from isoglot.collections import Collection, load_collection
from isoglot.encoders import load_encoder, scratch_encoder, static_encoder
from isoglot.errors import InputError, IsoglotError
from isoglot.objectives import InfoNCE
from isoglot.training.config import TrainConfig
from isoglot.training.trainer import HybridTrainer
from isoglot.versions import versions

__all__ = ["make_encoder", "train"]

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
CONFIG_FILE = "isoglot-training.yaml"
RECORD_FILE = "isoglot-training.json"


def make_encoder(config: TrainConfig, collection: Collection) -> SentenceTransformer:
    """Build or load the encoder that a configuration names."""
    if config.encoder == "static":
        model = static_encoder(
            collection, dimensions=config.dimensions, vocabulary=config.vocabulary, seed=config.seed
        )
    elif config.encoder == "scratch":
        model = scratch_encoder(
            collection,
            dimensions=config.dimensions,
            layers=config.layers,
            vocabulary=config.vocabulary,
            max_length=config.max_length or 256,
            seed=config.seed,
        )
    else:
        return load_encoder(
            config.encoder,
            pooling=config.pooling,
            max_length=config.max_length,
            query_prompt=config.query_prompt,
            document_prompt=config.document_prompt,
            trust_remote_code=config.trust_remote_code,
        )
    for key, prompt in (("query", config.query_prompt), ("document", config.document_prompt)):
        if prompt is not None:
            model.prompts[key] = prompt
    return model


def train(
    config: TrainConfig,
    *,
    collection: Collection | None = None,
    model: SentenceTransformer | None = None,
    resume: bool = False,
    progress: bool = False,
) -> SentenceTransformer:
    """Train an encoder and save it, with the effective configuration and versions beside it.

    Args:
        config: the run.
        collection: the training collection, if it is loaded already; else `config.data` is.
        model: the encoder to train, if it is built already.
        resume: continue from the last checkpoint in `config.out`, if there is one.
        progress: show a progress bar.

    Returns:
        The trained encoder.

    Raises:
        InputError: the data, the encoder or the output folder is not usable.
    """
    out = Path(config.out)
    if (out / "modules.json").is_file() and resume:
        raise InputError(f"{out} already holds a finished model: there is nothing to resume")
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not resume)):
        raise InputError(f"{out} already exists and is not empty; choose another --out, or continue with --resume")
    strategy = config.make_strategy()
    if collection is None:
        collection = load_collection(
            config.data,
            split=config.split,
            prefer_split="train",
            language=config.lang,
            lenient=config.lenient,
        )
    if model is None:
        model = make_encoder(config, collection)
    prompts = {key: text for key, text in model.prompts.items() if key in ("query", "document") and text}
    args = SentenceTransformerTrainingArguments(
        str(out / CHECKPOINTS),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.effective_learning_rate,
        lr_scheduler_type=config.schedule if not config.warmup else _with_warmup(config.schedule),
        warmup_steps=config.warmup,
        seed=config.seed,
        save_strategy="steps" if config.save_steps else "no",
        save_steps=config.save_steps or 500,
        save_total_limit=2,
        logging_steps=max(1, config.steps // 20),
        report_to="none",
        disable_tqdm=not progress,
        prompts=prompts or None,
    )
    objective = InfoNCE(config.temperature, config.symmetric)
    trainer = HybridTrainer(model, collection, strategy, objective, args)
    trainer.remove_callback(PrinterCallback)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = get_last_checkpoint(args.output_dir) if resume and (out / CHECKPOINTS).is_dir() else None
    start = time.perf_counter()
    batching = logging.getLogger("isoglot.batching")
    level, heard = batching.level, batching.isEnabledFor(logging.DEBUG)
    batching.setLevel(
        level if heard else logging.WARNING
    )  # one line for all small pairs, below, instead of one each
    outcome = trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.perf_counter() - start
    batching.setLevel(level)
    small = trainer.sampler.small_pairs
    if small:
        logger.info(
            "%d language pairs have too few training pairs without common relevant documents to fill "
            "batches of %d; %s lists them",
            *(len(small), config.batch_size, out / RECORD_FILE),
        )
    if not math.isfinite(outcome.training_loss):
        raise IsoglotError(
            f"training went wrong: the loss is {outcome.training_loss}; try a lower --learning-rate or a higher "
            "--temperature"
        )
    model.save(str(out))
    _write_record(out, config, collection, trainer, seconds)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    return model


def _with_warmup(schedule: str) -> str:
    return "constant_with_warmup" if schedule == "constant" else schedule


def _write_record(
    out: Path, config: TrainConfig, collection: Collection, trainer: HybridTrainer, seconds: float
) -> None:
    """Write the effective configuration, and how the run went."""
    effective = config.model_dump(exclude_none=True) | {"learning_rate": config.effective_learning_rate}
    text = yaml.safe_dump(effective, sort_keys=False, allow_unicode=True)
    (out / CONFIG_FILE).write_text(text, encoding="utf-8")
    record: dict[str, Any] = {
        "collection": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "languages": list(collection.languages),
        "command": sys.argv if sys.argv and Path(sys.argv[0]).stem in ("isoglot", "__main__") else None,
        "steps": trainer.state.global_step,
        "loss": [entry for entry in trainer.state.log_history if "loss" in entry],
        "small_pairs": {
            f"{a}→{b}": {"training_pairs": count, "batches": batches}
            for (a, b), (count, batches) in sorted(trainer.sampler.small_pairs.items())
        },
        "seconds": {"train": round(seconds, 3)},
        "versions": versions(),
    }
    (out / RECORD_FILE).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
