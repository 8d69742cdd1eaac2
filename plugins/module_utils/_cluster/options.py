# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to work: what all modules that write have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crd_to_come import CrdsToCome
from ansible_collections.promfleet.monitoring.plugins.module_utils._progress import SILENT, Progress

# Requests to one API server at the same time.
WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to work; *wait_timeout* in seconds, None to wait for nothing; *lock_timeout* for another run to end.

    *adopt_managers*: what these managers own in desired objects becomes ours. *to_come* counts in check mode only.
    """

    check: bool = False
    force_conflicts: bool = False
    adopt_managers: tuple[str, ...] = ()
    wait_timeout: float | None = None
    lock_timeout: float = 60.0
    progress: Progress = SILENT
    to_come: CrdsToCome = field(default_factory=CrdsToCome)
