# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The central side: what lets a Prometheus scrape the exposed instances. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_LABEL,
    KNOWN_AFTER_APPLY,
    MONITORING,
    MONITORING_ALPHA,
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
    common_labels,
    federation_part_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISCOVERY,
    PROMETHEUS_PORT,
    WEB_PORT_NAME,
    JsonObject,
    make,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import access_fields
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Job,
    Target,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    CLAIMED,
    FEDERATION_COMPONENT,
    Limits,
)

# Each job meets the targets of all others in its namespace, and would keep every one that it drops.
_KEPT_DROPPED_TARGETS = 1

# The target labels of a ServiceMonitor. With honorLabels they would be put on every series that lacks them, and a
# worker's series would say that they come from a pod or namespace of the central cluster.
_TARGET_LABELS = "pod|namespace|service|endpoint|container|node"

# What calls itself so in /federate claims to be a scrape of the central side.
_CLAIMED_JOBS = "federation/.+"


def endpoint_objects(targets: FederationTargetSet, *, namespace: str, team: str) -> list[JsonObject]:
    """What lets the Prometheus of *team* (in *namespace*, on the central cluster) federate one instance."""
    labels = {
        **common_labels("prometheus", team=team),
        INSTANCE_LABEL: targets.name,
        COMPONENT_LABEL: FEDERATION_COMPONENT,
        SOURCE_CLUSTER_LABEL: targets.cluster,
        SOURCE_TEAM_LABEL: targets.team,
    }
    if not targets.is_scraped:
        return []
    if targets.monitor_kind == "ScrapeConfig":
        return [_scrape_config(targets, job, namespace=namespace, labels=labels) for job in targets.jobs]
    return [
        make(CORE, "Service", targets.name, namespace=namespace, labels=labels, spec=_headless()),
        *(_slice(targets, target, namespace=namespace, labels=labels) for target in targets.targets),
        _service_monitor(targets, namespace=namespace, labels=labels),
    ]


def slice_name(name: str, replica: int) -> str:
    """Name of the EndpointSlice of one replica of the instance whose objects are called *name*."""
    return f"{name}-{replica}"


def _headless() -> JsonObject:
    """A Service only for its name: no address, no selector.

    SingleStack, because Prometheus drops slices of the other family from a dual-stack Service, which is what such a
    Service is by default. No ipFamilies: an address of any family then works on any cluster.
    """
    port = {"name": WEB_PORT_NAME, "port": PROMETHEUS_PORT, "protocol": "TCP", "targetPort": PROMETHEUS_PORT}
    return {"clusterIP": "None", "ipFamilyPolicy": "SingleStack", "ports": [port]}


