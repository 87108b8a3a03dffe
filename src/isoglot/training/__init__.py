"""Training: the trainer, the configuration of a run, and the run."""

from isoglot.training.config import TrainConfig, read_config
from isoglot.training.run import make_encoder, train
from isoglot.training.trainer import HybridTrainer

__all__ = ["HybridTrainer", "TrainConfig", "make_encoder", "read_config", "train"]
