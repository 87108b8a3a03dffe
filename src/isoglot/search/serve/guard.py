"""What is true of every request: where it comes from, how long it is, its id, what its answer says of itself."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isoglot.search.serve.counters import Counters
from isoglot.search.serve.limits import Limits

__all__ = ["Guard", "Refusal", "problem"]

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
BODY_SECONDS = 10.0
"""In which the whole body of a request must have come."""


@dataclass(frozen=True)
class Refusal(Exception):
    """A request that is not served."""

    status: int
    sentence: str
    headers: tuple[tuple[str, str], ...] = ()


def problem(refusal: Refusal, request_id: str) -> JSONResponse:
    """Return the answer to a request that is not served: `{"error": …, "request_id": …}`."""
    sentence = refusal.sentence.encode("utf-8", "backslashreplace").decode()  # it may name half of a character
    content = {"error": sentence, "request_id": request_id}
    return JSONResponse(content, refusal.status, dict(refusal.headers))


class Guard:
    """Stands before the application: refuses what it should never see, and speaks of what became of the rest.

    Args:
        app: the application.
        limits: of url and body.
        counters: count every answer.
        paths: those of the application; others are counted together.
        free: paths that need no token.
        token: what a request must bring as `Authorization: Bearer …`; None for nothing.
        hosts: names by which the server may be called, lower case; None for any. A page of another site that has
            had its name point to this machine (DNS rebinding) calls it by that name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        counters: Counters,
        paths: Collection[str],
        free: Collection[str],
        token: str | None,
        hosts: Collection[str] | None,
    ) -> None:
        self.app, self.limits, self.counters, self.paths, self.free = app, limits, counters, paths, free
        self.authorization = None if token is None else f"Bearer {token}".encode()
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = MutableHeaders(scope=message)
                own["X-Request-ID"] = request_id
                for name, value in HEADERS.items():
                    own[name] = value
                own.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope, headers)
            body = await self._body(headers, receive)
            await self.app(scope, _replayed(body, receive), answer)
        except Refusal as refusal:
            await problem(refusal, request_id)(scope, receive, answer)
        except Exception:
            logger.exception("request %s failed", request_id)
            if status:  # the answer has begun: all that can be done is to end the connection
                raise
            sentence = "the server made a mistake; its log has the request id and tells more"
            await problem(Refusal(500, sentence), request_id)(scope, receive, answer)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            method = scope["method"] if scope["method"] in ("GET", "POST") else "other"
            self.counters.count(method, path, status)
            # the question is in the URL, and nobody else's business: the log has the path alone
            took = 1000 * (time.perf_counter() - began)
            logger.info("%s %s %s %d %.0f ms", request_id, method, path, status, took)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = re.sub(r":\d*$", "", headers.get("host", "")).lower()
        if self.hosts is not None and host not in self.hosts:
            raise Refusal(421, "this server is not called by that name: isoglot serve --allow-host lets it be")
        given = headers.get("authorization", "").encode("latin-1", "replace")
        open_to_all = self.authorization is None or scope["path"] in self.free
        if not open_to_all and not hmac.compare_digest(given, self.authorization or b""):
            sentence = "a token is needed: send it as Authorization: Bearer TOKEN"
            raise Refusal(401, sentence, (("WWW-Authenticate", "Bearer"),))
        if len(scope["query_string"]) > self.limits.url:
            raise Refusal(414, f"the URL is too long: at most {self.limits.url:,} bytes behind the question mark")

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Read the body as far as it may go."""
        too_long = Refusal(413, f"the request is too long: at most {self.limits.body:,} bytes")
        told = headers.get("content-length", "")
        if told.isdigit() and (len(told) > 15 or int(told) > self.limits.body):
            raise too_long
        parts: list[bytes] = []
        size = 0
        end = time.monotonic() + BODY_SECONDS
        while True:
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except asyncio.TimeoutError:
                raise Refusal(408, f"the request did not arrive in {BODY_SECONDS:.0f} seconds") from None
            if message["type"] != "http.request":  # the other side has gone
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.limits.body:
                raise too_long
            if not message.get("more_body"):
                return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
