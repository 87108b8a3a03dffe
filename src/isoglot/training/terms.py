"""The objective of a run: the terms that its configuration names, or those that suit its batches."""

from __future__ import annotations

from torch import nn

from isoglot.errors import InputError
from isoglot.objectives import DomainContrast, LanguageAdversary
from isoglot.training.config import TrainConfig

__all__ = ["make_terms"]


def make_terms(config: TrainConfig) -> dict[nn.Module, float]:
    """Return the terms of a run and their weights.

    Without `objective` these are `MultiwayInfoNCE` for multiway batches and `InfoNCE` for others; with domain
    batches (gamma above 0) `DomainContrast` too.

    Raises:
        InputError: there is no such term, a setting is bad, or the batches of the run have no use for a term, or no
            term a use for them.
    """
    if config.objective is None:
        kinds = [config.default_term, *([DomainContrast] if config.gamma else [])]
        return {kind(temperature=config.effective_temperature, symmetric=config.symmetric): 1.0 for kind in kinds}
    terms = [one.make() for one in config.objective]
    if not any(one.on_labelled for one in terms):
        raise InputError(
            "the objective has no term for queries and documents: add one, such as InfoNCE or MultiwayInfoNCE"
        )
    on_domain = [one for one in terms if one.on_domain]
    if config.gamma and not on_domain:
        raise InputError(
            "gamma draws domain batches, and no term of the objective applies to them: add DomainContrast, or "
            "leave gamma out"
        )
    if not config.gamma and on_domain:
        name = type(on_domain[0]).__name__
        name += " with the target domain" if isinstance(on_domain[0], LanguageAdversary) else ""
        raise InputError(
            f"{name} applies to domain batches, and there are none: give gamma, such as 0.2, and target"
        )
    return {term: one.weight for term, one in zip(terms, config.objective, strict=True)}
