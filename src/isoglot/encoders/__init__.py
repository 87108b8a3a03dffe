"""Encoders: everything that embeds texts is a `SentenceTransformer`, in and out."""

from isoglot.encoders.card import card_facts, repair_of
from isoglot.encoders.distilled import distil_static
from isoglot.encoders.language_map import LanguageMap
from isoglot.encoders.pretrained import POOLINGS, check_encoder, load_encoder, model_name
from isoglot.encoders.scratch import scratch_encoder
from isoglot.encoders.static import static_encoder, train_tokenizer
from isoglot.encoders.tuning import ATTENTIONS, merge_lora

__all__ = [
    "ATTENTIONS",
    "POOLINGS",
    "LanguageMap",
    "card_facts",
    "check_encoder",
    "distil_static",
    "load_encoder",
    "merge_lora",
    "model_name",
    "repair_of",
    "scratch_encoder",
    "static_encoder",
    "train_tokenizer",
]
