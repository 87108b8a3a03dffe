"""The terms of a training objective by their names."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from isoglot.errors import InputError
from isoglot.names import did_you_mean, is_path, own_class
from isoglot.objectives.adversary import LanguageAdversary
from isoglot.objectives.infonce import DomainContrast, InfoNCE
from isoglot.objectives.multiway import MultiwayInfoNCE
from isoglot.objectives.terms import Term
from isoglot.objectives.versions import (
    DistributionAlignment,
    KLAlignment,
    LanguageContrast,
    ReverseTraining,
    SemanticContrast,
)

__all__ = ["TERMS", "term"]

TERMS: dict[str, type[Term]] = {
    kind.__name__: kind
    for kind in (
        InfoNCE,
        MultiwayInfoNCE,
        LanguageAdversary,
        DistributionAlignment,
        ReverseTraining,
        KLAlignment,
        SemanticContrast,
        LanguageContrast,
        DomainContrast,
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
    types = get_type_hints(kind.__init__)
    for setting, value in settings.items():
        if setting not in known:
            choices = f": choose from {', '.join(known)}" if known else ", and no other"
            raise InputError(f"{name} has no setting {setting!r}{did_you_mean(setting, known)}{choices}")
        try:
            settings[setting] = TypeAdapter(types.get(setting, Any)).validate_python(value)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise InputError(f"{name}: {setting} cannot be {value!r}: {reason[0].lower()}{reason[1:]}") from None
    try:
        return kind(**settings)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
