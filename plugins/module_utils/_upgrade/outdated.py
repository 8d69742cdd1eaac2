# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what is pinned, what runs, and what an index offers, for each component of a cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.components import COMPONENTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import Version, version_or_none

YES, NO, UNKNOWN, UNUSED = "yes", "no", "unknown", "not used"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One component of one cluster.

    *pinned* are the versions that the input would install, *running* those that run, None where that could not be
    read. *newer* are the final releases that the index offers beyond the newest pinned one, None where it offers
    nothing. *applied* says whether what runs is what is pinned, *newest* whether nothing newer is offered, and *reason*
    why something is unknown.
    """

    cluster: str
    component: str
    pinned: tuple[str, ...]
    running: tuple[str, ...] | None
    newer: tuple[str, ...] | None
    applied: str
    newest: str
    reason: str = ""

    @property
    def is_outdated(self) -> bool:
        """Whether there is something to do."""
        return NO in (self.applied, self.newest)

    @property
    def is_unknown(self) -> bool:
        """Whether a part of it could not be found out."""
        return UNKNOWN in (self.applied, self.newest)

    def result(self) -> dict[str, object]:
        """The row as plain data."""
        return {
            "cluster": self.cluster,
            "component": self.component,
            "pinned": list(self.pinned),
            "running": None if self.running is None else list(self.running),
            "newer": None if self.newer is None else list(self.newer),
            "applied": self.applied,
            "newest": self.newest,
            "reason": self.reason,
        }

    def __str__(self) -> str:
        running = "unknown" if self.running is None else ", ".join(self.running) or "nothing"
        newer = "nothing is known" if self.newer is None else ", ".join(self.newer) or "nothing newer"
        reason = f" ({self.reason})" if self.reason else ""
        pinned = ", ".join(self.pinned) or "nothing"
        return f"{self.component}: pinned {pinned}; running {running}; offered {newer}{reason}"


def rows_of(
    cluster: str,
    *,
    pinned: Mapping[str, Sequence[str]],
    running: Mapping[str, Sequence[str]],
    unread: Mapping[str, str],
    offered: Mapping[str, Sequence[Version]],
    unasked: Mapping[str, str],
) -> list[Row]:
    """The rows of a cluster, for each component that is pinned or runs.

    *unread* says why what runs of a component is not known, *unasked* why what is offered is not.
    """
    rows = []
    for name in COMPONENTS:
        wanted = tuple(pinned.get(name, ()))
        found = None if name in unread else tuple(running.get(name, ()))
        if not wanted and not found:
            continue
        newer = _newer(wanted or found or (), offered.get(name))
        reasons = [reason for reason in (unread.get(name), unasked.get(name)) if reason]
        rows.append(
            Row(
                cluster=cluster,
                component=name,
                pinned=wanted,
                running=found,
                newer=newer,
                applied=_applied(wanted, found),
                newest=UNKNOWN if newer is None else NO if newer else YES,
                reason="; ".join(reasons),
            )
        )
    return rows


def _applied(wanted: Sequence[str], found: Sequence[str] | None) -> str:
    if found is None:
        return UNKNOWN
    if not wanted:
        # It runs, and no input of ours asks for it.
        return UNUSED
    return YES if {_plain(one) for one in wanted} == {_plain(one) for one in found} else NO


def _plain(text: str) -> str:
    version = version_or_none(text)
    return text if version is None else str(version)


def _newer(used: Sequence[str], offered: Sequence[Version] | None) -> tuple[str, ...] | None:
    """The final releases beyond the newest version that is *used*; None where none is comparable."""
    known = [version for text in used if (version := version_or_none(text)) is not None]
    if offered is None or not known:
        return None
    return tuple(str(version) for version in offered if version.final and version > max(known))
