"""`translate_collection`: a collection in more languages, by machine translation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from isoglot.collections.collection import Collection
from isoglot.collections.writing import share_documents, write_collection
from isoglot.data.translation.judging import Verdict, judge
from isoglot.data.translation.loading import choose_translator
from isoglot.data.translation.merging import Row, merge_rows
from isoglot.data.translation.missing import Missing, find_missing, joined_queries
from isoglot.data.translation.options import Options, check_options
from isoglot.data.translation.report import PairReport, Rejected, today
from isoglot.data.translation.texts import Store, translate_texts
from isoglot.data.translation.translator import Translates
from isoglot.errors import InputError
from isoglot.files import new_folder

__all__ = ["Translation", "translate_collection", "write_translation"]

Notify = Callable[[str, int, int], None]

TRANSLATED = " (translated)"


@dataclass
class Translation:
    """A translated collection.

    Attributes:
        splits: the collection by split; the one key is None if it has no splits.
        reports: counts of each pair of languages.
        rejected: the translations that were rejected, in order of language, then of their sources.
    """

    splits: dict[str | None, Collection]
    reports: list[PairReport]
    rejected: list[Rejected]


@dataclass
class _Rows:
    """What was translated so far."""

    documents: list[Row] = field(default_factory=list)
    queries: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def _sources(sources: Sequence[str] | None, languages: Sequence[str]) -> list[str]:
    """Return the languages to translate from.

    Raises:
        InputError: the collection lacks one, or has several and none is named.
    """
    if sources is None:
        if len(languages) > 1:
            raise InputError(
                f"the collection has {len(languages)} languages ({', '.join(languages)}): name those to translate "
                "from with --from, the preferred one first"
            )
        return list(languages)
    for tag in sources:
        if tag not in languages:
            raise InputError(f"--from {tag}: the collection has no {tag}; it has {', '.join(languages)}")
    return list(sources)


def translate_collection(
    splits: Mapping[str | None, Collection],
    targets: Sequence[str],
    translators: Sequence[Translates],
    store: Store,
    *,
    sources: Sequence[str] | None = None,
    documents: bool = True,
    queries: bool = True,
    without: Names[str] = (),
    round_trip: bool = False,
    min_chrf: float | None = None,
    notify: Notify = lambda text, done, total: None,
) -> Translation:
    """Translate what a collection lacks in some languages, and add it.

    All rows of the source stay. A query's translation shares its id; a document's gets the id `<lang>/<source id>`,
    and the judgments of its source. A text that is rejected is absent in that language; a rejected title is left
    out of its document.

    Args:
        splits: the collection by split; they share their documents.
        targets: tags of the languages wanted.
        translators: the models; the first that translates a pair of languages does.
        store: where translations are kept as they are made.
        sources: tags of the languages to translate from, the preferred one first; None where there is one only.
        documents: translate documents.
        queries: translate queries.
        without: names of quality gates that are switched off.
        round_trip: also translate back, and keep how alike that is (chrF) with every row.
        min_chrf: reject what comes back less alike, 0 to 100; translates back as well.
        notify: told what is being translated, how many texts are done, and of how many.

    Raises:
        InputError: a tag is none, a model does not know a language, the collection does not have what is to be
            translated, its splits do not share their documents, or nothing is asked for.
    """
    options = check_options(
        targets,
        sources,
        documents=documents,
        queries=queries,
        without=without,
        round_trip=round_trip,
        min_chrf=min_chrf,
    )
    if len(splits) > 1 and not share_documents(splits):
        raise InputError(
            f"the splits {', '.join(map(str, splits))} have documents of their own: translate one at a time, with "
            "--split"
        )
    first = next(iter(splits.values()))
    texts = joined_queries(splits)
    languages = sorted({*first.documents["lang"].unique().to_pylist(), *texts["lang"].unique().to_pylist()})
    origins = _sources(options.sources, languages)
    if not any(origin != target for origin in origins for target in options.targets):
        raise InputError(f"--to {', '.join(options.targets)} is the language to translate from; name another one")
    gaps = [
        gap
        for target in options.targets
        for gap in find_missing(splits, texts, origins, target, with_documents=documents, with_queries=queries)
    ]
    for gap in gaps:  # before anything is translated
        choose_translator(translators, gap.source, gap.target)
        if options.round_trip:
            _way_back(translators, gap)
    rows = _Rows()
    reports = [
        _translate_gap(gap, first.documents, texts, translators, store, options, rows, notify) for gap in gaps
    ]
    metadata = _metadata(first, rows, reports, options, translators)
    merged = merge_rows(splits, rows.documents, rows.queries, name=metadata["name"], metadata=metadata)
    return Translation(merged, reports, rows.rejected)


def _way_back(translators: Sequence[Translates], gap: Missing) -> Translates:
    try:
        return choose_translator(translators, gap.target, gap.source)
    except InputError as error:
        raise InputError(
            f"no way back from {gap.target} to {gap.source}: {error}; give a model for it with another --model, or "
            "leave the round trip out"
        ) from None


def _translate_gap(
    gap: Missing,
    documents: pa.Table,
    queries: pa.Table,
    translators: Sequence[Translates],
    store: Store,
    options: Options,
    rows: _Rows,
    notify: Notify,
) -> PairReport:
    """Translate and judge what is to be translated between two languages; add what passes, and what does not."""
    translator = choose_translator(translators, gap.source, gap.target)
    report = PairReport(gap.source, gap.target, translator.name, present=gap.present)
    chosen = documents.take(pa.array(gap.documents, pa.int64())).to_pylist()
    asked = queries.take(pa.array(gap.queries, pa.int64())).to_pylist()
    texts = [text for row in chosen for text in (row["title"], row["text"]) if text.strip()]
    texts = list(dict.fromkeys(texts + [row["text"] for row in asked]))

    def tell(arrow: str) -> Callable[[int, int], None]:
        return lambda done, total: notify(f"{gap.source} {arrow} {gap.target}", done, total)

    translations, report.translated = translate_texts(translator, texts, gap.source, gap.target, store, tell("→"))
    back = None
    if options.round_trip:
        returning = _way_back(translators, gap)
        back, new = translate_texts(returning, translations, gap.target, gap.source, store, tell("←"))
        report.translated += new
    verdicts = judge(
        texts,
        translations,
        gap.source,
        gap.target,
        without=options.without,
        back=back,
        min_chrf=options.min_chrf,
    )
    known = dict(zip(texts, zip(translations, verdicts, strict=True), strict=True))

    def passes(kind: str, row: Mapping[str, Any], text: str) -> tuple[str | None, Verdict]:
        translation, verdict = known[text] if text.strip() else (text, Verdict(None))
        if verdict.reason is None:
            return translation, verdict
        report.rejected[verdict.reason] += 1
        rows.rejected.append(
            Rejected(
                kind,
                row["_id"],
                gap.source,
                gap.target,
                verdict.reason,
                text,
                translation,
                verdict.chrf,
            )
        )
        return None, verdict

    for row in chosen:
        text, verdict = passes("document", row, row["text"])
        title, of_title = passes("title", row, row["title"]) if text is not None else (None, verdict)
        if text is None or not f"{title or ''}{text}".strip():
            continue
        score = verdict.chrf if row["text"].strip() else of_title.chrf
        rows.documents.append(Row(row["_id"], gap.target, text, title or "", _extra(row["_id"], score)))
        report.documents += 1
    for row in asked:
        text, verdict = passes("query", row, row["text"])
        if text is not None:
            rows.queries.append(Row(row["_id"], gap.target, text, None, _extra(gap.source, verdict.chrf)))
            report.queries += 1
    return report


def _extra(origin: str, score: float | None) -> dict[str, Any]:
    """Return the keys that a translated row has beside the others: a document's source, or a query's language."""
    return {"translated_from": origin} | ({} if score is None else {"round_trip_chrf": score})


def _metadata(
    first: Collection,
    rows: _Rows,
    reports: Sequence[PairReport],
    options: Options,
    translators: Sequence[Translates],
) -> dict[str, Any]:
    """Return what `collection.yaml` says: all that the source's does, and how the rest was translated."""
    metadata = dict(first.metadata)
    new = {row.language for row in (*rows.documents, *rows.queries)}
    name = first.name.removesuffix(TRANSLATED) + TRANSLATED
    metadata |= {"name": name, "languages": sorted({*first.languages, *new})}
    used = {report.model for report in reports}
    before = metadata.get("translation")
    metadata["translation"] = [
        *(before if isinstance(before, list) else []),
        {
            "date": today(),
            "models": [one.describe() for one in translators if one.name in used],
            "gates_off": sorted(options.without),
            "round_trip": options.round_trip,
            "min_chrf": options.min_chrf,
            "pairs": [report.to_metadata() for report in reports],
        },
    ]
    return metadata


def write_translation(
    translation: Translation, out: str | Path, form: Literal["jsonl", "parquet"] = "jsonl"
) -> None:
    """Write a translated collection, with `rejected.jsonl` beside it; the folder appears whole or not at all.

    Raises:
        InputError: the folder exists and is not empty.
    """
    with new_folder(out) as folder:
        write_collection(translation.splits, folder, form)
        with (folder / "rejected.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for one in translation.rejected:
                file.write(json.dumps(one.to_record(), ensure_ascii=False) + "\n")
