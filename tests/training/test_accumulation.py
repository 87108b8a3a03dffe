"""Gradient accumulation: one batch whose negatives are all its rows, embedded part by part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

from isoglot.batching import BatchSampler, Hybrid
from isoglot.batching.tokens import FlatTokenizer, flat_features
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.training import HybridTrainer
from isoglot.training.execution.embedding import BatchEmbedder
from isoglot.training.execution.gradient_cache import count_saved


def trained(pages, folder, rows, parts, **more):
    settings = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": parts, "max_steps": 5}
    args = Arguments(str(folder), report_to="none", disable_tqdm=True, use_cpu=True, logging_steps=1, **settings)
    trainer = HybridTrainer(static_encoder(pages, dimensions=16, vocabulary=150), pages, args=args, **more)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return trainer, losses


def test_steps_that_are_accumulated_have_the_negatives_of_the_whole_batch(twelve_pages, tmp_path):
    whole, expected = trained(twelve_pages, tmp_path, 12, 1)
    parts, losses = trained(twelve_pages, tmp_path, 4, 3)
    assert parts.sampler.batch_size == whole.sampler.batch_size == 12
    assert losses == expected
    assert torch.equal(parts.model[0].embedding.weight, whole.model[0].embedding.weight)
    assert parts.args.max_steps == parts.state.global_step == 5
    # those of three batches alone are others
    sampler = BatchSampler(twelve_pages, Hybrid(), 4)
    alone, others = trained(twelve_pages, tmp_path, 4, 3, sampler=sampler)
    assert alone.args.gradient_accumulation_steps == 3
    assert alone.sampler.batch_size == 4
    assert others != expected


@pytest.mark.parametrize("parts", [1, 2, 4, 7])
def test_no_more_than_a_part_is_held(twelve_pages, parts):
    model = scratch_encoder(twelve_pages, dimensions=64, layers=1, vocabulary=150).eval()
    tokenizer = FlatTokenizer.of(model)
    texts = ["a page", "another page with more words", "de 7 ?", "en page 3 and what not"] * 7
    features = [flat_features(*tokenizer(texts))]
    tokens = len(features[0]["input_ids"])

    def gradients(embedder):
        model.zero_grad()
        with count_saved(model) as saved:
            embeddings = embedder(model, features)
        held = saved.total
        ((embeddings @ embeddings.T) / 0.05).logsumexp(1).mean().backward()
        return held, torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])

    plain, expected = gradients(BatchEmbedder(memory=10**12, chunk_tokens=10**6))
    embedder = BatchEmbedder(memory=10**12)
    embedder.parts = parts
    embedder(model, features)  # measures what a token takes
    held, found = gradients(embedder)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    longest = int(np.diff(features[0]["offsets"].numpy(), append=tokens).max())
    assert held <= plain * (1 / parts + longest / tokens)
    assert (embedder.recomputed > 0) == (parts > 1)
