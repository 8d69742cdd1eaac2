# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is special about the operator's kinds: readiness, maps that are merged as a whole, owners.

The rooms above know no kind of monitoring.coreos.com; `register` tells them. Every run of a module calls it.
"""

from __future__ import annotations

import typing as t

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

# Kinds that own what the operator makes of them, in their own namespace.
OWNERS = frozenset({"Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler"})
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
    ready.register("Alertmanager", _instance_not_ready, stateful_sets="alertmanager")
    ready.register("Prometheus", _instance_not_ready, stateful_sets="prometheus")
    # ServiceMonitor and PodMonitor have maps of the name `params` that are merged key by key.
    atomic.register(MONITORING_GROUP, ATOMIC_MAPS, kinds={"ScrapeConfig": ATOMIC_MAPS | {"params"}})
    contents.register_owners(OWNERS)
    inhabitants.register_pods("Alertmanager", lambda obj: instance_pods("alertmanager", name=obj["metadata"]["name"]))
    inhabitants.register_pods("Prometheus", lambda obj: instance_pods("prometheus", name=obj["metadata"]["name"]))


def served_kinds(cluster: Cluster) -> list[str]:
    """The operator's custom resources that are served, sorted."""
    return sorted(kind for version in (MONITORING, MONITORING_ALPHA) for kind in cluster.resources(version) or {})


def _instance_not_ready(obj: JsonObject) -> str | None:
    """Prometheus and Alertmanager: ``Available`` alone ignores updated pods and may be of an older generation."""
    for name in ("Reconciled", "Available"):
        reason = ready.wanted_condition(obj, name, generations=True)
        if reason:
            return reason
    status = obj.get("status") or {}
    if status.get("paused"):
        return "it is paused: the operator changes nothing"
    wanted = obj["spec"].get("replicas", 1) * obj["spec"].get("shards", 1)
    return ready.counters_differ(status, wanted=wanted)
