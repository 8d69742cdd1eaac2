# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams: the options that the inventory gives for each, and what becomes of them. Pure."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import team_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.lifecycle import (
    LIFECYCLE_OPTIONS,
    RUNS,
    Lifecycle,
    parse_lifecycle,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.overlaps import (
    Placed,
    refuse_overlaps,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.overrides import (
    by_clusters,
    merged,
    overrides_option,
    parse_overrides,
    placed_error,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import (
    AGENT,
    ALERTMANAGER_OPTION,
    PROMETHEUS_OPTION,
    AlertmanagerPart,
    PrometheusPart,
    alertmanager_part,
    prometheus_part,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.people import group
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.placement import (
    NO_FACTS,
    SELECTION_OPTIONS,
    ClusterFacts,
    selected,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import (
    POD_OPTIONS,
    PodSettings,
    pod_settings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.rules import (
    MONITORS_OPTION,
    RULES_FILES_OPTION,
    RULES_OPTION,
    OwnObjects,
    parse_own,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import SHIPPED, Size, Sizes
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.tenancy import (
    TENANCY_OPTIONS,
    Tenancy,
    parse_tenancy,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import checked_weight

# Set by us or by the operator on every series that leaves the instance.
RESERVED_LABELS = ("cluster", "team", "prometheus", "prometheus_replica")

TEAM_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
    **LIFECYCLE_OPTIONS,
    **SELECTION_OPTIONS,
    "namespace": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "list", "elements": "str", "default": []},
    "size": {"type": "str", "default": "small"},
    "weight": {"type": "int", "default": 1},
    "labels": {"type": "dict", "default": {}},
    "rbac": {"type": "bool", "default": True},
    "quota": {"type": "bool", "default": True},
    "network_policy": {"type": "bool", "default": True},
    "base_rules": {"type": "bool", "default": True},
    **POD_OPTIONS,
    "rules": RULES_OPTION,
    "rules_files": RULES_FILES_OPTION,
    "monitors": MONITORS_OPTION,
    **TENANCY_OPTIONS,
    "prometheus": PROMETHEUS_OPTION,
    "alertmanager": ALERTMANAGER_OPTION,
}
TEAM_OPTIONS["overrides"] = overrides_option(TEAM_OPTIONS)

# The platform is a team whose name is given elsewhere and whose own monitors are trusted.
PLATFORM_OPTIONS: dict[str, dict[str, t.Any]] = copy.deepcopy(
    {name: option for name, option in TEAM_OPTIONS.items() if name != "name"}
)
PLATFORM_OPTIONS["prometheus"]["options"]["enforce_tenancy"]["default"] = False


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """What is the same for all teams.

    *pods*: where images come from and as whom they run, where a team does not say it. *facts*: what selects clusters
    beside their names.
    """

    pods: PodSettings = field(default_factory=PodSettings)
    sizes: Sizes = SHIPPED
    facts: ClusterFacts = NO_FACTS


_ALIKE = FleetSettings()


@dataclass(frozen=True, kw_only=True)
class Team:
    """One team's monitoring. *platform* is the name of the platform's own team; no *clusters* means all of them.

    *path*: its place in the input. *largest*: the largest size that a team of this fleet can have. *variants*: the team
    where overrides count, by cluster, and under the empty name as it is everywhere else. *weight*: how much of an
    operator's work it is, where several share it; *controller_id* is the id of the one that has its instances, empty
    where there is a single one.
    """

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
    pods: PodSettings
    own: OwnObjects
    tenancy: Tenancy
    prometheus: PrometheusPart
    alertmanager: AlertmanagerPart
    largest: Size
    lifecycle: Lifecycle = RUNS
    weight: int = 1
    controller_id: str = ""
    path: str = field(default="", compare=False)
    variants: t.Mapping[str, Team] = field(default_factory=dict, compare=False, repr=False)

    def on(self, cluster: str) -> Team:
        """The team as it is in this cluster, with the overrides that count there."""
        return self.variants.get(cluster) or self.variants.get("", self)

    @property
    def reads_kubelets(self) -> bool:
        """Whether its instance can read kubelets: the platform's, whose monitors are trusted."""
        return self.name == self.platform and not self.prometheus.enforce_tenancy

    def active_on(self, cluster: str) -> bool:
        """Whether the team has anything in this cluster, if only its namespaces."""
        return not self.clusters or cluster in self.clusters

    def resource_name(self, kind: str) -> str:
        """The name of the team's custom resource of this *kind*: Prometheus, PrometheusAgent or Alertmanager."""
        return self.alertmanager.name if kind == "Alertmanager" else self.prometheus.name

    def runs_prometheus_on(self, cluster: str) -> bool:
        """Whether the team has a Prometheus in this cluster that answers queries."""
        return self.sends_on(cluster) and self.on(cluster).prometheus.serves

    def sends_on(self, cluster: str) -> bool:
        """Whether the team has in this cluster what can write: a Prometheus, or an agent."""
        return self.scrapes_on(cluster) and not self.on(cluster).lifecycle.is_archived

    def scrapes_on(self, cluster: str) -> bool:
        """Whether the team has a Prometheus or an agent in this cluster, though an archived one has no pods."""
        here = self.on(cluster)
        return self.active_on(cluster) and here.enabled and here.prometheus.enabled


@dataclass(frozen=True, kw_only=True)
class _Placed(Placed):
    """A team with its place in the input."""

    team: Team


def parse_teams(
    raw: object,
    *,
    clusters: t.Sequence[str],
    path: str = "teams",
    platform: str = PLATFORM_TEAM,
    namespace_prefix: str = NAMESPACE_PREFIX,
    settings: FleetSettings = _ALIKE,
) -> tuple[Team, ...]:
    """Teams from a list of mappings (TEAM_OPTIONS), sorted by name; *clusters* are the names that the inventory knows.

    Raises InputError with the path of all that is wrong, such as ``teams[3].prometheus.retention``.
    """
    with Collecting(None) as errors:
        placed = _placed_teams(
            raw,
            clusters=clusters,
            path=path,
            platform=platform,
            prefix=namespace_prefix,
            settings=settings,
            errors=errors,
        )
        refuse_overlaps(placed, errors=errors)
    return _sorted(placed)


def parse_fleet_teams(
    teams: object,
    platform: object,
    *,
    clusters: t.Sequence[str],
    platform_team: str = PLATFORM_TEAM,
    namespace_prefix: str = NAMESPACE_PREFIX,
    settings: FleetSettings = _ALIKE,
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
            settings=settings,
            errors=found,
        )
        placed = _placed_teams(
            teams,
            clusters=clusters,
            path="teams",
            platform=platform_team,
            prefix=namespace_prefix,
            settings=settings,
            errors=found,
        )
        refuse_overlaps([own, *placed], errors=found)
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
    raw: object,
    *,
    clusters: t.Sequence[str],
    path: str,
    platform: str,
    prefix: str,
    settings: FleetSettings,
    errors: Errors,
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
            settings=settings,
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
    settings: FleetSettings,
    errors: Errors,
) -> _Placed:
    name = require(team_name, values["name"], path=name_path, errors=errors)
    # A namespace that follows from a wrong name is wrong for the same reason.
    derives = errors.is_good(name_path)
    namespace = _instance_namespace(
        values["namespace"], name=name, prefix=prefix, path=f"{path}.namespace", derives=derives, errors=errors
    )

    def make_team(given: Values, found: Errors) -> Team:
        return _team(
            given,
            name=name,
            namespace=namespace,
            clusters=clusters,
            path=path,
            platform=platform,
            settings=settings,
            errors=found,
        )

    team = make_team(values, errors)
    if values["overrides"]:
        team = _with_variants(team, values, make_team, clusters=clusters, facts=settings.facts, errors=errors)
    return _Placed(
        path=path,
        name_path=name_path,
        name=name,
        namespace=team.namespace,
        namespaces=tuple(values["namespaces"]),
        team=team,
    )


def _team(
    values: Values,
    *,
    name: str,
    namespace: str,
    clusters: t.Sequence[str],
    path: str,
    platform: str,
    settings: FleetSettings,
    errors: Errors,
) -> Team:
    where = selected(values, clusters=clusters, facts=settings.facts, path=path, errors=errors)
    size = settings.sizes.by_name.get(values["size"])
    if size is None:
        errors.add(
            f"{path}.size", f"unknown size {values['size']!r}; {nearest(values['size'], settings.sizes.by_name)}"
        )
        size = settings.sizes.by_name["small"]
    if values["prometheus"]["mode"] == AGENT and values["prometheus"]["enabled"] and values["alertmanager"]["enabled"]:
        errors.add(
            f"{path}.alertmanager.enabled",
            f"must be false where prometheus.mode is {AGENT}: an agent evaluates no rules, so no alert would reach it",
        )
    namespaces = _sorted_each(grammar.dns_label, values["namespaces"], path=f"{path}.namespaces", errors=errors)
    prometheus = prometheus_part(
        values["prometheus"], team=name, size=size.prometheus, path=f"{path}.prometheus", errors=errors
    )
    own = parse_own(
        values,
        # Only the platform writes into the namespaces of instances.
        namespaces=(*namespaces, namespace) if name == platform else namespaces,
        evaluates=prometheus.serves,
        path=path,
        errors=errors,
    )
    alertmanager = alertmanager_part(
        values["alertmanager"], team=name, size=size.alertmanager, path=f"{path}.alertmanager", errors=errors
    )
    return Team(
        name=name,
        platform=platform,
        enabled=values["enabled"],
        clusters=tuple(sorted(where or ())),
        namespace=namespace,
        namespaces=namespaces,
        groups=_sorted_each(group, values["groups"], path=f"{path}.groups", errors=errors),
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
        pods=pod_settings(values, default=settings.pods, path=path, errors=errors),
        own=own,
        tenancy=parse_tenancy(values, namespace=namespace, path=path, errors=errors),
        prometheus=prometheus,
        alertmanager=alertmanager,
        largest=settings.sizes.largest,
        lifecycle=parse_lifecycle(values, prometheus=prometheus, alertmanager=alertmanager, path=path, errors=errors),
        weight=checked_weight(values["weight"], path=f"{path}.weight", errors=errors),
        path=path,
    )


def _with_variants(
    team: Team,
    values: Values,
    make_team: t.Callable[[Values, Errors], Team],
    *,
    clusters: t.Sequence[str],
    facts: ClusterFacts,
    errors: Errors,
) -> Team:
    """The same *team* with what overrides make of it; the result for each cluster is checked as a team is.

    *make_team* makes a team of merged *values*.
    """
    overrides = parse_overrides(
        values["overrides"],
        team_options=TEAM_OPTIONS,
        clusters=clusters,
        facts=facts,
        path=f"{team.path}.overrides",
        errors=errors,
    )
    if not errors.is_good(f"{team.path}.overrides"):
        return team
    base = {name: value for name, value in values.items() if name not in ("overrides", "name")}
    variants: dict[str, Team] = {}
    # In both: from each of them the way leads to all others.
    everywhere = replace(team, variants=variants)
    variants[""] = everywhere
    active = [cluster for cluster in clusters if team.active_on(cluster)]
    for numbers, where in by_clusters(overrides, active).items():
        counting = [overrides[number] for number in numbers]
        result: t.Any = base
        for override in counting:
            result = merged(result, override.values)
        found = Errors()
        checked = validate_mapping(result, _WITHOUT_NAME, path=team.path, errors=found)
        variant = replace(make_team({**checked, "name": team.name}, found), variants=variants)
        for error in found.sorted():
            if errors.is_good(error.path):
                place, said = placed_error(error, path=team.path, overrides=counting, clusters=where)
                errors.add(place, said)
        variants.update(dict.fromkeys(where, variant))
    return everywhere


_WITHOUT_NAME = {name: option for name, option in TEAM_OPTIONS.items() if name != "name"}


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


def _sorted(placed: t.Iterable[_Placed]) -> tuple[Team, ...]:
    return tuple(sorted((item.team for item in placed), key=lambda team: team.name))


def _external_label(text: str) -> str | None:
    if text in RESERVED_LABELS:
        return f"{text!r} is set for every instance and cannot be given"
    return grammar.prometheus_label(text)
