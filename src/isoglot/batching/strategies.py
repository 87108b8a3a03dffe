"""Strategies: the rules that compose training batches, as small values."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args, get_type_hints

import numpy as np

from isoglot.batching.schedule import Schedule
from isoglot.collections import Collection
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag
from isoglot.names import checked_settings, did_you_mean, is_path, own_class

__all__ = [
    "KIND_WORDS",
    "STRATEGIES",
    "CrossLingual",
    "English",
    "Hybrid",
    "Kind",
    "Mixed",
    "Monolingual",
    "Multiway",
    "Pairing",
    "Strategy",
    "is_english",
    "strategy",
    "strategy_class",
    "training_pairs",
]

ENGLISH_CENTRIC = "english-centric"
RENAMED = {"mixed_cross": "cross_lingual, whose rows draw their own language pairs unless its pairing is 'batch'"}

KEYS = ("alpha", "pairing", "ways", "gamma", "tau", "languages", "pairs")
"""Settings of strategies that are keys of a run."""

Kind = Literal["mono", "cross", "multiway", "domain"]
KIND_WORDS = {"mono": "monolingual", "cross": "cross-lingual"}
Pairing = Literal["row", "batch"]
"""What draws a language pair in cross-lingual batches: every row, or the batch."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """Which kind a batch is, and which language pairs it may come from.

    Attributes:
        tau: language pairs are drawn with probability ∝ n(a, b)^tau, n being their number of training pairs: 0 is
            uniform, as in arXiv 2408.10536; more favours languages with much data, 1 draws by size.
        languages: only these languages; all if None.
        pairs: only these language pairs `(query language, document language)`; or "english-centric", the pairs
            with English on at least one side; all if None.
        gamma: probability of a domain batch, pairs of crops of unlabelled target-domain text (arXiv 2112.09118),
            in place of one of the strategy's own; below 1.
    """

    name: ClassVar[str] = ""
    fixed_alpha: ClassVar[float] = 0.0

    gamma: float = 0.0
    tau: float = 1.0
    languages: tuple[str, ...] | None = None
    pairs: tuple[tuple[str, str], ...] | str | None = None

    def __init_subclass__(cls) -> None:
        """Call a strategy by its class, unless it has a name."""
        if "name" not in vars(cls):
            cls.name = cls.__name__

    def __post_init__(self) -> None:
        if not self.tau >= 0:
            raise InputError(f"tau must be 0 or more, not {self.tau}")
        if not 0 <= self.gamma < 1:
            raise InputError(f"gamma must be 0 or more and below 1, not {self.gamma}")
        try:
            if self.languages is not None:
                object.__setattr__(self, "languages", tuple(canonical_tag(tag) for tag in self.languages))
            if isinstance(self.pairs, str):
                if self.pairs != ENGLISH_CENTRIC:
                    raise InputError(f"no set of language pairs {self.pairs!r}: give pairs or {ENGLISH_CENTRIC!r}")
            elif self.pairs is not None:
                pairs = tuple((canonical_tag(a), canonical_tag(b)) for a, b in self.pairs)
                object.__setattr__(self, "pairs", pairs)
        except ValueError as error:
            raise InputError(f"strategy {self.name}: {error}") from None

    @property
    def monolingual_share(self) -> Schedule:
        """Probability that a batch is monolingual (alpha), by step."""
        return Schedule("constant", self.fixed_alpha)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds of batches that are ever drawn, but for domain batches."""
        low, high = self.monolingual_share.range
        drawn: dict[Kind, bool] = {"mono": high > 0, "cross": low < 1}
        return tuple(kind for kind, is_drawn in drawn.items() if is_drawn)

    def by_row(self, kind: str) -> bool:
        """Tell whether every row of a batch of a kind (`mono`, `cross`) draws its own languages."""
        return False

    def allowed(self, collection: Collection) -> np.ndarray:
        """Return (L, L) bool: the language pairs batches may come from.

        Raises:
            InputError: a language that the strategy names is not in the collection.
        """
        size = len(collection.languages)
        allowed = np.ones((size, size), bool)
        if self.languages is not None:
            inside = np.zeros(size, bool)
            inside[[_asked(collection, tag) for tag in self.languages]] = True
            allowed &= inside[:, None] & inside[None, :]
        if self.pairs == ENGLISH_CENTRIC:
            english = is_english(collection.languages)
            allowed &= english[:, None] | english[None, :]
        elif isinstance(self.pairs, tuple):
            chosen = np.zeros((size, size), bool)
            for a, b in self.pairs:
                chosen[_asked(collection, a), _asked(collection, b)] = True
            allowed &= chosen
        return allowed


