"""Lets the tests of this folder import `reporting_helpers`, which pytest's importlib mode does not do by itself."""

import sys
from pathlib import Path

if (folder := str(Path(__file__).parent)) not in sys.path:
    sys.path.insert(0, folder)
