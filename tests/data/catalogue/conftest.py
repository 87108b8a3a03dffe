"""A web server and a data folder of the test's own, and small data sets in their publishers' forms."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from isoglot.data import catalogue
from isoglot.data.catalogue import loading
from isoglot.data.catalogue.entry import Entry, find_entry


@dataclass
class Site:
    """What the server serves, and how badly."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = '"first"'
    breaks: list[int] = field(default_factory=list)  # connections are cut after so many bytes, one number each
    trickle: float = 0.0  # seconds between blocks
    status: int | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range


def handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            content = site.files.get(self.path.lstrip("/"))
            if site.status or content is None:
                self.send_error(site.status or 404)
                return
            start = 0
            unchanged = self.headers.get("If-Range") in (None, site.etag)
            if asked and site.ranges and unchanged:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if site.etag:
                self.send_header("ETag", site.etag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = len(content)
            if site.breaks:
                end = min(end, start + site.breaks.pop(0))
            for place in range(start, end, 1 << 14):
                self.wfile.write(content[place : min(end, place + (1 << 14))])
                if site.trickle:
                    self.wfile.flush()
                    threading.Event().wait(site.trickle)
            self.close_connection = True

    return Handler


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on this machine; whatever proxy the environment names is passed by."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(found))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a reader that goes away is part of what is tested
    found.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ISOGLOT_DATA names, not there yet."""
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def packed(kind: str, files: dict[str, str]) -> bytes:
    """An archive of text files."""
    made = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(made, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    else:
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for path, text in files.items():
                content = text.encode()
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def squad(question: str, context: str, answer: str, **paragraph: object) -> str:
    answers = [{"text": answer, "answer_start": context.index(answer)}]
    asked = {"context": context, "qas": [{"id": "q1", "question": question, "answers": answers}], **paragraph}
    return json.dumps({"version": "1.1", "data": [{"title": "T", "paragraphs": [asked]}]}, ensure_ascii=False)


SENTENCES = {
    "de": ("Was fließt?", "Der Rhein fließt. Er ist lang.", "Rhein", [[0, 17], [18, 30]]),
    "en": ("What flows?", "The Rhine flows. It is long.", "Rhine", [[0, 16], [17, 28]]),
    "zh": ("什么在流？", "莱茵河在流。它很长。", "莱茵河", [[0, 6], [6, 10]]),
}


def beir(*splits: str) -> dict[str, str]:
    files = {
        "corpus.jsonl": '{"_id": "d1", "title": "T", "text": "first"}\n{"_id": "d2", "title": "", "text": ""}\n',
        "queries.jsonl": "".join(f'{{"_id": "{split}", "text": "{split} query"}}\n' for split in splits),
    }
    qrels = {f"qrels/{split}.tsv": f"query-id\tcorpus-id\tscore\n{split}\td1\t2\n" for split in splits}
    return files | qrels


def page(name: str, about: str, *examples: str) -> str:
    return f"# {name}\n\n> {about}.\n\n" + "".join(f"- {line}:\n\n`{name}`\n\n" for line in examples)


def as_published(name: str) -> dict[str, bytes]:
    """The files of a data set by path, small, in its publisher's form."""

    def sentences(tag: str) -> str:
        question, context, answer, breaks = SENTENCES[tag]
        return squad(question, context, answer, sentence_breaks=breaks)

    if name in ("xquad-r", "mlqa-r"):
        return {f"{tag}.json": sentences(tag).encode() for tag in SENTENCES}
    if name == "xquad":
        return {f"xquad.{tag}.json": squad(*SENTENCES[tag][:3]).encode() for tag in SENTENCES}
    if name == "mlqa":
        files = {}
        for split in ("dev", "test"):
            for tag in SENTENCES:
                for other in SENTENCES:
                    context, answer = (
                        f"{split}: {text}" if text is SENTENCES[tag][1] else text for text in SENTENCES[tag][1:3]
                    )
                    path = f"MLQA_V1/{split}/{split}-context-{tag}-question-{other}.json"
                    files[path] = squad(SENTENCES[other][0], context, answer).replace('"q1"', f'"{split} q1"')
        return {"MLQA_V1.zip": packed("zip", files)}
    if name == "squadshifts":
        return {file.path: squad("Who?", f"Ann, {file.path}.", "Ann").encode() for file in find_entry(name).files}
    if name == "drcd":
        split = {"DRCD_training.json": "一", "DRCD_dev.json": "二", "DRCD_test.json": "三"}
        return {
            path: squad("幾？", f"第{text}。", text).replace('"q1"', f'"{text}"').encode()
            for path, text in split.items()
        }
    if name == "ntrex":
        lines = {"src.eng": "Yes.\nNo.\n", "ref.deu": "Ja.\nNein.\n", "ref.srp-Latn": "Da.\nNe.\n"}
        files = {f"NTREX-128/newstest2019-{part}.txt": text.encode() for part, text in lines.items()}
        return files | {"DOCUMENT_IDS.tsv": b"bbc.1\nbbc.2\n"}
    if name == "cqadupstack":
        forums = {
            f"cqadupstack/{forum}/{path}": text.replace("first", forum)
            for forum in ("android", "tex")
            for path, text in beir("test").items()
        }
        return {"cqadupstack.zip": packed("zip", forums)}
    if name == "tldr":
        pages = {
            "pages/common/tar.md": page("tar", "Archiving utility", "Extract an archive", "Create an archive"),
            "pages.de/common/tar.md": page("tar", "Archive", "Entpacke ein Archiv", "Erstelle ein Archiv"),
        }
        return {"tldr-2.3.zip": packed("zip", {f"tldr-2.3/{path}": text for path, text in pages.items()})}
    if name == "dureader-retrieval":
        asked = {
            "question_id": "q1",
            "question": "太阳花怎么养",
            "answer_paragraphs": [{"paragraph_id": "p1", "paragraph_text": "喜温暖"}],
        }
        files = {
            "passage-collection/part-00": "-\t\t喜温暖\t0\n-\t\t别的\t0\n",
            "passage-collection/passage2id.map.json": json.dumps({"0": "p1", "1": "p2"}),
            "dev/dev.json": json.dumps(asked, ensure_ascii=False) + "\n",
        }
        base = "dureader-retrieval-baseline-dataset"
        return {f"{base}.tar.gz": packed("tar", {f"{base}/{path}": text for path, text in files.items()})}
    splits = [size.split or "test" for size in find_entry(name).sizes]
    return {f"{name}.zip": packed("zip", {f"{name}/{path}": text for path, text in beir(*splits).items()})}


@pytest.fixture
def published() -> Callable[[str], dict[str, bytes]]:
    return as_published


@pytest.fixture
def serve(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Entry]:
    """Serve small files in a publisher's form, and let the catalogue's entry of that name point to them."""

    def put(name: str, **changes: object) -> Entry:
        entry = find_entry(name)
        content = as_published(name)
        site.files.update({f"{name}/{path}": data for path, data in content.items()})
        files = tuple(file.model_copy(update={"url": None, "checksum": None}) for file in entry.files)
        files = tuple(file for file in files if file.path in content) or files
        moved = entry.model_copy(
            update={"files": files, "address": f"{site.address}{name}/", "checksums": None, **changes}
        )
        monkeypatch.setitem(ENTRIES, name, moved)
        return moved

    return put


ENTRIES: dict[str, Entry] = {}


@pytest.fixture(autouse=True)
def entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look entries up among those that a test has changed first."""
    ENTRIES.clear()

    def find(name: str) -> Entry:
        return ENTRIES[name] if name in ENTRIES else find_entry(name)

    monkeypatch.setattr(loading, "find_entry", find)
    monkeypatch.setattr(catalogue, "find_entry", find)
