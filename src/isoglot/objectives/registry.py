"""The terms of a training objective by their names."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

from isoglot.errors import InputError
from isoglot.names import checked_settings, did_you_mean, is_path, own_class
from isoglot.objectives.adversary import LanguageAdversary
from isoglot.objectives.distillation import EmbeddingDistillation, ScoreDistillation, SimilarityDistillation
from isoglot.objectives.infonce import DomainContrast, InfoNCE
from isoglot.objectives.multiway import MultiwayInfoNCE
from isoglot.objectives.ranking import KLAlignment
from isoglot.objectives.reverse import ReverseAlignment, ReverseTraining
from isoglot.objectives.terms import Term
from isoglot.objectives.versions import DistributionAlignment, LanguageContrast, SemanticContrast

__all__ = ["TERMS", "term"]

TERMS: dict[str, type[Term]] = {
    kind.__name__: kind
    for kind in (
        InfoNCE,
        MultiwayInfoNCE,
        LanguageAdversary,
        DistributionAlignment,
        ReverseTraining,
        ReverseAlignment,
        KLAlignment,
        SemanticContrast,
        LanguageContrast,
        DomainContrast,
        EmbeddingDistillation,
        SimilarityDistillation,
        ScoreDistillation,
    )
}


def term(name: str, **settings: Any) -> Term:
    """Return the term of a name with its settings, as configurations and the command line give them.

    A name may also say where a class of one's own lies: `my_package.my_module:Balance`.

    Raises:
        InputError: there is no such term, it has no such setting, or a setting's value makes no sense.
    """
    if name not in TERMS and not is_path(name):
        raise InputError(
            f"no term {name!r}{did_you_mean(name, TERMS)}: choose one of {', '.join(TERMS)}, or give your own as "
            "package.module:Class"
        )
    kind = TERMS[name] if name in TERMS else own_class(name, Term)
    known = [] if kind.__init__ is Term.__init__ else [*inspect.signature(kind).parameters]
    read = checked_settings(name, settings, known, get_type_hints(kind.__init__))
    try:
        return kind(**read)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
