"""Texts with markup in them: tags and entities of HTML, and Markdown."""

from __future__ import annotations

from html.entities import name2codepoint

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.data.quality.tagging import Suspicions, blocks_of, suspicions_of
from isoglot.data.quality.texts import Texts

__all__ = ["find_markup"]

TAGS = (
    "a|abbr|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|dd|del|div|dl|dt|em|figure|"
    "font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|li|link|main|mark|math|meta|nav|"
    "nowiki|ol|option|p|pre|q|ref|s|script|section|select|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|"
    "textarea|tfoot|th|thead|title|tr|tt|u|ul|video"
)
ENTITIES = "|".join(sorted({*name2codepoint, "apos"}))

# Of Markdown only what hardly anything else looks like: no single * or _, no # that may be a comment.
KINDS = {
    "HTML tags": rf"(?i)</?(?:{TAGS})(?:\s+[a-z:-]+\s*=[^<>]*)?\s*/?>|<!--|<!\[CDATA\[|<!doctype\s",
    "HTML entities": rf"&(?:#[0-9]{{2,7}}|#[xX][0-9a-fA-F]{{2,6}}|{ENTITIES});",
    "Markdown": r"!?\[[^\[\]\n]+\]\((?:https?://|mailto:|www\.|[./#])[^()\s]*\)"
    r"|(?:^|[\s(])\*\*[\p{L}\p{N}][^*\n]*\*\*(?:$|[\s.,;:!?)])"
    r"|(?m:^#{2,6} \S)|(?m:^```)",
}
"""What is looked for, the first that a text has being named."""


def find_markup(texts: Texts) -> Suspicions:
    """Find texts with tags or entities of HTML, or with links, headings, bold or fenced code of Markdown."""
    found: dict[int, str] = {}
    for index in range(len(texts.collection.languages)):
        for rows in blocks_of(texts, index):
            read = pa.array(texts.read(rows), pa.large_string())
            for kind, pattern in KINDS.items():
                for at in np.flatnonzero(pc.match_substring_regex(read, pattern=pattern).to_numpy(False)):
                    found.setdefault(int(rows[at]), kind)
    return suspicions_of(texts, len(texts), found)
