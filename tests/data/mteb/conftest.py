import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for mteb_helpers
pytest.importorskip("mteb", reason="the extra mteb is not installed")
