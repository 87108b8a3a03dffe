"""Studies: arms that are trained and measured side by side; the demo is the smallest of them.

Running one is loaded when it is first used: to list recipes and to show them needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoglot.studies.runner import Outline, Study, StudyRequest, outline_study, run_study

__all__ = ["Outline", "Study", "StudyRequest", "outline_study", "run_study"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.runner"), name)
