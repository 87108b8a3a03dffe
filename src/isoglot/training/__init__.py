"""Training: the trainer, the configuration of a run, and the run.

All but the configuration is loaded when it is first used: the command line asks for the keys of a run, and need not
wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from isoglot.training.config import TrainConfig, read_config

if TYPE_CHECKING:
    from isoglot.training.run import TrainingRun, make_encoder, run_training, train
    from isoglot.training.trainer import HybridTrainer

__all__ = ["HybridTrainer", "TrainConfig", "TrainingRun", "make_encoder", "read_config", "run_training", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'trainer' if name == 'HybridTrainer' else 'run'}"), name)
