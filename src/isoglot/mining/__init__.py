"""Mining: hard negatives for training, found by a model."""

from isoglot.mining.hard_negatives import (
    WHERE,
    HardNegatives,
    check_mining,
    mine_embeddings,
    mine_hard_negatives,
)

__all__ = ["WHERE", "HardNegatives", "check_mining", "mine_embeddings", "mine_hard_negatives"]
