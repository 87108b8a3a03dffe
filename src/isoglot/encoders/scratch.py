"""A small XLM-R-shaped transformer with random weights and a tokenizer of its own: for tests, GPU studies, and
languages that no pretrained model knows."""

from __future__ import annotations

import tempfile

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from isoglot.collections import Collection
from isoglot.encoders.static import train_tokenizer
from isoglot.errors import InputError

__all__ = ["scratch_encoder"]


def scratch_encoder(
    collection: Collection,
    *,
    dimensions: int = 256,
    layers: int = 4,
    vocabulary: int = 32_000,
    max_length: int = 256,
    seed: int = 0,
) -> SentenceTransformer:
    """Build an untrained XLM-R-shaped encoder with mean pooling and unit-length embeddings.

    Args:
        collection: the training collection; its texts train the tokenizer.
        dimensions: hidden size d, a multiple of 64: attention heads have 64 dimensions.
        layers: transformer layers.
        vocabulary: the most sub-words.
        max_length: most tokens read of a text.
        seed: draws the initial weights.

    Raises:
        InputError: `dimensions` is not a multiple of 64, or another size is below 1.
    """
    if dimensions < 64 or dimensions % 64:
        raise InputError(f"a scratch encoder's dimensions must be a multiple of 64, not {dimensions}")
    if layers < 1 or max_length < 1:
        raise InputError("a scratch encoder needs at least one layer and a max_length of at least 1")
    tokenizer = train_tokenizer(collection, vocabulary)
    start, end = (tokenizer.token_to_id(token) for token in ("<s>", "</s>"))
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", start), ("</s>", end)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        **{"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"},
        **{"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"},
    )
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=dimensions,
        num_hidden_layers=layers,
        num_attention_heads=dimensions // 64,
        intermediate_size=4 * dimensions,
        max_position_embeddings=max_length + 2,  # XLM-R counts positions from the padding id + 1
        pad_token_id=tokenizer.token_to_id("<pad>"),
        bos_token_id=start,
        eos_token_id=end,
    )
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(seed)
        XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
        fast.save_pretrained(folder)
        transformer = Transformer(folder)
    transformer.max_seq_length = max_length
    return SentenceTransformer(modules=[transformer, Pooling(dimensions, "mean"), Normalize()])
