"""Whether teams get their series of the platform, and none of others: a program for molecule's verify step."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.prometheus import Prometheus

SECONDS = 90.0
# Of kube-state-metrics and of cAdvisor, each of which has one for every pod; and what rules record of the nodes.
METRICS = (
    "kube_pod_info",
    "container_memory_working_set_bytes",
    "namespace:nodes_not_ready:count",
    "namespace:nodes_cpu_busy:ratio_rate5m_max",
    "namespace:nodes_memory_used:ratio_avg",
)


def seen(prometheus: Prometheus, metric: str) -> dict[str, int]:
    """How many series of a metric there are by namespace."""
    rows = prometheus.query(f"count by (namespace) ({metric})")
    return {row["metric"].get("namespace", ""): int(row["value"][1]) for row in rows}


def main() -> int:
    """Waits until each team has the series of all of its namespaces, or tells what is not so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("teams", nargs="+", help="such as payments=billing,payments")
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig, context=arguments.context)
    wanted = {team: set(names.split(",")) for team, _is, names in (one.partition("=") for one in arguments.teams)}
    deadline = time.monotonic() + SECONDS
    while True:
        wrong, lines = [], []
        for team, names in wanted.items():
            for metric in METRICS:
                try:
                    found = seen(Prometheus(cluster, team=team), metric)
                except (ApiError, json.JSONDecodeError) as error:
                    wrong.append(f"{team}: {error}")
                    continue
                lines.append(f"{team}: {metric} {found}")
                if found.keys() != names:
                    wrong.append(f"{team}: {metric} has {found}, wanted are {sorted(names)}")
        everywhere = seen(Prometheus(cluster, team="platform"), METRICS[0])
        if not wrong and everywhere.keys() > set().union(*wanted.values()):
            print("\n".join([*lines, f"platform: {METRICS[0]} {everywhere}"]))
            return 0
        if time.monotonic() > deadline:
            print("\n".join(wrong))
            return 1
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
