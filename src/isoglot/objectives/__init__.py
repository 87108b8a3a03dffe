"""Objectives: terms that score the embeddings of a batch."""

from isoglot.objectives.adversary import LanguageAdversary
from isoglot.objectives.batch import BatchLabels, EmbeddedBatch, Role, Texts, example_batch
from isoglot.objectives.contrast import Temperature
from isoglot.objectives.distillation import EmbeddingDistillation, ScoreDistillation, SimilarityDistillation
from isoglot.objectives.infonce import DomainContrast, InfoNCE
from isoglot.objectives.matryoshka import Matryoshka
from isoglot.objectives.multiway import MultiwayInfoNCE
from isoglot.objectives.ranking import KLAlignment
from isoglot.objectives.registry import TERMS, term
from isoglot.objectives.reverse import ReverseAlignment, ReverseTraining
from isoglot.objectives.teacher import TeacherEmbeddings, TeacherScores
from isoglot.objectives.terms import Sum, Term, Terms, Weighted
from isoglot.objectives.versions import DistributionAlignment, LanguageContrast, SemanticContrast

__all__ = [
    "TERMS",
    "BatchLabels",
    "DistributionAlignment",
    "DomainContrast",
    "EmbeddedBatch",
    "EmbeddingDistillation",
    "InfoNCE",
    "KLAlignment",
    "LanguageAdversary",
    "LanguageContrast",
    "Matryoshka",
    "MultiwayInfoNCE",
    "ReverseAlignment",
    "ReverseTraining",
    "Role",
    "ScoreDistillation",
    "SemanticContrast",
    "SimilarityDistillation",
    "Sum",
    "TeacherEmbeddings",
    "TeacherScores",
    "Temperature",
    "Term",
    "Terms",
    "Texts",
    "Weighted",
    "example_batch",
    "term",
]
