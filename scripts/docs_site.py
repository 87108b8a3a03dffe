"""What the site of the documentation needs besides its pages: hooks for mkdocs and an extension for its docstrings.

Equations become MathML, which browsers draw without a script. Pages link to files of the repository that are no
pages; these stay as words. Lists may follow a paragraph directly, as on other sites.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object
from latex2mathml.converter import convert

__all__ = ["Equations", "on_page_markdown"]

IN_PAGE = re.compile(r"^\$\$ (.+) \$\$$", re.MULTILINE)
IN_DOCSTRING = re.compile(r"^\.\. math:: ?(.*(?:\n +\S.*)*)", re.MULTILINE)
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./(?!api\.md)[^)]*\)")
LIST_AFTER_TEXT = re.compile(r"^(?!\s|[-*|>#]|\d+\. )(.+)\n(?=(?:- |1\. ))", re.MULTILINE)
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def mathml(latex: str) -> str:
    """Return an equation as a block of MathML."""
    return convert(" ".join(latex.split()).replace(r"\|", r"\Vert "), display="block")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page as mkdocs takes it."""
    parts = FENCED.split(markdown)
    for at in range(0, len(parts), 2):  # what is not code
        text = IN_PAGE.sub(lambda found: mathml(found[1]), parts[at])
        if "/" not in page.file.src_uri:
            text = OUTSIDE.sub(r"\1", text)
        parts[at] = LIST_AFTER_TEXT.sub(r"\1\n\n", text)
    return "".join(parts)


class Equations(Extension):
    """Equations of docstrings as MathML, and their examples as code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change a docstring in place."""
        if obj.docstring is not None:
            text = IN_DOCSTRING.sub(lambda found: f"\n{mathml(found[1])}\n", obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub("Examples:", text)
