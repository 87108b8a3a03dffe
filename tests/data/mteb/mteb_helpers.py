"""Small tasks of mteb: from Python rows, and from a folder in the form of the hub."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import yaml
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
from mteb.abstasks.task_metadata import TaskMetadata


def metadata(name, eval_langs, *, path="nowhere", splits=("test",), **more):
    return TaskMetadata(
        name=name,
        description=name,
        dataset={"path": str(path), "revision": "main"},
        type="Retrieval",
        category="t2t",
        eval_splits=list(splits),
        eval_langs=eval_langs,
        main_score="ndcg_at_10",
        **more,
    )


def part(corpus, queries, qrels, top_ranked=None):
    """Corpus {id: text}, queries {id: text}, qrels {query: {document: score}}."""
    return RetrievalSplitData(
        corpus=datasets.Dataset.from_list([{"id": key, "title": "", "text": text} for key, text in corpus.items()]),
        queries=datasets.Dataset.from_list([{"id": key, "text": text} for key, text in queries.items()]),
        relevant_docs=qrels,
        top_ranked=top_ranked,
    )


def preloaded(name, eval_langs, parts, split="test"):
    """A task whose data is there: `parts` is subset -> part."""
    made = type("Preloaded", (AbsTaskRetrieval,), {"metadata": metadata(name, eval_langs, splits=(split,))})
    task = made()
    task.dataset = {subset: {split: each} for subset, each in parts.items()}
    task.data_loaded = True
    return task


def write_hub_folder(folder: Path, parts: dict[str | None, tuple], split: str) -> Path:
    """Write a data set as mteb's lie on the hub, which `datasets` reads from a folder as from there.

    `parts` is subset (None for the one of a monolingual task) -> (corpus, queries, qrels) as lists of rows.
    """
    configs = []
    for subset, tables in parts.items():
        names = ("corpus", "queries", "default" if subset is None else "qrels")
        for name, rows in zip(names, tables, strict=True):
            config = name if subset is None else f"{subset}-{name}"
            (folder / f"{config}.jsonl").write_text(
                "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
            )
            configs.append({"config_name": config, "data_files": [{"split": split, "path": f"{config}.jsonl"}]})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n", encoding="utf-8")
    return folder


def hub_task(base, folder: Path, eval_langs):
    """A task of mteb's own class, reading a folder instead of the hub."""
    changes = {"dataset": {"path": str(folder), "revision": "main"}, "eval_langs": eval_langs}
    changed = base.metadata.model_copy(update=changes)
    return type(base.__name__, (base,), {"metadata": changed})()
