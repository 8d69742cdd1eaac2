# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams: the options that the inventory gives for each, and what becomes of them. Pure."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import (
    ALERTMANAGER_OPTION,
    PROMETHEUS_OPTION,
    AlertmanagerPart,
    PrometheusPart,
    alertmanager_part,
    prometheus_part,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import SIZES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    text_mapping,
    validate_list,
    validate_mapping,
    validate_strings,
)

# The operator calls an Alertmanager's StatefulSet alertmanager-<name>, and a StatefulSet's name ends at 52 characters:
# its revision, which is the name and 11 more, becomes a label of each pod.
TEAM_NAME_MAX = 39

# Set by us or by the operator on every series that leaves the instance.
RESERVED_LABELS = ("cluster", "team", "prometheus", "prometheus_replica")

TEAM_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
    "clusters": {"type": "list", "elements": "str", "default": []},
    "namespace": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "list", "elements": "str", "default": []},
    "size": {"type": "str", "choices": ["small", "medium", "large"], "default": "small"},
    "labels": {"type": "dict", "default": {}},
    "rbac": {"type": "bool", "default": True},
    "quota": {"type": "bool", "default": True},
    "network_policy": {"type": "bool", "default": True},
    "base_rules": {"type": "bool", "default": True},
    "prometheus": PROMETHEUS_OPTION,
    "alertmanager": ALERTMANAGER_OPTION,
}

# The platform is a team whose name is given elsewhere and whose own monitors are trusted.
PLATFORM_OPTIONS: dict[str, dict[str, t.Any]] = copy.deepcopy(
    {name: option for name, option in TEAM_OPTIONS.items() if name != "name"}
)
PLATFORM_OPTIONS["prometheus"]["options"]["enforce_tenancy"]["default"] = False


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A team with its place in the input, and its own namespaces in the order in which they stand there."""

    path: str
    team: Team
    namespaces: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Team:
    """One team's monitoring. *platform* is the name of the platform's own team; no *clusters* means all of them."""

    name: str
    platform: str
    enabled: bool
    clusters: tuple[str, ...]
    namespace: str
    namespaces: tuple[str, ...]
    groups: tuple[str, ...]
    size: str
    labels: t.Mapping[str, str]
    rbac: bool
    quota: bool
    network_policy: bool
    base_rules: bool
    prometheus: PrometheusPart
    alertmanager: AlertmanagerPart

    def active_on(self, cluster: str) -> bool:
        """Whether the team has anything in this cluster, if only its namespaces."""
        return not self.clusters or cluster in self.clusters

    def runs_prometheus_on(self, cluster: str) -> bool:
        """Whether the team has a Prometheus in this cluster."""
        return self.active_on(cluster) and self.enabled and self.prometheus.enabled


def parse_teams(
    raw: object,
    *,
    clusters: t.Sequence[str],
    path: str = "teams",
    platform: str = PLATFORM_TEAM,
    namespace_prefix: str = NAMESPACE_PREFIX,
) -> tuple[Team, ...]:
    """Teams from a list of mappings (TEAM_OPTIONS), sorted by name; *clusters* are the names that the inventory knows.

    Raises InputError with the path of what is wrong, such as ``teams[3].prometheus.retention``.
    """
    placed = _placed_teams(raw, clusters=clusters, path=path, platform=platform, prefix=namespace_prefix)
    _refuse_overlaps(placed)
    return _sorted(placed)


def parse_fleet_teams(
    teams: object,
    platform: object,
    *,
    clusters: t.Sequence[str],
    platform_team: str = PLATFORM_TEAM,
    namespace_prefix: str = NAMESPACE_PREFIX,
    path: str = "teams",
    platform_path: str = "platform",
) -> tuple[Team, ...]:
    """The platform's own team (PLATFORM_OPTIONS, all optional), then the teams sorted by name."""
    values = validate_mapping({} if platform is None else platform, PLATFORM_OPTIONS, path=platform_path)
    own = _placed_team(
        {**values, "name": platform_team},
        clusters=clusters,
        path=platform_path,
        platform=platform_team,
        prefix=namespace_prefix,
    )
    placed = _placed_teams(teams, clusters=clusters, path=path, platform=platform_team, prefix=namespace_prefix)
    _refuse_overlaps([own, *placed])
    return (own.team, *_sorted(placed))


