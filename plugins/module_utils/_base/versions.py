# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the collection and of what it installs: the one place where these are pinned.

Plain constants without imports: the test lab loads this file by its path, before any environment exists.
"""

from __future__ import annotations

# The collection itself, as galaxy.yml has it.
COLLECTION = "1.0.0"
PROMETHEUS_OPERATOR = "0.93.1"
PROMETHEUS = "3.13.5"
ALERTMANAGER = "0.33.1"
THANOS = "0.42.4"
KUBE_RBAC_PROXY = "0.19.1"
PROM_LABEL_PROXY = "0.14.0"
NODE_EXPORTER = "1.12.1"
KUBE_STATE_METRICS = "2.18.0"
GRAFANA = "13.2.2"

# Where the images are, below the registry where they are published.
UPSTREAM_REGISTRY = "quay.io"
OPERATOR_REPOSITORY = "prometheus-operator/prometheus-operator"
RELOADER_REPOSITORY = "prometheus-operator/prometheus-config-reloader"
ADMISSION_WEBHOOK_REPOSITORY = "prometheus-operator/admission-webhook"
PROMETHEUS_REPOSITORY = "prometheus/prometheus"
ALERTMANAGER_REPOSITORY = "prometheus/alertmanager"
THANOS_REPOSITORY = "thanos/thanos"
KUBE_RBAC_PROXY_REPOSITORY = "brancz/kube-rbac-proxy"
PROM_LABEL_PROXY_REPOSITORY = "prometheuscommunity/prom-label-proxy"
NODE_EXPORTER_IMAGE = (UPSTREAM_REGISTRY, "prometheus/node-exporter")
KUBE_STATE_METRICS_IMAGE = ("registry.k8s.io", "kube-state-metrics/kube-state-metrics")
GRAFANA_IMAGE = ("docker.io", "grafana/grafana")
# All of them: the registry where an image is published, and where it is below that.
IMAGES = (
    (UPSTREAM_REGISTRY, OPERATOR_REPOSITORY),
    (UPSTREAM_REGISTRY, RELOADER_REPOSITORY),
    (UPSTREAM_REGISTRY, ADMISSION_WEBHOOK_REPOSITORY),
    (UPSTREAM_REGISTRY, PROMETHEUS_REPOSITORY),
    (UPSTREAM_REGISTRY, ALERTMANAGER_REPOSITORY),
    (UPSTREAM_REGISTRY, THANOS_REPOSITORY),
    (UPSTREAM_REGISTRY, KUBE_RBAC_PROXY_REPOSITORY),
    (UPSTREAM_REGISTRY, PROM_LABEL_PROXY_REPOSITORY),
    NODE_EXPORTER_IMAGE,
    KUBE_STATE_METRICS_IMAGE,
    GRAFANA_IMAGE,
)

# sha256 of the CRD files of that operator release (folder example/prometheus-operator-crd of its sources).
CRD_SHA256 = {
    "monitoring.coreos.com_alertmanagerconfigs.yaml": (
        "405d1e8f8c7f99cc2d4bbbcf394f055823c1d8e2e7d9ae80904c1c104877a421"
    ),
    "monitoring.coreos.com_alertmanagers.yaml": "a2adf6c349e6b955bf87ed4f5c9be573f8fc2b3009e9447c8321249f33577b21",
    "monitoring.coreos.com_podmonitors.yaml": "eef45bb50df838a85226eb6b03c0c7094c54d605776bdf2ec149f17fba8a1df0",
    "monitoring.coreos.com_probes.yaml": "9e091f0f95a8ec4b4e7f69a60f5c189a0846db17f5d014e24ca7c39e04c30adb",
    "monitoring.coreos.com_prometheusagents.yaml": "4a85558bd15ed4df43732f15e1001e8cd1ecdc6306cac96f4a21a914ee355ec9",
    "monitoring.coreos.com_prometheuses.yaml": "e453c7f324077b3fcc3f82ca40b095f0f23cc07e6177b2e61b863f04011bed41",
    "monitoring.coreos.com_prometheusrules.yaml": "2d72928f7ceb99d153f2f91d2c2fd68d4b89c4914f2a09e15ac049b2f0316df3",
    "monitoring.coreos.com_scrapeconfigs.yaml": "3528c4d2afa4eadec9c1416959581b30199291e1e32abbc0818878ad9fec2582",
    "monitoring.coreos.com_servicemonitors.yaml": "7dd4206947c94bc76f71daa07c45a1010a5d697c54fe079f8207b0e82026a26a",
    "monitoring.coreos.com_thanosrulers.yaml": "75d58ca8a97cb89b6295e06d18beb717b954439c989ab1811fe98e54404dc720",
}
