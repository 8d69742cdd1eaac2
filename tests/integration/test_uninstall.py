"""Uninstalling removes all of ours, from a half-installed cluster too, and nothing else."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster, JsonObject, key_of
from tests.integration.support.inventory import fleet
from tests.integration.support.managed import SET_LABEL, managed
from tests.integration.support.playbook import Run
from tests.integration.support.wipe import wipe

OFF = {"enabled": False}
OPERATOR = "prometheus-operator"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "prometheuses.monitoring.coreos.com")


def inventory(**variables: t.Any) -> JsonObject:
    return fleet(
        central=lab.HUB,
        workers=[lab.HUB],
        team_monitoring_platform={"alertmanager": OFF},
        team_monitoring_teams=[
            {"name": name, "namespaces": [name], "prometheus": OFF, "alertmanager": OFF} for name in ("keep", "go")
        ],
        prometheus_federation_sources=[{"expose": "NodePort"}],
        **variables,
    )


def config_map(name: str, namespace: str, **labels: str) -> JsonObject:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"whose": "theirs"}}


def test_uninstall_removes_ours_and_nothing_else(hub: Cluster, playbook: Callable[..., Run]) -> None:
    wipe(hub)
    foreign = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs"}},
        config_map("theirs", "theirs"),
        # Carries our label without being ours.
        config_map("labelled", "theirs", **{SET_LABEL: "default.teams"}),
        # Was there before the first run, which gave it the team's label.
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keep", "labels": {"their": "label"}}},
    ]
    for obj in foreign:
        hub.apply(obj)
    playbook("site", inventory=inventory()).require_success()
    # Of a kind that only a version has which its group does not prefer.
    inside: JsonObject = {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "ScrapeConfig",
        "metadata": {"name": "theirs", "namespace": "monitoring-keep"},
        "spec": {"staticConfigs": [{"targets": ["192.0.2.1:80"]}]},
    }
    hub.apply(inside)

    # Half-installed: parts of each capability are gone, the operator among them.
    hub.delete("apps/v1", "Deployment", OPERATOR, OPERATOR)
    hub.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", f"promfleet-{OPERATOR}")
    hub.delete("v1", "ServiceAccount", "prometheus-platform", "monitoring-platform")
    hub.delete("v1", "Service", "prometheus-platform-federation-0", "monitoring-platform")
    hub.delete("monitoring.coreos.com/v1", "ServiceMonitor", "platform", "monitoring-platform")

    predicted = playbook("uninstall", inventory=inventory(), arguments=["--check"]).require_success()
    done = playbook("uninstall", inventory=inventory()).require_success()
    assert done.objects() == predicted.objects()
    assert managed(hub) == []
    for obj in (*foreign, inside):
        live = hub.get(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        assert key_of(live) == key_of(obj)
    kept = hub.get("v1", "Namespace", "keep")["metadata"]["labels"]
    assert kept["their"] == "label"
    assert not any(name.startswith("promfleet.monitoring/") for name in kept)
    for name in ("monitoring-platform", "monitoring-go", "go", OPERATOR):
        assert hub.find("v1", "Namespace", name) is None, f"namespace {name} was ours alone"
    assert hub.find("v1", "Namespace", "monitoring-keep"), "it holds an object of others"
    assert hub.find(*CRD), "CRDs stay without a word"

    again = playbook("uninstall", inventory=inventory()).require_success()
    assert not any(again.changed().values())
    refused = playbook("uninstall", inventory=inventory(prometheus_operator_remove_crds=True)).require_failure()
    assert "ScrapeConfig monitoring-keep/theirs" in refused.failures[-1].message
    hub.delete(inside["apiVersion"], "ScrapeConfig", "theirs", "monitoring-keep")
    with_word = playbook("uninstall", inventory=inventory(prometheus_operator_remove_crds=True)).require_success()
    assert f"deleted CustomResourceDefinition {CRD[2]}" in with_word.objects()
    hub.delete_namespaces("theirs", "keep", "monitoring-keep")
