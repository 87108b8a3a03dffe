"""Language knowledge: tags, scripts, words, and which language a text is in."""
