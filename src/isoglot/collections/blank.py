"""Which texts are blank: one rule for every form."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["blank"]

# a character that is surely no white space to Python, which calls some control characters so
_VISIBLE = r"[^\p{Z}\x00-\x1f\x7f-\x9f]"


def blank(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return (n,) whether each text is empty or all white space, as `str.strip` sees it; nulls are not."""
    found = np.zeros(len(column), bool)
    visible = pc.fill_null(pc.match_substring_regex(column, _VISIBLE), True)
    doubtful = np.flatnonzero(~np.asarray(visible.to_numpy(), bool))
    for row in doubtful.tolist():
        found[row] = not column[row].as_py().strip()
    return found
