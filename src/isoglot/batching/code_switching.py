"""`CodeSwitcher`: words of training texts replaced by their translations into another language."""

from __future__ import annotations

import random
import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal, get_args

from isoglot.batching.draws import Series, generator
from isoglot.data.lexicons.lexicon import Lexicon
from isoglot.errors import InputError
from isoglot.languages.words import fold_word, word_pattern

__all__ = ["CodeSwitcher", "Side"]

Side = Literal["query", "document", "both"]
Translations = Mapping[str, tuple[str, ...]]


class CodeSwitcher:
    """Makes code-switched text of the texts of a batch (arXiv 2305.05295): each word that a lexicon knows is
    replaced with probability `rate`.

    A text is switched into one language, drawn among those that a lexicon leads to from its own. Everything else
    stays as it is: punctuation, spaces, words without translation. In scripts written without spaces the longest
    words that the lexicon knows are taken from left to right, and what replaces them is set off by spaces unless
    it is in such a script itself.

    Every draw depends on (seed, step, side, row) alone, so a resumed run switches the same words. A lexicon of `pt`
    also serves `pt-BR`, where there is none of that.

    Args:
        lexicons: one for each direction; of several of one direction the first that knows a word counts.
        rate: probability that a word is replaced, in [0, 1]; the paper's is 0.5.
        side: whether queries, documents or both are switched.
        seed: not negative; another one replaces other words.

    Raises:
        InputError: there is no lexicon, or a setting is out of its range.

    Example:
        >>> from isoglot.data.lexicons.lexicon import lexicon_from_pairs
        >>> switcher = CodeSwitcher([lexicon_from_pairs("en", "de", [("house", "Haus")])], rate=1.0)
        >>> switcher.switch(["A house!"], ["en"], step=0, side="query")
        ['A Haus!']
    """

    def __init__(self, lexicons: Iterable[Lexicon], rate: float = 0.5, side: Side = "query", seed: int = 0) -> None:
        if not 0 <= rate <= 1:
            raise InputError(f"the rate of code-switching must lie in [0, 1], not {rate}")
        if side not in get_args(Side):
            raise InputError(f"no side {side!r} to code-switch: choose one of {', '.join(get_args(Side))}")
        if seed < 0:
            raise InputError(f"the seed must not be negative, not {seed}")
        self.rate, self.side, self.seed = rate, side, seed
        given: dict[str, dict[str, list[Translations]]] = {}
        for lexicon in lexicons:
            given.setdefault(lexicon.source, {}).setdefault(lexicon.target, []).append(lexicon.translations)
        if not given:
            raise InputError("code-switching needs a lexicon: give one at least")
        self._tables = {source: {to: _Table(words) for to, words in into.items()} for source, into in given.items()}

    def targets(self, language: str) -> list[str]:
        """Return the languages, sorted, into which texts of a language (canonical tag) can be switched."""
        return sorted(set(self._from(language)) - {language})

    def _from(self, language: str) -> dict[str, _Table]:
        return self._tables.get(language) or self._tables.get(language.split("-")[0], {})

    def _into(self, tables: dict[str, _Table], language: str) -> _Table | None:
        return tables.get(language) or tables.get(language.split("-")[0])

    def switch(
        self,
        texts: Sequence[str],
        languages: Sequence[str],
        step: int,
        side: Literal["query", "document"],
        *,
        to: Sequence[str] | None = None,
    ) -> list[str]:
        """Switch the texts of one side of a batch.

        Args:
            texts: (B,) the texts.
            languages: (B,) canonical tags of their languages.
            step: number of the batch, not negative.
            side: which side of the batch they are; the other one comes back as it is.
            to: (B,) the language to switch each text into, such as its document's; where that is the text's own, or
                `to` is not given, one is drawn. Where no lexicon leads there, the text stays as it is.

        Returns:
            (B,) the texts, switched.
        """
        if self.side not in (side, "both") or not self.rate:
            return list(texts)
        # one number for each row, so that a row's draws do not depend on the words of the rows before it
        place = ("query", "document").index(side)
        keys = generator(self.seed, Series.SWITCH, step, place).integers(2**63, size=len(texts))
        rng = random.Random()
        draw = rng.random
        options = {language: self.targets(language) for language in set(languages)}
        switched = []
        for row, (text, language, key) in enumerate(zip(texts, languages, keys.tolist(), strict=True)):
            tables = self._from(language)
            rng.seed(key)
            wanted = language if to is None else to[row]
            if wanted == language:
                known = options[language]
                wanted = known[int(draw() * len(known))] if known else language
            table = self._into(tables, wanted)
            switched.append(text if table is None else table.switch(text, self.rate, draw))
        return switched


class _Table:
    """The translations of one direction, ready to be looked up in texts."""

    def __init__(self, lexicons: list[Translations]) -> None:
        # The lexicons' own words, of which there may be millions, and no copy; it is read alone.
        self.translations = lexicons[0] if len(lexicons) == 1 else ChainMap(*lexicons)  # type: ignore[arg-type]
        self.pattern = word_pattern()
        words = chain.from_iterable(lexicons)
        unspaced = (len(word) for word in words if (match := self.pattern.match(word)) and match[1])
        self.longest = max(unspaced, default=0)

    def switch(self, text: str, rate: float, draw: Callable[[], float]) -> str:
        """Return a text with words replaced; `draw` gives numbers in [0, 1)."""
        translations = self.translations

        def replacement(match: re.Match[str]) -> str:
            word = match[0]
            if match[1]:
                return self._switch_run(match, rate, draw) if self.longest else word
            if draw() >= rate:
                return word
            found = translations.get(fold_word(word))
            return found[int(draw() * len(found))] if found else word

        return self.pattern.sub(replacement, text)

    def _switch_run(self, match: re.Match[str], rate: float, draw: Callable[[], float]) -> str:
        """Replace words within a run of a script that is written without spaces."""
        run = match[0]
        parts: list[str] = []
        at = 0
        while at < len(run):
            for size in range(min(self.longest, len(run) - at), 0, -1):
                found = self.translations.get(run[at : at + size])
                if found:
                    break
            word = run[at : at + size]
            if found and draw() < rate:
                word = found[int(draw() * len(found))]
                unspaced = self.pattern.match(word)
                word = word if unspaced and unspaced[1] else f" {word} "
            parts.append(word)
            at += size
        switched = "".join(parts).replace("  ", " ")
        before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
        switched = switched if before.isalnum() else switched.lstrip(" ")
        return switched if after.isalnum() else switched.rstrip(" ")
