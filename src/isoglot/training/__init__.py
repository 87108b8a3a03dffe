"""Training: the trainer, the configuration of a run, and the run."""

from isoglot.training.config import TrainConfig, read_config
from isoglot.training.run import TrainingRun, make_encoder, run_training, train
from isoglot.training.trainer import HybridTrainer

__all__ = ["HybridTrainer", "TrainConfig", "TrainingRun", "make_encoder", "read_config", "run_training", "train"]
