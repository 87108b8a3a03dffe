"""Every strategy with every term, on real and very uneven data: it trains, and nothing becomes no number."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

from isoglot.batching import STRATEGIES, strategy
from isoglot.batching.relations import Grouped
from isoglot.collections import read_collection
from isoglot.collections.negatives import with_hard_negatives
from isoglot.collections.scores import with_teacher_scores
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.objectives import TERMS, term
from isoglot.training import HybridTrainer
from isoglot.training.teacher import teacher_embeddings

pytestmark = pytest.mark.slow

STEPS = 4


@pytest.fixture(scope="module")
def tldr(shared_data):
    """The training split of tldr-pages, in 39 languages from 100 % to 0.05 % of its queries."""
    return read_collection(shared_data / "tldr" / "train")


@pytest.fixture(scope="module")
def scored(tldr):
    """The same with a hard negative of every query, and scores of it and of what is relevant."""
    rows, size, ids = np.arange(tldr.queries.num_rows), tldr.documents.num_rows, tldr.query_index.astype(np.int64)
    order = np.argsort(tldr.relevance.queries, kind="stable")
    relevant = Grouped.by(tldr.relevance.queries[order], tldr.relevance.documents[order], len(tldr.query_ids))
    documents, owners = relevant.of(ids)
    others = rows * 7919 % size
    kept = ~np.isin(rows * size + others, owners * size + documents)
    negatives = np.concatenate([[0], np.cumsum(kept)])
    owners, documents = np.append(owners, rows[kept]), np.append(documents, others[kept])
    order = np.argsort(owners, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(rows)))])
    found = with_hard_negatives(tldr, negatives, others[kept])
    return with_teacher_scores(found, offsets, documents[order], np.linspace(-1, 1, len(order)))


@pytest.fixture(scope="module")
def abstracts(shared_data):
    """English abstracts: a target domain that is not the training domain."""
    return read_collection(shared_data / "cranfield", language="en", lenient=True)  # two abstracts are empty


@pytest.fixture(scope="module")
def tokenizer(tldr):
    return train_tokenizer(tldr, 1000)


@pytest.fixture(scope="module")
def teacher(tldr, tokenizer):
    """Embeddings in another number of dimensions than the students'."""
    return teacher_embeddings(static_encoder(tldr, dimensions=24, tokenizer=tokenizer, seed=1), tldr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("combinations")


@pytest.fixture(scope="module", autouse=True)
def less_to_collect(tldr, abstracts, tokenizer):
    """The data is no more to be collected than what is there before (tests/conftest.py)."""
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("rule", STRATEGIES)
def test_it_trains(rule, name, tldr, scored, abstracts, tokenizer, teacher, folder):
    domain = name == "DomainContrast"
    model = static_encoder(tldr, dimensions=16, tokenizer=tokenizer)
    before = model[0].embedding.weight.detach().clone()
    args = Arguments(
        str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=16,
        learning_rate=0.01,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = HybridTrainer(
        model,
        scored if TERMS[name].needs_scores else tldr,
        negatives=int(TERMS[name].needs_scores),
        strategy=strategy(rule, gamma=0.5 if domain else 0.0),
        objective=term(name),
        teacher=teacher if TERMS[name].needs_teacher else None,
        args=args,
        target=abstracts if domain else None,
        token_cache=folder / "tokens",
    )
    kinds = {trainer.sampler[step].kind for step in range(STEPS)}
    assert ("domain" in kinds) == domain
    own = {key: value.detach().clone() for key, value in trainer.loss.terms.named_parameters()}
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(logs) == STEPS
    assert all(math.isfinite(value) for entry in logs for value in entry.values())
    after = model[0].embedding.weight
    assert after.isfinite().all()
    assert not torch.equal(before, after)
    assert not any(torch.equal(own[key], value) for key, value in trainer.loss.terms.named_parameters())
    pairs = [entry[f"{name}_parallel_pairs"] for entry in logs if f"{name}_parallel_pairs" in entry]
    assert len(pairs) == (STEPS if trainer.loss.needs_versions else 0)
    assert sum(pairs) > 0 or not pairs
