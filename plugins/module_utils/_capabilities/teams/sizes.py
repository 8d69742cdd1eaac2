# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the parts of a team's monitoring are. Pure.

The request of memory is its limit: what is over it is killed, not its neighbours. CPU has a request only, unless a
team's own options give a limit: a limit slows down scrapes and rule evaluations when no other container needs the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources


@dataclass(frozen=True, kw_only=True)
class PartSize:
    """Replicas of one part, and what the main container of each asks for."""

    replicas: int
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class Size:
    """One row of the table."""

    prometheus: PartSize
    alertmanager: PartSize


SIZES: dict[str, Size] = {
    "small": Size(
        prometheus=PartSize(replicas=1, resources=Resources(cpu="100m", memory="400Mi")),
        alertmanager=PartSize(replicas=1, resources=Resources(cpu="20m", memory="64Mi")),
    ),
    "medium": Size(
        prometheus=PartSize(replicas=2, resources=Resources(cpu="500m", memory="2Gi")),
        alertmanager=PartSize(replicas=2, resources=Resources(cpu="50m", memory="128Mi")),
    ),
    "large": Size(
        prometheus=PartSize(replicas=2, resources=Resources(cpu="2", memory="8Gi")),
        alertmanager=PartSize(replicas=3, resources=Resources(cpu="100m", memory="256Mi")),
    ),
}
