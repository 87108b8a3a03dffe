"""`isoglot doctor`: what is installed, and what is missing."""

from __future__ import annotations

import json
from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, on standard output.")] = False,
    network: Annotated[
        bool, typer.Option("--network", help="Also ask the Hugging Face Hub whether it can be reached.")
    ] = False,
) -> int:
    """Tell what is installed and what is missing: libraries, devices, extras, caches.

    The exit status is 1 if something is missing or broken that isoglot always needs.
    """
    from isoglot.installation import examine, installation_text

    found = examine(network=network)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo(installation_text(found))
    return 1 if found.problems else 0