def parse_clusters(raw: object, *, path: str = "clusters") -> tuple[str, ...]:
    """Names of the fleet's clusters, in their order: each becomes a label, in Kubernetes and in Prometheus."""
    return require_each(grammar.label_value, validate_strings(raw, path=path), path=path)


def _placed_teams(raw: object, *, clusters: t.Sequence[str], path: str, platform: str, prefix: str) -> list[_Placed]:
    """The teams of a list, in the order of the input."""
    placed = [
        _placed_team(values, clusters=clusters, path=f"{path}[{index}]", platform=platform, prefix=prefix)
        for index, values in enumerate(validate_list(raw, TEAM_OPTIONS, path=path))
    ]
    for item in placed:
        if item.team.name == platform:
            raise InputError(
                f"{item.path}.name", f"{platform!r} is the platform's own team, which has options of its own"
            )
    return placed


def _placed_team(values: Values, *, clusters: t.Sequence[str], path: str, platform: str, prefix: str) -> _Placed:
    team = _team(values, clusters=clusters, path=path, platform=platform, prefix=prefix)
    return _Placed(path=path, team=team, namespaces=tuple(values["namespaces"]))


def _team(values: Values, *, clusters: t.Sequence[str], path: str, platform: str, prefix: str) -> Team:
    name = require(_team_name, values["name"], path=f"{path}.name")
    for index, cluster in enumerate(values["clusters"]):
        if cluster not in clusters:
            raise InputError(f"{path}.clusters[{index}]", f"unknown cluster {cluster!r}; {nearest(cluster, clusters)}")
    size = SIZES[values["size"]]
    return Team(
        name=name,
        platform=platform,
        enabled=values["enabled"],
        clusters=tuple(sorted(set(values["clusters"]))),
        namespace=require(grammar.dns_label, values["namespace"] or f"{prefix}{name}", path=f"{path}.namespace"),
        namespaces=tuple(sorted(require_each(grammar.dns_label, values["namespaces"], path=f"{path}.namespaces"))),
        groups=tuple(sorted(require_each(_group, values["groups"], path=f"{path}.groups"))),
        size=values["size"],
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=_external_label,
            check_value=grammar.prometheus_label_value,
        ),
        rbac=values["rbac"],
        quota=values["quota"],
        network_policy=values["network_policy"],
        base_rules=values["base_rules"],
        prometheus=prometheus_part(values["prometheus"], size=size.prometheus, path=f"{path}.prometheus"),
        alertmanager=alertmanager_part(values["alertmanager"], size=size.alertmanager, path=f"{path}.alertmanager"),
    )


def _refuse_overlaps(placed: t.Sequence[_Placed]) -> None:
    """Names are unique, and a namespace belongs to one team, as the place of its instance or as one of its own."""
    names: dict[str, str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for item in placed:
        name = item.team.name
        if name in names:
            raise InputError(f"{item.path}.name", f"{name!r} is the name of {names[name]} too")
        names[name] = item.path
        places = {f"{item.path}.namespaces[{index}]": namespace for index, namespace in enumerate(item.namespaces)}
        for place, namespace in {f"{item.path}.namespace": item.team.namespace, **places}.items():
            if namespace in owners:
                owner, first = owners[namespace]
                raise InputError(
                    place, f"namespace {namespace!r} belongs to team {owner!r} ({first}); a namespace has one team"
                )
            owners[namespace] = (name, place)


def _sorted(placed: t.Iterable[_Placed]) -> tuple[Team, ...]:
    return tuple(sorted((item.team for item in placed), key=lambda team: team.name))


def _team_name(text: str) -> str | None:
    if len(text) > TEAM_NAME_MAX:
        return f"{text!r} is longer than {TEAM_NAME_MAX} characters"
    return grammar.dns_label(text)


def _group(text: str) -> str | None:
    return None if text.strip() else "must be the name of a group, found nothing"


def _external_label(text: str) -> str | None:
    if text in RESERVED_LABELS:
        return f"{text!r} is set for every instance and cannot be given"
    return grammar.prometheus_label(text)
