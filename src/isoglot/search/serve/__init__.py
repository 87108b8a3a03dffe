"""Serving: a page on which questions are typed, and the same search for programs, over HTTP."""

from isoglot.files import require

for _library in ("fastapi", "uvicorn"):
    require(_library, "serve", "serving an index")

from isoglot.search.serve.app import create_app
from isoglot.search.serve.limits import Limits
from isoglot.search.serve.running import serve

__all__ = ["Limits", "create_app", "serve"]
