"""`translate_collection`: a collection in more languages, by machine translation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from isoglot.collections.collection import Collection
from isoglot.collections.writing import joined_queries, share_documents
from isoglot.data.translation.gates import Verdict, check_gates, judge, load_chrf
from isoglot.data.translation.journal import Store, translate_texts
from isoglot.data.translation.loading import choose_translator
from isoglot.data.translation.report import PairReport, Rejected, Translation, today
from isoglot.data.translation.rows import Missing, Row, find_missing, merge_rows
from isoglot.data.translation.translator import Translates
from isoglot.errors import InputError
from isoglot.languages.tags import read_tag

__all__ = ["Options", "translate_collection"]

Notify = Callable[[str, int, int], None]

TRANSLATED = " (translated)"


@dataclass
class Options:
    """What is asked of `translate_collection`, checked as far as it can be without the collection and the models.

    The attributes are that function's arguments; tags are made canonical.

    Raises:
        InputError: a tag is none, there is no gate of a name, a number is out of its range, nothing is asked for,
            or sacrebleu is missing, which compares what comes back.
    """

    targets: Sequence[str]
    sources: Sequence[str] | None = None
    documents: bool = True
    queries: bool = True
    without: Names[str] = ()
    round_trip: bool = False
    min_chrf: float | None = None

    def __post_init__(self) -> None:
        check_gates(self.without)
        if not self.documents and not self.queries:
            raise InputError("nothing to translate: neither documents nor queries are asked for")
        if self.min_chrf is not None and not 0 <= self.min_chrf <= 100:
            raise InputError(f"min_chrf is a chrF from 0 to 100, not {self.min_chrf:g}")
        self.targets = _tags(self.targets, "--to")
        if not self.targets:
            raise InputError("--to names no language to translate into, such as de,sw")
        if self.sources is not None:
            self.sources = _tags(self.sources, "--from")
        self.round_trip |= self.min_chrf is not None
        if self.round_trip:
            load_chrf()


def _tags(tags: Sequence[str], option: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(read_tag(tag, option) for tag in tags))


class _Task(NamedTuple):
    """What is to be translated between two languages, by what, and what translates it back, if anything."""

    gap: Missing
    forth: Translates
    back: Translates | None


@dataclass
class _Rows:
    """What was translated so far."""

    documents: list[Row] = field(default_factory=list)
    queries: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


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
        InputError: as for `Options`; a model does not know a language, the collection does not have what is to be
            translated, or its splits do not share their documents.
    """
    options = Options(targets, sources, documents, queries, without, round_trip, min_chrf)
    if len(splits) > 1 and not share_documents(splits):
        raise InputError(
            f"the splits {', '.join(map(str, splits))} have documents of their own: translate one at a time, with "
            "--split"
        )
    first = next(iter(splits.values()))
    texts = joined_queries([part.queries for part in splits.values()])
    languages = sorted({*first.documents["lang"].unique().to_pylist(), *texts["lang"].unique().to_pylist()})
    origins = _origins(options.sources, languages)
    if not any(origin != target for origin in origins for target in options.targets):
        raise InputError(f"--to {', '.join(options.targets)} is the language to translate from; name another one")
    tasks = [
        _task(gap, translators, options.round_trip)
        for target in options.targets
        for gap in find_missing(splits, texts, origins, target, with_documents=documents, with_queries=queries)
    ]
    rows = _Rows()
    reports = [_translate_gap(task, first.documents, texts, store, options, rows, notify) for task in tasks]
    metadata = _metadata(first, rows, reports, options, translators)
    merged = merge_rows(splits, rows.documents, rows.queries, metadata)
    return Translation(merged, reports, rows.rejected)


def _origins(sources: Sequence[str] | None, languages: Sequence[str]) -> Sequence[str]:
    """Return the languages to translate from, of those that the collection has."""
    if sources is None:
        if len(languages) > 1:
            raise InputError(
                f"the collection has {len(languages)} languages ({', '.join(languages)}): name those to translate "
                "from with --from, the preferred one first"
            )
        return languages
    for tag in sources:
        if tag not in languages:
            raise InputError(f"--from {tag}: the collection has no {tag}; it has {', '.join(languages)}")
    return sources


def _task(gap: Missing, translators: Sequence[Translates], round_trip: bool) -> _Task:
    """Find what translates, before anything is translated."""
    forth = choose_translator(translators, gap.source, gap.target)
    if not round_trip:
        return _Task(gap, forth, None)
    try:
        return _Task(gap, forth, choose_translator(translators, gap.target, gap.source))
    except InputError as error:
        raise InputError(
            f"no way back from {gap.target} to {gap.source}: {error}; give a model for it with another --model, or "
            "leave the round trip out"
        ) from None


def _translate_gap(
    task: _Task,
    documents: pa.Table,
    queries: pa.Table,
    store: Store,
    options: Options,
    rows: _Rows,
    notify: Notify,
) -> PairReport:
    """Translate and judge what is to be translated between two languages; add what passes, and what does not."""
    gap = task.gap
    report = PairReport(gap.source, gap.target, task.forth.name, present=gap.present)
    chosen = documents.take(pa.array(gap.documents, pa.int64())).to_pylist()
    asked = queries.take(pa.array(gap.queries, pa.int64())).to_pylist()
    texts = [text for row in chosen for text in (row["title"], row["text"]) if text.strip()]
    texts = list(dict.fromkeys(texts + [row["text"] for row in asked]))

    def tell(arrow: str) -> Callable[[int, int], None]:
        return lambda done, total: notify(f"{gap.source} {arrow} {gap.target}", done, total)

    translations, report.translated = translate_texts(task.forth, texts, gap.source, gap.target, store, tell("→"))
    back = None
    if task.back is not None:
        back, new = translate_texts(task.back, translations, gap.target, gap.source, store, tell("←"))
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

    def passes(kind: str, identifier: str, text: str) -> tuple[str | None, Verdict]:
        translation, verdict = known[text] if text.strip() else (text, Verdict(None))
        if verdict.reason is None:
            return translation, verdict
        report.rejected[verdict.reason] += 1
        origin = (kind, identifier, gap.source, gap.target)
        rows.rejected.append(Rejected(*origin, verdict.reason, text, translation, verdict.chrf))
        return None, verdict

    for row in chosen:
        text, verdict = passes("document", row["_id"], row["text"])
        title, of_title = passes("title", row["_id"], row["title"]) if text is not None else (None, verdict)
        if text is None or not f"{title or ''}{text}".strip():
            continue
        score = verdict.chrf if row["text"].strip() else of_title.chrf
        rows.documents.append(Row(row["_id"], gap.target, text, title or "", _extra(row["_id"], score)))
        report.documents += 1
    for row in asked:
        text, verdict = passes("query", row["_id"], row["text"])
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
    new = {row.language for row in (*rows.documents, *rows.queries)}
    used = {report.model for report in reports}
    before = first.metadata.get("translation")
    entry = {
        "date": today(),
        "models": [one.describe() for one in translators if one.name in used],
        "gates_off": sorted(options.without),
        "round_trip": options.round_trip,
        "min_chrf": options.min_chrf,
        "pairs": [report.to_metadata() for report in reports],
    }
    return dict(first.metadata) | {
        "name": first.name.removesuffix(TRANSLATED) + TRANSLATED,
        "languages": sorted({*first.languages, *new}),
        "translation": [*(before if isinstance(before, list) else []), entry],
    }
