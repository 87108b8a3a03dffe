"""`Result`: everything one evaluation found, and its file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.collections.cautions import caution_of
from isoglot.collections.parquet import read_parquet
from isoglot.errors import InputError
from isoglot.evaluation.plots import Plots
from isoglot.files import new_file, read_result_file, write_result_file
from isoglot.measures import SETTINGS, format_value, measure_of, plural

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "sidecar_of"]

Values = dict[str, Any]
FIGURES = dict[str, float | None] | None
"""What a setting of a result file holds."""


def sidecar_of(path: str | Path) -> Path:
    """Return where the values per query of the result file `path` lie: `F.queries.parquet` for `F.json`."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".json") + ".queries.parquet")


@dataclass(repr=False)
class Result:
    """What one evaluation found. The attributes up to `fair` are the result file's keys. Two files of the same
    inputs, versions and hardware are the same, byte by byte, but for `seconds` and the `date` of `made`.

    Attributes:
        collection: name of the collection.
        model: name of the model.
        languages: tags of the collection's languages.
        monolingual: measure -> macro average over language pairs (a, a), and `pairs`, their number; None
            where the collection has none.
        cross_lingual: the same over language pairs (a, b), a ≠ b.
        multilingual: measure -> mean over queries on the pool of all documents; `queries` and `documents`
            counted.
        bias: measure -> value; `language_share@10` {query language: {document language: share}};
            `best_rank` {query language: {document language: mean rank in the pool of the best relevant document
            in this language}}; `by_query_language` {language: {measure: value}}. None for what could not be
            measured.
        macro: `multilingual` and `bias` as 2408.10536 averages them: the mean over the queries of each language,
            then over these `languages`, counted; `intervals` as below. Measures of bias that are no means over
            queries are not in it. None in a file written before there was such a key.
        geometry: measure -> value or None.
        intervals: setting -> measure -> [low, high], 95 % bootstrap; None where no draws were asked for.
        pairs: one row per language pair: query_lang, doc_lang, queries and every measure.
        seconds: what took how long.
        versions: of isoglot, Python and the libraries.
        hardware: what was computed on (`isoglot.hardware`). None in a file written before there was such a key.
        made: `date` (UTC), `collection_hash` (of its texts and judgments), `identical_left_out` (queries that are
            documents and are not ranked against themselves), `keep_identical_ids` (true where they are; there only
            then), `pseudo_queries` (what queries are made of that nobody asked; there only then), `pool`
            (`languages` and `without_own_answer` of the pool measured; there only if it is not that of all
            documents); of models also `query_prompt`, `document_prompt`, `max_length`, `pooling`, `dtype`,
            `truncate_dim` and `device`, and of repaired ones `repair_method`, `repair_strength`, `repair_of` (the
            model before) and `repair_data`. None in a file written before there was such a key.
        fair: how the pool's ranking was merged anew (`isoglot.evaluation.merging`), `oracle` being an upper bound;
            None for the system's own ranking, as in a file written before there was such a key.
        before: of a fair ranking, the result of the system's own. Not in any file.
        per_query: column -> (q,) array: `row` (query row), `query_id`, `lang` and every measure
            and bias value per query; NaN where a value does not apply. Not in the result file; `save` puts
            it next to it.
        embeddings: (q, d) of the queries with a relevant document and (D, d) of all documents, fp32, unit length,
            in the collection's order; None unless asked for by `keep_embeddings`. Not in any file.
    """

    collection: str
    model: str
    languages: list[str]
    monolingual: Values | None
    cross_lingual: Values | None
    multilingual: Values | None
    bias: Values
    macro: Values | None = field(default=None, kw_only=True)
    geometry: Values | None
    intervals: Values | None
    pairs: list[Values]
    seconds: dict[str, float]
    versions: dict[str, str]
    hardware: Values | None = field(default=None, kw_only=True)
    made: Values | None = field(default=None, kw_only=True)
    fair: str | None = field(default=None, kw_only=True)
    per_query: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    embeddings: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False, compare=False)
    before: Result | None = field(default=None, repr=False, compare=False)

    @classmethod
    def _keys(cls) -> dict[str, Any]:
        """Return the keys of a result file, and the types of what they hold."""
        hints = get_type_hints(cls)
        return {
            item.name: FIGURES if item.name in SETTINGS else hints[item.name]
            for item in fields(cls)
            if item.compare
        }

    def to_dict(self) -> Values:
        """Return what the result file holds: plain numbers, strings, lists, dicts and None."""
        return {name: getattr(self, name) for name in self._keys()}

    def to_json(self, path: str | Path) -> None:
        """Write the result file (without values per query; `save` writes both).

        Raises:
            InputError: the file cannot be written.
        """
        write_result_file(self.to_dict(), path)

    def save(self, path: str | Path) -> None:
        """Write the result file and, next to it, the values per query as `F.queries.parquet`.

        Both are written whole, and neither takes the place of an older one before both are.

        Raises:
            InputError: a file cannot be written.
        """
        table = pa.table({name: pa.array(values) for name, values in self.per_query.items()})
        try:
            with new_file(sidecar_of(path), "wb") as file:
                pq.write_table(table, file, write_page_checksum=True)
                self.to_json(path)
        except OSError as error:
            raise InputError(f"cannot write {sidecar_of(path)}: {error.strerror}") from None

    @classmethod
    def from_json(cls, path: str | Path) -> Result:
        """Read a result file, and the values per query if they lie next to it.

        Raises:
            InputError: the file is missing or not a result file.
        """
        later = ("macro", "hardware", "made", "fair")
        content = read_result_file(path, cls._keys(), "a result file", "; write one with --json", optional=later)
        result = cls(**content)
        if sidecar_of(path).exists():
            try:
                table = read_parquet(sidecar_of(path))
            except (pa.ArrowException, OSError):
                raise InputError(f"{sidecar_of(path)} is not readable; evaluate again, or delete it") from None
            result.per_query = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
        return result

    def report(self, path: str | Path, *, command: str | None = None) -> None:
        """Write a self-contained HTML report.

        Args:
            path: the file.
            command: how the result was made, to be shown.

        Raises:
            InputError: the file cannot be written.
        """
        from isoglot.reporting import write_report  # which needs the extra `report`

        write_report([self], path, command=command)

    def to_frame(self, *, per_query: bool = False) -> pd.DataFrame:
        """Return a pandas data frame: `pairs`, one row a language pair; or `per_query`, one row a query."""
        table = pa.table(self.per_query) if per_query else pa.Table.from_pylist(self.pairs)
        return table.to_pandas(use_threads=False)

    @property
    def plot(self) -> Plots:
        """The figures of the report, one by one: `result.plot.pairs()`."""
        return Plots(self)

    @property
    def caution(self) -> str | None:
        """What is to be said wherever these figures are shown; None of what is usual (`caution_of`)."""
        return caution_of(self.made)

    def _main(self) -> list[tuple[str, str]]:
        """Return the main figures by name, as they are written."""
        keys = (*(f"{setting}.AP" for setting in SETTINGS), "rank_distance", "own_language_share@10")
        found = []
        for key in keys:
            setting, _, name = key.rpartition(".")
            value = (getattr(self, setting or "bias") or {}).get(name)
            if value is not None:
                found.append((measure_of(key).label, format_value(value, measure_of(key).form)))
        return found

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value}" for name, value in self._main())
        caution = f" ({self.caution})" if self.caution else ""
        languages = plural(len(self.languages), "language")
        return f"<Result of {self.model} on {self.collection} ({languages}): {figures}{caution}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._main())
        caution = f"<p>{escape(self.caution)}</p>" if self.caution else ""
        return f"<table><caption>{escape(self.model)} on {escape(self.collection)}</caption>{rows}</table>{caution}"