def _asked(collection: Collection, tag: str) -> int:
    return collection.language_index(collection.asked_language(tag))


@dataclass(frozen=True, kw_only=True)
class _Paired(Strategy):
    """Strategies with cross-lingual batches."""

    pairing: Pairing = "row"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairing not in get_args(Pairing):
            raise InputError(f"pairing is 'row' or 'batch', not {self.pairing!r}")

    def by_row(self, kind: str) -> bool:
        """Cross-lingual batches draw by row, unless the pairing is `batch`."""
        return kind == "cross" and self.pairing == "row"


@dataclass(frozen=True, kw_only=True)
class Hybrid(_Paired):
    """Hybrid batch training (arXiv 2408.10536): a batch is monolingual with probability alpha, else cross-lingual.

    Attributes:
        alpha: probability of a monolingual batch, or a `Schedule` of it.
        pairing: `row`, every row of a cross-lingual batch has its own pair of two languages, as the paper's text
            and figure are read here; or `batch`, all rows have one.

    Example:
        >>> import isoglot as ig
        >>> curriculum = ig.Hybrid(alpha=ig.Schedule("linear", 1.0, 0.5, steps=1000), languages=("en", "deu"))
        >>> curriculum.monolingual_share.rate(500), curriculum.languages
        (0.75, ('en', 'de'))
    """

    name: ClassVar[str] = "hybrid"
    alpha: float | Schedule = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.alpha, Schedule) and not 0 <= self.alpha <= 1:
            raise InputError(f"alpha must lie between 0 and 1, not {self.alpha}")

    @property
    def monolingual_share(self) -> Schedule:
        """Alpha, by step."""
        return self.alpha if isinstance(self.alpha, Schedule) else Schedule("constant", self.alpha)


@dataclass(frozen=True, kw_only=True)
class Monolingual(Strategy):
    """Every batch in one language, query and document alike: LAReQA's X-X-mono (arXiv 2004.05484).

    Example:
        >>> Monolingual(languages=("en", "de")).monolingual_share.rate(0)
        1.0
    """

    name: ClassVar[str] = "monolingual"
    fixed_alpha: ClassVar[float] = 1.0


@dataclass(frozen=True, kw_only=True)
class CrossLingual(_Paired):
    """Query and document of every row in two different languages: X-Y (arXiv 2004.05484, 2408.10536).

    Attributes:
        pairing: `row`, every row has its own pair of two languages; or `batch`, all rows of a batch have one.

    Example:
        >>> CrossLingual().by_row("cross"), CrossLingual(pairing="batch").by_row("cross")
        (True, False)
    """

    name: ClassVar[str] = "cross_lingual"


@dataclass(frozen=True, kw_only=True)
class English(Monolingual):
    """Only English queries and documents: En-En.

    Example:
        >>> from isoglot.collections import collection_from_rows
        >>> pages = [("a", "en", "", "sun"), ("b", "de", "", "Sonne")]
        >>> data = collection_from_rows(pages, [("q", "en", "star")], [("q", "a", 1), ("q", "b", 1)])
        >>> data.languages, English().allowed(data).tolist()
        (('de', 'en'), [[False, False], [False, True]])
    """

    name: ClassVar[str] = "english"

    def allowed(self, collection: Collection) -> np.ndarray:
        """Only pairs of a variety of English with itself are left."""
        english = is_english(collection.languages)
        if not english.any():
            raise InputError(f"the strategy english needs English, and {collection.name} has none")
        return super().allowed(collection) & english[:, None] & english[None, :]


@dataclass(frozen=True, kw_only=True)
class Mixed(Monolingual):
    """Every row draws its own language, query and document alike: X-X, the usual multilingual batch.

    Example:
        >>> Mixed().by_row("mono"), Monolingual().by_row("mono")
        (True, False)
    """

    name: ClassVar[str] = "mixed"

    def by_row(self, kind: str) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, kw_only=True)
