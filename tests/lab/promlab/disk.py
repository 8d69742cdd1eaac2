"""Is there room for what will be built? Better asked before than found out after ten minutes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

RESERVE_MIB = 1024


def nearest(path: Path) -> Path:
    """The path, or the first folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def device_of(path: Path) -> int:
    """The file system that the path is (or will be) on."""
    return nearest(path).stat().st_dev


def free_mib(path: Path) -> int:
    """Free space there."""
    return shutil.disk_usage(nearest(path)).free >> 20


def shortages(
    needs: Iterable[Need],
    *,
    device: Callable[[Path], int] = device_of,
    free: Callable[[Path], int] = free_mib,
) -> list[str]:
    """A line for each file system that is too small for the sum of what goes there."""
    by_device: dict[int, list[Need]] = {}
    for need in needs:
        if need.mib > 0:
            by_device.setdefault(device(need.path), []).append(need)
    lines = []
    for group in by_device.values():
        wanted = sum(need.mib for need in group) + RESERVE_MIB
        there = free(group[0].path)
        if there < wanted:
            sums: dict[tuple[str, Path], int] = {}
            for need in group:
                sums[need.what, need.path] = sums.get((need.what, need.path), 0) + need.mib
            parts = ", ".join(f"{what} {mib / 1024:.1f} GiB in {path}" for (what, path), mib in sums.items())
            lines.append(
                f"{(wanted - there) / 1024:.1f} GiB are missing: {wanted / 1024:.1f} GiB are needed "
                f"({parts}, {RESERVE_MIB / 1024:.0f} GiB to spare), {there / 1024:.1f} GiB are free"
            )
    return lines


@dataclass(frozen=True, kw_only=True)
class Need:
    """Space that something will take."""

    what: str
    path: Path
    mib: int
