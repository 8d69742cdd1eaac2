# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces that are a team's by their labels. Reads the namespaces, writes nothing.

The instance never selects by these labels itself: any account that labels a namespace could join it to any team. A run,
with an account of the platform, gives each namespace that it finds the team's own label, which only such accounts set.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Readable, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_OF_LABEL,
    MANAGED_BY_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving

JsonObject = dict[str, t.Any]

_NAMESPACES = Resource(
    api_version="v1", kind="Namespace", plural="namespaces", namespaced=False, verbs=frozenset({"list"})
)
# Kubernetes keeps names with this beginning for itself.
_OF_KUBERNETES = "kube-"


def selected_namespaces(cluster: Readable, teams: t.Sequence[Team], *, name: str) -> dict[str, tuple[str, ...]]:
    """By team the namespaces that only its selector finds in the cluster called *name*; one LIST for all teams.

    Raises Refused if a selector finds a namespace that cannot be the team's.
    """
    selecting = [team for team in teams if team.tenancy.selector and team.active_on(name)]
    if not selecting:
        return {}
    return select(selecting, cluster.list_metadata(_NAMESPACES), teams=teams)


def select(
    selecting: t.Iterable[Team], namespaces: t.Iterable[JsonObject], *, teams: t.Sequence[Team]
) -> dict[str, tuple[str, ...]]:
    """The same from *namespaces*; *teams* are all of the fleet. Pure."""
    owners = {name: team.name for team in teams for name in team.namespaces}
    instances = {team.namespace for team in teams}
    live = [one for one in namespaces if not is_leaving(one)]
    found: dict[str, list[str]] = {}
    problems: list[str] = []
    for team in sorted(selecting, key=lambda team: team.name):
        for one in live:
            labels, name = one["metadata"].get("labels") or {}, one["metadata"]["name"]
            if not team.tenancy.selector.items() <= labels.items() or owners.get(name) == team.name:
                continue
            problem = _problem(name, labels, owner=owners.get(name), is_instance=name in instances)
            if problem:
                problems.append(f"namespace_selector of team {team.name!r} finds namespace {name}, {problem}")
                continue
            owners[name] = team.name
            found.setdefault(team.name, []).append(name)
    if problems:
        raise Refused(
            f"{'; '.join(problems)}. Give it labels that only the team's namespaces have. Nothing was written",
            objects=problems,
        )
    return {team: tuple(sorted(names)) for team, names in found.items()}


def _problem(name: str, labels: t.Mapping[str, str], *, owner: str | None, is_instance: bool) -> str:
    """Why a namespace cannot be one of the team's own; empty if it can."""
    if owner is not None:
        return f"which belongs to team {owner!r}"
    if is_instance or INSTANCE_OF_LABEL in labels:
        return "which is that of an instance"
    if name.startswith(_OF_KUBERNETES):
        return "which is Kubernetes' own"
    if labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER and COMPONENT_LABEL in labels:
        return "which is an operator's"
    return ""
