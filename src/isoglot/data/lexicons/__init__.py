"""Lexicons: word translations, read, taken from wordnets, or induced from parallel text."""
