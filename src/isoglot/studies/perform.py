"""One run of a study: train, measure, and put the results in place whole."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import set_seed

from isoglot.collections import Collection, join_collections
from isoglot.encoders import load_encoder, static_encoder, train_tokenizer
from isoglot.evaluation import Result, evaluate
from isoglot.files import default_cache, versions
from isoglot.measures import PER_QUERY_BIAS, SETTINGS
from isoglot.studies.along import AlongTraining, encoded_tokens, read_along
from isoglot.studies.job import RUN_FILE, Job, Workshop, work_folder
from isoglot.studies.library import Library
from isoglot.studies.plan import effective, training_sets
from isoglot.studies.recipe import Evaluation
from isoglot.training import TrainConfig, make_encoder, train
from isoglot.training.output import MODEL_FILE, RECORD_FILE

__all__ = ["Bench", "perform"]


@dataclass
class Bench:
    """What a process keeps from run to run, so that nothing is read or learned twice.

    Attributes:
        workshop: of the study.
        library: its collections.
        tokenizers: of static encoders, by what they were learned from.
        joined: several data sets as one, by their names.
        distilled: static encoders made from pretrained ones, by what they were made of.
    """

    workshop: Workshop
    library: Library
    tokenizers: dict[Any, Tokenizer] = field(default_factory=dict)
    joined: dict[tuple[str, ...], Collection] = field(default_factory=dict)
    distilled: dict[Any, SentenceTransformer] = field(default_factory=dict)

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
            "config": [effective(job.settings(number)) for number in range(len(job.stages))],
            "sample": job.sample,
        }
        model, seconds = _fit(job, bench, work, record)
        lap = time.perf_counter()
        results = {one.name: _measure(model, job, one, bench.library.load(one.data)) for one in job.evaluations}
        seconds["evaluate"] = round(time.perf_counter() - lap, 3)
    record["along"] = {one.name: read_along(work, one) for one in job.evaluations if one.along and job.trained}
    record["seconds"] = seconds | {
        "all": round(time.perf_counter() - start, 3),
        "cpu": round(time.process_time() - cpu, 3),
    }
    record["versions"] = versions()
    written = Path(tempfile.mkdtemp(prefix=f".new-{job.name}-", dir=runs))
    for name, result in results.items():
        result.save(written / f"{name}.json")
    if bench.workshop.keep_models and job.trained:
        (work / f"stage-{len(job.stages) - 1}").rename(written / "model")
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (written / RUN_FILE).write_text(text, encoding="utf-8")
    written.chmod(0o755)
    shutil.rmtree(runs / job.name, ignore_errors=True)  # finished once, but without the model that is now asked for
    written.rename(runs / job.name)
    shutil.rmtree(work, ignore_errors=True)


def _fit(job: Job, bench: Bench, work: Path, record: dict[str, Any]) -> tuple[SentenceTransformer, dict[str, Any]]:
    """Train through all stages; note steps and tokens in the record. Returns the model and seconds."""
    seconds = {"train": 0.0}
    record["steps"], record["tokens"] = 0, 0
    if not job.trained:
        return bench.encoder(job, job.settings(0), bench.training_data(job, 0)), seconds
    along = [(one, bench.library.load(one.data)) for one in job.evaluations if one.along]
    model: SentenceTransformer | None = None
    for number in range(len(job.stages)):
        model = _fit_stage(job, bench, work, number, record["steps"], along, model)
        told = json.loads((work / f"stage-{number}" / RECORD_FILE).read_text(encoding="utf-8"))
        record["steps"] += told["steps"]
        seconds["train"] = round(seconds["train"] + told["seconds"]["train"], 3)
        since = told["resumed_from_step"] or 0
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
) -> SentenceTransformer:
    """Train one stage from the model of the one before, or go on with it after a kill."""
    out = work / f"stage-{number}"
    if (out / MODEL_FILE).is_file():  # killed after it
        return load_encoder(str(out))
    config = job.settings(number, **_local(job, bench.workshop, number, work))
    collection = bench.training_data(job, number)
    if config.encoder not in ("static", "scratch"):
        model = None  # loaded by the run, which freezes layers and adds adapters
    elif model is None:
        model = bench.encoder(job, config, collection)
    return train(
        config,
        collection=collection,
        model=model,
        resume=True,
        callbacks=[lambda trainer: AlongTraining(trainer, work, number, before, along)],
    )


def _local(job: Job, workshop: Workshop, number: int, work: Path) -> dict[str, Any]:
    """Return where the things lie that a stage's settings name."""
    stage = job.stages[number]
    found: dict[str, Any] = {"out": str(work / f"stage-{number}"), "save_steps": stage.get("save_steps", 0)}
    found |= {key: workshop.copies[stage[key]] for key in ("target", "validation") if key in stage}
    if "code_switch" in stage:
        paths = [path for name in stage["code_switch"]["lexicons"] for path in workshop.lexicons[name]]
        found["code_switch"] = {**stage["code_switch"], "lexicons": paths}
    if number and stage.get("encoder", "static") not in ("static", "scratch"):
        # a model that was saved knows its pooling
        found |= {"encoder": str(work / f"stage-{number - 1}"), "pooling": None}
    return found


def _measure(model: SentenceTransformer, job: Job, evaluation: Evaluation, collection: Collection) -> Result:
    """Measure a model; keep of the values per query what comparisons may need."""
    result = evaluate(
        model,
        collection,
        measures=evaluation.measures,
        bootstrap=0,  # intervals are drawn over all seeds together
        rank_correlation=evaluation.rank_correlation,
        geometry=evaluation.geometry,
        dtype=evaluation.dtype,
        cache=None if job.trained else default_cache(),  # the same in other studies; what is trained here is not
        name=job.label,
    )
    wanted = ["row", "query_id", "lang", *PER_QUERY_BIAS]
    for setting in SETTINGS:
        wanted += [f"{setting}_weight", *(f"{setting}_{measure}" for measure in evaluation.measures)]
    kept = {name: values for name, values in result.per_query.items() if name in wanted}
    return replace(result, per_query=kept)
