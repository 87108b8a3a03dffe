"""Objectives: terms that score the embeddings of a batch."""

from isoglot.objectives.adversary import LanguageAdversary
from isoglot.objectives.alignment import DistributionAlignment
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.domain import DomainContrast
from isoglot.objectives.infonce import InfoNCE
from isoglot.objectives.multiway import MultiwayInfoNCE
from isoglot.objectives.ranking import KLAlignment
from isoglot.objectives.registry import TERMS, term
from isoglot.objectives.reverse import ReverseTraining
from isoglot.objectives.semantic import LanguageContrast, SemanticContrast
from isoglot.objectives.temperature import Temperature
from isoglot.objectives.term import Term

__all__ = [
    "TERMS",
    "DistributionAlignment",
    "DomainContrast",
    "EmbeddedBatch",
    "InfoNCE",
    "KLAlignment",
    "LanguageAdversary",
    "LanguageContrast",
    "MultiwayInfoNCE",
    "ReverseTraining",
    "SemanticContrast",
    "Temperature",
    "Term",
    "Texts",
    "term",
]
