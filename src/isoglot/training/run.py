"""One training run, from configuration to a model folder that says how it was made."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import PrinterCallback, ProgressCallback, TrainerCallback, set_seed
from transformers.integrations import TensorBoardCallback

from isoglot.batching import JointSampler
from isoglot.collections import Collection
from isoglot.collections.links import link_sentences
from isoglot.encoders import distil_static, load_encoder, merge_lora, scratch_encoder, static_encoder
from isoglot.errors import InputError, IsoglotError
from isoglot.files import default_cache
from isoglot.objectives import DomainContrast, LanguageAdversary, Matryoshka
from isoglot.training.arguments import training_arguments
from isoglot.training.callbacks import StopEarly, StopOnSignal, TellValidation, TrainingStopped
from isoglot.training.checkpoints import sound_checkpoint
from isoglot.training.checks import check_settings
from isoglot.training.config import MADE_HERE, TrainConfig
from isoglot.training.data import check_negatives, load_data, load_target, sample_training_data
from isoglot.training.output import (
    CHECKPOINTS,
    LOGS,
    RECORD_FILE,
    alone,
    begin,
    check_data,
    check_out,
    count_encoded,
    data_contents,
    describe,
    finish,
    is_finished,
    leave_nothing_untrained,
    read_record,
)
from isoglot.training.processes import check_contents, check_folder
from isoglot.training.publication import card_of, check_publication, publish
from isoglot.training.teacher import Teacher, check_teacher, read_teacher
from isoglot.training.telling import ProgressInRows, TellDuration
from isoglot.training.trainer import HybridTrainer
from isoglot.training.validation import ValidationEvaluator, validation_evaluator

__all__ = ["TrainingRun", "make_encoder", "make_terms", "run_training", "train"]

logger = logging.getLogger(__name__)


def make_encoder(config: TrainConfig, collection: Collection) -> SentenceTransformer:
    """Build or load the encoder that a configuration names."""
    if config.encoder == "static" and config.from_model is not None:
        model = distil_static(
            config.from_model, collection, dimensions=config.dimensions, vocabulary=config.vocabulary
        )
    elif config.encoder == "static":
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
            attention=config.attention,
            gradient_checkpointing=config.gradient_checkpointing,
            seed=config.seed,
        )
    else:
        return load_encoder(
            config.encoder,
            pooling=config.pooling,
            max_length=config.max_length,
            device="cpu" if config.fsdp else None,  # from where it is spread
            query_prompt=config.query_prompt,
            document_prompt=config.document_prompt,
            attention=config.attention,
            freeze=config.freeze,
            lora_rank=config.lora_rank,
            lora_alpha=config.lora_alpha,
            lora_targets=config.lora_targets,
            gradient_checkpointing=config.gradient_checkpointing,
            trust_remote_code=config.trust_remote_code,
        )
    for key, prompt in (("query", config.query_prompt), ("document", config.document_prompt)):
        if prompt is not None:
            model.prompts[key] = prompt
    return model


def _made_before(config: TrainConfig, checkpoint: Path) -> SentenceTransformer:
    """Return an encoder of our making as a checkpoint has it: learned anew, its sub-words might be others."""
    saved = load_encoder(
        checkpoint, attention=config.attention, gradient_checkpointing=config.gradient_checkpointing
    )
    model = SentenceTransformer(modules=list(saved))  # whose card names no checkpoint
    model.prompts |= saved.prompts
    return model


def make_terms(config: TrainConfig) -> dict[nn.Module, float]:
    """Return the terms of a run and their weights.

    Without `objective` these are `MultiwayInfoNCE` for multiway batches and `InfoNCE` for others; with domain
    batches (gamma above 0) `DomainContrast` too.

    Raises:
        InputError: there is no such term, a setting is bad, or the batches of the run have no use for a term, or no
            term a use for them.
    """
    if config.objective is None:
        kinds = [config.default_term, *([DomainContrast] if config.gamma else [])]
        return {kind(temperature=config.effective_temperature, symmetric=config.symmetric): 1.0 for kind in kinds}
    terms = [one.make() for one in config.objective]
    if not any(one.on_labelled for one in terms):
        raise InputError(
            "the objective has no term for queries and documents: add one, such as InfoNCE or MultiwayInfoNCE"
        )
    on_domain = [one for one in terms if one.on_domain]
    if config.gamma and not on_domain:
        raise InputError(
            "gamma draws domain batches, and no term of the objective applies to them: add DomainContrast, or "
            "leave gamma out"
        )
    if not config.gamma and on_domain:
        name = type(on_domain[0]).__name__
        name += " with the target domain" if isinstance(on_domain[0], LanguageAdversary) else ""
        raise InputError(
            f"{name} applies to domain batches, and there are none: give gamma, such as 0.2, and target"
        )
    return {term: one.weight for term, one in zip(terms, config.objective, strict=True)}


@dataclass(frozen=True)
class TrainingRun:
    """A run that is finished.

    Attributes:
        model: the trained encoder; with `best_measure` the best one that was validated. Of one that was spread over
            several processes (`fsdp`) the first has the weights, on its CPU, and the others' copies none.
        record: what `isoglot-training.json` says.
        asked_to_stop: whether SIGTERM came in or after its last step.
    """

    model: SentenceTransformer
    record: Mapping[str, Any]
    asked_to_stop: bool = False

    @property
    def steps(self) -> int:
        """Steps of the optimiser, with those before the run was resumed."""
        return self.record["steps"]

    @property
    def resumed_from(self) -> int:
        """The step that the run was last continued from; 0 if it never was."""
        return self.record["resumed_from_step"] or 0

    @property
    def tokens(self) -> int | None:
        """Tokens encoded since then, by all processes; None where they are not counted."""
        return self.record["encoded"] and self.record["encoded"]["tokens"]

    @property
    def seconds(self) -> Mapping[str, float]:
        """What `setup` and `train` took since then."""
        return self.record["seconds"]

    @property
    def best(self) -> Mapping[str, Any] | None:
        """Step, measure and value of the best validation, where `best_measure` chose the model."""
        return self.record.get("best")


def train(config: TrainConfig, **options: Any) -> SentenceTransformer:
    """Train an encoder and save it: `run_training`, for those who want no more than the trained encoder."""
    return run_training(config, **options).model


@alone
def run_training(
    config: TrainConfig,
    *,
    collection: Collection | None = None,
    model: SentenceTransformer | None = None,
    resume: bool = False,
    progress: bool = False,
    callbacks: Sequence[Callable[[HybridTrainer], TrainerCallback]] = (),
) -> TrainingRun:
    """Train an encoder and save it, with the effective configuration and versions beside it.

    Args:
        config: the run.
        collection: the training collection, if it is loaded already, several of them joined by
            `join_collections`; else `config.data` is loaded.
        model: the encoder to train, if it is built already.
        resume: continue from the last checkpoint in `config.out`, if there is one; a run that is finished is
            returned as it is.
        progress: show a progress bar.
        callbacks: makers of further callbacks, which are given the trainer.

    Raises:
        InputError: the data, the encoder, a setting or the output folder is not usable.
        IsoglotError: training went wrong: the loss or a weight is not a finite number; or the model, which is
            saved, cannot be pushed.
        TrainingStopped: SIGTERM came; a checkpoint to resume from is saved, unless it is a `TrainingCut`.
    """
    start = time.perf_counter()
    out = Path(config.out)
    first = os.environ.get("RANK", "0") == "0"  # of several processes, the one that writes
    check_settings(config)
    check_publication(config)
    if first:
        check_out(config, resume)
    if resume:
        check_folder(out)
    if resume and is_finished(out):
        logger.info("%s holds a finished run: there is nothing to resume", out)
        if first:
            publish(config)
        return TrainingRun(load_encoder(str(out)), read_record(out))
    config.make_strategy()  # what is wrong with it or with the terms is told before data are read
    terms = make_terms(config)
    check_teacher(terms, config.teacher)
    with _one_line_for_small_pairs():
        evaluator = validation_evaluator(config, terms)
    if collection is None:
        collection = load_data(config)
    collection = sample_training_data(config, collection, tell=first)  # before anything learns from its texts
    check_negatives(config, collection)
    for sentence in link_sentences(collection) if first else ():
        logger.info("%s", sentence)
    target = None
    if config.target is not None:
        target = load_target(config.target, language=config.lang, lenient=config.lenient)
    teacher = None if config.teacher is None else read_teacher(config.teacher)
    contents = data_contents(config, collection, target, teacher)
    checkpoint = None
    if resume:
        check_data(out, contents)
        checkpoint = sound_checkpoint(out / CHECKPOINTS, tell=first)
    if model is None and checkpoint is not None and config.encoder in MADE_HERE:
        model = _made_before(config, checkpoint)
    with leave_nothing_untrained(out) if first else nullcontext():
        trainer = _trainer(config, collection, model, terms, target, teacher, evaluator, progress)
        early = next((one for one in trainer.callback_handler.callbacks if isinstance(one, StopEarly)), None)
        for make in callbacks:
            trainer.add_callback(make(trainer))
        check_contents(contents)
        if first:
            begin(config, contents)
            if isinstance(trainer.sampler, JointSampler):
                drawn = ", ".join(f"{one.name} {one.share:.1%}" for one in trainer.sampler.sets)
                logger.info("batches come from %d data sets: %s", len(trainer.sampler.sets), drawn)
        seconds = {"setup": time.perf_counter() - start}
        start = time.perf_counter()
        with StopOnSignal() as stop, _one_line_for_small_pairs():
            trainer.add_callback(stop)
            trainer.train(resume_from_checkpoint=checkpoint)
    seconds["train"] = time.perf_counter() - start
    step = trainer.state.global_step
    stopped_early = early is not None and early.stopped_at is not None  # such a run is finished
    if stop.asked and step < config.steps and not stopped_early:
        raise TrainingStopped(
            f"stopped at step {step:,} of {config.steps:,} as SIGTERM asked, with a checkpoint in {out}; the same "
            "command with --resume continues"
        )
    if first:
        _tell_small_pairs(trainer, config)
    trainer.load_best()
    trained = trainer.whole_model()
    has_weights = first or trainer.sharding is None
    if has_weights:
        _check_weights(trained)
    encoded = count_encoded(trainer)
    if has_weights:
        merge_lora(trained)
    record = describe(collection, trainer, seconds, encoded, early)
    if first:
        finish(out, trained, record, card_of(config, record, trained, evaluator))
    trainer.accelerator.wait_for_everyone()  # a launcher takes the end of one process for the end of all
    if first and not stop.asked:
        publish(config)
    elif first and config.push_to_hub:
        logger.info("not pushed, since SIGTERM came: the same command with --resume pushes the model in %s", out)
    return TrainingRun(trained, record, stop.asked)


def _tell_small_pairs(trainer: HybridTrainer, config: TrainConfig) -> None:
    small = trainer.sampler.small_pairs
    if small:
        logger.info(
            "%d language pairs have too few training pairs without common relevant documents to fill "
            "batches of %d, and have smaller ones; %s lists them. A smaller --batch-size, or "
            "rows of many pairs in a batch (--pairing row, --strategy mixed), fills them",
            *(len(small), config.batch_size, Path(config.out) / RECORD_FILE),
        )


def _check_weights(trained: SentenceTransformer) -> None:
    """Refuse weights that are NaN or infinite."""
    if not all(bool(torch.isfinite(weights).all()) for weights in trained.parameters()):
        raise IsoglotError(
            "training went wrong: weights are not finite numbers after the last step; try a lower --learning-rate "
            "or a higher --temperature"
        )


def _trainer(
    config: TrainConfig,
    collection: Collection,
    model: SentenceTransformer | None,
    terms: dict[nn.Module, float],
    target: Collection | None,
    teacher: Teacher | None,
    evaluator: ValidationEvaluator | None,
    progress: bool,
) -> HybridTrainer:
    """Return the trainer of a run, with the callbacks that its settings ask for."""
    switcher: Any = None
    if config.code_switch is not None:
        switcher = config.code_switch.make(collection, config.seed, config.lenient)
    set_seed(config.seed)  # adapters of LoRA draw their weights from here
    if model is None:
        model = make_encoder(config, collection)
    weights = [one.weight for one in config.data if one.weight is not None]
    trainer = HybridTrainer(
        model,
        collection,
        strategy=config.make_strategy(),
        objective=Matryoshka(terms, config.matryoshka) if config.matryoshka else terms,
        args=training_arguments(config, model, progress),
        data_weights=weights or None,
        data_power=config.data_power,
        target=target,
        teacher=teacher,
        embedding_cache=default_cache() if config.cache else None,
        negatives=config.negatives,
        switcher=switcher,
        token_cache=default_cache() / "tokens" if config.cache else None,
        memory=config.memory,
        chunk_tokens=config.chunk_tokens,
        evaluator=evaluator,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(TellDuration())
    if progress:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ProgressInRows())
    if evaluator is not None:
        trainer.add_callback(TellValidation(config.best_measure or evaluator.primary_metric))
    for one in trainer.callback_handler.callbacks:
        if isinstance(one, TensorBoardCallback) and one.logging_dir is None:
            one.logging_dir = str(Path(config.out) / LOGS)  # and not with the checkpoints, which go
    if config.patience is not None and config.best_measure is not None:
        trainer.add_callback(StopEarly(config.best_measure, config.patience))
    return trainer


@contextmanager
def _one_line_for_small_pairs() -> Iterator[None]:
    """Keep the sampler from telling of each small language pair, which takes a line each, unless asked for."""
    batching = logging.getLogger("isoglot.batching")
    level = batching.level
    if not batching.isEnabledFor(logging.DEBUG):
        batching.setLevel(logging.WARNING)
    try:
        yield
    finally:
        batching.setLevel(level)
