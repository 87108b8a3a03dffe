"""A small XLM-R-shaped transformer with random weights and a tokenizer of its own: for tests, GPU studies, and
languages that no pretrained model knows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from isoglot.collections import Collection
from isoglot.encoders.static import train_tokenizer
from isoglot.encoders.tuning import Attention, check_attention, checkpoint_gradients
from isoglot.errors import InputError

__all__ = ["scratch_encoder"]


def scratch_encoder(
    collection: Collection,
    *,
    dimensions: int = 256,
    layers: int = 4,
    vocabulary: int = 32_000,
    max_length: int = 256,
    attention: Attention | None = None,
    gradient_checkpointing: bool = False,
    seed: int = 0,
) -> SentenceTransformer:
    """Build an untrained XLM-R-shaped encoder with mean pooling and unit-length embeddings.

    Args:
        collection: the training collection; its texts train the tokenizer.
        dimensions: hidden size d, a multiple of 64: attention heads have 64 dimensions.
        layers: transformer layers.
        vocabulary: the most sub-words.
        max_length: most tokens read of a text.
        attention: `sdpa`, `eager` or `flash_attention_2`; `sdpa` if None.
        gradient_checkpointing: save memory in training, for time (`checkpoint_gradients`).
        seed: draws the initial weights.

    Raises:
        InputError: `dimensions` is not a multiple of 64, another size is below 1, or the attention is not
            installed.
    """
    if attention is not None:
        check_attention(attention)
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
        weights = XLMRobertaModel(config, add_pooling_layer=False).state_dict()
        config.architectures, config.dtype = [XLMRobertaModel.__name__], torch.float32
        # Not by `save_pretrained`, which writes in the first of several processes alone.
        save_file(weights, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        (Path(folder) / "config.json").write_text(config.to_json_string(), encoding="utf-8")
        fast.save_pretrained(folder)
        transformer = Transformer(folder, model_kwargs={"attn_implementation": attention or "sdpa"})
    transformer.max_seq_length = max_length
    model = SentenceTransformer(modules=[transformer, Pooling(dimensions, "mean"), Normalize()])
    if gradient_checkpointing:
        checkpoint_gradients(model)
    return model
