"""`isoglot serve`: a page to search on, and the same search over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isoglot.errors import InputError

__all__ = ["serve"]


def serve(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR [DIR2]",
            help="Index that `isoglot index` made; two are shown side by side.",
            show_default=False,
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this let other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="ISOGLOT_TOKEN", help="Ask for this token: Authorization: Bearer TOKEN.")
    ] = None,
    max_k: Annotated[int, typer.Option(help="Most documents of an answer.", min=1)] = 100,
    max_question: Annotated[int, typer.Option(help="Most characters of a question.", min=1)] = 1000,
    searches: Annotated[int, typer.Option(help="Searches at once.", min=1)] = 2,
    waiting: Annotated[int, typer.Option(help="Searches that may wait; with more, status 503.", min=0)] = 64,
    timeout: Annotated[float, typer.Option(help="Seconds until a search must have ended.", min=0.001)] = 30.0,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Name by which a proxy on this machine calls the server; repeatable.")
    ] = None,
) -> None:
    """Serve a page to search on and a JSON API, on this machine alone unless told.

    /search, /indexes, /health, /metrics, and their description at /openapi.json.
    """
    from isoglot import open_index
    from isoglot.search.serve import Limits
    from isoglot.search.serve import serve as run

    if len(directories) > 2:
        raise InputError(f"{len(directories)} indexes are too many: give one, or two to see side by side")
    # a character of a question may be four bytes, each of them %XX
    limits = Limits(
        question=max_question,
        k=max_k,
        searches=searches,
        waiting=waiting,
        seconds=timeout,
        body=max(Limits.body, 12 * max_question),
        url=max(Limits.url, 12 * max_question + 4096),
    )
    run(
        lambda: [open_index(folder) for folder in directories],
        host=host,
        port=port,
        token=token,
        limits=limits,
        allow=[one.lower() for one in allow_host or ()],
        ready=lambda address: typer.echo(f"Search at {address} (Ctrl-C ends it)"),
    )
