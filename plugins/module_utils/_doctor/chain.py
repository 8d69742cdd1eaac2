# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of the federation's chain, from what was read and what Prometheus servers answered. Pure."""

from __future__ import annotations

import dataclasses
import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    NAME_LABEL,
    federation_part_name,
    instance_pods,
    prometheus_name,
    query_name,
    source_policy_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    addresses_in_use,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import CLAIMED
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import (
    endpoint_objects,
    slice_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.extra import ALERTMANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import (
    WRITTEN,
    Answers,
    ReplicaAnswers,
    flips_mark,
    rows_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import LOADING, SourceChangeFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Fact, Facts, Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import AccessFacts, ReplicaFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import (
    MONITOR_KINDS,
    SERVICE_NAME,
    FederatedFacts,
    place,
    selected_too,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.leftovers import (
    LeftoverFacts,
    monitors_of_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.loaded import job_names
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.queried import QueriedFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import (
    selector_labels,
    shown,
    shown_job,
    shown_labels,
    shown_target,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import (
    Scraped,
    Stored,
    TargetFacts,
    fresh_within,
    seconds_of_interval,
    watched_within,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.ways import WayFacts, answered, failed
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.written import WrittenFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject

JsonObject = dict[str, t.Any]
Objects: t.TypeAlias = "Fact[t.Sequence[JsonObject]]"
Item = t.TypeVar("Item")
Value = t.TypeVar("Value")


def mapped(fact: Fact[Item], change: t.Callable[[Item], Value]) -> Fact[Value]:
    """What *change* makes of a fact that was observed."""
    return fact if isinstance(fact, Unobserved) else change(fact)


def instance_scope(team: Team) -> tuple[str, ...]:
    """The scope of a team's instance."""
    return (f"instance {team.namespace}/{team.name}",)


# -- the central side -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CentralSide:
    """What was read of the central instance's namespace, and what its Prometheus says."""

    cluster: str
    team: Team
    clusters: tuple[str, ...]
    sources: tuple[FederationTargetSet, ...]
    objects: t.Mapping[str, Objects]
    prometheus: Fact[JsonObject | None]
    answers: Answers
    # The API server's time, where changes that are going on count.
    now: float | None = None
    # What its Thanos Query says of the sidecars that it asks.
    stores: Fact[t.Sequence[JsonObject]] = ()

    @functools.cached_property
    def shown_prometheus(self) -> Fact[JsonObject | None]:
        """What is shown of the central Prometheus: the same for all of its sources."""
        return mapped(self.prometheus, functools.partial(shown_instance, team=self.team, cluster=self.cluster))

    @functools.cached_property
    def shown_policies(self) -> Objects:
        """What is shown of the network policies of its namespace."""
        return mapped(self.objects["NetworkPolicy"], lambda found: tuple(shown(one) for one in found))

    def in_live_form(self, source: FederationTargetSet) -> FederationTargetSet:
        """The source in the form that it has: a run decides on it by the number of all sources."""
        configs, monitors = self.objects["ScrapeConfig"], self.objects["ServiceMonitor"]
        if isinstance(configs, Unobserved) or isinstance(monitors, Unobserved):
            return source
        names = {federation_part_name(source.name, part=job.part) for job in source.jobs}
        is_config = any(obj["metadata"]["name"] in names for obj in configs)
        is_monitor = any(obj["metadata"]["name"] == source.name for obj in monitors)
        return dataclasses.replace(source, static=is_config and not is_monitor)


def place_of(team: Team, source: FederationTargetSet) -> tuple[str, ...]:
    """The scope of a source in the central instance."""
    return (*instance_scope(team), f"source {source.cluster}/{source.team}")


def federated_facts(side: CentralSide, given: FederationTargetSet) -> list[Facts]:
    """The facts of one source on the central cluster."""
    if given.is_written:
        return [_written_facts(side, given)]
    if given.is_queried:
        query = query_of(side.cluster, side.team)
        return [QueriedFacts(scope_of=place_of(side.team, given), query=query, wanted=given, stores=side.stores)]
    given = side.in_live_form(given)
    of_targets = "EndpointSlice" if given.monitor_kind == "ServiceMonitor" else "ScrapeConfig"
    source = _at_addresses_in_use(given, side.objects[of_targets])
    desired = endpoint_objects(source, namespace=side.team.namespace, team=side.team.name)
    read = [_named(side.objects[kind], source) for kind in ("Service", "EndpointSlice", source.monitor_kind)]
    labels = selector_labels([*desired, *(one for one in (*read, side.prometheus) if not isinstance(one, Unobserved))])
    services, slices, monitors = (_shown(some, desired=desired, labels=labels) for some in read)
    objects = FederatedFacts(
        cluster=side.cluster,
        instance=instance_scope(side.team),
        namespace=side.team.namespace,
        team=side.team.name,
        wanted=source,
        services=services,
        slices=slices,
        monitors=monitors,
        prometheus=side.shown_prometheus,
        jobs=mapped(side.answers.jobs, lambda jobs: _shown_jobs(jobs, desired)),
        selected_too=_selected_too(side, source),
    )
    pools = tuple(name for obj in objects.of_kind(*MONITOR_KINDS) for name, _endpoint in job_names(obj))
    targets = TargetFacts(
        instance=objects.instance,
        monitor=objects.object,
        wanted=source,
        pools=pools,
        targets=mapped(side.answers.targets, lambda targets: _concerned(targets, source, pools=pools)),
        discovered=mapped(side.answers.scrapes, _discovered),
        scraped=mapped(side.answers.scrapes, lambda rows: _scraped(rows, jobs=source.job_labels)),
        flips=mapped(side.answers.scrapes, lambda rows: _flips(rows, source)),
        stored=mapped(side.answers.series, lambda rows: _stored(rows, side, source)),
        strangers=mapped(side.answers.series, lambda rows: _strangers(rows, side)),
    )
    way = WayFacts(
        cluster=side.cluster,
        instance=objects.instance,
        namespace=side.team.namespace,
        name=side.team.prometheus.name,
        wanted=source,
        labels=_pod_labels(side),
        policies=side.shown_policies,
        answered=answered(targets.targets),
        failed=failed(targets.targets),
    )
    if side.now is None:
        return [objects, way, targets]
    changes = SourceChangeFacts(
        scope_of=objects.scope,
        monitor=objects.object,
        objects=_all(objects.services, objects.slices, objects.monitors),
        prometheus=objects.prometheus,
        now=side.now,
        limit=LOADING + 2 * seconds_of_interval(source.scrape.interval),
    )
    return [objects, changes, way, targets]


def _pod_labels(side: CentralSide) -> dict[str, str]:
    """Labels of the central Prometheus' pods: those that the operator sets, and of others what policies look at."""
    name = side.team.prometheus.name
    given = {} if isinstance(side.prometheus, Unobserved) else (side.prometheus or {}).get("spec") or {}
    looked_at: t.Collection[str] = (
        () if isinstance(side.shown_policies, Unobserved) else selector_labels(side.shown_policies)
    )
    own = (given.get("podMetadata") or {}).get("labels") or {}
    return {
        **{name: str(own[name]) for name in sorted(own.keys() & set(looked_at))},
        **instance_pods("prometheus", name=name),
        "prometheus": name,
        "operator.prometheus.io/name": name,
        "operator.prometheus.io/shard": "0",
    }


def leftover_facts(side: CentralSide) -> LeftoverFacts:
    """What an instance reads, in the light of the inventory."""
    return LeftoverFacts(
        cluster=side.cluster,
        instance=instance_scope(side.team),
        namespace=side.team.namespace,
        name=side.team.prometheus.name,
        clusters=tuple(sorted({side.cluster, *side.clusters, *(source.cluster for source in side.sources)})),
        monitors=monitors_of_sources(*(side.objects[kind] for kind in MONITOR_KINDS)),
    )


def _selected_too(side: CentralSide, source: FederationTargetSet) -> Fact[t.Sequence[str]]:
    """The Services that the monitor of a source selects beside its own; a ScrapeConfig selects none."""
    services, monitors = side.objects["Service"], side.objects[source.monitor_kind]
    if source.monitor_kind != "ServiceMonitor":
        return ()
    if isinstance(services, Unobserved) or isinstance(monitors, Unobserved):
        return services if isinstance(services, Unobserved) else t.cast("Unobserved", monitors)
    return selected_too(source, services, monitors)


def query_of(cluster: str, team: Team) -> Subject:
    """The Thanos Query of a team."""
    return Subject(cluster=cluster, kind="Deployment", namespace=team.namespace, name=query_name(team.name))


def _written_facts(side: CentralSide, source: FederationTargetSet) -> WrittenFacts:
    """The facts of a source that writes: what of it has arrived."""

    def subject(kind: str, name: str) -> Subject:
        return Subject(cluster=side.cluster, kind=kind, namespace=side.team.namespace, name=name)

    def replicas(rows: t.Sequence[JsonObject]) -> int:
        own = (source.cluster, source.team)
        found = (
            number for labels, number in rows_of(rows, WRITTEN) if own == (labels.get("cluster"), labels.get("team"))
        )
        return int(sum(found))

    return WrittenFacts(
        scope_of=place_of(side.team, source),
        receiver=subject("Prometheus", side.team.prometheus.name),
        rules=subject("PrometheusRule", source.name),
        wanted=source,
        prometheus=side.shown_prometheus,
        replicas=mapped(side.answers.series, replicas),
        stored=mapped(side.answers.series, lambda rows: _stored(rows, side, source)),
    )


def _shown(objects: Objects, *, desired: t.Sequence[JsonObject], labels: t.Collection[str]) -> Objects:
    return mapped(objects, lambda found: tuple(shown(obj, desired=desired, labels=labels) for obj in found))


def shown_instance(live: JsonObject | None, *, team: Team, cluster: str) -> JsonObject | None:
    """What is shown of a team's Prometheus or Alertmanager; None if it does not exist."""
    if live is None:
        return None
    # Of an Alertmanager nothing is compared.
    desired = [] if live["kind"] == ALERTMANAGER else [prometheus_object(team, cluster=cluster)]
    return shown(live, desired=desired, labels=selector_labels([live]))


def _shown_jobs(jobs: t.Mapping[str, JsonObject], desired: t.Sequence[JsonObject]) -> dict[str, JsonObject]:
    wanted = dict(pair for obj in desired if obj["kind"] in MONITOR_KINDS for pair in job_names(obj))
    return {name: shown_job(job, described=wanted.get(name, {}).get("params") or {}) for name, job in jobs.items()}


def _all(*objects: Objects) -> Objects:
    """All of these, unless some could not be observed."""
    unseen = next((one for one in objects if isinstance(one, Unobserved)), None)
    return unseen or tuple(obj for some in objects for obj in t.cast("t.Sequence[JsonObject]", some))


def _at_addresses_in_use(source: FederationTargetSet, objects: Objects) -> FederationTargetSet:
    """The source as a run would leave it: of several addresses of a balancer the one that is read stays."""
    if isinstance(objects, Unobserved) or not any(target.others for target in source.targets):
        return source
    live = {obj["metadata"]["name"]: obj for obj in objects}
    names = {
        target.replica: slice_name(source.name, target.replica)
        if source.monitor_kind == "ServiceMonitor"
        else federation_part_name(source.name, part=source.jobs[0].part)
        for target in source.targets
    }
    targets = (target.keeping(addresses_in_use(live.get(names[target.replica]))) for target in source.targets)
    return dataclasses.replace(source, targets=tuple(targets))


def pools_of(sources: t.Iterable[FederationTargetSet], *, team: Team, cluster: str) -> frozenset[str]:
    """The jobs that a run makes for *sources*, in either form."""
    facts = (
        FederatedFacts(
            cluster=cluster,
            instance=(),
            namespace=team.namespace,
            team=team.name,
            wanted=source,
            services=(),
            slices=(),
            monitors=(),
            prometheus=None,
            jobs={},
        )
        for given in sources
        if given.is_scraped
        for source in (given, dataclasses.replace(given, static=True))
    )
    return frozenset(name for one in facts for obj in one.of_kind(*MONITOR_KINDS) for name, _endpoint in job_names(obj))


def _named(objects: Objects, source: FederationTargetSet) -> Objects:
    """Those of a kind that are called as the source's, or are of its Service."""

    def is_of(obj: JsonObject) -> bool:
        name = obj["metadata"]["name"]
        return (
            name == source.name
            or name.startswith((f"{source.name}-", f"{source.name}."))
            or (obj["metadata"].get("labels") or {}).get(SERVICE_NAME) == source.name
        )

    return mapped(objects, lambda found: tuple(filter(is_of, found)))


def _concerned(
    targets: t.Sequence[JsonObject], source: FederationTargetSet, *, pools: t.Collection[str]
) -> tuple[JsonObject, ...]:
    """The targets of the source's monitor, those with its job, and those at its addresses."""
    places = {place(target.address, target.port) for target in source.targets if not target.pending}

    def is_of(target: JsonObject) -> bool:
        host = str(target.get("scrapeUrl") or "").partition("://")[2].partition("/")[0]
        job = (target.get("labels") or {}).get("job")
        return target.get("scrapePool") in pools or job in source.job_labels or host in places

    return tuple(shown_target(target) for target in targets if is_of(target))


def _discovered(rows: t.Sequence[JsonObject]) -> dict[str, int]:
    return {
        str(row["metric"].get("config")): int(float(row["value"][1]))
        for row in rows
        if row["metric"].get("__name__") == "prometheus_sd_discovered_targets"
    }


def _scraped(rows: t.Sequence[JsonObject], *, jobs: t.Collection[str]) -> Scraped:
    def total(name: str) -> int:
        own = (row for row in rows if row["metric"].get("__name__") == name and row["metric"].get("job") in jobs)
        return sum(int(float(row["value"][1])) for row in own)

    return Scraped(samples=total("scrape_samples_scraped"), kept=total("scrape_samples_post_metric_relabeling"))


def _flips(rows: t.Sequence[JsonObject], source: FederationTargetSet) -> dict[str, int]:
    """How often each target of a source went up or down lately; the most of its jobs."""
    found: dict[str, int] = {}
    for labels, number in rows_of(rows, flips_mark(watched_within(source))):
        if labels.get("job") in source.job_labels:
            name = str(labels.get("instance", ""))
            found[name] = max(int(number), found.get(name, 0))
    return found


def _stored(rows: t.Sequence[JsonObject], side: CentralSide, source: FederationTargetSet) -> Stored:
    cluster = source.cluster
    own = {label for source in side.sources for label in source.job_labels}
    counted = (
        number
        for labels, number in rows_of(rows, "series")
        if labels.get("cluster") == cluster and labels.get("job", "") not in own
    )
    fresh = sum(number for labels, number in rows_of(rows, "fresh") if labels.get("cluster") == cluster)
    claims = [
        f"{name}={labels[claimed]} ({number:.0f} series)"
        for name, claimed in CLAIMED.items()
        for labels, number in rows_of(rows, claimed)
        if (labels.get("cluster"), labels.get("team")) == (cluster, source.team)
    ]
    return Stored(
        series=int(sum(counted)), fresh=int(fresh), within=fresh_within(side.sources), claims=tuple(sorted(claims))
    )


def _strangers(rows: t.Sequence[JsonObject], side: CentralSide) -> tuple[str, ...]:
    found = {str(labels.get("cluster", "")) for labels, _number in rows_of(rows, "series")}
    return tuple(sorted(found - {*side.clusters, side.cluster, *(source.cluster for source in side.sources)}))


# -- the worker's side ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class WorkerSide:
    """What was read in the namespaces of the exposed instances, by kind, and what their replicas say, by Service."""

    cluster: str
    objects: t.Mapping[str, Objects]
    answers: t.Mapping[tuple[str, str], ReplicaAnswers]


def asked_replicas(source: Source, team: Team) -> list[str]:
    """The Services through which the replicas of a source are asked."""
    if source.expose == "Existing" or source.is_queried:
        # What exposes a sidecar leads to that, and not to Prometheus.
        return [prometheus_name(team.name)]
    return exposing(source, team)


def exposing(source: Source, team: Team) -> list[str]:
    """The Services of the replicas of a source."""
    if source.expose == "Existing":
        return [prometheus_name(team.name)]
    return [source_service_name(source.team, replica) for replica in range(team.prometheus.replicas)]


def exposed_facts(side: WorkerSide, source: Source, team: Team) -> list[Facts]:
    """The facts of one source on its worker."""
    of_source: dict[str, t.Any] = {
        "place": instance_scope(team),
        "cluster": side.cluster,
        "team": source.team,
        "namespace": team.namespace,
    }
    desired = source_objects(
        source,
        cluster=side.cluster,
        namespace=team.namespace,
        replicas=team.prometheus.replicas,
        prometheus=team.prometheus.name,
        family=_family(inside(side.objects["Service"], team), exposing(source, team)),
    )
    services = {obj["metadata"]["name"]: obj for obj in desired if obj["kind"] == "Service"}
    live = {kind: inside(objects, team) for kind, objects in side.objects.items()}
    labels = selector_labels([*desired, *(some for some in live.values() if not isinstance(some, Unobserved))])
    shown_live = {kind: _shown(some, desired=desired, labels=labels) for kind, some in live.items()}
    pods = mapped(shown_live["Pod"], lambda found: tuple(_trimmed(pod) for pod in pods_of(found, team)))
    facts: list[Facts] = []
    asked = asked_replicas(source, team)
    for replica, name in enumerate(exposing(source, team)):
        answers = side.answers[team.namespace, asked[min(replica, len(asked) - 1)]]
        pod_name = f"{prometheus_name(team.prometheus.name)}-{replica}"
        facts.append(
            ReplicaFacts(
                **of_source,
                name=name,
                replica=replica,
                desired=services.get(name),
                service=_one(shown_live["Service"], name),
                pod=_one(pods, pod_name),
                slices=_of(shown_live["EndpointSlice"], service=name),
                counts=answers.counts,
                labels=mapped(answers.labels, lambda found: shown_labels(found, described=team.labels)),
                offset=answers.offset,
                failing=answers.failing,
            )
        )
    policies = [obj for obj in desired if obj["kind"] == "NetworkPolicy"]
    if policies:
        facts.append(
            AccessFacts(
                **of_source,
                name=source_policy_name(source.team),
                allowed=source.allowed_sources,
                pods=pods,
                desired=policies[0],
                policies=shown_live["NetworkPolicy"],
            )
        )
    return facts


def _family(services: Objects, names: t.Collection[str]) -> str | None:
    """The family of addresses that the cluster gave to these Services, None if that is not known."""
    found = () if isinstance(services, Unobserved) else services
    families = (
        family
        for one in found
        if one["metadata"]["name"] in names
        for family in (one.get("spec") or {}).get("ipFamilies") or ()
    )
    return next((str(family) for family in families), None)


def inside(objects: Objects, team: Team) -> Objects:
    """Those in the namespace of a team's instance."""
    return mapped(objects, lambda found: tuple(o for o in found if o["metadata"]["namespace"] == team.namespace))


def pods_of(pods: t.Iterable[JsonObject], team: Team) -> list[JsonObject]:
    """The pods of a team's Prometheus, of those in its namespace."""
    own = {NAME_LABEL: team.prometheus.application, INSTANCE_LABEL: team.prometheus.name}
    return [pod for pod in pods if own.items() <= (pod["metadata"].get("labels") or {}).items()]


def _one(objects: Objects, name: str) -> Fact[JsonObject | None]:
    return mapped(objects, lambda found: next((obj for obj in found if obj["metadata"]["name"] == name), None))


def _of(slices: Objects, *, service: str) -> Objects:
    """The slices of a Service."""
    return mapped(
        slices,
        lambda found: tuple(one for one in found if (one["metadata"].get("labels") or {}).get(SERVICE_NAME) == service),
    )


def _trimmed(pod: JsonObject) -> JsonObject:
    """What is read of a pod: its containers' environment and arguments may hold secrets."""
    spec = pod.get("spec") or {}
    containers = [{"name": one.get("name"), "ports": one.get("ports") or []} for one in spec.get("containers") or ()]
    metadata = {name: pod["metadata"].get(name) for name in ("name", "namespace", "labels")}
    return {"metadata": metadata, "spec": {"nodeName": spec.get("nodeName"), "containers": containers}}
