"""Encoders and data sets in the forms in which they are published, so small that a run takes half a second.

Texts are of made-up words: word 7 of German is the translation of word 7 of English.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from form_samples import afriqa_line, as_json, as_lines, lay_out, mkqa_line, squad_file, squad_question

from isoglot.collections import collection_from_rows
from isoglot.collections.negatives import with_hard_negatives
from isoglot.collections.writing import write_splits
from isoglot.data.catalogue import find_entry

WORDS = 60
MLQA = ("ar", "de", "en", "es", "hi", "vi", "zh")
XQUAD = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
MKQA = [
    *("ar", "da", "de", "en", "es", "fi", "fr", "he", "hu", "it", "ja", "km", "ko", "ms", "nl", "no", "pl", "pt"),
    *("ru", "sv", "th", "tr", "vi", "zh_cn", "zh_hk", "zh_tw"),
]
AFRIQA = {"hau": "ha", "ibo": "ig", "kin": "rw", "swa": "sw", "twi": "ak", "yor": "yo", "zul": "zu"}
MIRACL = {"de": ["deu-Latn"], "en": ["eng-Latn"], "sw": ["swa-Latn"], "zh": ["zho-Hans"]}
TASKS = {
    "NFCorpus": "test",
    "SciFact": "test",
    "FiQA2018": "test",
    "ArguAna": "test",
    "SCIDOCS": "test",
    "DuRetrieval": "dev",
    "MIRACLRetrievalHardNegatives": "dev",
}
"""Task of mteb -> its split."""


@cache
def word(tag: str, number: int) -> str:
    drawn = random.Random(f"{tag} {number}")
    return "".join(drawn.choice("bdfgklmnprstvz") + drawn.choice("aeiou") for _ in range(drawn.choice((2, 3))))


class Topic:
    """A paragraph of two sentences, and questions on the second, in any language."""

    def __init__(self, name: str) -> None:
        self.numbers = random.Random(name).sample(range(WORDS), 12)

    def words(self, tag: str) -> list[str]:
        return [word(tag, number) for number in self.numbers]

    def sentences(self, tag: str) -> tuple[str, str]:
        words = self.words(tag)
        return " ".join(words[:6]) + ".", " ".join(words[6:]) + "."

    def text(self, tag: str) -> str:
        return " ".join(self.sentences(tag))

    def breaks(self, tag: str) -> list[list[int]]:
        first, second = map(len, self.sentences(tag))
        return [[0, first], [first + 1, first + 1 + second]]

    def question(self, tag: str, number: int = 0) -> str:
        """Return the end of the second sentence without one of its words."""
        words = self.words(tag)[7:]
        return " ".join(words[:number] + words[number + 1 :]) + "?"

    def answer(self, tag: str, number: int = 0) -> tuple[str, int]:
        """Return the word that the question leaves out, and where it begins in the text."""
        words = self.words(tag)
        return words[7 + number], len(" ".join(words[: 7 + number])) + 2  # a full stop and a space


def topics(name: str, count: int) -> Iterator[tuple[str, Topic]]:
    for number in range(count):
        yield f"{name} {number}", Topic(f"{name} {number}")


def mlqa_zip(to: Path) -> None:
    """MLQA: each question in English and Chinese, and in some of the other languages."""
    with ZipFile(to, "w") as archive:
        for split, count in (("dev", 4), ("test", 36)):
            for context in MLQA:
                for asked in MLQA:
                    found = []
                    for number, (name, topic) in enumerate(topics(split, count)):
                        have = {tag for at, tag in enumerate(MLQA) if tag in ("en", "zh") or (number + at) % 2}
                        if not {context, asked} <= have:
                            continue
                        questions = [
                            squad_question(f"{name} {n}", topic.question(asked, n), *topic.answer(context, n))
                            for n in range(3)
                        ]
                        found.append((topic.text(context), questions))
                    path = f"MLQA_V1/{split}/{split}-context-{context}-question-{asked}.json"
                    archive.writestr(path, squad_file(*found))


def lareqa_file(tag: str, name: str, count: int) -> bytes:
    paragraphs = [
        {
            "context": topic.text(tag),
            "sentence_breaks": topic.breaks(tag),
            "qas": [
                squad_question(f"{identifier} {n}", topic.question(tag, n), *topic.answer(tag, n)) for n in (0, 1)
            ],
        }
        for identifier, topic in topics(name, count)
    ]
    return as_json({"version": "1.1", "data": [{"title": name, "paragraphs": paragraphs}]})


def dream_file(name: str, count: int) -> bytes:
    def question(topic: Topic) -> dict[str, Any]:
        answer = topic.answer("en")[0]
        return {"question": topic.question("en"), "choice": [answer, "No.", "Yes."], "answer": answer}

    return as_json(
        [
            [
                [f"{who}: {said}" for who, said in zip("MW", topic.sentences("en"), strict=True)],
                [question(topic)],
                key,
            ]
            for key, topic in topics(f"dream {name}", count)
        ]
    )


def mkqa_file(count: int) -> bytes:
    lines = [
        mkqa_line(
            number,
            {tag: topic.question(tag) for tag in MKQA},
            {tag: [{"type": "entity", "entity": f"Q{number}", "text": topic.sentences(tag)[0]}] for tag in MKQA},
        )
        for number, (_, topic) in enumerate(topics("mkqa", count))
    ]
    return gzip.compress(as_lines(*lines), mtime=0)


def afriqa_file(path: str) -> bytes:
    tag, pivot = path.split(".")[2:4]
    lines = []
    for number, (_, topic) in enumerate(topics(path, 2)):
        answer, start = topic.answer(pivot)
        lines.append(
            afriqa_line(
                str(number),
                question_lang=topic.question(AFRIQA.get(tag, tag)),
                question_translated=topic.question(pivot),
                context=topic.text(pivot),
                answer_pivot={"answer_start": [start], "text": [answer]},
                answer_lang=topic.answer(tag)[0],
            )
        )
    return as_lines(*lines)


def write_published(folder: Path, name: str) -> Path:
    """Write a data set of the catalogue as its publisher has it; the folder."""
    folder.mkdir(parents=True)
    if name == "mlqa":
        mlqa_zip(folder / "MLQA_V1.zip")
        return folder
    files = {
        "xquad-r": lambda: {f"{tag}.json": lareqa_file(tag, "xquad", 5) for tag in XQUAD},
        "mlqa-r": lambda: {f"{tag}.json": lareqa_file(tag, "dev", 4) for tag in MLQA},
        "dream": lambda: {
            f"{part}.json": dream_file(part, n) for part, n in (("train", 9), ("dev", 2), ("test", 8))
        },
        "squadshifts": lambda: {
            file.path: squad_file(
                *(
                    (topic.text("en"), [squad_question(name, topic.question("en"), *topic.answer("en"))])
                    for name, topic in topics(file.path, 6)
                )
            )
            for file in find_entry("squadshifts").files
        },
        "mkqa": lambda: {"mkqa.jsonl.gz": mkqa_file(6)},
        "afriqa": lambda: {file.path: afriqa_file(file.path) for file in find_entry("afriqa").files},
    }
    return lay_out(folder, files[name]())


def write_large(folder: Path) -> None:
    """Write a copy of mMARCO as `isoglot data get` makes it: parallel passages, a wrong one for each question."""
    tags = ("ar", "de", "en", "es", "fr", "hi", "ru", "zh")
    names = list(topics("mmarco", 24))
    collection = collection_from_rows(
        [(f"{tag}/{name}", tag, "", topic.text(tag)) for tag in tags for name, topic in names],
        [(name, tag, topic.question(tag)) for tag in tags for name, topic in names],
        [(name, f"{tag}/{name}", 1) for tag in tags for name, _ in names],
    )
    size = collection.queries.num_rows
    wrong = np.arange(size) // 24 * 24 + (np.arange(size) + 1) % 24  # the next passage, in the query's language
    write_splits({"train": with_hard_negatives(collection, np.arange(size + 1), wrong)}, folder, form="parquet")


def hub_rows(tag: str, name: str, count: int = 6) -> tuple[list[dict[str, Any]], ...]:
    """Corpus, queries and judgments of a subset of a task, as they lie on the hub."""
    found = list(topics(name, count))
    corpus = [{"_id": f"{n} d", "title": topic.words(tag)[0], "text": topic.text(tag)} for n, topic in found]
    queries = [{"_id": f"{n} q", "text": topic.question(tag)} for n, topic in found]
    qrels = [{"query-id": f"{n} q", "corpus-id": f"{n} d", "score": 1} for n, _ in found]
    return corpus, queries, qrels


def write_encoders(root: Path) -> dict[str, str]:
    """Write small encoders with random weights as they are published; name on the hub -> folder."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertModel, XLMRobertaConfig, XLMRobertaForMaskedLM

    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    folders = {
        "xlm-roberta-base": root / "xlmr",
        "bert-base-multilingual-cased": root / "mbert",
        "sentence-transformers/LaBSE": root / "labse",
    }
    texts = [word(tag, number) for tag in (*XQUAD, "ha", "yo", "fr") for number in range(WORDS)]
    xlmr, bert = _sentencepiece(texts), _wordpiece(texts, root / "vocab")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = XLMRobertaConfig(vocab_size=len(xlmr), max_position_embeddings=514, **size)
        XLMRobertaForMaskedLM(config).save_pretrained(folders["xlm-roberta-base"])
        xlmr.save_pretrained(folders["xlm-roberta-base"])
        config = BertConfig(vocab_size=len(bert), max_position_embeddings=512, **size)
        BertForMaskedLM(config).save_pretrained(folders["bert-base-multilingual-cased"])
        bert.save_pretrained(folders["bert-base-multilingual-cased"])
        _write_labse(folders["sentence-transformers/LaBSE"], BertModel(config), bert, size["hidden_size"])
    return {name: str(folder) for name, folder in folders.items()}


