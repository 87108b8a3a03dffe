"""One run of a study: train, measure along the way and at the end, and put the results in place whole."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import TrainerCallback, set_seed

from isoglot.collections import Collection, join_collections
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.evaluation import Result, evaluate
from isoglot.files import default_cache, new_file, new_folder, versions
from isoglot.hardware import hardware
from isoglot.measures import COUNTS, OTHERS, PER_QUERY_BIAS, SETTINGS
from isoglot.repair import repair_model
from isoglot.studies.arms import effective, training_sets
from isoglot.studies.job import RUN_FILE, Job, Workshop, work_folder
from isoglot.studies.library import Library
from isoglot.studies.recipe import Evaluation
from isoglot.training import HybridTrainer, TrainConfig
from isoglot.training.callbacks import TrainingStopped
from isoglot.training.run import TrainingRun, make_encoder, run_training

__all__ = ["AlongTraining", "Bench", "perform"]


@dataclass
class Bench:
    """What a process keeps from run to run, so that nothing is read or learned twice.

    Attributes:
        workshop: of the study.
        tokenizers: of static encoders, by what they were learned from.
        joined: several data sets as one, by their names.
        distilled: static encoders made from pretrained ones, by what they were made of.
    """

    workshop: Workshop
    tokenizers: dict[Any, Tokenizer] = field(default_factory=dict)
    joined: dict[tuple[str, ...], Collection] = field(default_factory=dict)
    distilled: dict[Any, SentenceTransformer] = field(default_factory=dict)

    @property
    def library(self) -> Library:
        """The collections of the study."""
        return self.workshop.library

    def training_data(self, job: Job, stage: int) -> Collection:
        """Return what a stage is trained on: a sample, where the arm asks for one."""
        names = tuple(training_sets(job.stages[stage]))
        if len(names) > 1 and names not in self.joined:
            self.joined[names] = join_collections([self.library.load(name) for name in names], names)
        collection = self.joined[names] if len(names) > 1 else self.library.load(names[0])
        if job.sample is None:
            return collection
        from isoglot.data.sampling import sample_collection

        return sample_collection(
            collection,
            job.sample["budgets"],
            default=job.sample["default"],
            seed=job.seed,
            hold_out=job.sample["hold_out"],
        )

    def encoder(self, job: Job, config: TrainConfig, collection: Collection) -> SentenceTransformer:
        """Return an encoder to begin with."""
        set_seed(config.seed)
        sets = tuple(training_sets(job.stages[0]))
        key = (sets, json.dumps(job.sample), job.sample and job.seed, config.vocabulary)
        if config.encoder == "static" and config.from_model is not None:
            made = (config.from_model, config.dimensions, config.query_prompt, config.document_prompt, *key)
            if made not in self.distilled:
                self.distilled[made] = make_encoder(config, collection)
            return copy.deepcopy(self.distilled[made])
        if config.encoder != "static" or config.query_prompt or config.document_prompt:
            return make_encoder(config, collection)
        if key not in self.tokenizers:
            self.tokenizers[key] = train_tokenizer(collection, config.vocabulary)
        return static_encoder(
            collection,
            dimensions=config.dimensions,
            vocabulary=config.vocabulary,
            seed=config.seed,
            tokenizer=self.tokenizers[key],
        )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads: the same number gives the same results."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def perform(job: Job, bench: Bench) -> None:
    """Make one run; its folder appears whole, or not at all.

    What a long run has done so far lies in a hidden folder beside it, from which it goes on after a kill.

    Raises:
        IsoglotError: a setting or the data is bad, or training went wrong.
        TrainingStopped: SIGTERM came while it trained.
    """
    runs = bench.workshop.runs
    work = work_folder(job, bench.workshop)
    work.mkdir(parents=True, exist_ok=True)
    start, cpu = time.perf_counter(), time.process_time()
    with _threads(bench.workshop.threads):
        record = {
            "arm": job.arm,
            "seed": job.seed,
            "trial": job.trial,
            "trained": job.trained,
            "config": settings_told(job),
            "sample": job.sample,
            "hardware": hardware(),
        }
        model, seconds = _fit(job, bench, work, record)
        model = _repaired(model, job, bench)
        lap = time.perf_counter()
        results = {one.name: _measure(model, job, one, bench.library.load(one.data)) for one in job.evaluations}
        seconds["evaluate"] = round(time.perf_counter() - lap, 3)
    record["along"] = {one.name: read_along(work, one) for one in job.evaluations if one.along and job.trained}
    record["seconds"] = seconds | {
        "all": round(time.perf_counter() - start, 3),
        "cpu": round(time.process_time() - cpu, 3),
    }
    record["versions"] = versions()
    shutil.rmtree(runs / job.name, ignore_errors=True)  # finished once, but without the model that is now asked for
    with new_folder(runs / job.name) as folder:
        for name, result in results.items():
            result.save(folder / f"{name}.json")
        if bench.workshop.keep_models and job.trained:
            _keep_model(model, job, work, folder / "model")
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (folder / RUN_FILE).write_text(text, encoding="utf-8")
    shutil.rmtree(work, ignore_errors=True)


def settings_told(job: Job) -> list[dict[str, Any]]:
    """Return the settings in effect of each stage; a repair is the last thing that is done to a model."""
    told = [effective(stage) for stage in job.stages]
    if job.repair is not None:
        told[-1]["repair"] = job.repair.model_dump(exclude_none=True)
    return told


def _repaired(model: SentenceTransformer, job: Job, bench: Bench) -> SentenceTransformer:
    """Return the model with the arm's repair, if it has one."""
    if job.repair is None:
        return model
    return repair_model(
        model, bench.library.load(job.repair.data), job.repair.method, job.repair.strength, by=job.repair.by
    )


