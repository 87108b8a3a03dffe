"""What the page on search tells of other engines holds: their ranking of an index's vectors is the model's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import isoglot as ig
from isoglot.collections import Collection

pytest.importorskip("lancedb", reason="an index needs lancedb: pip install 'isoglot[search]'")
pytest.importorskip("faiss", reason="the other engine of the page is FAISS: pip install faiss-cpu")

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


def test_another_engine_is_measured_as_the_model(
    toy: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = ig.static_encoder(toy, dimensions=16)
    ig.build_index(model, toy, "idx")
    page = PAGE.read_text(encoding="utf-8").partition("## Elsewhere")[2]
    names = {"ig": ig, "model": model, "collection": toy}
    for code in re.findall(r"(?<!-->\n)```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)
    wanted = ig.evaluate(model, toy)
    found = names["result"]
    for setting in ("monolingual", "cross_lingual", "multilingual"):
        assert getattr(found, setting)["AP"] == pytest.approx(getattr(wanted, setting)["AP"])
    assert found.bias["rank_distance"] == pytest.approx(wanted.bias["rank_distance"])
    assert {path.name for path in tmp_path.iterdir()} >= {"documents.parquet", "documents.npy", "engine.run"}
