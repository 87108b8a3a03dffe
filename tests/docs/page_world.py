"""A folder in which the names that the pages use stand for something small."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmark_files import lareqa_file, mlqa_zip, word
from form_samples import DPR, SAMPLES, as_json, as_lines, lay_out, squad_file, squad_question
from translation_models import make_marian, make_nllb

from isoglot.cli import program
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.data.catalogue import find_entry
from isoglot.encoders import scratch_encoder, static_encoder

COLLECTIONS = ("my-data", "DATA", "my-xquad-r", "data/xquad-r-quarter", "data/xquad-r-other", "xquad-r-quarter")
COLLECTIONS += ("my-texts", "my-data-dev", "my-faq", "faq-12", "mmarco", "mr-tydi", "TRAINING_DATA")
STATIC = ("my-model", "MODEL")
PRETRAINED = ("intfloat/multilingual-e5-small", "intfloat/multilingual-e5-large", "xlm-roberta-base")
PRETRAINED += (".cache/e5", ".cache/minilm", "e5", "FOLDER")
CROSS_ENCODERS = ("CROSS_ENCODER", "BAAI/bge-reranker-v2-m3")
TRANSLATORS = ("facebook/nllb-200-distilled-600M", "Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-de-en")
WORDS = {
    "en": ("How do I unpack the archive {}?", "tar unpacks archive {} of the files"),
    "de": ("Wie entpacke ich das Archiv {}?", "tar entpackt das Archiv {} der Dateien"),
    "sw": ("Ninawezaje kufungua faili {}?", "tar hufungua faili {} ya kumbukumbu"),
    "yo": ("Bawo ni mo ṣe le ṣi faili {}?", "tar ṣi faili {} ti akojọpọ"),
    "th": ("ฉันจะแตกไฟล์เก็บถาวร {} ได้อย่างไร", "tar แตกไฟล์เก็บถาวร {}"),
    "lo": ("ຂ້ອຍຈະແຕກໄຟລ໌ {} ໄດ້ແນວໃດ", "tar ແຕກໄຟລ໌ {}"),
    "zh": ("如何解压归档文件 {}？", "tar 解压归档文件 {}"),
}


def parallel(count: int = 8, name: str = "my-data", first: int = 0, tags: Iterable[str] = WORDS) -> Collection:
    """Questions and answers on numbered things, each in all languages."""
    each = [(tag, at) for tag in tags for at in range(first, first + count)]
    return collection_from_rows(
        [(f"{tag}/common/{at}", tag, "", WORDS[tag][1].format(at)) for tag, at in each],
        [(f"common/{at}", tag, WORDS[tag][0].format(at)) for tag, at in each],
        [(f"common/{at}", f"{tag}/common/{at}", 1) for tag, at in each],
        name=name,
    )


def write_collections(root: Path, data: Collection) -> None:
    """Write what the pages train on, measure and index."""
    for name in COLLECTIONS:
        write_collection({"train": data, "dev": data, "test": data}, root / name)
    for path in ("tldr", "shared/data/tldr"):
        for part, first in (("train", 0), ("dev", 15), ("test", 30)):
            write_collection(parallel(name=f"tldr/{part}", first=first), root / path / part)
    pages = [
        (f"{tag}/{name}", tag, name, f"{name} {does}")
        for name in ("zip", "tar")
        for tag, does in (("en", "packs archives"), ("de", "packt Archive"))
    ]
    write_collection(collection_from_rows(pages, [("zip", "en", "pack")], [("zip", "en/zip", 1)]), root / "MORE")
    documents = [{"_id": name, "lang": tag, "title": title, "text": text} for name, tag, title, text in pages]
    lay_out(root / "pages", {"corpus.jsonl": as_lines(*documents)})
    with (root / "pages.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("heading", "text", "language"), *((t, x, tag) for _, tag, t, x in pages)])
    (root / "ids.txt").write_text("en/tar\nde/tar\n", encoding="utf-8")


def write_sources(root: Path) -> None:
    """Write what the pages convert, as it is published."""
    one = squad_file(("Die Donau ist lang.", [squad_question("a", "What?", "Donau", 4)]))
    files = {"my-questions.json": one, "train-v2.0.json": one, "biencoder-nq-train.json": as_json(DPR)}
    files |= {f"xquad/xquad.{tag}.json": one for tag in ("de", "en")}
    files |= {f"xquad-r/{tag}.json": lareqa_file(tag, "xquad", 5) for tag in ("de", "en")}
    files |= SAMPLES["mkqa"] | {name: SAMPLES["tatoeba"][name] for name in SAMPLES["tatoeba"] if "deu" in name}
    lay_out(root, files)
    lay_out(root / "SOURCE", SAMPLES["aligned"])
    lay_out(root / "NTREX-128", SAMPLES["aligned"])
    lay_out(root / "nq", {"corpus.jsonl": as_lines({"_id": "1", "title": "", "text": "Ridley Scott made it."})})
    mlqa_zip(root / "MLQA.zip")
    shutil.unpack_archive(root / "MLQA.zip", root)
    rows = [(WORDS["en"][0].format(at), WORDS["en"][1].format(at), "en") for at in range(8)]
    with (root / "faq.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("question", "answer", "language"), *rows])
    write_nfcorpus(root / "Downloads" / "nfcorpus")
    for pair, line in (("en-de", "archive\tArchiv\n"), ("de-en", "Archiv\tarchive\n")):
        (root / f"{pair}.tsv").write_text(line, encoding="utf-8")


def write_nfcorpus(folder: Path) -> None:
    """Write a set as large as NFCorpus, since one of another size is not taken for it."""
    splits = {one.split: one for one in find_entry("nfcorpus").sizes}
    texts = [{"_id": f"{at}", "title": "", "text": f"paper {at}"} for at in range(splits["test"].documents)]
    asked = [f"{split} {at}" for split, one in splits.items() for at in range(one.queries)]
    files = {"corpus.jsonl": as_lines(*texts), "queries.jsonl": as_lines(*({"_id": q, "text": q} for q in asked))}
    for split in splits:
        lines = [f"{query}\t{query.split()[1]}\t1\n" for query in asked if query.startswith(split)]
        files[f"qrels/{split}.tsv"] = "".join(["query-id\tcorpus-id\tscore\n", *lines]).encode()
    lay_out(folder, files)


def write_cross_encoder(folder: Path, tokenizer: Any, size: int) -> None:
    """Write a cross-encoder with random weights."""
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    config = XLMRobertaConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=1,
    )  # fmt: skip
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_models(root: Path, data: Collection) -> None:
    """Write models as they come from training, and as they are published."""
    for name in STATIC:
        static_encoder(data, dimensions=256, vocabulary=400).save(str(root / name))
    words = [(f"{tag}/{at}", tag, "", word(tag, at)) for tag in WORDS for at in range(60)]  # for many sub-words
    words += [(f"known/{at}", "en", "", text) for at, text in enumerate(data.document_texts())]
    texts = collection_from_rows(words, [("q", "en", "?")], [("q", "en/1", 1)])
    encoder = scratch_encoder(texts, dimensions=256, layers=1, vocabulary=600)
    encoder.save(str(root / "pretrained"))
    for name in PRETRAINED:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(root / "pretrained")
    for name in CROSS_ENCODERS:
        write_cross_encoder(root / name, encoder.tokenizer, len(encoder.tokenizer))


def write_results(root: Path, data: Collection) -> None:
    """Write what was measured and embedded before, by the program itself."""
    generator = np.random.default_rng(0)
    sizes = {"queries": data.queries.num_rows, "documents": data.documents.num_rows}
    for name, size in (*sizes.items(), ("api-q", sizes["queries"]), ("api-d", sizes["documents"])):
        np.save(root / f"{name}.npy", generator.standard_normal((size, 16)).astype(np.float32))
    for words in (
        "evaluate MODEL DATA --trec-run DIR --json base.json",
        "evaluate bm25 DATA --json other.json",
        "index MODEL DATA --to my-index",
    ):
        assert program.main(words.split()) == 0, words
    for name in ("system.run", "other.run", "FILE"):
        shutil.copy(root / "DIR" / "multilingual.run", root / name)
    (root / "results").mkdir()
    for name, source in (("third", "other"), ("plain", "base"), ("results/one", "base"), ("results/two", "other")):
        for ending in (".json", ".queries.parquet"):
            shutil.copy(root / f"{source}{ending}", root / f"{name}{ending}")
    for name in ("before", "after"):
        shutil.copytree(root / "my-index", root / name)
    settings = {"data": "my-data", "encoder": "static", "strategy": "hybrid", "out": "run-model"}
    (root / "run.yaml").write_text(json.dumps(settings), encoding="utf-8")


def suit(page: str, root: Path) -> None:
    """Change what a page calls by a name that others have for something else."""
    if page == "translation.md":
        shutil.rmtree(root / "my-data")
        write_collection(parallel(tags=["en"]), root / "my-data")
        for name in TRANSLATORS:
            (root / name).mkdir(parents=True)
            (make_nllb if "nllb" in name else make_marian)(root / name)
    if page == "studies.md":  # a recipe beside them takes them for those that it names
        for name in ("tldr", "xquad-r"):
            shutil.rmtree(root / name)
    if page == "catalogue.md":
        shutil.rmtree(root / "xquad")
        write_collection({"train": parallel(), "test": parallel()}, root / "xquad")


def write_world(root: Path) -> Path:
    """Write everything; the folder."""
    data = parallel()
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.chdir(root)
        write_collections(root, data)
        write_sources(root)
        write_models(root, data)
        write_results(root, data)
    return root