def _slice(targets: FederationTargetSet, target: Target, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    """One slice for each replica: replicas on node ports differ in their ports, which belong to the slice."""
    return make(
        DISCOVERY,
        "EndpointSlice",
        slice_name(targets.name, target.replica),
        namespace=namespace,
        labels={
            **labels,
            "endpointslice.kubernetes.io/managed-by": FIELD_MANAGER,
            "kubernetes.io/service-name": targets.name,
        },
        addressType="IPv6" if ":" in target.address else "IPv4",
        # Without conditions the server adds empty ones, and the list would be sent again in each run.
        endpoints=[{"addresses": [target.address], "conditions": {"ready": True}}],
        ports=[{"name": WEB_PORT_NAME, "port": _port(target), "protocol": "TCP"}],
    )


def _place(target: Target) -> str:
    """The address of a static target, as discovery would write it: it becomes the label instance."""
    address = target.address.removesuffix(".")
    return f"[{address}]:{_port(target)}" if ":" in address else f"{address}:{_port(target)}"


def _port(target: Target) -> int | str:
    return KNOWN_AFTER_APPLY if target.port is None else target.port


def _service_monitor(targets: FederationTargetSet, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    spec = {
        "serviceDiscoveryRole": "EndpointSlice",
        "selector": {"matchLabels": {INSTANCE_LABEL: targets.name}},
        "endpoints": [_endpoint(targets, job) for job in targets.jobs],
        **_limits(targets.scrape.limits),
    }
    return make(MONITORING, "ServiceMonitor", targets.name, namespace=namespace, labels=labels, spec=spec)


def _endpoint(targets: FederationTargetSet, job: Job) -> JsonObject:
    scrape = targets.scrape
    return {
        "port": WEB_PORT_NAME,
        "path": scrape.access.path,
        "scheme": scrape.access.scheme,
        "interval": scrape.interval,
        "scrapeTimeout": scrape.timeout,
        **_reading(targets, job),
        "relabelings": [
            {"action": "labeldrop", "regex": _TARGET_LABELS},
            *(
                {"action": "replace", "replacement": value, "targetLabel": name}
                for name, value in sorted({**_target_labels(targets), "job": job.label}.items())
            ),
        ],
    }


def _scrape_config(
    targets: FederationTargetSet, job: Job, *, namespace: str, labels: t.Mapping[str, str]
) -> JsonObject:
    scrape = targets.scrape
    places = sorted(_place(target) for target in targets.targets)
    spec = {
        "jobName": job.label,
        "staticConfigs": [{"labels": _target_labels(targets), "targets": places}],
        "metricsPath": scrape.access.path,
        # Older releases of the CRD know only capitals here, and only small letters in a ServiceMonitor.
        "scheme": scrape.access.scheme.upper(),
        "scrapeInterval": scrape.interval,
        "scrapeTimeout": scrape.timeout,
        **_reading(targets, job),
        **_limits(scrape.limits),
    }
    name = federation_part_name(targets.name, part=job.part)
    return make(MONITORING_ALPHA, "ScrapeConfig", name, namespace=namespace, labels=labels, spec=spec)


def _reading(targets: FederationTargetSet, job: Job) -> JsonObject:
    """What both kinds call alike."""
    fields: JsonObject = {
        **access_fields(targets.scrape.access),
        "params": {"match[]": list(job.match)},
        "honorLabels": True,
        "honorTimestamps": True,
        "metricRelabelings": series_steps(targets, without=job.without),
    }
    if job.ends_at_once:
        # /federate gives times of its own, and without this Prometheus writes no marker where such a series ends.
        fields["trackTimestampsStaleness"] = True
    return fields


def _identity(targets: FederationTargetSet) -> dict[str, str]:
    """The labels that no series of the source may decide."""
    return {"cluster": targets.cluster, "team": targets.team}


def _limits(limits: Limits) -> JsonObject:
    """What keeps the central Prometheus from a source that grew. Each job of a source has these limits for itself."""
    fields = {"sampleLimit": limits.samples, "bodySizeLimit": limits.body_size}
    return {
        "keepDroppedTargets": _KEPT_DROPPED_TARGETS,
        **{name: value for name, value in fields.items() if value is not None},
    }


def _target_labels(targets: FederationTargetSet) -> dict[str, str]:
    """The labels that say where a series comes from, added if the series lacks them. `up` and scrape_* lack all."""
    return {**targets.scrape.labels, **_identity(targets)}


def series_steps(targets: FederationTargetSet, *, without: str = "") -> list[JsonObject]:
    """What happens to each series of a source, read or written, but not to `up` and scrape_* of its targets.

    *without*: the name of a series that is dropped.
    """
    steps: list[JsonObject] = []
    if without:
        steps.append({"action": "drop", "regex": without, "sourceLabels": ["__name__"]})
    region = targets.region
    jobs = _CLAIMED_JOBS
    if region is not None:
        # Where these series were read first, their cluster was written on them. No other clusters' come from there.
        clusters = _one_of({*region.clusters, targets.cluster})
        steps.append({"action": "keep", "regex": clusters, "sourceLabels": ["cluster"]})
        # How the sources of the region are scraped may be known here, too.
        jobs = _one_of({one.label for one in targets.jobs})
    # Before the identity is written: nothing of it can be changed by this.
    steps += targets.scrape.normalize.steps
    # A series that had no job must not get the target's, and none may pass for a target.
    steps.append({"action": "replace", "regex": jobs, "replacement": "", "sourceLabels": ["job"], "targetLabel": "job"})
    for name, value in sorted(_constants(targets).items()):
        steps += _constant(name, value)
    return steps


def _constants(targets: FederationTargetSet) -> dict[str, str]:
    """The labels that have one value on all series of the source."""
    identity = _identity(targets)
    if targets.region is None:
        return identity
    return {} if targets.region.all_teams else {"team": identity["team"]}


def _one_of(values: t.Collection[str]) -> str:
    """A regular expression for names of clusters, teams and jobs: of their characters only the dot means more there."""
    return "|".join(value.replace(".", r"\.") for value in sorted(values))


def _constant(name: str, value: str) -> list[JsonObject]:
    """Give every series *value* for the label *name*.

    A source adds its external labels only to series that lack them, so that a metric or a rule of an application could
    name any cluster and team; honorLabels then keeps that. What it named is kept apart: series that differ in nothing
    else stay apart too, and it can be found who did this.
    """
    claimed = CLAIMED[name]
    return [
        {"action": "replace", "sourceLabels": [name], "targetLabel": claimed},
        {"action": "replace", "replacement": value, "targetLabel": name},
        {
            "action": "replace",
            "regex": _one_of([value]),
            "replacement": "",
            "sourceLabels": [claimed],
            "targetLabel": claimed,
        },
    ]
