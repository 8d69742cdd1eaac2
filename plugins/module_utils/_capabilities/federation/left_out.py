# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources that are left out because their instances are archived. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

# A cluster and a team.
Place: t.TypeAlias = "tuple[str, str]"


def archived_places(teams: t.Iterable[Team], clusters: t.Iterable[str]) -> frozenset[Place]:
    """Where instances of *teams* are archived."""
    names = tuple(clusters)
    return frozenset(
        (name, team.name)
        for team in teams
        for name in names
        if team.active_on(name) and team.on(name).lifecycle.is_archived
    )


def told_archived(plan: Plan, archived: frozenset[Place], left_out: frozenset[Place]) -> list[str]:
    """A text for each source that is *left_out*, or whose objects *plan* removes, because its instance is archived."""
    going = set(left_out)
    for live in (*plan.deletes, *plan.releases):
        labels = live["metadata"].get("labels") or {}
        going.add((str(labels.get(SOURCE_CLUSTER_LABEL)), str(labels.get(SOURCE_TEAM_LABEL))))
    return [
        f"{cluster}/{team} is not federated: the inventory has state: archived for this team. It is a source again "
        "when it is active"
        for cluster, team in sorted(going & archived)
    ]
