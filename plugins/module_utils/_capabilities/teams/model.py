# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams: the options that the inventory gives for each, and what becomes of them. Pure."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import team_name
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
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
    """A team with its place in the input and that of its name, and its own namespaces in the order of the input."""

    path: str
    name_path: str
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

    def resource_name(self, kind: str) -> str:
        """The name of the team's custom resource of this *kind*: Prometheus or Alertmanager."""
        return self.alertmanager.name if kind == "Alertmanager" else self.prometheus.name

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

    Raises InputError with the path of all that is wrong, such as ``teams[3].prometheus.retention``.
    """
    with Collecting(None) as errors:
        placed = _placed_teams(
            raw, clusters=clusters, path=path, platform=platform, prefix=namespace_prefix, errors=errors
        )
        _refuse_overlaps(placed, errors=errors)
    return _sorted(placed)


def parse_fleet_teams(
    teams: object,
    platform: object,
    *,
    clusters: t.Sequence[str],
    platform_team: str = PLATFORM_TEAM,
    namespace_prefix: str = NAMESPACE_PREFIX,
    errors: Errors | None = None,
) -> tuple[Team, ...]:
    """The platform's own team (PLATFORM_OPTIONS, all optional), then the teams sorted by name.

    What is wrong is noted in *errors*, or raised as InputError.
    """
    with Collecting(errors) as found:
        raw = {} if platform is None else platform
        values = validate_mapping(raw, PLATFORM_OPTIONS, path="platform", errors=found)
        own = _placed_team(
            {**values, "name": platform_team},
            clusters=clusters,
            path="platform",
            name_path="platform_team",
            platform=platform_team,
            prefix=namespace_prefix,
            errors=found,
        )
        placed = _placed_teams(
            teams, clusters=clusters, path="teams", platform=platform_team, prefix=namespace_prefix, errors=found
        )
        _refuse_overlaps([own, *placed], errors=found)
    return (own.team, *_sorted(placed))


def names_of(teams: object, *, platform_team: str = PLATFORM_TEAM) -> tuple[str, ...]:
    """The names of the teams in a raw list, even if other options are wrong, and the platform's own."""
    items = teams if isinstance(teams, (list, tuple)) else ()
    names = (item.get("name") for item in items if isinstance(item, t.Mapping))
    return (platform_team, *(str(name) for name in names if name and isinstance(name, (str, int, float))))


def parse_clusters(raw: object, *, errors: Errors | None = None) -> tuple[str, ...]:
    """Names of the fleet's clusters, in their order: each becomes a label, in Kubernetes and in Prometheus."""
    with Collecting(errors) as found:
        names = validate_strings(raw, path="clusters", errors=found)
        return require_each(grammar.label_value, names, path="clusters", errors=found)


def _placed_teams(
    raw: object, *, clusters: t.Sequence[str], path: str, platform: str, prefix: str, errors: Errors
) -> list[_Placed]:
    """The teams of a list, in the order of the input."""
    placed = [
        _placed_team(
            values,
            clusters=clusters,
            path=f"{path}[{index}]",
            name_path=f"{path}[{index}].name",
            platform=platform,
            prefix=prefix,
            errors=errors,
        )
        for index, values in enumerate(validate_list(raw, TEAM_OPTIONS, path=path, errors=errors))
    ]
    for item in placed:
        if item.team.name == platform:
            errors.add(item.name_path, f"{platform!r} is the platform's own team, which has options of its own")
    return placed


def _placed_team(
    values: Values,
    *,
    clusters: t.Sequence[str],
    path: str,
    name_path: str,
    platform: str,
    prefix: str,
    errors: Errors,
) -> _Placed:
    name = require(team_name, values["name"], path=name_path, errors=errors)
    # A namespace that follows from a wrong name is wrong for the same reason.
    derives = errors.is_good(name_path)
    namespace = _instance_namespace(
        values["namespace"], name=name, prefix=prefix, path=f"{path}.namespace", derives=derives, errors=errors
    )
    team = _team(values, name=name, namespace=namespace, clusters=clusters, path=path, platform=platform, errors=errors)
    return _Placed(path=path, name_path=name_path, team=team, namespaces=tuple(values["namespaces"]))


def _team(
    values: Values, *, name: str, namespace: str, clusters: t.Sequence[str], path: str, platform: str, errors: Errors
) -> Team:
    for index, cluster in enumerate(values["clusters"]):
        if cluster not in clusters:
            errors.add(f"{path}.clusters[{index}]", f"unknown cluster {cluster!r}; {nearest(cluster, clusters)}")
    size = SIZES[values["size"]]
    return Team(
        name=name,
        platform=platform,
        enabled=values["enabled"],
        clusters=tuple(sorted(set(values["clusters"]))),
        namespace=namespace,
        namespaces=_sorted_each(grammar.dns_label, values["namespaces"], path=f"{path}.namespaces", errors=errors),
        groups=_sorted_each(_group, values["groups"], path=f"{path}.groups", errors=errors),
        size=values["size"],
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=_external_label,
            check_value=grammar.prometheus_label_value,
            errors=errors,
        ),
        rbac=values["rbac"],
        quota=values["quota"],
        network_policy=values["network_policy"],
        base_rules=values["base_rules"],
        prometheus=prometheus_part(
            values["prometheus"], team=name, size=size.prometheus, path=f"{path}.prometheus", errors=errors
        ),
        alertmanager=alertmanager_part(
            values["alertmanager"], team=name, size=size.alertmanager, path=f"{path}.alertmanager", errors=errors
        ),
    )


def _instance_namespace(given: str | None, *, name: str, prefix: str, path: str, derives: bool, errors: Errors) -> str:
    """The namespace of a team's instance; where none is given it is the prefix and the name.

    *derives*: whether the name is good, so that what is wrong with both together is worth an error.
    """
    if given:
        return require(grammar.dns_label, given, path=path, errors=errors)
    derived = f"{prefix}{name}"
    problem = grammar.dns_label(derived)
    if problem is not None and derives:
        errors.add(path, f"{problem} (the namespace prefix and the team's name); give a namespace")
    return derived


def _sorted_each(check: grammar.Check, values: t.Sequence[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    return tuple(sorted(require_each(check, values, path=path, errors=errors)))


def _refuse_overlaps(placed: t.Sequence[_Placed], *, errors: Errors) -> None:
    """Names are unique, and a namespace belongs to one team, as the place of its instance or as one of its own."""
    names: dict[str, str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for item in placed:
        name = item.team.name
        if not errors.is_good(item.name_path):
            continue
        if name in names:
            errors.add(item.name_path, f"{name!r} is the name of ", Place(names[name]), " too")
            continue
        names[name] = item.path
        places = {f"{item.path}.namespaces[{index}]": namespace for index, namespace in enumerate(item.namespaces)}
        for place, namespace in {f"{item.path}.namespace": item.team.namespace, **places}.items():
            if not errors.is_good(place):
                continue
            if namespace in owners:
                owner, first = owners[namespace]
                errors.add(
                    place,
                    f"namespace {namespace!r} belongs to team {owner!r} (",
                    Place(first),
                    "); a namespace has one team",
                )
            else:
                owners[namespace] = (name, place)


def _sorted(placed: t.Iterable[_Placed]) -> tuple[Team, ...]:
    return tuple(sorted((item.team for item in placed), key=lambda team: team.name))


def _group(text: str) -> str | None:
    return None if text.strip() else "must be the name of a group, found nothing"


def _external_label(text: str) -> str | None:
    if text in RESERVED_LABELS:
        return f"{text!r} is set for every instance and cannot be given"
    return grammar.prometheus_label(text)
