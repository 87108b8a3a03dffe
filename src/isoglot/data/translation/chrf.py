"""chrF: how alike two texts are, by their character n-grams."""

from __future__ import annotations

from collections import Counter

__all__ = ["chrf"]

ORDERS = 6


def chrf(hypothesis: str, reference: str, beta: float = 2.0) -> float:
    """Return the character n-gram F-score of a text against a reference, from 0 to 100.

    Precision and recall of the n-grams of 1 to 6 characters, white space left out, are averaged over the orders
    that both texts are long enough for, then combined. Popović 2015, https://doi.org/10.18653/v1/W15-3049.

    Args:
        hypothesis: the text to judge.
        reference: what it should say.
        beta: how many times as much recall weighs as precision; 2 as in WMT's evaluations and in sacrebleu.

    Example:
        >>> chrf("the cat", "the cat"), chrf("dog", "the cat")
        (100.0, 0.0)
    """
    ours, theirs = "".join(hypothesis.split()), "".join(reference.split())
    orders = min(ORDERS, len(ours), len(theirs))
    if not orders:
        return 100.0 if ours == theirs else 0.0
    precision = recall = 0.0
    for order in range(1, orders + 1):
        left, right = _ngrams(ours, order), _ngrams(theirs, order)
        shared = (left & right).total()
        precision += shared / left.total()
        recall += shared / right.total()
    precision, recall = precision / orders, recall / orders
    if not precision + recall:
        return 0.0
    weight = beta**2
    return 100 * (1 + weight) * precision * recall / (weight * precision + recall)


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))
