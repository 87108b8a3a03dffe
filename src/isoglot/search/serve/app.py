"""The application: a page, the search behind it, and what machines ask a server.

No `from __future__ import annotations`: FastAPI reads the annotations of functions made here, whose models are too.
"""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from isoglot.errors import InputError
from isoglot.names import did_you_mean
from isoglot.search.serve.counters import CONTENT_TYPE, Counters
from isoglot.search.serve.guard import Guard, Refusal, problem
from isoglot.search.serve.limits import Limits
from isoglot.search.serve.messages import Answer, IndexFacts, Problem, Status, query_models
from isoglot.search.serve.queue import Full, SearchQueue, TooSlow
from isoglot.search.serve.shelf import Shelf, answer

__all__ = ["create_app"]

ASSETS = {
    "/": ("search/serve/static/explorer.html", "text/html; charset=utf-8"),
    "/static/report.css": ("reporting/static/report.css", "text/css; charset=utf-8"),
    "/static/explorer.css": ("search/serve/static/explorer.css", "text/css; charset=utf-8"),
    "/static/explorer.js": ("search/serve/static/explorer.js", "text/javascript; charset=utf-8"),
}
"""Path -> file of the package, and what it is. The style is read where it lies: that room needs more extras."""

RETRY = (("Retry-After", "1"),)
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body cannot be read as JSON"},
    401: {"model": Problem, "description": "No token, or a wrong one"},
    404: {"model": Problem, "description": "No such index or language"},
    408: {"model": Problem, "description": "The request did not arrive in time"},
    413: {"model": Problem, "description": "The body is too long"},
    414: {"model": Problem, "description": "The URL is too long"},
    421: {"model": Problem, "description": "The server is not called by this name"},
    422: {"model": Problem, "description": "The request asks for what cannot be"},
    500: {"model": Problem, "description": "A mistake of the server"},
    503: {"model": Problem, "description": "Too many searches wait already; Retry-After says when to come back"},
    504: {"model": Problem, "description": "The search did not end in time"},
}
ALWAYS = (408, 413, 414, 421, 500)
DESCRIBED = Depends(HTTPBearer(auto_error=False))
"""Puts the token into the description; `Guard` asks for it."""


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: REFUSALS[status] for status in statuses}


