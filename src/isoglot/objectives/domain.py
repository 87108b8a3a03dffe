"""DomainContrast: learn from unlabelled text of the target domain."""

from __future__ import annotations

from typing import ClassVar

from isoglot.objectives.infonce import InfoNCE

__all__ = ["DomainContrast"]


class DomainContrast(InfoNCE):
    r"""InfoNCE between two random crops of a text, for unlabelled text of the domain a retriever is meant for
    (independent cropping, Contriever; Izacard et al., arXiv 2112.09118).

    .. math:: -\frac1Q \sum_i \log \frac{e^{s(c_i, c'_i)/T}}{\sum_j e^{s(c_i, c'_j)/T}}

    with c and c' two crops of one text, cosine similarity s and temperature T. Negatives are the crops of the
    batch's other texts; Contriever's come from a queue.

    Relations: applies to `domain` batches alone, where `InfoNCE` on queries and documents does not. Pair it with
    `LanguageAdversary(target="domain")` to make the two domains look alike.

    Args:
        temperature: T above 0; 0.05 as Contriever's.
        symmetric: the mean of both directions. Crops have no roles, so the other direction is as good.
        learn_temperature: learn T, starting from `temperature`.
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: the temperature is not above 0, or a learned one starts outside its bounds.
    """

    on_labelled: ClassVar[bool] = False
    on_domain: ClassVar[bool] = True
