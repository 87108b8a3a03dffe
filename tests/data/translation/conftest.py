"""Small translation models with random weights, in the form in which the publishers of the large ones save them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from isoglot.collections import Collection, collection_from_rows

TEXTS = [
    "How do I unpack an archive on this machine?",
    "tar unpacks archives, and lists the files within them.",
    "Wie entpacke ich ein Archiv auf diesem Rechner?",
    "tar entpackt Archive und zeigt die Dateien darin.",
    "Jinsi ya kufungua kumbukumbu kwenye mashine hii?",
    "The quick brown fox jumps over the lazy dog. It was never seen again!",
]
SIZE = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1}
SIZE |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}


def train_pieces(folder: Path, name: str, **options: Any) -> Path:
    """Train a sentencepiece vocabulary on a few texts."""
    import sentencepiece

    (folder / "texts.txt").write_text("\n".join(TEXTS * 3), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"),
        model_prefix=str(folder / "pieces"),
        **({"vocab_size": 150, "hard_vocab_limit": False, "minloglevel": 2} | options),
    )
    (folder / "texts.txt").unlink()
    (folder / "pieces.vocab").unlink()
    return (folder / "pieces.model").rename(folder / name)


def pieces_of(path: Path) -> list[str]:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(number) for number in range(len(model))]


def save_m2m_weights(folder: Path, size: int, positions: int = 40) -> None:
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    config = M2M100Config(vocab_size=size, max_position_embeddings=positions, init_std=0.6, **SIZE)
    M2M100ForConditionalGeneration(config).save_pretrained(folder)


def make_m2m100(folder: Path, special: bool = True) -> Path:
    """As facebook/m2m100_418M: `vocab.json`, a sentencepiece model, and language tokens that follow them."""
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    pieces = pieces_of(train_pieces(folder, "sentencepiece.bpe.model", model_type="bpe"))
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *(piece for piece in pieces if piece[0] != "<")]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(vocabulary)}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "M2M100Tokenizer"}))
    if special:
        tokens = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
        (folder / "special_tokens_map.json").write_text(json.dumps({"additional_special_tokens": tokens}))
    save_m2m_weights(folder, len(vocabulary) + 108)
    return folder


def make_nllb(folder: Path) -> Path:
    """As facebook/nllb-200-distilled-600M: an M2M100 with another tokenizer, of FLORES codes."""
    from transformers import AutoTokenizer
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    train_pieces(folder, "sentencepiece.bpe.model", model_type="bpe")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "NllbTokenizer", "model_max_length": 1024})
    )
    save_m2m_weights(folder, 8)  # for a config.json that says what kind of model it is
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": FAIRSEQ_LANGUAGE_CODES})
    tokenizer.save_pretrained(folder)
    save_m2m_weights(folder, len(tokenizer))
    return folder


def make_mbart50(folder: Path, forced: str | None = None) -> Path:
    """As facebook/mbart-large-50-many-to-many-mmt; with a forced language, as the many-to-one model."""
    from transformers import AutoTokenizer, MBartConfig, MBartForConditionalGeneration

    train_pieces(folder, "sentencepiece.bpe.model")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "MBart50Tokenizer"}))
    options = {"max_position_embeddings": 40, "init_std": 0.6, **SIZE}
    MBartConfig(vocab_size=8, **options).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = MBartConfig(vocab_size=len(tokenizer), decoder_start_token_id=2, **options)
    model = MBartForConditionalGeneration(config)
    model.generation_config.decoder_start_token_id = 2
    model.save_pretrained(folder)
    if forced:  # as published: in config.json, and without generation_config.json
        settings = json.loads((folder / "config.json").read_text())
        settings["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(forced)
        (folder / "config.json").write_text(json.dumps(settings))
        (folder / "generation_config.json").unlink()
    return folder


def make_marian(
    folder: Path, targets: Sequence[str] = (), source: str | None = None, target: str | None = None
) -> Path:
    """As Helsinki-NLP/opus-mt-*: two sentencepiece models, and a vocabulary that may hold `>>deu<<`."""
    from transformers import MarianConfig, MarianMTModel

    pieces = pieces_of(train_pieces(folder, "source.spm"))
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    vocabulary = ["</s>", "<unk>", *(f">>{code}<<" for code in targets)]
    vocabulary += [piece for piece in pieces if piece[0] != "<"] + ["<pad>"]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(vocabulary)}))
    languages = {"source_lang": source, "target_lang": target}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "MarianTokenizer", "model_max_length": 512} | languages)
    )
    pad = len(vocabulary) - 1
    config = MarianConfig(
        vocab_size=len(vocabulary),
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        forced_eos_token_id=0,
        max_position_embeddings=40,
        init_std=0.6,
        **SIZE,
    )
    model = MarianMTModel(config)
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.num_beams = 4
    model.save_pretrained(folder)
    return folder


def make_madlad(folder: Path) -> Path:
    """As google/madlad400-3b-mt: a T5 whose sentencepiece vocabulary holds `<2de>`."""
    from transformers import T5Config, T5ForConditionalGeneration

    codes = ["<2de>", "<2sw>", "<2en>", "<2zh>", "<2sr_Latn>", "<2translate>", "<2en_xx_simple>"]
    size = len(pieces_of(train_pieces(folder, "spiece.model", user_defined_symbols=codes)))
    options = {"eos_token": "</s>", "pad_token": "<s>", "unk_token": "<unk>", "extra_ids": 0}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "additional_special_tokens": [], **options})
    )
    config = T5Config(
        vocab_size=size,
        d_model=32,
        d_kv=16,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=0,
        initializer_factor=3.0,
        n_positions=40,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small model of each family, and of the kinds of OPUS-MT."""
    root = tmp_path_factory.mktemp("translation-models")

    def folder(name: str) -> Path:
        (root / name).mkdir()
        return root / name

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "m2m100": make_m2m100(folder("m2m100")),
            "m2m100-plain": make_m2m100(folder("m2m100-plain"), special=False),
            "nllb": make_nllb(folder("nllb")),
            "mbart50": make_mbart50(folder("mbart50")),
            "mbart50-to-english": make_mbart50(folder("mbart50-to-english"), "en_XX"),
            "madlad": make_madlad(folder("madlad")),
            "opus-mt-en-de": make_marian(folder("opus-mt-en-de")),
            "opus-german-english": make_marian(folder("opus-german-english"), source="de", target="en"),
            "opus-mt-en-mul": make_marian(folder("opus-mt-en-mul"), ["deu", "swa", "cmn_Hans", "cmn_Hant"]),
            "opus-mt-mul-en": make_marian(folder("opus-mt-mul-en")),
        }