def _keep_model(model: SentenceTransformer, job: Job, work: Path, folder: Path) -> None:
    """Keep a trained model, as training wrote it unless it was repaired since."""
    if job.repair is None:
        (work / f"stage-{len(job.stages) - 1}").rename(folder)
    else:
        model.save(str(folder))


def _fit(job: Job, bench: Bench, work: Path, record: dict[str, Any]) -> tuple[SentenceTransformer, dict[str, Any]]:
    """Train through all stages; note steps and tokens in the record. Returns the model and seconds."""
    seconds = {"train": 0.0}
    record["steps"], record["tokens"] = 0, 0
    if not job.trained:
        return bench.encoder(job, job.stages[0], bench.training_data(job, 0)), seconds
    along = [(one, bench.library.load(one.data)) for one in job.evaluations if one.along]
    model: SentenceTransformer | None = None
    for number in range(len(job.stages)):
        run = _fit_stage(job, bench, work, number, record["steps"], along, model)
        model, told = run.model, run.record
        record["steps"] += told["steps"]
        seconds["train"] = round(seconds["train"] + told["seconds"]["train"], 3)
        since = run.resumed_from
        # nothing is told of a stage that went on after its last step, and of encoders that take more than token ids
        tokens = told["encoded"]["tokens"] if told["encoded"] else 0 if since == told["steps"] else None
        tokens = encoded_tokens(work, number, since, tokens)
        record["tokens"] = None if tokens is None or record["tokens"] is None else record["tokens"] + tokens
    assert model is not None  # there is at least one stage
    return model, seconds


def _fit_stage(
    job: Job,
    bench: Bench,
    work: Path,
    number: int,
    before: int,
    along: list[tuple[Evaluation, Collection]],
    model: SentenceTransformer | None,
) -> TrainingRun:
    """Train one stage from the model of the one before, or go on with it after a kill."""
    config = _with_places(job, bench.workshop, number, work)
    collection = bench.training_data(job, number)
    if config.encoder not in ("static", "scratch"):
        model = None  # loaded by the run, which freezes layers and adds adapters
    elif model is None:
        model = bench.encoder(job, config, collection)
    run = run_training(
        config,
        collection=collection,
        model=model,
        resume=True,
        callbacks=[lambda trainer: AlongTraining(trainer, work, number, before, along)],
    )
    if run.asked_to_stop:  # it was at its end, and a study has more to do
        raise TrainingStopped(f"stopped after stage {number} of {job.label}, as SIGTERM asked")
    return run


def _with_places(job: Job, workshop: Workshop, number: int, work: Path) -> TrainConfig:
    """Return a stage's settings with where the things lie that they name."""
    stage = job.stages[number]
    found: dict[str, Any] = {"out": str(work / f"stage-{number}")}
    if "save_steps" not in stage.model_fields_set:
        found["save_steps"] = 0
    if stage.target is not None:
        found["target"] = workshop.copies[stage.target]
    if stage.validation is not None:
        found["validation"] = workshop.copies[stage.validation]
    if stage.code_switch is not None:
        paths = [path for name in stage.code_switch.lexicons for path in workshop.lexicons[name]]
        found["code_switch"] = stage.code_switch.model_copy(update={"lexicons": paths})
    if number and stage.encoder not in ("static", "scratch"):
        # a model that was saved knows its pooling
        found |= {"encoder": str(work / f"stage-{number - 1}"), "pooling": None}
    return stage.model_copy(update=found)


