"""What can be asked of a translation, checked before anything large is imported or read."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.data.translation.gates import check_gates
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["DTYPES", "Options", "check_options", "refuse_dtype", "refuse_missing_model"]

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Options:
    """What is translated, and how translations are judged.

    Attributes:
        targets: canonical tags of the languages wanted.
        sources: canonical tags of the languages to translate from; None where there is one only.
        documents: translate documents.
        queries: translate queries.
        without: names of quality gates that are switched off.
        round_trip: also translate back.
        min_chrf: reject what comes back less alike.
    """

    targets: tuple[str, ...]
    sources: tuple[str, ...] | None
    documents: bool
    queries: bool
    without: Names[str]
    round_trip: bool
    min_chrf: float | None


def _tags(tags: Sequence[str], what: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(canonical_tag(tag) for tag in tags))
    except ValueError as error:
        raise InputError(f"{what}: {error}") from None


def check_options(
    targets: Sequence[str],
    sources: Sequence[str] | None = None,
    *,
    documents: bool = True,
    queries: bool = True,
    without: Names[str] = (),
    round_trip: bool = False,
    min_chrf: float | None = None,
) -> Options:
    """Check what is asked for, as far as that can be told without the collection and the models.

    Args:
        targets: tags of the languages wanted.
        sources: tags of the languages to translate from; None where there is one only.
        documents: translate documents.
        queries: translate queries.
        without: names of quality gates that are switched off.
        round_trip: also translate back.
        min_chrf: reject what comes back less alike, 0 to 100.

    Raises:
        InputError: a tag is none, there is no gate of a name, a number is out of its range, or nothing is asked
            for.
    """
    check_gates(without)
    if not documents and not queries:
        raise InputError("nothing to translate: neither documents nor queries are asked for")
    if min_chrf is not None and not 0 <= min_chrf <= 100:
        raise InputError(f"min_chrf is a chrF from 0 to 100, not {min_chrf:g}")
    wanted = _tags(targets, "--to")
    if not wanted:
        raise InputError("--to names no language to translate into, such as de,sw")
    origins = None if sources is None else _tags(sources, "--from")
    return Options(wanted, origins, documents, queries, without, round_trip or min_chrf is not None, min_chrf)


def refuse_dtype(dtype: str) -> None:
    """Refuse a precision that is none.

    Raises:
        InputError: it is not one of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise InputError(f"no precision {dtype!r}: choose one of {', '.join(DTYPES)}")


def refuse_missing_model(source: str) -> None:
    """Refuse what can only be a model folder, and is not there.

    Raises:
        InputError: there is no such folder, and no model on the hub can have this name.
    """
    if not Path(source).exists() and (source.startswith((".", "/", "~")) or source.count("/") > 1):
        raise InputError(f"the model folder {source} does not exist")
