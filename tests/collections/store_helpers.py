"""A server that speaks as much of S3 as pyarrow's client asks: a bucket in memory, every request remembered.

Of the API (https://docs.aws.amazon.com/AmazonS3/latest/API/): objects are listed (version 2, in pages), looked up,
read (in ranges), written (at once or in parts) and removed. Keys are told apart, signatures are not verified.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEY, SECRET = "AKIATESTTESTTESTTEST", "a-secret-that-nobody-may-see"
"""Credentials that the server takes; tests have no others (conftest.py)."""
PAGE = 5


@dataclass
class Bucket:
    """What the server holds, and what it was asked.

    Attributes:
        objects: key -> bytes and time of change.
        asked: method, key and parameters of every request.
        port: where it listens.
    """

    port: int
    name: str = "bucket"
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def address(self, path: str, bucket: str | None = None) -> str:
        return f"s3://{bucket or self.name}/{path}?endpoint_override=127.0.0.1:{self.port}&scheme=http"

    def put(self, key: str, content: bytes) -> None:
        with self.lock:
            self.objects[key] = (content, datetime.now(timezone.utc))

    def put_folder(self, folder: Path, under: str) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{under}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def under(self, prefix: str) -> dict[str, bytes]:
        with self.lock:
            return {key: content for key, (content, _) in sorted(self.objects.items()) if key.startswith(prefix)}

    def read_keys(self) -> list[str]:
        """Keys of the objects whose bytes were read."""
        return [key for method, key, _ in self.asked if method == "GET" and key]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer in one packet
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def handle_expect_100(self) -> bool:
        found = super().handle_expect_100()
        self.wfile.flush()  # for which the client waits a second
        return found

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _xml(self, body: str, status: int = 200) -> None:
        self._answer(status, f'<?xml version="1.0"?>{body}'.encode(), Content_Type="application/xml")

    def _refuse(self, status: int, code: str) -> None:
        self._xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)

    def _chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _body(self) -> bytes:
        raw = b"".join(self._chunks())
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        found = b""
        while raw:
            head, _, raw = raw.partition(b"\r\n")
            size = int(head.partition(b";")[0], 16)
            if not size:
                break
            found, raw = found + raw[:size], raw[size + 2 :]
        return found

    def _handle(self) -> None:
        bucket = self.server.bucket
        split = urlsplit(self.path)
        name, _, key = unquote(split.path).lstrip("/").partition("/")
        asked = parse_qs(split.query, keep_blank_values=True)
        body = self._body()
        with bucket.lock:
            bucket.asked.append((self.command, key, asked))
            if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
                return self._refuse(403, "AccessDenied")
            if name != bucket.name:
                return self._refuse(404, "NoSuchBucket")
            getattr(self, f"_{self.command.lower()}")(bucket, key, asked, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _get(self, bucket: Bucket, key: str, asked: dict[str, list[str]], _: bytes) -> None:
        if not key:
            return self._list(bucket, asked)
        if key not in bucket.objects:
            return self._refuse(404, "NoSuchKey")
        content, changed = bucket.objects[key]
        headers = {
            "Last_Modified": format_datetime(changed, usegmt=True),
            "ETag": f'"{changed.timestamp()}"',
            "Accept_Ranges": "bytes",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return self._answer(200, content, Content_Length=str(len(content)), **headers)
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if first >= len(content):
            return self._refuse(416, "InvalidRange")
        part = content[first : last + 1]
        headers["Content_Range"] = f"bytes {first}-{last}/{len(content)}"
        self._answer(206, part, Content_Length=str(len(part)), **headers)

    def _head(self, bucket: Bucket, key: str, asked: dict[str, list[str]], body: bytes) -> None:
        if key:
            self._get(bucket, key, asked, body)
        else:
            self._answer(200)

    def _list(self, bucket: Bucket, asked: dict[str, list[str]]) -> None:
        prefix, delimiter = (asked.get(name, [""])[0] for name in ("prefix", "delimiter"))
        entries: dict[str, str] = {}
        for key, (content, changed) in sorted(bucket.objects.items()):
            if not key.startswith(prefix):
                continue
            inner, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            if cut:
                folder = prefix + inner + delimiter
                entries[folder] = f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            else:
                stamp = changed.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
                entries[key] = (
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{stamp}</LastModified>"
                    f"<Size>{len(content)}</Size></Contents>"
                )
        start = asked.get("continuation-token", [""])[0]
        names = [name for name in sorted(entries) if name > start]
        shown = names[: min(PAGE, int(asked.get("max-keys", [PAGE])[0]))]
        more = len(shown) < len(names)
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more and shown else ""
        self._xml(
            f"<ListBucketResult><KeyCount>{len(shown)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{''.join(entries[name] for name in shown)}</ListBucketResult>"
        )

    def _put(self, bucket: Bucket, key: str, asked: dict[str, list[str]], body: bytes) -> None:
        if "uploadId" in asked:
            bucket.uploads[asked["uploadId"][0]][int(asked["partNumber"][0])] = body
        else:
            bucket.put(key, body)
        self._answer(200, ETag='"x"')

    def _post(self, bucket: Bucket, key: str, asked: dict[str, list[str]], body: bytes) -> None:
        if "uploads" in asked:
            upload = f"upload-{len(bucket.uploads)}"
            bucket.uploads[upload] = {}
            return self._xml(
                f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
        if "uploadId" in asked:
            parts = bucket.uploads[asked["uploadId"][0]]
            bucket.put(key, b"".join(parts[number] for number in sorted(parts)))
            return self._xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        for gone in re.findall(r"<Key>(.*?)</Key>", body.decode()):
            bucket.objects.pop(gone, None)
        self._xml("<DeleteResult></DeleteResult>")

    def _delete(self, bucket: Bucket, key: str, asked: dict[str, list[str]], _: bytes) -> None:
        if "uploadId" not in asked:
            bucket.objects.pop(key, None)
        self._answer(204)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bucket: Bucket

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that is killed, or has waited too long, leaves its connection."""


@contextmanager
def served_bucket() -> Iterator[Bucket]:
    """Serve an empty bucket on a free port of this machine while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.bucket = Bucket(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
