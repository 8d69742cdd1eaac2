"""Grafanas on a real API server: Pod Security, quotas and limits admit their pods, and grafana-operator's CRDs its objects.

Grafana itself does not run here: its program cannot be had. Pods stay Pending, so nothing waits for them.
"""

from __future__ import annotations

import functools
import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import grafana_pods

from promlab.controlplane import ControlPlane
from promlab.progress import Progress
from promlab.settings import from_environment
from promlab.shell import capture
from promlab.toolchain import find_go
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module

JsonObject = dict[str, t.Any]
Run = Callable[..., JsonObject]

# The release whose CRDs the tests fetch as a Go module. No program of it runs.
OPERATOR_MODULE = "github.com/grafana/grafana-operator/v5@v5.18.0"
GROUP = "grafana.integreatly.org"
NAMESPACE = "grafana-test"
ADMIN: JsonObject = {"secret": "grafana-admin"}
BOARDS = {f"{name}.json": json.dumps({"title": name}) for name in ("fleet-overview", "team-overview", "any")}
TEAMS: list[JsonObject] = [{"name": "grafted", "namespaces": []}, {"name": "other", "namespaces": []}]
FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": TEAMS}
PLACES = (NAMESPACE, "monitoring-platform", "monitoring-grafted", "monitoring-other")


@pytest.fixture
def run(api: Cluster, plane: ControlPlane) -> Iterator[Run]:
    """Runs the module in a fleet of its own; afterwards nothing of it is left."""
    connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context, "fleet": "grafana"}

    def grafana(**options: t.Any) -> JsonObject:
        given = {"wait": False, "shipped": BOARDS, **FLEET, **connection, **options}
        return run_module("monitoring_grafana", **given)

    yield grafana
    grafana(state="absent")
    run_module("team_monitoring", **FLEET, **connection, wait=False, state="absent")
    api.delete_namespaces(*PLACES)


def changes(result: JsonObject) -> list[str]:
    return sorted(f"{change.action} {change.key}" for change in result["outcome"].changes)


def pods(api: Cluster, team: str, namespace: str) -> list[JsonObject]:
    """The pods of a Grafana, which the controllers of the control plane made."""
    labels = grafana_pods(team)
    found = api.list_kind(api.kind("v1", "Pod"), selector=",".join(f"{name}={text}" for name, text in labels.items()))
    return [pod for pod in found if pod["metadata"]["namespace"] == namespace]


def test_an_own_grafana_is_admitted_as_restricted(run: Run, api: Cluster) -> None:
    first = run(namespace=NAMESPACE, install=True, server={"admin": ADMIN})
    assert "created Deployment grafana-test/grafana-platform" in changes(first)
    labels = api.get("v1", "Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    api.wait_until(lambda: len(pods(api, "platform", NAMESPACE)) == 1, "the pod was admitted")
    for check in (True, False):
        assert changes(run(namespace=NAMESPACE, install=True, server={"admin": ADMIN}, check=check)) == []
