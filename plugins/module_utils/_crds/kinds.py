# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is special about the operator's kinds: readiness, maps that are merged as a whole, owners.

The rooms above know no kind of monitoring.coreos.com; `register` tells them. Every run of a module calls it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    MONITORING_GROUP,
    instance_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import contents, inhabitants
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import atomic, ready

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A kind that runs pods: its apiVersion, when it is ready, and how the names of its StatefulSets begin."""

    api_version: str
    steps: tuple[ready.Step, ...]
    stateful_sets: str


# ``Available`` alone ignores updated pods and may be of an older generation.
_RECONCILED = (
    ready.NotPaused(),
    ready.TrueCondition(name="Reconciled", failed_if_false=True),
    ready.TrueCondition(name="Available"),
)
_SHARDED = ready.Counters(factors=("replicas", "shards"))
INSTANCES = {
    "Alertmanager": Instance(
        api_version=MONITORING, steps=(*_RECONCILED, ready.Counters()), stateful_sets="alertmanager"
    ),
    "Prometheus": Instance(api_version=MONITORING, steps=(*_RECONCILED, _SHARDED), stateful_sets="prometheus"),
    # As a DaemonSet it has as many pods as there are nodes.
    "PrometheusAgent": Instance(
        api_version=MONITORING_ALPHA,
        steps=(*_RECONCILED, replace(_SHARDED, unless=("mode", "DaemonSet"))),
        stateful_sets="prom-agent",
    ),
    "ThanosRuler": Instance(
        api_version=MONITORING, steps=(*_RECONCILED, ready.Counters()), stateful_sets="thanos-ruler"
    ),
}
# The kinds that the CRDs of the pinned release are for.
RELEASE_KINDS = (
    "Alertmanager",
    "AlertmanagerConfig",
    "PodMonitor",
    "Probe",
    "Prometheus",
    "PrometheusAgent",
    "PrometheusRule",
    "ScrapeConfig",
    "ServiceMonitor",
    "ThanosRuler",
)
# By the CRDs of the operator's releases, see `atomic.register`.
ATOMIC_MAPS = atomic.names(
    "accessKey additionalAlertManagerConfigs additionalAlertRelabelConfigs additionalScrapeConfigs "
    "alertRelabelConfigs alertmanagerConfigNamespaceSelector alertmanagerConfigSelector alertmanagersConfig apiKey "
    "apiSecret apiURL authPassword authSecret bearerTokenSecret botToken clientSecret configMap configMapKeyRef "
    "credentials fieldRef keySecret labelSelector objectStorageConfig opsGenieApiKey opsGenieApiUrl password "
    "podMonitorNamespaceSelector podMonitorSelector probeNamespaceSelector probeSelector resourceFieldRef "
    "routingKey ruleNamespaceSelector ruleSelector scrapeConfigNamespaceSelector scrapeConfigSelector secretKey "
    "secretKeyRef selector serviceKey serviceMonitorNamespaceSelector serviceMonitorSelector slackApiUrl token "
    "urlSecret userKey username webhookURL webhookUrl"
)


def register() -> None:
    """Tell the engine about the operator's kinds. A second call changes nothing."""
    for kind, instance in INSTANCES.items():
        ready.register(kind, *instance.steps, stateful_sets=instance.stateful_sets)
    # ServiceMonitor and PodMonitor have maps of the name `params` that are merged key by key.
    atomic.register(MONITORING_GROUP, ATOMIC_MAPS, kinds={"ScrapeConfig": ATOMIC_MAPS | {"params"}})
    # They own what the operator makes of them, in their own namespace.
    contents.register_owners(frozenset(INSTANCES))
    inhabitants.register_pods("Alertmanager", lambda obj: instance_pods("alertmanager", name=obj["metadata"]["name"]))
    inhabitants.register_pods(
        "PrometheusAgent", lambda obj: instance_pods("prometheus-agent", name=obj["metadata"]["name"])
    )
    inhabitants.register_pods("Prometheus", lambda obj: instance_pods("prometheus", name=obj["metadata"]["name"]))


def served_kinds(cluster: Cluster) -> list[str]:
    """The operator's custom resources that are served, sorted."""
    return sorted(kind for version in (MONITORING, MONITORING_ALPHA) for kind in cluster.resources(version) or {})
