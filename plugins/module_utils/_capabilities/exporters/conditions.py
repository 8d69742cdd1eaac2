# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kube-state-metrics reads of the operator's kinds: the conditions of each instance, as metrics. Pure.

The format is kube-state-metrics' own (docs/metrics/extend/customresourcestate-metrics.md of its sources).
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING_GROUP,
    TEAM_LABEL,
)

JsonObject = dict[str, t.Any]

PREFIX = "promfleet_monitoring"
# By kind: the version in which it is read, and its plural.
INSTANCES: t.Mapping[str, tuple[str, str]] = {
    "Alertmanager": ("v1", "alertmanagers"),
    "Prometheus": ("v1", "prometheuses"),
    "PrometheusAgent": ("v1alpha1", "prometheusagents"),
    "ThanosRuler": ("v1", "thanosrulers"),
}
# What the status of a condition may be (pkg/apis/monitoring/v1 ConditionStatus). A gauge would have no value for the
# last: it is one series for each of them, of which one is 1.
STATUSES = ("True", "False", "Unknown", "Degraded")


def conditions_config() -> JsonObject:
    """The file of --custom-resource-state-config: for each instance its generation and its conditions."""
    return {
        "kind": "CustomResourceStateMetrics",
        "spec": {"resources": [_resource(kind, version) for kind, (version, _plural) in INSTANCES.items()]},
    }


def _resource(kind: str, version: str) -> JsonObject:
    return {
        "groupVersionKind": {"group": MONITORING_GROUP, "version": version, "kind": kind},
        "metricNamePrefix": PREFIX,
        "commonLabels": {"kind": kind},
        "labelsFromPath": {
            "name": ["metadata", "name"],
            "namespace": ["metadata", "namespace"],
            # Not `team`: that label says whose Prometheus has a series, and the platform's has these.
            "instance_team": ["metadata", "labels", TEAM_LABEL],
        },
        "metrics": [
            {
                # Also where the operator has not written a status yet.
                "name": "generation",
                "help": "The generation of an instance, which each change of its specification raises.",
                "each": {"type": "Gauge", "gauge": {"path": ["metadata", "generation"]}},
            },
            {
                "name": "condition",
                "help": "The conditions of an instance; 1 for the status that a condition has.",
                "each": {
                    "type": "StateSet",
                    "stateSet": {
                        "path": ["status", "conditions"],
                        "labelsFromPath": {"type": ["type"]},
                        "labelName": "status",
                        "valueFrom": ["status"],
                        "list": list(STATUSES),
                    },
                },
            },
        ],
    }