def create_app(
    indexes: Sequence[Any],
    *,
    token: str | None = None,
    limits: Limits | None = None,
    hosts: Collection[str] | None = None,
) -> FastAPI:
    """Return an ASGI application that searches some indexes.

    Args:
        indexes: what `isoglot.open_index` returns; one, or several to compare. Where no index is asked for, it is
            the first.
        token: what requests must bring as `Authorization: Bearer …`, all but those of the page and `/health`; None
            for nothing.
        limits: what one request may ask for, and how many may ask at once.
        hosts: names by which the server may be called, without port; None for any.

    Raises:
        InputError: no index, or an empty token.
    """
    if token is not None and not token.strip():
        raise InputError("the token of a server must not be empty")
    limits = limits or Limits()
    shelf, counters, queue = Shelf(indexes), Counters(), SearchQueue(limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()

    app = FastAPI(
        title="isoglot",
        description="Search in every language.",
        version=version("isoglot"),
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    guarded = APIRouter(dependencies=[] if token is None else [DESCRIBED])
    _add_search(guarded, shelf, counters, queue, limits)
    _add_facts(guarded, shelf, counters, queue)
    app.include_router(guarded)
    _add_page(app)
    described = app.openapi()["paths"].items()
    methods = {path: tuple(sorted(map(str.upper, found))) for path, found in described}
    app.state.methods = methods | dict.fromkeys(ASSETS, ("GET", "HEAD"))
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_middleware(
        Guard,
        limits=limits,
        counters=counters,
        paths={*app.state.methods, "/openapi.json"},
        free={*ASSETS, "/health"},
        token=token,
        hosts=None if hosts is None else {host.lower() for host in hosts},
    )
    return app


def _add_search(app: APIRouter, shelf: Shelf, counters: Counters, queue: SearchQueue, limits: Limits) -> None:
    InUrl, InBody = query_models(limits, shelf.names)

    async def found(asked: Any) -> Answer:
        began = time.perf_counter()
        try:
            asked, hits = await queue.run(partial(shelf.search, asked))
        except Full:
            raise Refusal(503, "too many searches are waiting; try again in a second", RETRY) from None
        except TooSlow:
            raise Refusal(504, f"the search did not end in {limits.seconds:g} seconds") from None
        seconds = time.perf_counter() - began
        counters.time(seconds)
        return answer(asked, hits, seconds)

    @app.get("/search", responses=REFUSALS, summary="The documents nearest to a question")
    async def search(asked: Annotated[InUrl, Query()]) -> Answer:  # type: ignore[valid-type]
        return await found(asked)

    @app.post("/search", responses=REFUSALS, summary="The same, asked for in JSON")
    async def search_by_json(asked: InBody) -> Answer:  # type: ignore[valid-type]
        return await found(asked)


def _add_facts(app: APIRouter, shelf: Shelf, counters: Counters, queue: SearchQueue) -> None:
    few = _refusals(401, *ALWAYS)

    @app.get("/indexes", responses=few, summary="The indexes, and their languages")
    def indexes() -> list[IndexFacts]:
        return shelf.facts()

    plain: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Counters"}
    }

    @app.get("/metrics", responses={**few, **plain}, response_class=Response, summary="Counters, for Prometheus")
    def metrics() -> Response:
        text = counters.text(places=queue.places, documents=shelf.documents())
        return Response(text, headers={"Content-Type": CONTENT_TYPE})


def _add_page(app: FastAPI) -> None:
    """Add what needs no token."""
    few = _refusals(*ALWAYS)

    @app.get("/health", responses=few, summary="Whether the server answers; needs no token")
    async def health() -> Status:
        return Status(status="ok", version=version("isoglot"))

    for path, (name, kind) in ASSETS.items():
        content = (files("isoglot") / name).read_bytes()
        headers = {"Content-Type": kind, "Cache-Control": "no-cache"}
        app.add_route(path, partial(_asset, content, headers), include_in_schema=False)


async def _asset(content: bytes, headers: dict[str, str], _: Request) -> Response:
    return Response(content, headers=headers)


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    """Say in one sentence why a request is refused."""
    if isinstance(error, RequestValidationError):
        refusal = Refusal(422, _sentence(error))
    else:
        assert isinstance(error, HTTPException)
        path = request.url.path
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 405:  # of two routes with one path it names the first alone
            headers["allow"] = ", ".join(request.app.state.methods.get(path, ("GET",)))
        told = {
            400: "the body is not valid JSON",
            404: f"there is no {path[:100]!r} here",
            405: f"{path[:100]} does not take {request.method[:20]}: there is {headers.get('allow')}",
        }
        sentence = told.get(error.status_code, str(error.detail))
        refusal = Refusal(error.status_code, sentence, tuple(headers.items()))
    return problem(refusal, request.state.request_id)


def _sentence(error: RequestValidationError) -> str:
    """Say what is wrong with a query, of its first field that has something wrong."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"][1:]]
    name, kind, known = place[0] if place else "", first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return "the body is not valid JSON"
    if kind == "extra_forbidden":
        fields = ("q", "k", "lang", "in", "fair", "hybrid", "index")
        return f"no parameter {name[:50]!r}{did_you_mean(name[:50], fields)}: there are {', '.join(fields)}"
    if name == "q" and kind in ("missing", "string_too_short", "string_pattern_mismatch"):
        return "the question is empty: give q"
    if kind == "string_too_long":
        return f"{name} is too long: at most {known['max_length']:,} characters"
    if name in ("in", "lang") and kind == "string_pattern_mismatch":
        return f"{name} takes language tags, such as de or zh-TW{', with commas between' if name == 'in' else ''}"
    told = str(first["msg"])
    return f"{name or 'the body'}: {told[:1].lower()}{told[1:]}"
