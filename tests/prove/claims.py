"""Claims of a proof: each is printed as soon as it is judged, and all are kept at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.prove import kept


@dataclass(frozen=True, kw_only=True)
class Row:
    """One claim, whether it held, and what was seen."""

    claim: str
    held: bool
    seen: str


def report(rows: Iterable[Row], output: Path | None) -> bool:
    """Print each row as it comes, and keep all in *output*, if that is given; whether every claim held."""
    seen = []
    for row in rows:
        seen.append(row)
        print(f"{'holds' if row.held else 'DOES NOT HOLD'}: {row.claim}: {row.seen}", flush=True)
    kept.write([asdict(row) for row in seen], output)
    return all(row.held for row in seen)
