"""An index that a server can be tested with: it has the words of one on disk, and finds by common words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from isoglot.errors import InputError

MARKUP = "<img src=x onerror=\"window.injected=1\"><script>window.injected=2</script> &amp; 'quoted'"
OVERRIDE = "plain \u202egnirts\u202c text \u2066isolated\u2069"
CONTROLS = "bell\x07 null\x00 escape\x1b[31m delete\x7f"

TEXTS = (
    ("de/common/tar", "de", "tar", "Entpackt ein Archiv in einen Ordner"),
    ("en/common/tar", "en", "tar", "Unpacks an archiv into a folder"),
    ("ar/common/tar", "ar", "tar", "أداة archiv لفك ضغط الملفات في مجلد"),
    ("fr/common/tar", "fr", "tar", "Extrait une archiv dans un dossier"),
    ("de/common/ls", "de", "", "Listet die Dateien eines Ordners auf"),
    ("he/common/ls", "he", "", "מציג את הקבצים בתיקייה ls"),
    ("zh-TW/common/ls", "zh-TW", "", "列出資料夾中的檔案 ls"),
    ("en/evil/markup", "en", MARKUP, f"markup {MARKUP}"),
    ("en/evil/override", "en", "override", OVERRIDE),
    ("en/evil/controls", "en", "controls", CONTROLS),
    (f"en/evil/{MARKUP}", "en", "", "id with markup"),
)


@dataclass(frozen=True)
class Hit:
    id: str
    language: str
    title: str
    text: str
    score: float
    rank: int


@dataclass
class FakeIndex:
    """Texts by the number of words that they share with a question; `prefer` lifts a language."""

    name: str = "commands"
    prefer: str | None = None
    repair: str | None = None
    seconds: float = 0.0
    texts: Sequence[tuple[str, str, str, str]] = TEXTS
    asked: list[dict] = field(default_factory=list)
    model_name: str = "a model"
    path: str = "indexes/plain"
    dimension: int = 8

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def languages(self) -> dict[str, int]:
        return dict(Counter(language for _, language, _, _ in self.texts))

    def search(self, query, *, k=10, language=None, within=None, fair=None, hybrid=False) -> list[Hit]:
        self.asked.append({"query": query, "k": k, "language": language, "within": within, "fair": fair})
        if query == "break":
            raise RuntimeError("secret: /etc/passwd")
        if query == "refuse":
            raise InputError("this is not to be asked")
        if query == "gone":
            raise InputError(f"{self.path} was removed")
        time.sleep(self.seconds)
        words = set(query.lower().split())

        def score(text: tuple[str, str, str, str]) -> float:
            return len(words & set(" ".join(text).lower().split())) + 0.5 * (text[1] == self.prefer)

        kept = [text for text in self.texts if within is None or text[1] in within]
        best = sorted(kept, key=lambda text: (-score(text), text[0]))[:k]
        return [
            Hit(id, tag, title, text, score((id, tag, title, text)), rank)
            for rank, (id, tag, title, text) in enumerate(best, 1)
        ]
