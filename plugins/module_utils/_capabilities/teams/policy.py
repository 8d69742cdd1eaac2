# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be deleted from the set of teams, and which opt-in that needs. Decided before the first write."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    MONITORING,
    MONITORING_ALPHA,
    MONITORING_GROUP,
    NAME_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import APPLICATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]

NAMED = 50
# The operator's own marks on what it makes; StatefulSets put their selector's labels on their volume claims.
OPERATOR_MANAGED = "prometheus-operator"
INSTANCES = {application: kind for kind, application in APPLICATIONS.items()}
# The parts of a team, with the option that each is called after.
PARTS = {"Prometheus": "prometheus", "PrometheusAgent": "prometheus", "Alertmanager": "alertmanager"}
# On the namespace of a team whose instance is not called as the team: its claims are found when the team is gone.
INSTANCE_ANNOTATIONS = {part: f"promfleet.monitoring/{part}" for part in sorted({*PARTS.values()})}


def team_guard(*, known_teams: t.Collection[str], prune: bool, max_percent: int) -> t.Callable[[Plan], None]:
    """A guard for the plan of the teams.

    Switching off a listed team is permission enough to delete its parts. A team that left the list needs
    *prune*, and all such teams together may hold at most *max_percent* of the set's objects.
    """

    def guard(plan: Plan) -> None:
        going = [live for live in (*plan.deletes, *plan.releases) if _team(live) not in known_teams and _team(live)]
        if not going:
            return
        listed = sorted(str(key_of(live)) for live in going)
        teams = ", ".join(sorted({_team(live) for live in going}))
        shown = first_of(listed, NAMED)
        if not prune:
            raise Refused(
                f"no longer listed: {teams}. Set prune: true to delete their {len(listed)} objects, "
                f"or list the teams again. Would be deleted: {shown}",
                objects=listed,
            )
        percent = 100 * len(going) / plan.members
        if percent > max_percent:
            raise Refused(
                f"removing {teams} would delete {len(listed)} of {plan.members} objects ({percent:.0f} %), more than "
                f"prune_max_percent ({max_percent}). Would be deleted: {shown}",
                objects=listed,
            )

    return guard


def _team(live: JsonObject) -> str:
    return str((live["metadata"].get("labels") or {}).get(TEAM_LABEL) or "")


def is_of_other_teams(only: t.Collection[str]) -> t.Callable[[JsonObject], bool]:
    """Tells which members of the set belong to other teams than *only*."""
    return lambda live: _team(live) not in only


def instances_of(team: str, *, namespace: str, prometheus: str = "", alertmanager: str = "") -> set[Key]:
    """The instances that a team can have, whether it has them or not; by default both are called as the team. Pure."""
    names = {"prometheus": prometheus, "alertmanager": alertmanager}
    return {Key(MONITORING_GROUP, kind, namespace, names[part] or team) for kind, part in PARTS.items()}


def running(cluster: Cluster, instances: t.Collection[Key]) -> set[Key]:
    """Those of *instances* that exist."""
    found: set[Key] = set()
    for kind in {key.kind for key in instances}:
        resource = cluster.resource(MONITORING_ALPHA if kind == "PrometheusAgent" else MONITORING, kind)
        found |= set(map(key_of, cluster.list_objects(resource))) if resource is not None else set()
    return found & set(instances)


def _instances_in(namespace: JsonObject) -> set[Key]:
    """The instances that a team had in its *namespace*, by what is noted there. Pure."""
    names = namespace["metadata"].get("annotations") or {}
    parts = {part: str(names.get(annotation) or "") for part, annotation in INSTANCE_ANNOTATIONS.items()}
    return instances_of(_team(namespace), namespace=namespace["metadata"]["name"], **parts)


def instance_of(claim: JsonObject) -> Key | None:
    """The instance whose data a volume claim holds; None for any other object. Pure."""
    labels = claim["metadata"].get("labels") or {}
    kind = INSTANCES.get(str(labels.get(NAME_LABEL)))
    if claim["kind"] != "PersistentVolumeClaim" or labels.get(MANAGED_BY_LABEL) != OPERATOR_MANAGED or kind is None:
        return None
    return Key(MONITORING_GROUP, kind, claim["metadata"]["namespace"], labels.get(INSTANCE_LABEL, ""))


class VolumeClaims:
    """The volume claims of a set's instances that are no longer desired; those of all other instances stay.

    *unwanted* are instances that may have been removed by an earlier run, which left their claims.
    """

    def __init__(self, cluster: Cluster, *, unwanted: t.Iterable[Key]) -> None:
        self._cluster = cluster
        self._unwanted = frozenset(unwanted)

    def _gone(self, plan: Plan) -> set[Key]:
        """The instances that are not there after *plan*."""
        gone = set(self._unwanted)
        for live in plan.deletes:
            if live["kind"] in INSTANCES.values():
                gone.add(key_of(live))
            # A namespace of the team's own has no such label, and no instances of ours.
            if live["kind"] == "Namespace" and live["metadata"]["labels"].get(MANAGED_BY_LABEL) == FIELD_MANAGER:
                gone |= _instances_in(live)
        # What is released lives on with its data.
        return gone - {key_of(live) for live in plan.releases}

    def removable(self, plan: Plan) -> t.Callable[[JsonObject], bool]:
        """Tells which objects of others need not save their namespace."""
        gone = self._gone(plan)
        return lambda obj: instance_of(obj) in gone

    def find(self, plan: Plan) -> list[JsonObject]:
        """The live claims that are deleted with *plan*."""
        gone = self._gone(plan)
        claims = self._cluster.resource("v1", "PersistentVolumeClaim")
        if claims is None or not gone:
            return []
        found = self._cluster.list_objects(claims, selector=f"{MANAGED_BY_LABEL}={OPERATOR_MANAGED}")
        return [obj for obj in found if instance_of(obj) in gone]
