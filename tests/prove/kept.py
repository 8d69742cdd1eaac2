"""What a proof has found so far, as a JSON file: a proof that was stopped goes on from there."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path


def read(path: Path | None, *, otherwise: t.Any) -> t.Any:
    """What was kept in *path*, or *otherwise* where nothing was, or nothing is to be kept."""
    return json.loads(path.read_text()) if path is not None and path.exists() else otherwise


def write(found: t.Any, path: Path | None) -> None:
    """Keep what was found; nothing where there is no *path*."""
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")
