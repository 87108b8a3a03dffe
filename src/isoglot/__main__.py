"""`python -m isoglot` is the same as `isoglot`."""

import sys

from isoglot.cli import main

sys.exit(main())
