# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which teams get series of the platform's Prometheus, and which series these are. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.scraping import check_scraping
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    DEFAULT_PRESETS,
    preset_selectors,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.owners import owned_on
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector

JsonObject = dict[str, t.Any]

# The jobs of the catalogue whose series say in `namespace` what they are about, and what its rules record about the
# nodes that run pods of a namespace.
DEFAULT_MATCH = (
    '{job=~"kube-state-metrics|kubelet|cadvisor|kubelet-probes"}',
    '{__name__=~"namespace:nodes.*:.+"}',
)
# What the sources of a fleet let the central side read by default: with other sources this finds less, or nothing.
DEFAULT_FEDERATED = tuple(preset_selectors(DEFAULT_PRESETS))
# The job of the catalogue whose series are about nodes, and where the role monitoring_exporters runs its pods.
NODES_JOB, NODES_NAMESPACE = "node-exporter", "promfleet-node-exporter"

GRANT_OPTIONS: JsonObject = {
    "team": {"type": "str", "required": True},
    "match": {"type": "list", "elements": "str", "default": []},
    "federated": {"type": "bool", "default": False},
    "federated_match": {"type": "list", "elements": "str", "default": []},
    "namespaces_everywhere": {"type": "bool", "default": False},
    "all_nodes": {"type": "bool", "default": False},
    "interval": {"type": "str", "default": "30s"},
    "scrape_timeout": {"type": "str", "default": "10s"},
    "sample_limit": {"type": "int"},
}
GRANTS_OPTION: JsonObject = {"type": "list", "elements": "dict", "default": [], "options": GRANT_OPTIONS}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one team gets: the series that *match* chooses, of its own namespaces.

    *federated*: the other clusters whose series it gets too, which *federated_match* chooses; none for not federated.
    *all_nodes*: whether it gets the series of every node.
    """

    team: Team
    match: tuple[str, ...]
    interval: str
    scrape_timeout: str
    sample_limit: int | None
    federated: tuple[str, ...] = ()
    federated_match: tuple[str, ...] = ()
    all_nodes: bool = False


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """The gateways of one *cluster*, in a *namespace* of their own, to the Prometheus of the *platform*.

    *reads* are the other clusters whose series may be there, or in the instance of the team *central*, which reads them
    by default. *nodes_namespace* is where the pods run that have the series of nodes.
    """

    cluster: str
    namespace: str
    platform: Team
    central: Team
    reads: tuple[str, ...] = ()
    nodes_namespace: str = NODES_NAMESPACE
    grants: tuple[Grant, ...] = ()


def parse_gateways(params: t.Mapping[str, t.Any], errors: Errors) -> Gateways:
    """The gateways from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    platform, cluster = teams[0], params["cluster"]
    namespace = _own_namespace(params, "namespace", teams=teams, errors=errors)
    nodes_namespace = _own_namespace(params, "nodes_namespace", teams=teams, errors=errors)
    central = platform
    if params["central_team"] is not None:
        central = team_named(params["central_team"], teams=teams, path="central_team", errors=errors)
    for number, name in enumerate(params["reads"]):
        if name not in params["clusters"]:
            errors.add(f"reads[{number}]", f"unknown cluster {name!r}; {nearest(name, params['clusters'])}")
    # What is this cluster's own has no label of a cluster where it is.
    reads = tuple(sorted({*params["reads"]} - {cluster}))
    owned = owned_on(params, teams, reads)
    grants: list[Grant] = []
    seen: dict[str, str] = {}
    for number, values in enumerate(params["grants"]):
        path = f"grants[{number}]"
        team = team_named(values["team"], teams=teams, path=f"{path}.team", errors=errors)
        if not errors.is_good(f"{path}.team"):
            continue
        if team.name in seen:
            errors.add(f"{path}.team", f"{team.name!r} has ", Place(seen[team.name]), " already")
        seen.setdefault(team.name, path)
        grant = _grant(values, team, owned=owned[team.name], path=path, errors=errors)
        if team.sends_on(cluster) and platform.runs_prometheus_on(cluster):
            grants.append(grant)
            _check_clusters(grant, values, cluster=cluster, reads=reads, owned=owned, path=path, errors=errors)
            _check_central(grant, central, cluster=cluster, path=path, errors=errors)
    if grants and platform.prometheus.shards > 1:
        errors.add(
            "grants", "cannot be given while the platform's Prometheus has shards: each has a part of the series"
        )
    return Gateways(
        cluster=cluster,
        namespace=namespace,
        platform=platform,
        central=central,
        reads=reads,
        nodes_namespace=nodes_namespace,
        grants=tuple(sorted(grants, key=lambda one: one.team.name)),
    )


