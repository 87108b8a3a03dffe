"""The command line: words to calls, no logic."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, as `isoglot.cli.program.main` does; tell what keeps it from being imported.

    Args:
        arguments: what follows the program's name; `sys.argv[1:]` if None.

    Returns:
        Exit status.
    """
    try:
        from isoglot.cli.program import main as run
    except Exception as error:  # a library that it needs is missing or broken
        return _tell(error, list(sys.argv[1:] if arguments is None else arguments))
    return run(arguments)


def _tell(error: Exception, words: list[str]) -> int:
    """Say why there is no program; of what is installed in full where `doctor` asks."""
    if "--debug" in words:
        raise error
    if words[:1] == ["doctor"]:
        from isoglot.installation import examine, installation_text

        found = examine(network="--network" in words)
        as_json = "--json" in words
        sys.stdout.write((json.dumps(found.to_dict(), indent=2) if as_json else installation_text(found)) + "\n")
    else:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"isoglot: a library cannot be imported ({said[:300]}): isoglot doctor says which\n")
    return 1
