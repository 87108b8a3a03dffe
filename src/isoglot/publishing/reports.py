"""Where a run is logged: the packages that transformers' trainer reports to."""

from __future__ import annotations

from importlib.util import find_spec

from isoglot.errors import InputError

__all__ = ["check_report"]

PACKAGES = {
    "wandb": ("wandb",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "mlflow": ("mlflow",),
}
"""What to report to -> packages, one of which it needs."""


def check_report(name: str) -> None:
    """See that what is needed to report a run is installed.

    Args:
        name: `none`, `wandb`, `tensorboard`, `trackio` or `mlflow`.

    Raises:
        InputError: it is not.
    """
    packages = PACKAGES.get(name, ())
    if packages and not any(find_spec(package) for package in packages):
        raise InputError(f"--report-to {name} needs {packages[0]}: pip install {packages[0]}")
