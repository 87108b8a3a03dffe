"""The figures of a report, one by one, for notebooks."""

from __future__ import annotations

from typing import Any

from isoglot.errors import InputError

__all__ = ["Plots"]


class Plots:
    """The figures of a report as Altair charts, which a notebook shows; they need the extra `report`.

    Every method raises `InputError` where the result has nothing to draw.

    Args:
        result: a `Result`, which is drawn.
    """

    def __init__(self, result: Any) -> None:
        self.result = result

    def _chart(self, name: str) -> Any:
        from isoglot.reporting import Inspection, Space, project
        from isoglot.reporting.charts import highest_values, model_charts

        space = None
        if name == "space" and self.result.embeddings is not None:
            points, kept = project(self.result.embeddings[0])
            space = Space(points, self.result.per_query["lang"].tolist(), None, kept)
        charts = model_charts(Inspection(self.result, space=space), highest_values([self.result]))
        if name not in charts:
            need = "; it needs keep_embeddings=True" if name == "space" else ""
            raise InputError(f"the result of {self.result.model} has no {name} to draw{need}")
        return charts[name].chart

    def pairs(self) -> Any:
        """Every language pair as a heat map."""
        return self._chart("pairs")

    def rank_distance(self) -> Any:
        """Rank distance, by language of the question."""
        return self._chart("rank_distance")

    def own_language(self) -> Any:
        """How much of the top 10 is in the question's own language."""
        return self._chart("own_language")

    def distances(self) -> Any:
        """Questions by their rank distance."""
        return self._chart("distances")

    def origin(self) -> Any:
        """What language the top 10 are of, by language of the question."""
        return self._chart("origin")

    def space(self) -> Any:
        """The question embeddings in two dimensions; of a result that keeps its embeddings."""
        return self._chart("space")