def _own_namespace(params: t.Mapping[str, t.Any], name: str, *, teams: t.Iterable[Team], errors: Errors) -> str:
    """A namespace that no team has."""
    namespace = require(grammar.dns_label, params[name], path=name, errors=errors)
    taken = {one for team in teams for one in (team.namespace, *team.namespaces)}
    if errors.is_good(name) and namespace in taken:
        what = "give the gateways one of their own" if name == "namespace" else "series of pods there are the team's"
        errors.add(name, f"{namespace!r} is a namespace of a team; {what}")
    return namespace


def _grant(values: Values, team: Team, *, owned: t.Sequence[str], path: str, errors: Errors) -> Grant:
    if team.name == team.platform:
        errors.add(f"{path}.team", f"{team.name!r} is the platform's own team, whose Prometheus has the series already")
    elif not team.namespaces:
        errors.add(f"{path}.team", f"{team.name!r} has no namespaces of its own, so no series is about it")
    check_scraping(values, path=path, errors=errors)
    match = require_each(check_selector, values["match"], path=f"{path}.match", errors=errors)
    federated_match = require_each(
        check_selector, values["federated_match"], path=f"{path}.federated_match", errors=errors
    )
    if federated_match and not values["federated"]:
        errors.add(f"{path}.federated_match", "needs federated: true")
    return Grant(
        team=team,
        match=tuple(sorted(set(match))) or DEFAULT_MATCH,
        interval=values["interval"],
        scrape_timeout=values["scrape_timeout"],
        sample_limit=values["sample_limit"],
        federated=tuple(owned) if values["federated"] else (),
        federated_match=tuple(sorted(set(federated_match))) or DEFAULT_FEDERATED,
        all_nodes=values["all_nodes"],
    )


def _check_clusters(
    grant: Grant,
    values: Values,
    *,
    cluster: str,
    reads: t.Sequence[str],
    owned: t.Mapping[str, t.Sequence[str]],
    path: str,
    errors: Errors,
) -> None:
    """Note what of a grant does not fit the clusters that this one reads."""
    name = grant.team.name
    if values["federated"] and not reads:
        errors.add(
            f"{path}.federated",
            f"cannot be given here: {cluster!r} reads no other cluster. Give it on the central cluster, or on that of "
            "a region",
        )
    elif values["federated"] and not grant.federated:
        errors.add(
            f"{path}.federated",
            f"{name!r} has its namespaces on none of the clusters that {cluster!r} reads: {first_of(reads)}",
        )
    others = [one for one in reads if one not in owned[name]]
    if others and not values["namespaces_everywhere"]:
        # prom-label-proxy cannot ask for series without a label, which those of this cluster are.
        errors.add(
            f"{path}.team",
            f"the namespaces of {name!r} are not its own on {first_of(others)}, and {cluster!r} reads these clusters: "
            "its gateway would let through what is known of namespaces with the same names there. If no one else has "
            "such namespaces, or the platform's Prometheus reads none of these clusters, give "
            "namespaces_everywhere: true",
        )


def _check_central(grant: Grant, central: Team, *, cluster: str, path: str, errors: Errors) -> None:
    """Note why the instance of *central* cannot give what it federated."""
    place = f"{path}.federated"
    if not grant.federated or not errors.is_good(place):
        return
    if not central.runs_prometheus_on(cluster):
        errors.add(place, f"{central.name!r}, which reads the other clusters, has no Prometheus on {cluster!r}")
    elif central.name == grant.team.name:
        errors.add(place, f"the Prometheus of {central.name!r} reads the other clusters itself")
    elif central.prometheus.shards > 1:
        errors.add(place, f"the Prometheus of {central.name!r} has shards: each has a part of the series")
