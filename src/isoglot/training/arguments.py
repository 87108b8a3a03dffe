"""A run's configuration as the trainer's arguments."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments

from isoglot.errors import InputError
from isoglot.training.config import TrainConfig
from isoglot.training.output import CHECKPOINTS
from isoglot.training.validation import less_is_better

__all__ = ["training_arguments"]


def training_arguments(
    config: TrainConfig, model: SentenceTransformer, progress: bool
) -> SentenceTransformerTrainingArguments:
    """Return the trainer's arguments for a run.

    Args:
        config: the run.
        model: its encoder, which knows its prompts.
        progress: show a progress bar.

    Raises:
        InputError: the processes cannot share a batch.
    """
    prompts = {key: text for key, text in model.prompts.items() if key in ("query", "document") and text}
    best, warms_up = config.best_measure, config.warmup > 0
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if config.batch_size % processes:
        raise InputError(f"{processes} processes cannot share batches of {config.batch_size}: choose a multiple")
    return SentenceTransformerTrainingArguments(
        str(Path(config.out) / CHECKPOINTS),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size // processes,
        learning_rate=config.effective_learning_rate,
        lr_scheduler_type="constant_with_warmup" if warms_up and config.schedule == "constant" else config.schedule,
        warmup_steps=config.warmup,
        adam_beta1=config.adam_beta1,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=config.bf16,
        fp16=config.fp16,
        fsdp=config.fsdp or None,
        seed=config.seed,
        save_strategy="steps" if config.save_steps or best else "no",
        save_steps=config.save_steps or config.steps,
        save_total_limit=config.keep_checkpoints,
        eval_strategy="no" if config.validation is None else "steps",
        eval_steps=config.eval_steps or config.save_steps or config.steps,
        metric_for_best_model=best,
        greater_is_better=None if best is None else not less_is_better(best),
        logging_steps=max(1, config.steps // 20),
        use_cpu=not torch.accelerator.is_available(),  # unless told so, processes without a device share nothing
        report_to=config.report_to,
        run_name=Path(config.out).name,
        disable_tqdm=not progress,
        prompts=prompts or None,
    )