class Pretend:
    """A translator that writes what each word would be: fast, and right by its own rule.

    Args:
        changes: source text -> another translation of it.
        languages: tags that it knows.
    """

    def __init__(
        self, changes: dict[str, str] | None = None, languages: Sequence[str] = ("en", "de", "sw")
    ) -> None:
        self.name = "pretend"
        self.changes = changes or {}
        self.languages = languages
        self.given: list[str] = []

    def check(self, source: str, target: str) -> None:
        from isoglot.errors import InputError

        for tag in (source, target):
            if tag not in self.languages:
                raise InputError(f"pretend does not know {tag}")

    def context(self, source: str, target: str) -> str:
        return f"pretend {source} {target}"

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def of(self, text: str, source: str, target: str) -> str:
        """What it makes of a text; translating back undoes it."""
        there = {"de": "ä", "sw": "u", "en": ""}
        if text in self.changes:
            return self.changes[text]
        before, after = there[source], there[target]
        return " ".join(word.removesuffix(before) + after for word in text.split())

    def translate(self, texts: Sequence[str], source: str, target: str) -> Iterator[list[tuple[int, str]]]:
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), 3):
            batch = order[start : start + 3]
            self.given += [texts[row] for row in batch]
            yield [(row, self.of(texts[row], source, target)) for row in batch]


@pytest.fixture
def pretend() -> type[Pretend]:
    return Pretend


@pytest.fixture
def english() -> Collection:
    """Three documents and three queries in English; one document answers two queries, one has a graded judgment."""
    documents = [
        ("tar", "en", "tar command", "It unpacks the archives that other programs have packed before."),
        ("ls", "en", "", "It lists the files of a folder, with their sizes and owners."),
        ("pi", "en", "3.14159", "The ratio of the circumference of a circle to its diameter."),
    ]
    queries = [
        ("unpack", "en", "How do I unpack an archive?"),
        ("pack", "en", "Which program packs archives?"),
        ("list", "en", "How do I see the files of a folder?"),
    ]
    qrels = [("unpack", "tar", 2), ("pack", "tar", 1), ("list", "ls", 1), ("list", "tar", 0)]
    metadata = {"licence": "CC0", "source": "made up", "languages": ["en"]}
    return collection_from_rows(documents, queries, qrels, name="small", metadata=metadata)