def measure_model(
    model: SentenceTransformer, evaluation: Evaluation, collection: Collection, **more: Any
) -> Result:
    """Measure a model as the recipe says; intervals are drawn over all seeds together, later."""
    return evaluate(
        model,
        collection,
        measures=evaluation.measures,
        bootstrap=0,
        rank_correlation=evaluation.rank_correlation,
        geometry=evaluation.geometry,
        dtype=evaluation.dtype,
        **more,
    )


def _measure(model: SentenceTransformer, job: Job, evaluation: Evaluation, collection: Collection) -> Result:
    """Measure a model; keep of the values per query what comparisons may need."""
    cache = None if job.trained else default_cache()  # the same in other studies; what is trained here is not
    result = measure_model(model, evaluation, collection, cache=cache, name=job.label)
    wanted = ["row", "query_id", "lang", *PER_QUERY_BIAS]
    for setting in SETTINGS:
        columns = [f"{setting}_{measure}" for measure in evaluation.measures]
        wanted += [f"{setting}_weight", *columns, *(OTHERS + column for column in columns)]
    kept = {name: values for name, values in result.per_query.items() if name in wanted}
    return replace(result, per_query=kept)


def _write_json(path: Path, content: Any) -> None:
    """Write a small file whole."""
    with new_file(path) as file:
        json.dump(content, file)


def scalars(result: Result) -> dict[str, dict[str, float]]:
    """Return the single values of a result by setting and measure."""
    found = {}
    for setting in (*SETTINGS, "bias", "geometry"):
        values = getattr(result, setting) or {}
        found[setting] = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and name not in COUNTS
        }
    return found


class AlongTraining(TrainerCallback):
    """Measures collections at given steps, and notes at each checkpoint how many tokens were encoded until then.

    What it finds is written to files at once, so that a run that goes on after a kill has it.

    Args:
        trainer: of the run.
        folder: where the files go.
        stage: which stage of the run this is, from 0.
        before: steps of the stages before.
        evaluations: what is measured, and when.
    """

    def __init__(
        self,
        trainer: HybridTrainer,
        folder: Path,
        stage: int,
        before: int,
        evaluations: Sequence[tuple[Evaluation, Collection]],
    ) -> None:
        self.trainer, self.folder, self.stage, self.before = trainer, folder, stage, before
        self.evaluations = evaluations

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure the encoder before its first step, if asked for."""
        if not state.global_step and not self.stage:
            self._measure(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure after a step, if asked for; note the tokens before there is a checkpoint to go on from."""
        self._measure(self.before + state.global_step)
        if control.should_save:
            self._note_tokens(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the tokens of a checkpoint that was asked for later in the step."""
        self._note_tokens(state.global_step)

    def _note_tokens(self, step: int) -> None:
        embedder: Any = self.trainer.loss.embedder
        since = embedder.tokens if embedder.texts else None  # of encoders that take more than token ids
        tokens = encoded_tokens(self.folder, self.stage, self.trainer.start_step, since)
        _write_json(_tokens_file(self.folder, self.stage, step), tokens)

    def _measure(self, step: int) -> None:
        model: Any = self.trainer.model
        for evaluation, collection in self.evaluations:
            path = _along_file(self.folder, evaluation, step)
            if step not in evaluation.along or path.exists():
                continue
            training = model.training
            model.eval()
            result = measure_model(model, evaluation, collection)
            model.train(training)
            _write_json(path, scalars(result))


def _along_file(folder: Path, evaluation: Evaluation, step: int) -> Path:
    return folder / f"along-{evaluation.name}-{step}.json"


def _tokens_file(folder: Path, stage: int, step: int) -> Path:
    return folder / f"tokens-{stage}-{step}.json"


def encoded_tokens(folder: Path, stage: int, since_step: int, tokens: int | None) -> int | None:
    """Return the tokens that a stage encoded in all; None where they are not counted.

    Args:
        folder: where `AlongTraining` wrote.
        stage: which stage.
        since_step: the step from which it was continued; 0 if it was not.
        tokens: encoded since.
    """
    if not since_step or tokens is None:
        return tokens
    try:
        before: int | None = json.loads(_tokens_file(folder, stage, since_step).read_text(encoding="utf-8"))
    except FileNotFoundError:  # killed between a checkpoint that a signal asked for and the note of it
        return None
    return None if before is None else before + tokens


def read_along(folder: Path, evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what was measured along the training: step, and values by setting and measure."""
    return [
        {"step": step, **json.loads(_along_file(folder, evaluation, step).read_text(encoding="utf-8"))}
        for step in sorted(evaluation.along)
    ]
