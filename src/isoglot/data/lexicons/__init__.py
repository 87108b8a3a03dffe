"""Lexicons: word translations, read, taken from wordnets, or induced from parallel text."""

from isoglot.data.lexicons.induction import induce_lexicons
from isoglot.data.lexicons.lexicon import (
    Lexicon,
    lexicon_from_pairs,
    read_lexicon,
    read_lexicons,
    write_lexicon,
    write_lexicons,
)
from isoglot.data.lexicons.wordnet import gather_lexicons, wordnet_lexicons

__all__ = [
    "Lexicon",
    "gather_lexicons",
    "induce_lexicons",
    "lexicon_from_pairs",
    "read_lexicon",
    "read_lexicons",
    "wordnet_lexicons",
    "write_lexicon",
    "write_lexicons",
]
