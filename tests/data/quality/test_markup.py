"""Markup in texts: what it is taken for, and what only looks like it."""

from __future__ import annotations

import pytest

from isoglot.collections import collection_from_rows
from isoglot.data.quality.findings import finding_sentences, quality_findings
from isoglot.data.quality.markup import find_markup
from isoglot.data.quality.texts import Texts

MARKED = {
    "<p>A paragraph": "HTML tags",
    "an end</DIV>": "HTML tags",
    'a <a href="/x">link</a>': "HTML tags",
    "one<br/>two": "HTML tags",
    "three <!-- comment": "HTML tags",
    "fish &amp; chips": "HTML entities",
    "caf&#233; and &#xE9;": "HTML entities",
    "a&nbsp;b": "HTML entities",
    "see [the page](https://example.org/a)": "Markdown",
    "![](/figure.png) ![a](./figure.png)": "Markdown",
    "this is **bold**, is it": "Markdown",
    "Title\n## Section": "Markdown",
    "```\ncode\n```": "Markdown",
    "これは<b>太字</b>です": "HTML tags",
}
PLAIN = [
    "a < b and c > d",
    "if a<b or b>c: stop",
    "git clone <url> <directory>",
    "AT&T; R&D; you & me",
    "2**3**4 and 2 ** 3",
    "f(x)[0](y) and [1] (see below)",
    "# of people, #1, C# and #hashtag",
    "snake_case_name and __init__.py",
    "3 > 2 <- arrows -> <3",
    "List: * one * two",
]


def findings_of(texts):
    rows = [(f"d{at}", "en", "", text) for at, text in enumerate(texts)]
    return collection_from_rows(rows, [("q", "en", "which?")], [("q", "d0", 1)])


@pytest.mark.parametrize(("text", "kind"), MARKED.items())
def test_markup_is_found_and_named(text, kind):
    found = find_markup(Texts(findings_of([text]), "documents"))
    assert (found.texts, found.by_language) == (1, {"en": {kind: 1}})


@pytest.mark.parametrize("text", PLAIN)
def test_what_looks_like_markup_is_left_alone(text):
    assert find_markup(Texts(findings_of([text]), "documents")).texts == 0


def test_the_sentence_says_where_and_what():
    found = quality_findings(findings_of([*PLAIN, *MARKED]))
    (sentence,) = [one for one in finding_sentences(found) if "markup" in one]
    assert sentence == (
        "14 documents have markup in the text, in en (14), such as 'd10' (tagged en, has HTML tags)"
    )
