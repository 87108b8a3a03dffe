"""Is what is called zero-shot so? Checked by looking for test texts in the training data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.collections import Collection
from isoglot.studies.along import _write
from isoglot.studies.recipe import Evaluation

__all__ = ["check_zero_shot"]


def check_zero_shot(
    evaluation: Evaluation,
    test: Collection,
    trained: Sequence[tuple[str, Collection]],
    fingerprints: dict[str, str],
    kept: Path,
    unlabelled: Sequence[str] = (),
) -> dict[str, Any]:
    """Look for an evaluation's texts in everything that was trained on.

    Args:
        evaluation: claimed to be zero-shot.
        test: its collection.
        trained: name and collection of each training source.
        fingerprints: content hash by the name of a source.
        kept: folder in which findings are kept for the next time.
        unlabelled: names of sources that arms read without queries and judgments; they are named, not looked into.

    Returns:
        What the result file holds: `evaluation`, `claimed`, `holds`, `against` (what was found, by training
        source), `sentence` and `unlabelled`.
    """
    from isoglot.data import find_leakage

    against = {}
    for name, collection in trained:
        path = kept / f"leakage-{fingerprints[name][:12]}-{fingerprints[evaluation.data][:12]}.json"
        if not path.is_file():
            kept.mkdir(parents=True, exist_ok=True)
            leakage = find_leakage(collection, test)
            _write(path, {"found": leakage.found, **leakage.to_dict()})
        against[name] = json.loads(path.read_text(encoding="utf-8"))
    leaking = [name for name, found in against.items() if found["found"]]
    name = evaluation.name
    if leaking:
        sentence = (
            f"{name} is not zero-shot: texts of it are in what was trained on ({', '.join(leaking)}). The claim is "
            "struck; the figures stand for what they are."
        )
    elif unlabelled:
        sentence = (
            f"{name} is zero-shot as far as can be seen: none of its texts is in the labelled training data. "
            "Arms that adapt to a domain also read text without queries and judgments "
            f"({', '.join(unlabelled)}), in which its documents may be."
        )
    else:
        sentence = f"{name} is zero-shot as far as can be seen: none of its texts is in what was trained on here."
    return {
        "evaluation": evaluation.name,
        "claimed": True,
        "holds": not leaking,
        "against": against,
        "sentence": sentence,
        "unlabelled": list(unlabelled),
    }
