"""Which series of other clusters the gateways of a cluster give, as the whole inventory says; and their objects."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.planes import started
from tests.integration.support.playbook import CHECKOUT, Run

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

# The global central cluster, that of the region, a worker in it, and one that is in no region.
HUB, REGION, INNER, FAR = "world", "eu", "eu-1", "far"
GROUPS = {"promfleet_region_eu": [INNER], "promfleet_region_eu_central": [REGION]}
QUIET: JsonObject = {"quota": False, "alertmanager": {"enabled": False}}
PAYMENTS: JsonObject = {"name": "payments", "namespaces": ["payments"], **QUIET}
GRANT: JsonObject = {"team": "payments", "federated": True, "all_nodes": True, "namespaces_everywhere": True}
# There the namespace is another team's.
FOREIGN: JsonObject = {"team_monitoring_teams": [{**PAYMENTS, "name": "shop"}]}


def inventory(*, hosts: JsonObject | None = None, **variables: t.Any) -> JsonObject:
    """The clusters, with the variables of single *hosts* and those of all."""
    shared = {
        "team_monitoring_teams": [PAYMENTS],
        "team_monitoring_platform": QUIET,
        "promfleet_kubeconfig": "/nowhere",
        "promfleet_wait": False,
        **variables,
    }
    found = fleet(central=HUB, workers=[REGION, INNER, FAR], hosts=hosts, **shared)
    for name, members in GROUPS.items():
        found["all"]["children"][name] = {"hosts": {host: {} for host in members}}
    return found


def test_each_cluster_knows_whose_series_it_may_have(playbook: Playbook) -> None:
    names = ("federated", "teams_elsewhere", "nodes_namespace")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(CHECKOUT / f"roles/promfleet/{folder}/main.yml") for folder in ("defaults", "vars")],
        "tasks": [{"ansible.builtin.debug": {"msg": {name: f"{{{{ __promfleet_{name} }}}}" for name in names}}}],
    }
    hosts = {
        FAR: FOREIGN,
        INNER: {"monitoring_exporters_node_exporter": {"namespace": "exporters"}},
        REGION: {"prometheus_federation_state": "present", "monitoring_exporters_node_exporter": {"enabled": True}},
    }
    run = playbook([play], inventory=inventory(hosts=hosts)).require_success()
    found = {
        result.host: (set(result.data["msg"]["federated"]), *(result.data["msg"][name] for name in names[1:]))
        for result in run.results
    }
    usual = "promfleet-node-exporter"
    assert found == {
        # What a region has read it gives on.
        HUB: ({REGION, INNER, FAR}, {FAR: FOREIGN["team_monitoring_teams"]}, usual),
        REGION: ({INNER}, {}, usual),
        INNER: (set(), {}, "exporters"),
        FAR: (set(), {}, usual),
    }
    assert run.warnings == []
    stopped = inventory(hosts={HUB: {"prometheus_federation_state": "absent"}})
    run = playbook([{**play, "hosts": HUB}], inventory=stopped).require_success()
    assert run.results[-1].data["msg"]["federated"] == []


def test_what_does_not_fit_the_clusters_that_are_read_is_an_error_of_the_input(playbook: Playbook) -> None:
    # The same grant for the whole fleet.
    grants = [{"team": "payments", "federated": True}]
    given = inventory(hosts={FAR: FOREIGN}, tenant_gateway_grants=grants)
    run = playbook("check_input", inventory=given).require_failure()
    (message,) = {failure.message for failure in run.failures}
    assert f"tenant_gateway_grants[0].federated: cannot be given here: '{INNER}' reads no other cluster" in message
    assert message.count("reads no other cluster") == 1
    assert (
        f"tenant_gateway_grants[0].team: the namespaces of 'payments' are not its own on {FAR}, and '{HUB}'" in message
    )
    assert f"'{REGION}'" not in message


def guards(cluster: Cluster) -> dict[str, dict[str, list[str]]]:
    """By the gateway's name the values of each label that it holds to."""
    found: dict[str, dict[str, list[str]]] = {}
    for obj in cluster.list_kind(cluster.kind("apps/v1", "Deployment")):
        if obj["metadata"]["namespace"] != "promfleet-gateway":
            continue
        for container in obj["spec"]["template"]["spec"]["containers"]:
            label, *values = (arg.partition("=")[2] for arg in container["args"] if arg.startswith("-label"))
            found.setdefault(obj["metadata"]["name"], {})[label] = values
    return found


def scrapes(cluster: Cluster) -> set[str]:
    """The names of the ScrapeConfigs beside the team's instance."""
    kind = cluster.kind("monitoring.coreos.com/v1alpha1", "ScrapeConfig")
    return {
        obj["metadata"]["name"]
        for obj in cluster.list_kind(kind)
        if obj["metadata"]["namespace"] == "monitoring-payments"
    }


def test_the_gateways_of_the_central_cluster(request: pytest.FixtureRequest, playbook: Playbook) -> None:
    with started(request, HUB) as (plane,):
        cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)

        def run(name: str, *grants: JsonObject, **variables: t.Any) -> Run:
            hub = {"promfleet_kubeconfig": str(plane.kubeconfig), "tenant_gateway_grants": list(grants), **variables}
            given = inventory(hosts={FAR: FOREIGN, HUB: hub})
            return playbook(name, inventory=given, arguments=["--limit", HUB]).require_success()

        run("operator")
        run("teams")
        run("tenant_gateway", GRANT)
        assert guards(cluster) == {
            "gateway-payments": {"namespace": ["payments"]},
            # Not far, where the namespace is another team's.
            "federated-payments": {"cluster": [REGION, INNER], "team": ["platform"], "namespace": ["payments"]},
            "nodes-payments": {"job": ["node-exporter"], "namespace": ["promfleet-node-exporter"]},
        }
        assert scrapes(cluster) == {"platform-series", "federated-series", "node-series"}
        assert run("tenant_gateway", GRANT).objects() == []
        # What a grant no longer has is removed.
        run("tenant_gateway", {**GRANT, "federated": False, "all_nodes": False})
        assert guards(cluster) == {"gateway-payments": {"namespace": ["payments"]}}
        assert scrapes(cluster) == {"platform-series"}
        run("tenant_gateway", tenant_gateway_state="absent")
        assert scrapes(cluster) == set()
