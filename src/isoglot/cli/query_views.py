"""`isoglot evaluate --queries romanised|code-mixed`: the queries as people also type them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoglot.errors import InputError
from isoglot.names import did_you_mean

if TYPE_CHECKING:
    from isoglot.collections import Collection

__all__ = ["Lexicons", "MixRate", "MixSeed", "Queries", "change_queries", "check_queries"]

ROMANISED, CODE_MIXED = VIEWS = ("romanised", "code-mixed")  # as in collections.cautions, which loads pyarrow

Queries = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(VIEWS),
        help="Ask the queries in Latin script, or with words in another language (by --lexicon).",
    ),
]
Lexicons = Annotated[
    list[Path] | None,
    typer.Option(
        "--lexicon",
        metavar="PATH",
        help="Translations for --queries code-mixed: a file such as en-de.tsv, a folder of them, or a wordnet; may "
        "be given several times.",
    ),
]
MixRate = Annotated[
    float | None, typer.Option(help="Share of the known words replaced; 0.5 by default.", show_default=False)
]
MixSeed = Annotated[int | None, typer.Option(help="Of the words replaced; 0 by default.", show_default=False)]


def check_queries(
    view: str | None,
    lexicons: list[Path] | None,
    rate: float | None,
    seed: int | None,
    *,
    model: str,
    first: str | None,
    mteb: bool,
) -> None:
    """Refuse, before anything is read, a view that there is not or that a system cannot be asked.

    Raises:
        InputError: there is no such view; the system was asked already, or by mteb's own code; lexicons are
            missing, or flags go with another view.
    """
    if view is not None and view not in VIEWS:
        raise InputError(f"--queries {view!r}: choose {' or '.join(VIEWS)}{did_you_mean(view, VIEWS)}")
    if view != CODE_MIXED and (lexicons or rate is not None or seed is not None):
        raise InputError(f"--lexicon, --mix-rate and --mix-seed go with --queries {CODE_MIXED}")
    if view is None:
        return
    asked = model if model.partition(":")[0] in ("run", "embeddings") else first
    if asked is not None and asked.partition(":")[0] in ("run", "embeddings"):
        raise InputError(
            f"--queries changes what a system is asked, and {asked} has been asked already: give a model or bm25"
        )
    if mteb:
        raise InputError("--queries does not apply to mteb's own measures: use --pool")
    if view == CODE_MIXED and not lexicons:
        raise InputError(
            f"--queries {CODE_MIXED} needs translations of words: give --lexicon PATH, such as the folder that "
            "isoglot data lexicon TRAINING_DATA --to DIR writes"
        )


def change_queries(
    collection: Collection,
    view: str | None,
    lexicons: list[Path] | None,
    rate: float | None,
    seed: int | None,
    lenient: bool,
) -> Collection:
    """Return the collection with the queries that are asked; of no view, itself."""
    if view is None:
        return collection
    from isoglot.evaluation.query_views import code_mix_queries, romanise_queries

    if view == ROMANISED:
        return romanise_queries(collection)
    from isoglot.data.lexicons import gather_lexicons

    read = gather_lexicons(lexicons or (), lenient=lenient)
    return code_mix_queries(collection, read, rate=0.5 if rate is None else rate, seed=seed or 0)
