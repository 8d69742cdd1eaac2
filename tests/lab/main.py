"""Real kind clusters for tests: `tests/lab/lab --help`, README.md beside this file."""

from __future__ import annotations

import sys

from promlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
