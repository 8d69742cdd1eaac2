# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Federation's two sides as capabilities: what a worker exposes, and what the central side scrapes. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Readable, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    SET_LABEL,
    federation_part_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Offline,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    DISCOVERY,
    DISRUPTION,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    addresses_in_use,
    family_of_services,
    needed_rights,
    source_targets,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.certificates import (
    Checked,
    check_certificate,
    require_fitting,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Region,
    Target,
    endpoint,
    is_of_clusters,
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.fitting import (
    check_limits,
    place_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.forms import (
    FORM_OPTIONS,
    Forms,
    asks_for_live,
    in_their_forms,
    live_forms,
    parse_forms,
    told_changes,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.given import (
    given_targets,
    require_family,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.left_out import (
    Place,
    archived_places,
    told_archived,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.queried import (
    live_sources,
    query_objects,
    too_many,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.reaching import (
    is_way,
    keeping_ways,
    reaching_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import (
    endpoint_objects,
    slice_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    selection_warnings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    SOURCE_OPTIONS,
    Source,
    exposed_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.watched import (
    is_shipped,
    watching_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.writes import (
    parse_centrals,
    written,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    TEAM_SET_VARIABLES,
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

_ROLE = "prometheus_federation"
_ACCOUNT = "promfleet-teams"
_EXAMPLE: JsonObject = {"cluster": "any", "clusters": ["any"]}
_PROXIED: JsonObject = {
    "ip_family": "IPv4",
    "scheme": "https",
    "tls_config": {"cert": {"secret": "any"}},
    "proxy": {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]},
}


# -- a worker's side ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """The instances that one *cluster* exposes, each with its team.

    *family* is the family of addresses that Services have there by default, None if that is not known. *below* are the
    clusters that are federated there. *writes*: by team the remoteWrite of the sources that write. The Prometheus of
    one that is queried needs a sidecar: `sidecars`.
    """

    cluster: str
    sources: tuple[tuple[Source, Team], ...]
    family: str | None = None
    below: tuple[str, ...] = ()
    writes: t.Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)

    @property
    def read(self) -> tuple[tuple[Source, Team], ...]:
        """The sources that the central side reads, at an address."""
        return tuple((source, team) for source, team in self.sources if not source.writes)

    @property
    def sidecars(self) -> dict[str, JsonObject]:
        """By team how the sidecar of a source that is queried serves (SIDECAR_OPTIONS)."""
        return {source.team: source.sidecar.given for source, _team in self.sources if source.sidecar is not None}

    def region(self, team: Team) -> Region | None:
        """What a team's instance here federates itself."""
        return Region(clusters=self.below, all_teams=team.name == team.platform) if self.below else None

    @property
    def depends_on_family(self) -> bool:
        """Whether an object differs by the family of the cluster: a load balancer that follows it."""
        return any(source.expose == "LoadBalancer" and source.ip_family is None for source, _team in self.read)


def parse_exposed(params: t.Mapping[str, t.Any], errors: Errors) -> Exposed:
    """The exposed instances from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    for number, name in enumerate(params["below"]):
        if name not in params["clusters"]:
            errors.add(f"below[{number}]", f"unknown cluster {name!r}; {nearest(name, params['clusters'])}")
    exposed = Exposed(
        cluster=params["cluster"],
        below=tuple(sorted(set(params["below"]))),
        sources=tuple(exposed_sources(params, teams=teams, check_match=check_selector, errors=errors)),
    )
    writers = any(source.writes for source, _team in exposed.sources)
    centrals = parse_centrals(params, teams=teams, errors=errors) if writers else ()
    writes = {
        source.team: written(
            source,
            team,
            cluster=exposed.cluster,
            region=exposed.region(team),
            centrals=centrals,
            teams=teams,
            errors=errors,
        )
        for source, team in exposed.sources
        if source.writes
    }
    return replace(exposed, writes=writes)


def handed_over(exposed: Exposed, cluster: Readable, *, check: bool) -> list[dict[str, t.Any]]:
    """What the central side is given of each source; in check mode (*check*) its place may be unknown."""
    return [
        endpoint(
            source,
            cluster=exposed.cluster,
            targets=() if source.writes else source_targets(cluster, source, team=team, check=check),
            region=exposed.region(team),
            writers=team.prometheus.replicas if source.writes else 0,
        )
        for source, team in exposed.sources
    ]


def handed_over_as_given(exposed: Exposed, errors: Errors) -> list[dict[str, t.Any]]:
    """The same from the input alone; what only the cluster would know, of the sources or their objects, is noted."""
    for source, _team in exposed.read:
        require_family(source, errors=errors)
    return [
        endpoint(
            source,
            cluster=exposed.cluster,
            targets=() if source.writes else given_targets(source, team, errors=errors),
            region=exposed.region(team),
            writers=team.prometheus.replicas if source.writes else 0,
        )
        for source, team in exposed.sources
    ]


def desired_exposed(model: Exposed) -> list[JsonObject]:
    """The objects that make the instances reachable from other clusters."""
    return [
        obj
        for source, team in model.sources
        for obj in source_objects(
            source,
            cluster=model.cluster,
            namespace=team.namespace,
            replicas=team.prometheus.replicas,
            prometheus=team.prometheus.name,
            family=model.family,
            isolated=team.network_policy,
            pods=team.pods,
        )
    ]


def policy_exposed(request: Request, model: Exposed | None, situation: Situation) -> Request:
    """Follow the cluster's family of addresses, and require the rights for finding the addresses afterwards.

    Refuses a certificate that the central side would not take, and to end what the central side reads of an instance
    that does not write yet. Warns of what is doubtful about the sources.
    """
    sources = model.read if model is not None else ()
    if model is not None and not (situation.check and situation.params["writes_to_come"]):
        _require_writing(situation.cluster, model)
        _require_sidecars(situation.cluster, model)
    if model is not None and model.depends_on_family:
        model = replace(model, family=family_of_services(situation.cluster))
        _require_clients(model)
        request = request.wanting(desired_exposed(model))
    for found in certificates(situation.cluster, sources):
        require_fitting(found)
    federates = model is not None and bool(model.below)
    every = model.sources if model is not None else ()
    return request.needing(needed_rights(sources)).guarded(
        lambda _plan: [*_unverified(every), *_doubtful(every, federates=federates)]
    )


def offline_exposed(model: Exposed, known: Offline) -> list[JsonObject]:
    """The same objects; the family of a load balancer must be given, because only the cluster knows its own."""
    for source, _team in model.read:
        require_family(source, errors=known.errors)
    return desired_exposed(model)


def _require_writing(cluster: Cluster, model: Exposed) -> None:
    """Refuse where the Prometheus of a source that writes is not told so: nothing would read it then, either."""
    for source, team in model.sources:
        wanted = {entry["url"] for entry in model.writes.get(source.team, ())}
        if not wanted:
            continue
        head = {"apiVersion": team.prometheus.api_version, "kind": team.prometheus.kind}
        place = {"namespace": team.namespace, "name": team.prometheus.name}
        live = find_object(cluster, {**head, "metadata": place}) or {}
        has = {entry.get("url") for entry in (live.get("spec") or {}).get("remoteWrite") or ()}
        if wanted - has:
            raise Refused(
                f"team {team.name}: its Prometheus does not write to {first_of(sorted(wanted - has))} yet; run "
                "team_monitoring with these writes first, as the playbooks site and teams do"
            )


def _require_sidecars(cluster: Cluster, model: Exposed) -> None:
    """Refuse where the Prometheus of a source that is queried has no sidecar yet: nothing would answer."""
    for source, team in model.sources:
        if not source.is_queried or source.expose == "Existing":
            continue
        head = {"apiVersion": team.prometheus.api_version, "kind": team.prometheus.kind}
        place = {"namespace": team.namespace, "name": team.prometheus.name}
        live = find_object(cluster, {**head, "metadata": place}) or {}
        if not ((live.get("spec") or {}).get("thanos") or {}).get("grpcServerTlsConfig"):
            raise Refused(
                f"team {team.name}: its Prometheus has no sidecar that serves others yet; run team_monitoring with "
                "these writes first, as the playbooks site and teams do"
            )


def certificates(cluster: Cluster, sources: t.Iterable[tuple[Source, Team]]) -> list[Checked]:
    """What is known of the certificates of the sources' proxies."""
    found = (check_certificate(cluster, source, namespace=team.namespace) for source, team in sources)
    return [one for one in found if one is not None]


def _doubtful(sources: t.Sequence[tuple[Source, Team]], *, federates: bool) -> list[str]:
    return [
        f"team {team.name}: {warning}"
        for source, team in sources
        for warning in selection_warnings(
            source.scrape.match, labels={*team.labels, *source.scrape.labels}, federates=federates
        )
    ]


def _require_clients(model: Exposed) -> None:
    """Refuse a load balancer without ranges of its clients: it would let in every address."""
    for source, team in model.sources:
        family = source.ip_family or model.family
        if source.expose == "LoadBalancer" and family and not source.allowed_of(family):
            raise Refused(
                f"team {team.name}: allowed_sources has no range of {family}, the family of the cluster's Services; "
                "a load balancer without one would let in every address. Add one, or give ip_family"
            )


def _unverified(sources: t.Sequence[tuple[Source, Team]]) -> list[str]:
    return [
        f"team {team.name}: the central side takes any certificate for its instance (insecure_skip_verify); each "
        "server on the way can read what is sent and can answer itself. Give tls_config.ca"
        for source, team in sources
        if source.scrape.access.is_unverified
    ]


FEDERATION_SOURCE: Capability[Exposed] = Capability(
    name="federation-source",
    kinds=((CORE, "Service"), (APPS, "Deployment"), (NETWORKING, "NetworkPolicy")),
    options={
        **TEAM_SET_OPTIONS,
        "sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE_OPTIONS},
        "centrals": {"type": "list", "elements": "str", "default": []},
        "central_teams": {"type": "dict", "default": {}},
        "central_receivers": {"type": "dict", "default": {}},
        "writes_to_come": {"type": "bool", "default": False},
        "below": {"type": "list", "elements": "str", "default": []},
    },
    parse=parse_exposed,
    desired=desired_exposed,
    policy=policy_exposed,
    offline=offline_exposed,
    module="federation_source",
    role=_ROLE,
    account=_ACCOUNT,
    example={**_EXAMPLE, "sources": [_PROXIED]},
    variables={
        **TEAM_SET_VARIABLES,
        "centrals": "promfleet_cluster",
        "below": "promfleet_cluster",
        # As the hosts of the central clusters have them.
        "central_teams": "prometheus_federation_central_team",
        "central_receivers": "prometheus_federation_receivers",
        "writes_to_come": None,
    },
    needs_promql=True,
    requires=("teams",),
)


# -- the central side ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Federated:
    """The instances that are federated in one cluster, each with a team whose Prometheus scrapes it there.

    One that several teams read is there once for each. *rules* are groups of rules with which each of them watches its
    sources. *forms*: the rule by which each of them has the form that it has. *cluster* is the name of the cluster.
    *archived*: the clusters and teams whose instances are archived, and so no sources; those *left_out* were given.
    """

    read: tuple[tuple[FederationTargetSet, Team], ...]
    rules: t.Sequence[JsonObject]
    forms: Forms = field(default_factory=Forms)
    cluster: str = ""
    archived: frozenset[Place] = frozenset()
    left_out: frozenset[Place] = frozenset()

    @property
    def by_team(self) -> list[tuple[Team, list[FederationTargetSet]]]:
        """The sources of each team that reads some."""
        found: dict[str, tuple[Team, list[FederationTargetSet]]] = {}
        for source, team in self.read:
            found.setdefault(team.name, (team, []))[1].append(source)
        return list(found.values())


def parse_federated(params: t.Mapping[str, t.Any], errors: Errors) -> Federated:
    """The federated instances from a module's parameters.

    A place may be KNOWN_AFTER_APPLY: in check mode the worker's side told so. A real run refuses that.
    """
    teams = parse_team_set(params, errors=errors)
    central = team_named(params["central_team"], teams=teams, path="central_team", errors=errors)
    found = parse_endpoints(
        params["sources"],
        check_match=check_selector,
        check=True,
        teams=teams,
        errors=errors,
    )
    archived = archived_places(teams, params["clusters"])
    read = [
        (one, team)
        for one in found
        if (one.cluster, one.team) not in archived
        for team in one.readers(params["cluster"], central=central, teams=teams)
    ]
    for name in sorted({team.name for _one, team in read if team.lifecycle.is_archived}):
        errors.add("central_team", f"the instance of {name!r} is archived, and reads nothing; set its state to active")
    for one, team in read:
        check_limits(one, team, path=place_of(one, params["sources"]), errors=errors)
    for name in sorted({team.name for _one, team in read}):
        problem = too_many([one for one, team in read if team.name == name])
        if problem:
            errors.add("sources", f"team {name}: {problem}")
    forms = parse_forms(params, errors=errors)
    return Federated(
        read=in_their_forms(read, forms),
        rules=params["rules"] if params["alert_rules"] else (),
        forms=forms,
        cluster=params["cluster"],
        archived=archived,
        left_out=archived & {(one.cluster, one.team) for one in found},
    )


def desired_federated(model: Federated) -> list[JsonObject]:
    """The objects that let the instances of a cluster scrape others, and watch them."""
    scraped = [
        obj
        for targets, team in model.read
        for obj in endpoint_objects(targets, namespace=team.namespace, team=team.name)
    ]
    watching = [
        obj
        for team, sources in (model.by_team if model.rules else ())
        for obj in watching_objects(sources, groups=model.rules, namespace=team.namespace, team=team.name)
    ]
    reaching = [
        obj for team, sources in model.by_team for obj in reaching_objects(team, sources, cluster=model.cluster)
    ]
    querying = [obj for team, sources in model.by_team for obj in query_objects(team, sources, cluster=model.cluster)]
    return [*scraped, *watching, *reaching, *querying]


def policy_federated(request: Request, model: Federated | None, situation: Situation) -> Request:
    """Keep the objects of workers that gave no answer in this run; outside check mode refuse unknown places.

    The rules that watch all sources stay with them, and so do the ways to them: these may be the only ones of an
    instance.
    Of a replica with several addresses the one that is in use is kept while the replica still has it; and an instance
    whose number of sources is around the limit keeps the form of its targets.
    """
    stale = frozenset(situation.params["stale"]) if model is not None else frozenset[str]()
    if model is not None:
        forms, archived, left_out = model.forms, model.archived, model.left_out
        model = _keeping_queried(model, situation, stale=stale)
        model = _keeping(_keeping_forms(model, request.owner, situation.cluster, stale=stale), situation.cluster)
        desired = desired_federated(model)
        if stale:
            desired = keeping_ways(desired, situation.cluster)
        request = request.wanting(desired).guarded(
            lambda plan: [*told_changes(plan, forms), *told_archived(plan, archived, left_out)]
        )
    if model is not None and not situation.check:
        parse_endpoints(situation.params["sources"], check_match=check_selector)
    watches = bool(stale and model is not None and model.rules)
    return request.keeping(
        lambda live: is_of_clusters(live, stale) or (watches and is_shipped(live)) or (bool(stale) and is_way(live)),
        reason="",
    )


def offline_federated(model: Federated, known: Offline) -> list[JsonObject]:
    """The same objects; a place that is not known is refused.

    Where the form of targets depends on what the cluster has, the files have the form for a cluster that has none.
    """
    for source, _team in model.read:
        if source.pending:
            known.errors.add("sources", f"{source.cluster}/{source.team}: the address or port is not known")
    if asks_for_live(model.read, model.forms, stale=()):
        known.warnings.append(
            f"target_form is auto and the number of sources is between {model.forms.above // 2} and "
            f"{model.forms.above}: the files have discovered targets, and a run would keep static ones where the "
            "cluster has them; give target_form"
        )
    return desired_federated(model)


def _keeping_queried(model: Federated, situation: Situation, *, stale: t.Collection[str]) -> Federated:
    """With the sources of clusters that gave no answer in this run, which are in the lists that Queries have now."""
    if not stale:
        return model
    params = situation.params
    with Collecting(None) as errors:
        teams = parse_team_set(params, errors=errors)
    given = {(one.cluster, one.team, team.name) for one, team in model.read}
    kept = []
    for team in (one.on(model.cluster) for one in teams if one.runs_prometheus_on(model.cluster)):
        raw = live_sources(situation.cluster, team, stale=stale)
        for one in parse_endpoints(raw, check_match=check_selector):
            if (one.cluster, one.team, team.name) not in given:
                kept.append((one, team))
    return replace(model, read=(*model.read, *kept))


def _keeping_forms(model: Federated, owner: SetId, cluster: Cluster, *, stale: t.Collection[str]) -> Federated:
    if not asks_for_live(model.read, model.forms, stale=stale):
        return model
    resources = (cluster.resource(version, kind) for version, kind in _FORMS)
    live = [
        obj
        for resource in resources
        if resource is not None
        for obj in cluster.list_objects(resource, selector=f"{SET_LABEL}={owner.label}")
    ]
    return replace(model, read=in_their_forms(model.read, model.forms, live=live_forms(live), stale=stale))


def _keeping(model: Federated, cluster: Cluster) -> Federated:
    return replace(model, read=tuple((_keeping_set(targets, team, cluster), team) for targets, team in model.read))


def _keeping_set(targets: FederationTargetSet, team: Team, cluster: Cluster) -> FederationTargetSet:
    if not targets.is_scraped:
        return targets
    found = [
        target.keeping(_in_use(targets, target, team, cluster)) if target.others else target
        for target in targets.targets
    ]
    return replace(targets, targets=tuple(found))


def _in_use(targets: FederationTargetSet, target: Target, team: Team, cluster: Cluster) -> set[str]:
    """The addresses at which the central side reads a replica now, in whichever form it does so."""
    # All jobs of a source have the same addresses.
    config = federation_part_name(targets.name, part=targets.jobs[0].part)
    places = [(MONITORING_ALPHA, "ScrapeConfig", config)]
    if not targets.by_name:
        places.append((DISCOVERY, "EndpointSlice", slice_name(targets.name, target.replica)))
    wanted = (
        {"apiVersion": version, "kind": kind, "metadata": {"namespace": team.namespace, "name": name}}
        for version, kind, name in places
    )
    return {address for one in wanted for address in addresses_in_use(find_object(cluster, one))}


_FORMS = ((MONITORING, "ServiceMonitor"), (MONITORING_ALPHA, "ScrapeConfig"))

FEDERATION: Capability[Federated] = Capability(
    name="federation",
    kinds=(
        (CORE, "Service"),
        (DISCOVERY, "EndpointSlice"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING_ALPHA, "ScrapeConfig"),
        (MONITORING, "PrometheusRule"),
        (NETWORKING, "NetworkPolicy"),
        (APPS, "Deployment"),
        (DISRUPTION, "PodDisruptionBudget"),
    ),
    options={
        **TEAM_SET_OPTIONS,
        "sources": {"type": "list", "elements": "dict", "default": []},
        "stale": {"type": "list", "elements": "str", "default": []},
        "central_team": {"type": "str", "default": "platform"},
        **FORM_OPTIONS,
        "alert_rules": {"type": "bool", "default": True},
        "rules": {"type": "list", "elements": "dict", "default": []},
    },
    parse=parse_federated,
    desired=desired_federated,
    policy=policy_federated,
    offline=offline_federated,
    module="federation_endpoints",
    role=_ROLE,
    account=_ACCOUNT,
    example={
        **_EXAMPLE,
        "sources": [
            {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.1", "port": 9090}]},
            {"cluster": "edge", "team": "any", "targets": [{"address": "prometheus.example.com", "port": 9090}]},
            {
                "cluster": "far",
                "team": "platform",
                "targets": [{"address": "192.0.2.2", "port": 10901}],
                "transport": "thanos",
            },
        ],
        "platform": {"prometheus": {"replicas": 2}},
        "rules": [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}],
    },
    variables={**TEAM_SET_VARIABLES, "sources": None, "stale": None, "rules": None},
    needs_promql=True,
    requires=("teams",),
)
