"""Encoders: everything that embeds texts is a `SentenceTransformer`, in and out."""

from isoglot.encoders.attention import ATTENTIONS
from isoglot.encoders.distilled import distil_static
from isoglot.encoders.lora import merge_lora
from isoglot.encoders.pretrained import POOLINGS, check_encoder, load_encoder
from isoglot.encoders.scratch import scratch_encoder
from isoglot.encoders.static import static_encoder, train_tokenizer

__all__ = [
    "ATTENTIONS",
    "POOLINGS",
    "check_encoder",
    "distil_static",
    "load_encoder",
    "merge_lora",
    "scratch_encoder",
    "static_encoder",
    "train_tokenizer",
]
