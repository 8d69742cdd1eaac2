"""Whether kube-state-metrics follows the conditions of the operator's instances: a program for molecule's verify step.

An instance that the operator refuses is made, repaired and removed again; its series are read through the API server.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.prometheus import Prometheus

NAMESPACE = "promfleet-kube-state-metrics"
TEAM = "shop"
METRIC = "promfleet_monitoring_condition"
SECONDS = 60.0
API, KIND, PLACE, NAME = "monitoring.coreos.com/v1", "Prometheus", "default", "refused"
# The operator sets this argument itself.
REFUSED = {"additionalArgs": [{"name": "config.file", "value": "/any"}]}
INSTANCE: JsonObject = {
    "apiVersion": API,
    "kind": KIND,
    "metadata": {"name": NAME, "namespace": PLACE, "labels": {"promfleet.monitoring/team": TEAM}},
    "spec": {"replicas": 0, **REFUSED},
}


def samples(cluster: Cluster, name: str) -> list[tuple[Mapping[str, str], float]]:
    """The series of a metric that kube-state-metrics has now."""
    pods = cluster.list_kind(cluster.kind("v1", "Pod"), selector="app.kubernetes.io/name=kube-state-metrics")
    (pod,) = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    families = text_string_to_metric_families(cluster.send("GET", path).decode())
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def statuses(cluster: Cluster, kind: str, name: str, condition: str) -> list[str]:
    """The statuses of a condition whose series are 1: one of them, or none where there is no condition."""
    wanted = {"kind": kind, "name": name, "type": condition}
    return [
        labels["status"]
        for labels, value in samples(cluster, METRIC)
        if wanted.items() <= labels.items() and value == 1
    ]


def follow(cluster: Cluster) -> None:
    """The condition of an instance is False, then True; its series are gone with it."""

    def shows(*expected: str) -> None:
        cluster.wait_until(
            lambda: statuses(cluster, KIND, NAME, "Reconciled") == list(expected),
            f"{METRIC} of {NAME} has the status {expected or 'none'}",
            timeout=SECONDS,
        )
        print(f"{METRIC}{{name={NAME!r}, type='Reconciled'}}: {', '.join(expected) or 'no series'}")

    cluster.apply(INSTANCE, force=True)
    try:
        shows("False")
        teams = {labels["instance_team"] for labels, _ in samples(cluster, METRIC) if labels["name"] == NAME}
        assert teams == {TEAM}, teams
        cluster.edit(API, KIND, NAME, {"spec": {"additionalArgs": None}}, namespace=PLACE)
        shows("True")
    finally:
        cluster.delete(API, KIND, NAME, PLACE)
    shows()


def each_node(cluster: Cluster) -> None:
    """The platform's Prometheus has the CPUs of each node."""
    prometheus = Prometheus(cluster, team="platform")
    addresses = {
        address["address"]
        for node in cluster.list_kind(cluster.kind("v1", "Node"))
        for address in node["status"]["addresses"]
        if address["type"] == "InternalIP"
    }

    def seen() -> set[str]:
        found = prometheus.query('count by (instance) (node_cpu_seconds_total{job="node-exporter"})')
        return {one["metric"]["instance"].rpartition(":")[0] for one in found}

    cluster.wait_until(lambda: seen() == addresses, f"node_exporter of {sorted(addresses)} answers", timeout=SECONDS)
    print(f"node_cpu_seconds_total of {len(addresses)} of {len(addresses)} nodes")


def main() -> None:
    """Follows both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig, context=arguments.context)
    follow(cluster)
    each_node(cluster)


if __name__ == "__main__":
    main()
