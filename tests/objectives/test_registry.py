"""Terms by name: what configurations say, and what they are told when they say something else."""

from __future__ import annotations

import pytest

from isoglot.errors import InputError
from isoglot.objectives.registry import TERMS, term
from isoglot.objectives.terms import Term


@pytest.mark.parametrize("name", TERMS)
def test_every_term_is_made_by_its_name_and_documented(name):
    made = term(name)
    assert isinstance(made, Term)
    assert type(made).__name__ == name
    assert ".. math::" in type(made).__doc__
    assert "arXiv" in type(made).__doc__
    assert all(
        f"        {setting}: " in type(made).__doc__
        for setting in type(made).__init__.__annotations__
        if setting != "return"
    )


def test_settings_are_passed_on():
    made = term("LanguageAdversary", max_lambda=0.2, side="queries", hidden=None, momentum=8)
    assert (made.max_lambda, made.side, made.hidden, made.momentum) == (0.2, "queries", None, 8)
    assert term("InfoNCE", temperature="2e-2").temperature() == 0.02  # YAML reads 2e-2 as text


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "Infonce",
            {},
            r"no term 'Infonce' \(did you mean InfoNCE\?\): choose one of InfoNCE, MultiwayInfoNCE, Lang",
        ),
        (
            "KLAlignment",
            {"temp": 1},
            "^KLAlignment has no setting 'temp': choose from temperature, teacher, train_teacher$",
        ),
        ("InfoNCE", {"temperature": "warm"}, "^InfoNCE: temperature cannot be 'warm': input should be a valid num"),
        ("InfoNCE", {"temperature": -1}, "^InfoNCE: the temperature must be above 0, not -1"),
        (
            "SemanticContrast",
            {"side": "left"},
            "^SemanticContrast: side cannot be 'left': input should be 'both', ",
        ),
        ("LanguageAdversary", {"hidden": 0.5}, "^LanguageAdversary: hidden cannot be 0.5: "),
    ],
)
def test_mistakes_are_named_in_one_sentence(name, settings, message):
    with pytest.raises(InputError, match=message):
        term(name, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "shown"),
    [
        ("InfoNCE", {"symmetric": True, "temperature": 0.07}, ["symmetric=True", "Temperature(0.07)"]),
        ("InfoNCE", {"learn_temperature": True}, ["symmetric=False", "Temperature(0.05, learned in [0.01, 1.0])"]),
        ("MultiwayInfoNCE", {"form": "per_pair", "alpha": 0.3}, ["form=per_pair, alpha=0.3, symmetric=False\n"]),
        ("MultiwayInfoNCE", {"cross_temperature": 0.2}, ["form=pooled", "cross_temperature=0.2"]),
        ("KLAlignment", {"teacher": "random"}, ["teacher=random, train_teacher=False"]),
        ("EmbeddingDistillation", {"side": "queries"}, ["of=english, distance=cosine, side=queries"]),
        ("SimilarityDistillation", {"of": "own"}, ["of=own", "(teacher_temperature): Temperature(0.05)"]),
        ("ScoreDistillation", {"form": "kl"}, ["form=kl", "(teacher_temperature): Temperature(1.0)"]),
    ],
)
def test_a_term_shows_its_settings(name, settings, shown):
    text = repr(term(name, **settings))
    assert text.startswith(f"{name}(")
    assert all(part in text for part in shown)
