# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collecting the facts that the checks judge, from the API server and from Prometheus."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    OPERATOR_NAME,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.objects import (
    endpoint_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    InstanceFacts,
    OperatorFacts,
    SourceFacts,
    instance_checks,
    operator_checks,
    source_checks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus, PrometheusError

JsonObject = dict[str, t.Any]

INTERVAL = 2.0
NEEDED_KINDS = {
    MONITORING: ("Alertmanager", "Prometheus", "PrometheusRule", "ServiceMonitor"),
    MONITORING_ALPHA: ("ScrapeConfig",),
}


def verify(
    cluster: Cluster,
    *,
    operator_namespace: str,
    teams: t.Sequence[Team],
    central: Team,
    sources: t.Sequence[FederationTargetSet],
    timeout: float,
    progress: Progress = SILENT,
) -> tuple[list[Check], dict[str, int]]:
    """All checks of one cluster, and how many series of each cluster are federated.

    Asks again until all is well or *timeout* seconds are over.
    """
    deadline = time.monotonic() + timeout
    while True:
        checks = operator_checks(_operator(cluster, operator_namespace))
        progress.step("asking", total=len(teams), unit="instances")
        for team in teams:
            checks += instance_checks(_instance(cluster, team))
            progress.advance()
        progress.step("asking about", total=len(sources), unit="federation sources")
        found = []
        for source in sources:
            found.append(_source(cluster, source, central=central))
            progress.advance()
        for facts in found:
            checks += source_checks(facts)
        broken = [check for check in checks if not check.ok]
        if not broken or time.monotonic() > deadline:
            return checks, {facts.cluster: facts.series for facts in found}
        progress.step(f"waiting for {len(broken)} of {len(checks)} checks: {broken[0].subject}: {broken[0].message}")
        time.sleep(INTERVAL)


def _find(cluster: Cluster, api_version: str, kind: str, namespace: str, name: str) -> JsonObject | None:
    resource = cluster.resource(api_version, kind)
    return cluster.find(resource.path(namespace=namespace, name=name)) if resource is not None else None


def _operator(cluster: Cluster, namespace: str) -> OperatorFacts:
    missing = []
    for api_version, kinds in NEEDED_KINDS.items():
        served = cluster.resources(api_version, refresh=True) or {}
        missing += [kind for kind in kinds if kind not in served]
    deployment = _find(cluster, "apps/v1", "Deployment", namespace, OPERATOR_NAME)
    return OperatorFacts(namespace=namespace, missing_kinds=tuple(missing), deployment=deployment)


def _prometheus(cluster: Cluster, team: Team) -> Prometheus:
    return Prometheus(cluster, namespace=team.namespace, service=prometheus_name(team.name))


def _instance(cluster: Cluster, team: Team) -> InstanceFacts:
    facts = InstanceFacts(
        team=team.name,
        namespace=team.namespace,
        prometheus=_find(cluster, MONITORING, "Prometheus", team.namespace, team.name),
        alertmanager=_find(cluster, MONITORING, "Alertmanager", team.namespace, team.name),
        wants_prometheus=team.prometheus.enabled,
        wants_alertmanager=team.alertmanager.enabled,
    )
    if not team.prometheus.enabled or facts.prometheus is None:
        return facts
    prometheus = _prometheus(cluster, team)
    try:
        info, targets = prometheus.runtime_info(), prometheus.active_targets()
    except PrometheusError as error:
        return _with(facts, error=str(error))
    return _with(facts, reload_ok=bool(info.get("reloadConfigSuccess")), targets=tuple(targets))


def _with(facts: InstanceFacts, **values: t.Any) -> InstanceFacts:
    return InstanceFacts(**{**facts.__dict__, **values})


def _source(cluster: Cluster, source: FederationTargetSet, *, central: Team) -> SourceFacts:
    job = source.job
    expected = endpoint_objects(source, namespace=central.namespace, team=central.name)
    objects = {
        (obj["kind"], obj["metadata"]["name"]): _find(
            cluster, obj["apiVersion"], obj["kind"], central.namespace, obj["metadata"]["name"]
        )
        for obj in expected
    }
    prometheus = _prometheus(cluster, central)
    monitor, service = objects.get(("ServiceMonitor", source.name)), objects.get(("Service", source.name))
    try:
        targets = [target for target in prometheus.active_targets() if target.get("labels", {}).get("job") == job]
        series = prometheus.query(f'count({{cluster="{source.cluster}",job!="{job}"}})')
        samples = prometheus.query(f'sum(scrape_samples_scraped{{job="{job}"}})')
    except PrometheusError:
        targets, series, samples = [], [], []
    return SourceFacts(
        cluster=source.cluster,
        team=source.team,
        job=job,
        addresses=tuple(target.address for target in source.targets),
        missing_objects=tuple(f"{kind} {name}" for (kind, name), live in objects.items() if live is None),
        selector=(monitor or {}).get("spec", {}).get("selector", {}).get("matchLabels", {}),
        service_labels=(service or {}).get("metadata", {}).get("labels", {}),
        targets=tuple(targets),
        series=int(_value(series)),
        samples_scraped=_value(samples),
    )


def _value(result: t.Sequence[JsonObject]) -> float:
    return float(result[0]["value"][1]) if result else 0.0
