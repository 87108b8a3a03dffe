"""Small collections to draw batches from."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows

LANGUAGES = ("en", "de", "th", "sw")
SLOW_DATA = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def make(answers: dict[str, dict[str, set[int]]], asked: dict[str, set[str]]) -> Collection:
    """A collection from query id -> language -> numbers of its relevant pages, and query id -> languages."""
    pages = {(lang, page) for by_lang in answers.values() for lang, numbers in by_lang.items() for page in numbers}
    return collection_from_rows(
        [(f"{lang}/{page}", lang, "", f"page {page}") for lang, page in sorted(pages)],
        [(query, lang, f"question {query}") for query in asked for lang in sorted(asked[query])],
        [
            (query, f"{lang}/{page}", 1)
            for query, by_lang in answers.items()
            for lang, numbers in sorted(by_lang.items())
            for page in sorted(numbers)
        ],
    )


def parallel(queries: int, languages: tuple[str, ...] = LANGUAGES) -> Collection:
    """Every query and its one page in every language; no two queries share a page."""
    return make(
        {f"q{n}": {lang: {n} for lang in languages} for n in range(queries)},
        {f"q{n}": set(languages) for n in range(queries)},
    )


def uneven(times: int = 1) -> Collection:
    """Sizes 40, 20, 10, 5 (or so many times more) in four languages, a page in as many languages as there are."""
    sizes = dict(zip(LANGUAGES, (40 * times, 20 * times, 10 * times, 5 * times), strict=True))
    versions = {f"q{n}": {lang for lang in LANGUAGES if n < sizes[lang]} for n in range(40 * times)}
    return make({query: {lang: {int(query[1:])} for lang in langs} for query, langs in versions.items()}, versions)


@st.composite
def collections(draw: st.DrawFn) -> Collection:
    """Collections with several relevant pages, shared pages and missing translations, but pairs of both kinds."""
    queries = draw(st.integers(2, 14))
    languages = LANGUAGES[: draw(st.integers(2, 4))]
    page = st.integers(0, draw(st.integers(1, 12)))
    subsets = st.sets(st.sampled_from(languages), min_size=1)
    answers, asked = {}, {}
    for n in range(queries):
        pages = draw(st.sets(page, min_size=1, max_size=3))
        answers[f"q{n}"] = dict.fromkeys(draw(subsets), pages)
        asked[f"q{n}"] = draw(subsets)
    answers["both"] = {lang: {99} for lang in languages}
    asked["both"] = set(languages)
    return make(answers, asked)


def relevant(collection: Collection, query_row: int) -> set[int]:
    """The relevant documents of a query, in all languages."""
    return set(collection.relevance.of(collection.query_index[query_row]).tolist())
