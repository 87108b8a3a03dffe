"""Small translation models with random weights, in the form in which the publishers of the large ones save them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
