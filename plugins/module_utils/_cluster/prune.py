# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be removed from the set of teams, and which word it needs. Decided before the first write."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import (
    MANAGED_BY_LABEL,
    TEAM_LABEL,
)

JsonObject = dict[str, t.Any]

NAMED = 50
# The operator's own mark on what it makes; StatefulSets put their selector's labels on their volume claims.
OPERATOR_MANAGED = "prometheus-operator"


def team_guard(*, known_teams: t.Collection[str], prune: bool, max_percent: int) -> t.Callable[[Plan], None]:
    """A guard for the plan of the teams.

    The flag of a team that is still listed is itself the word for removing its parts. A team that left the list needs
    *prune*, and all such teams together may hold at most *max_percent* of the set's objects.
    """

    def guard(plan: Plan) -> None:
        going = [live for live in (*plan.deletes, *plan.releases) if _team(live) not in known_teams and _team(live)]
        if not going:
            return
        listed = sorted(str(key_of(live)) for live in going)
        teams = ", ".join(sorted({_team(live) for live in going}))
        shown = ", ".join(listed[:NAMED]) + (f" and {len(listed) - NAMED} more" if len(listed) > NAMED else "")
        if not prune:
            raise Refused(
                f"no longer listed: {teams}. Set team_monitoring_prune: true to remove what belongs to them "
                f"({len(listed)} objects), or list them again. Would go: {shown}",
                objects=listed,
            )
        percent = 100 * len(going) / plan.members
        if percent > max_percent:
            raise Refused(
                f"removing {teams} would take {len(listed)} of {plan.members} objects ({percent:.0f} %), more than "
                f"team_monitoring_prune_max_percent ({max_percent}). Would go: {shown}",
                objects=listed,
            )

    return guard


def _team(live: JsonObject) -> str:
    return str((live["metadata"].get("labels") or {}).get(TEAM_LABEL) or "")


def is_of_other_teams(only: t.Collection[str]) -> t.Callable[[JsonObject], bool]:
    """Tells which members of the set belong to other teams than *only*."""
    return lambda live: _team(live) not in only


def is_volume_claim(obj: JsonObject) -> bool:
    """Whether *obj* is a volume claim of an instance. Pure."""
    labels = obj["metadata"].get("labels") or {}
    return obj["kind"] == "PersistentVolumeClaim" and labels.get(MANAGED_BY_LABEL) == OPERATOR_MANAGED


def volume_claims(cluster: Cluster, *, idle_namespaces: t.Iterable[str]) -> t.Callable[[Plan], list[JsonObject]]:
    """Finds the volume claims of instances that a plan removes, and those in *idle_namespaces* (teams switched off)."""

    def find(plan: Plan) -> list[JsonObject]:
        namespaces = set(idle_namespaces)
        for live in plan.deletes:
            if live["kind"] == "Namespace":
                namespaces.add(live["metadata"]["name"])
            if live["kind"] in ("Prometheus", "Alertmanager"):
                namespaces.add(live["metadata"]["namespace"])
        claims = cluster.resource("v1", "PersistentVolumeClaim")
        if claims is None:
            return []
        found = [obj for name in sorted(namespaces) for obj in cluster.list_objects(claims, namespace=name)]
        return [obj for obj in found if is_volume_claim(obj)]

    return find
