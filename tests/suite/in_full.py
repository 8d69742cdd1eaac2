"""Which part of a long proof a run of the tests takes: `make test` a representative one, `make prove` all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

VARIABLE = "PROMFLEET_IN_FULL"
T = TypeVar("T")


def in_full() -> bool:
    """Whether this run takes all of it."""
    return bool(os.environ.get(VARIABLE))


def representative(cases: Sequence[T]) -> Sequence[T]:
    """All *cases* where all of a proof is taken, otherwise the first of them, which should show most."""
    return cases if in_full() else cases[:1]
