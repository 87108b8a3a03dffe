"""Train small encoders and write their losses, alone or under torchrun: run by test_curves.py.

python curves_run.py FOLDER RUN…

A run is its name and settings, such as `name=a encoder=scratch fsdp=1 parts=2 until=20`, in one argument. It is
trained for STEPS steps, or stops after `until` of them, and goes on from where the run of this name has stopped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from torch import Tensor
from transformers import TrainerCallback

from isoglot import HybridTrainer, MultilingualEvaluator, scratch_encoder, static_encoder
from isoglot.cli.program import leave_processes
from isoglot.collections import Collection, collection_from_rows
from isoglot.encoders import merge_lora
from isoglot.encoders.tuning import add_lora
from isoglot.objectives import InfoNCE

STEPS = 50
ROWS = 12
"""A batch, which 1 to 4 processes share evenly, as they do two parts of it, or with four processes three."""
WORDS = {"en": ("river", "stone", "cloud", "bread", "glass"), "de": ("Fluss", "Stein", "Wolke", "Brot", "Glas")}


def short_pages() -> Collection:
    """Return pages of a few words, with a question each: short, so that steps are quick, and of different lengths,
    so that processes have different numbers of chunks."""
    pages = [(a, b) for a in range(5) for b in range(5)]

    def named(lang: str, page: tuple[int, int]) -> str:
        return f"{WORDS[lang][page[0]]} {WORDS[lang][page[1]]}"

    def text(lang: str, page: tuple[int, int]) -> str:
        return " ".join([named(lang, page)] * (1 + page[0]))

    return collection_from_rows(
        [(f"{lang}{a}{b}", lang, "", text(lang, (a, b))) for lang in WORDS for a, b in pages],
        [(f"q{a}{b}", lang, f"{named(lang, (a, b))} ?") for lang in WORDS for a, b in pages],
        [(f"q{a}{b}", f"{lang}{a}{b}", 1) for lang in WORDS for a, b in pages],
    )


class StopAfter(TrainerCallback):
    """Saves a checkpoint after a step and ends the run there."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            control.should_save = control.should_training_stop = True


def make_encoder(kind: str, collection: Any) -> SentenceTransformer:
    """Return an encoder without dropout, whose masks each process draws for itself."""
    if kind == "static":
        return static_encoder(collection, dimensions=32, vocabulary=120)
    torch.manual_seed(3)
    model = scratch_encoder(collection, dimensions=64, layers=2, vocabulary=120)
    for module in model.modules():
        for name in ("p", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
        if hasattr(module, "config") and hasattr(module.config, "attention_probs_dropout_prob"):
            module.config.attention_probs_dropout_prob = 0.0
    if kind == "lora":
        torch.manual_seed(4)
        add_lora(model, 4)
    return model


def train(
    folder: Path,
    *,
    name: str,
    encoder: str = "scratch",
    fsdp: int = 0,
    parts: int = 1,
    until: int = STEPS,
    evaluate: int = 0,
) -> dict[str, Any]:
    """Train, and return the losses of the steps made here and what the encoder embeds in the end."""
    collection = short_pages()
    model = make_encoder(encoder, collection)
    out = folder / name
    args = SentenceTransformerTrainingArguments(
        str(out),
        max_steps=STEPS,
        gradient_accumulation_steps=parts,
        learning_rate={"static": 0.02, "scratch": 2e-3, "lora": 2e-2}[encoder],
        adam_epsilon=1e-3,  # where a gradient is near zero, its rounding is not made the size of a step
        weight_decay=0.01,
        warmup_steps=5,
        report_to="none",
        save_strategy="no",
        logging_steps=10,
        disable_tqdm=True,
        use_cpu=True,
        fsdp=bool(fsdp) or None,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=evaluate or None,
    )
    args.per_device_train_batch_size = ROWS // parts // args.world_size
    losses: list[float] = []
    trainer = HybridTrainer(
        model,
        collection,
        objective=InfoNCE(learn_temperature=True),
        args=args,
        callbacks=[StopAfter(until)] if until < STEPS else [],
        evaluator=MultilingualEvaluator(collection) if evaluate else None,
        chunk_tokens=64 if parts == 1 else None,
        memory=400_000 if parts == 1 else None,  # some chunks are computed again
    )

    def hear(module: Any, inputs: Any, loss: Tensor) -> None:
        if loss.requires_grad:
            losses.append(float(loss.detach()))

    trainer.loss.register_forward_hook(hear)
    before = trainer.evaluate() if evaluate else {}
    trainer.train(resume_from_checkpoint=bool(list(out.glob("checkpoint-*"))))
    measured = [entry for entry in trainer.state.log_history if "eval_multilingual_AP" in entry]
    whole = trainer.whole_model()
    return {
        "losses": losses,
        "embeddings": [] if args.process_index else merge_lora(whole).encode(["river stone", "Brot"]).tolist(),
        "recomputed": getattr(trainer.loss.embedder, "recomputed", 0),
        "temperature": float(trainer.loss.terms[0].temperature().detach()),
        "measured": [before, *measured],
        "norms": [entry["grad_norm"] for entry in trainer.state.log_history if "grad_norm" in entry],
    }


def main(folder: str, *runs: str) -> None:
    """Train one after the other."""
    torch.set_num_threads(1)
    for run in runs:
        told = dict(pair.split("=") for pair in run.split())
        settings = {key: value if key in ("name", "encoder") else int(value) for key, value in told.items()}
        found = train(Path(folder), **settings)
        if found["embeddings"]:
            (Path(folder) / f"{settings['name']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
    leave_processes()
