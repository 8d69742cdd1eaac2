"""Who is notified of a team's alerts: a program for molecule's verify step, which uses no code of the collection.

Each team's receiver is a path of one webhook. Three kinds of alerts are made: Watchdog of every team, a target that is
down in one of a team's namespaces, and a rule there that cannot be evaluated, whose alert has no label namespace. All
must reach the team's own path, firing and resolved, and nothing must reach another team's.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import typing as t
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from promlab.images import WEBHOOK_REFERENCE
from tests.integration.support.cluster import ApiError, Cluster, JsonObject

MONITORING = "monitoring.coreos.com/v1"
RULES = Path(__file__).resolve().parents[3] / "roles/team_monitoring/files/base_rules.yml"
# Its name begins as those of instances do, so that cleaning up removes it.
NAMESPACE = "monitoring-webhook"
NAME = "webhook"
PORT = 8080
# Nothing listens there.
DEAD_PORT = 9
SECONDS = 150.0
FAULTS = "faults"
# Fails whenever it is evaluated: two series fit each one on the other side.
_TWICE = 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "")'
_FAILS = f"({_TWICE}) * on () group_left () ({_TWICE})"


def webhook(namespace: str, *, port: int = PORT) -> list[JsonObject]:
    """A pod that receives notifications, and its Service, whose port leads to *port* of the pod."""
    metadata = {"name": NAME, "namespace": namespace, "labels": {"app": NAME}}
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": NAME,
        "image": WEBHOOK_REFERENCE,
        "imagePullPolicy": "Never",
        "securityContext": restricted,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    pod = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
    }
    ports = [{"name": "web", "port": PORT, "targetPort": port}]
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": NAME}, "ports": ports},
        },
    ]


def faults(namespace: str) -> list[JsonObject]:
    """A target that is down, and a rule that cannot be evaluated, in a *namespace* of a team."""
    metadata = {"name": FAULTS, "namespace": namespace}
    group = {"name": FAULTS, "interval": "2s", "rules": [{"record": "any:fails", "expr": _FAILS}]}
    monitor = {"selector": {"matchLabels": {"app": NAME}}, "endpoints": [{"port": "web", "interval": "2s"}]}
    return [
        {"apiVersion": MONITORING, "kind": "PrometheusRule", "metadata": metadata, "spec": {"groups": [group]}},
        {"apiVersion": MONITORING, "kind": "ServiceMonitor", "metadata": metadata, "spec": monitor},
    ]


def quick_rules(namespace: str) -> JsonObject:
    """The alerts that every instance has, without the minutes for which they wait."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    quick = [
        {
            **{name: value for name, value in rule.items() if name != "for"},
            "expr": re.sub(r"\[5m\]", "[20s]", rule["expr"]),
        }
        for rule in alerts
    ]
    group = {"name": "quick", "interval": "2s", "rules": quick}
    metadata = {"name": "quick", "namespace": namespace}
    return {"apiVersion": MONITORING, "kind": "PrometheusRule", "metadata": metadata, "spec": {"groups": [group]}}


def received(cluster: Cluster) -> list[JsonObject]:
    """The alerts that came, each with its path, its status and its labels."""
    path = f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}:web/proxy/"
    try:
        found: list[JsonObject] = json.loads(cluster.send("GET", path))
    except ApiError as error:
        if error.status == 503:  # its pod is not ready yet
            return []
        raise
    return found


def _of(obj: JsonObject) -> tuple[str, str, str, str]:
    """What names an object of a namespace."""
    metadata = obj["metadata"]
    return obj["apiVersion"], obj["kind"], metadata["name"], metadata["namespace"]


def _wait(check: Callable[[], Sequence[str]], what: str) -> None:
    end = time.monotonic() + SECONDS
    while missing := check():
        if time.monotonic() > end:
            raise SystemExit(f"{what}; missing after {SECONDS:.0f} s: {'; '.join(missing)}")
        time.sleep(1)


def missing(alerts: Sequence[JsonObject], expected: t.Iterable[JsonObject]) -> list[str]:
    """Those of *expected*, each with path, status and some labels, that are not in *alerts*."""
    return [
        f"{one['status']} {one['labels']} at {one['path']}"
        for one in expected
        if not any(
            (alert["path"], alert["status"]) == (one["path"], one["status"])
            and one["labels"].items() <= alert["labels"].items()
            for alert in alerts
        )
    ]


def strays(alerts: Sequence[JsonObject]) -> list[str]:
    """Alerts that came to the path of another team than their own."""
    return sorted({f"{a['labels']} at {a['path']}" for a in alerts if a["path"] != f"/{a['labels'].get('team')}"})


def verify(cluster: Cluster, *, team: str, namespace: str, teams: Sequence[str]) -> int:
    """Make alerts of *team* in its *namespace*, and require what is said above; the number of alerts that came."""
    sink = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    for obj in (sink, *webhook(NAMESPACE), *(quick_rules(f"monitoring-{name}") for name in teams)):
        cluster.apply(obj)
    made = [*webhook(namespace, port=DEAD_PORT), *faults(namespace)]
    for obj in made:
        cluster.apply(obj)
    own = [
        {"path": f"/{team}", "labels": {"alertname": "TargetDown", "namespace": namespace}},
        {"path": f"/{team}", "labels": {"alertname": "PrometheusRuleFailures"}},
    ]
    firing = [
        *({"path": f"/{name}", "status": "firing", "labels": {"alertname": "Watchdog"}} for name in teams),
        *({**one, "status": "firing"} for one in own),
    ]
    ended = [{**one, "status": "resolved"} for one in own]
    try:
        _wait(lambda: missing(received(cluster), firing), "alerts do not arrive")
        # The monitor goes last: of a job that is gone Prometheus forgets the series only minutes later.
        for obj in (obj for obj in made if obj["kind"] != "ServiceMonitor"):
            cluster.delete(*_of(obj))
        _wait(lambda: missing(received(cluster), ended), "resolved alerts do not arrive")
    finally:
        for obj in made:
            cluster.delete(*_of(obj))
    for name in teams:
        cluster.delete(MONITORING, "PrometheusRule", "quick", f"monitoring-{name}")
    alerts = received(cluster)
    wrong = strays(alerts)
    if wrong:
        raise SystemExit(f"alerts came to another team: {'; '.join(wrong)}")
    without = [a for a in alerts if a["labels"]["alertname"] == "PrometheusRuleFailures" and "namespace" in a["labels"]]
    if without:
        raise SystemExit(f"this alert was to have no label namespace, so it shows nothing: {without[0]}")
    return len(alerts)


def main() -> int:
    """Verifies, and says how many alerts came."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument("--team", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("teams", nargs="+")
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig.expanduser(), context=arguments.context)
    count = verify(cluster, team=arguments.team, namespace=arguments.namespace, teams=arguments.teams)
    print(f"{count} alerts came, each to its own team: {', '.join(arguments.teams)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
