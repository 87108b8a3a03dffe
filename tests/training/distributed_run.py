"""Train a few steps, alone or under torchrun, and write losses and weights: run by test_distributed.py.

python distributed_run.py FOLDER ENCODER-STRATEGY…

For each of them, such as static-hybrid, a file of this name; for few one text alone is embedded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sentence_transformers import SentenceTransformerTrainingArguments
from transformers import TrainerCallback

from isoglot import HybridTrainer, join_collections, scratch_encoder, static_encoder
from isoglot.batching import strategy
from isoglot.batching.tokens import FlatTokenizer, flat_features
from isoglot.cli.program import leave_processes
from isoglot.data import load_worldfacts
from isoglot.objectives import (
    EmbeddingDistillation,
    InfoNCE,
    Matryoshka,
    MultiwayInfoNCE,
    SimilarityDistillation,
)
from isoglot.training.execution.embedding import BatchEmbedder

STEPS = 8
ROWS = 24


class Recorder(TrainerCallback):
    """Keeps, after every step, the loss and the weights."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.weights: list[torch.Tensor] = []
        self.model: Any = None

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.weights.append(torch.cat([p.detach().flatten().clone() for p in self.model.parameters()]))


def train(out: Path, encoder: str, name: str) -> None:
    """Train, and write what every step came to."""
    collection = load_worldfacts(("en", "de", "th"))["train"]
    if name == "sets":  # hybrid batches of two data sets
        name, collection = "hybrid", join_collections([collection, load_worldfacts(("en",))["train"]])
    nested, learns = name == "matryoshka", name == "teacher"  # learns from one in another number of dimensions
    name = "hybrid" if nested else "multiway" if learns else name
    build = static_encoder if encoder == "static" else scratch_encoder
    model = build(collection, dimensions=64, vocabulary=400)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # processes draw their own masks
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    for part in model.modules():
        if hasattr(part, "config") and hasattr(part.config, "attention_probs_dropout_prob"):
            part.config.attention_probs_dropout_prob = 0.0
    args = SentenceTransformerTrainingArguments(
        f"{out}.run",
        max_steps=STEPS,
        learning_rate=0.05 if encoder == "static" else 0.2,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        use_cpu=True,
        optim="sgd",  # Adam divides by the gradient's size, which magnifies rounding where it is near zero
    )
    args.per_device_train_batch_size = ROWS // args.world_size
    recorder = Recorder()
    objective = (MultiwayInfoNCE if name == "multiway" else InfoNCE)(learn_temperature=True)
    if learns:
        objective = objective + EmbeddingDistillation() + SimilarityDistillation()
    trainer = HybridTrainer(
        model,
        collection,
        strategy=strategy(name),
        objective=Matryoshka(objective, [16, 64]) if nested else objective,
        teacher=static_encoder(collection, dimensions=48, vocabulary=300, seed=7) if learns else None,
        args=args,
        callbacks=[recorder],
        chunk_tokens=200,
        memory={"multiway": 1, "hybrid": 20_000_000}[name],  # all chunks computed again, or some
    )
    recorder.model = model
    trainer.train()
    if args.process_index == 0:
        temperature = trainer.loss.terms[0].temperature()
        torch.save(
            {
                "losses": recorder.losses,
                "weights": torch.stack(recorder.weights),
                "temperature": temperature,
                "projection": trainer.loss.terms[1].projection.weight.detach() if learns else torch.zeros(1),
                "recomputed": trainer.loss.embedder.recomputed,
            },
            out,
        )


def few_texts(out: Path) -> None:
    """Embed one text, with however many processes, and write the gradient of the sum of its embedding."""
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    collection = load_worldfacts(("en", "de"))["train"]
    model = scratch_encoder(collection, dimensions=64, vocabulary=400).eval()
    tokenizer = FlatTokenizer.of(model)
    assert tokenizer is not None
    wrapped: Any = model
    if dist.is_initialized():
        wrapped = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
    embeddings = BatchEmbedder(memory=1)(wrapped, [flat_features(*tokenizer(["one text"]))])
    embeddings[:, 0].sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    if not dist.is_initialized() or dist.get_rank() == 0:
        torch.save({"embeddings": embeddings.detach(), "gradient": gradient}, out)


def main(folder: str, *cases: str) -> None:
    """Do one after the other."""
    torch.set_num_threads(1)
    for case in cases:
        if case == "few":
            few_texts(Path(folder) / case)
        else:
            train(Path(folder) / case, *case.split("-"))


if __name__ == "__main__":
    main(*sys.argv[1:])
    leave_processes()
