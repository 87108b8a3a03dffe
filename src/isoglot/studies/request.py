"""`StudyRequest`: which study is asked for; and what its folder must not lose by it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.errors import InputError
from isoglot.studies.plan import ENCODER_NOTE, Plan
from isoglot.studies.recipe import Recipe

__all__ = ["StudyRequest", "check_keeps"]


@dataclass(frozen=True)
class StudyRequest:
    """Which study to run, where, and what of it.

    Attributes:
        recipe: name of a recipe that comes with isoglot, path of another one, or a recipe.
        out: folder of the study; runs that are finished there are not run again.
        profile: `embedded`, `pretrained` or `benchmark`.
        encoder: for all arms, in place of the recipe's; `pretrained` needs one.
        teacher: of the arms that learn from one that is given.
        seeds: in place of the recipe's.
        arms: only these.
        keep_models: keep the trained models, in the folders of the runs.
    """

    recipe: str | Recipe
    out: str | Path
    profile: str = "embedded"
    encoder: str | None = None
    teacher: str | None = None
    seeds: Sequence[int] | None = None
    arms: Sequence[str] | None = None
    keep_models: bool = False

    @property
    def recipe_given(self) -> str | None:
        """The recipe as it was named, for a command; None where it is none that can be named."""
        return None if isinstance(self.recipe, Recipe) else shlex.quote(str(self.recipe))

    @property
    def command(self) -> str | None:
        """The command that makes the result again; None where the recipe cannot be named."""
        words = ["--profile", self.profile]
        if self.encoder is not None:
            words += ["--encoder", self.encoder]
        if self.teacher is not None:
            words += ["--teacher", self.teacher]
        if self.seeds is not None:
            words += ["--seeds", ",".join(map(str, self.seeds))]
        if self.arms is not None:
            words += ["--arms", ",".join(self.arms)]
        given = self.recipe_given
        return None if given is None else f"isoglot study run {given} {shlex.join(words)} --out DIR"


def check_keeps(plan: Plan, request: StudyRequest, kept: Path) -> None:
    """See that a result is not replaced by one that lacks what it has.

    Args:
        plan: of what is to be run.
        request: what is asked for.
        kept: the file of the result, if there is one.

    Raises:
        InputError: it is of another profile or encoder, or has seeds or arms that are not asked for.
    """
    if not kept.is_file():
        return
    try:
        there = json.loads(kept.read_text(encoding="utf-8"))
        profile, noted = there["profile"], any(note.startswith(ENCODER_NOTE) for note in there["notes"])
        seeds = {seed for arm in there["arms"] for seed in arm["seeds"]}
        encoders = {arm["name"]: (arm["config"] or [{}])[0].get("encoder") for arm in there["arms"]}
    except (OSError, ValueError, KeyError, TypeError):
        return  # half a result, or none: nothing to keep
    if there.get("study") != plan.recipe.name:
        return  # told of otherwise
    other = [
        name
        for name, encoder in encoders.items()
        if name in plan.arms and encoder not in (None, plan.arms[name].stages[0].encoder)
    ]
    missing = sorted(seeds - set(plan.seeds))
    unasked = [name for name in encoders if request.arms is not None and name not in request.arms]
    left = [one["name"] for one in plan.left_out if one["name"] in encoders]
    said = None
    if profile != plan.profile_name:
        said = f"of the profile {profile}, not {plan.profile_name}"
    elif other and (noted or request.encoder is not None):
        said = f"with another encoder, {encoders[other[0]]}"
    elif missing:
        said = f"of seeds {', '.join(map(str, sorted(seeds)))}, and {', '.join(map(str, missing))} not asked for"
    elif unasked:
        said = f"of the arms {', '.join(encoders)}, and {', '.join(unasked)} not asked for"
    elif left:
        said = f"of the arms {', '.join(encoders)}, and {', '.join(left)} would be left out"
    if said is not None:
        raise InputError(
            f"{kept.parent} holds a result {said}: it would be replaced; ask for all that it has, choose another "
            f"--out, or remove {kept}"
        )