class Multiway(Strategy):
    """Queries in up to `ways` languages each, with documents in up to `ways` languages: for `MultiwayInfoNCE`.

    A batch holds about as many texts as one of the other strategies of the same batch size. Every query id comes
    up once before any comes up twice; of its language versions, and of its documents', each is drawn with
    probability ∝ n^(tau - 1), n being the number of texts in its language.

    Attributes:
        ways: K, the most languages of a query and of its documents; at least 2.

    Example:
        >>> Multiway(ways=4, tau=0.5).ways
        4
    """

    name: ClassVar[str] = "multiway"
    ways: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ways < 2:
            raise InputError(f"multiway batches need at least 2 languages of a query, not {self.ways}")
        if self.pairs is not None:
            raise InputError("the strategy multiway draws languages, not language pairs: give languages")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Multiway batches alone."""
        return ("multiway",)


STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind for kind in (Monolingual, CrossLingual, Hybrid, English, Mixed, Multiway)
}


def strategy_class(name: str) -> type[Strategy]:
    """Return the strategy of a name, or the class of one's own that `package.module:Class` says.

    Raises:
        InputError: there is none.
    """
    if name in RENAMED:
        raise InputError(f"the strategy {name} is now {RENAMED[name]}")
    if name in STRATEGIES:
        return STRATEGIES[name]
    if is_path(name):
        own: type[Strategy] = own_class(name, Strategy)
        return own
    raise InputError(
        f"no strategy {name!r}{did_you_mean(name, STRATEGIES)}: choose one of {', '.join(STRATEGIES)}, or give "
        "your own as package.module:Class"
    )


def strategy(
    name: str,
    *,
    alpha: float | Schedule | None = None,
    pairing: Pairing | None = None,
    ways: int | None = None,
    gamma: float = 0.0,
    tau: float = 1.0,
    languages: tuple[str, ...] | None = None,
    pairs: tuple[tuple[str, str], ...] | str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Strategy:
    """Return the strategy of a name, as configurations and the command line give it.

    Args:
        name: of the strategy, or `package.module:Class`.
        alpha: of those that have one, as `pairing` and `ways` are.
        pairing: see `CrossLingual`.
        ways: see `Multiway`.
        gamma: see `Strategy`, as for `tau`, `languages` and `pairs`.
        tau: likewise.
        languages: likewise.
        pairs: likewise.
        settings: what else a class of one's own takes.

    Raises:
        InputError: there is no such strategy; alpha, pairing, ways or a setting is given to one that has none; or a
            setting's value makes no sense.
    """
    kind = strategy_class(name)
    own = _own_settings(name, kind, settings or {})
    for key, value in (("alpha", alpha), ("pairing", pairing), ("ways", ways)):
        if value is not None:
            owners = [owner for owner, other in STRATEGIES.items() if key in other.__dataclass_fields__]
            if key not in kind.__dataclass_fields__:
                have = "have" if len(owners) > 1 else "has"
                raise InputError(f"the strategy {name} has no {key}; {' and '.join(owners)} {have}")
            own[key] = value
    return kind(gamma=gamma, tau=tau, languages=languages, pairs=pairs, **own)


def _own_settings(name: str, kind: type[Strategy], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a strategy takes besides the keys that all configurations have."""
    for key in settings:
        if key in KEYS:
            raise InputError(f"{name}: {key} is a key of its own: write it beside strategy, not within")
    try:
        types = {**get_type_hints(kind), **get_type_hints(kind.__init__)}
    except NameError:  # its __init__ was made by dataclass, with types that its module does not import
        types = get_type_hints(kind)
    known = [key for key in inspect.signature(kind).parameters if key not in KEYS]
    return checked_settings(name, settings, known, types)


def is_english(languages: Sequence[str]) -> np.ndarray:
    """Return (L,) bool: which of these canonical tags are English of some kind."""
    return np.array([tag.split("-")[0] == "en" for tag in languages], bool)


def training_pairs(counts: np.ndarray) -> int:
    """Return the number of training pairs of a collection, as arXiv 2408.10536 counts examples: each query version
    with each relevant document of its own language; with each relevant document where that is none at all.

    So a set that is parallel in n languages counts n times its queries and not n², as it would with all language
    pairs.

    Args:
        counts: (L, L) training pairs of each language pair that a strategy allows.
    """
    return int(counts.trace()) or int(counts.sum())