def _sentencepiece(texts: list[str]) -> Any:
    from transformers import PreTrainedTokenizerFast

    from isoglot.collections import collection_from_rows
    from isoglot.encoders import scratch_encoder

    rows = [(str(number), "en", "", text) for number, text in enumerate(texts)]
    collection = collection_from_rows(rows, [("q", "en", "what")], [("q", "0", 1)], name="words")
    found: PreTrainedTokenizerFast = scratch_encoder(collection, dimensions=64, layers=1, vocabulary=400)[
        0
    ].tokenizer
    found.model_max_length = 512
    return found


def _wordpiece(texts: list[str], folder: Path) -> Any:
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    learned = BertWordPieceTokenizer(lowercase=False)
    learned.train_from_iterator(texts * 3, vocab_size=400, show_progress=False)
    folder.mkdir(parents=True)
    pieces = sorted(learned.get_vocab(), key=learned.get_vocab().get)
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    return BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False, model_max_length=512)


def _write_labse(folder: Path, model: Any, tokenizer: Any, width: int) -> None:
    """Write an encoder with the modules of LaBSE and the names that they had when it was published."""
    import torch
    from safetensors.torch import save_file

    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    modules = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize")
    pooling = {"word_embedding_dimension": width, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    activation = "torch.nn.modules.activation.Tanh"
    dense = {"in_features": width, "out_features": width, "bias": True, "activation_function": activation}
    content = {
        "modules.json": [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for n, (kind, path) in enumerate(modules)
        ],
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.0.0"}},
        "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
        "1_Pooling/config.json": pooling,
        "2_Dense/config.json": dense,
    }
    lay_out(folder, {path: json.dumps(value).encode() for path, value in content.items()})
    weights = {"linear.weight": torch.randn(width, width) / width**0.5, "linear.bias": torch.zeros(width)}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
