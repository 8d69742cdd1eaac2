"""What the pods of an instance may connect to: the policies, and what is refused."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import KNOWN_AFTER_APPLY, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    desired_federated,
    parse_federated,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    ApiServerSource,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.closing import (
    is_ours,
    public_ipv6_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import (
    ClusterEgress,
    Destination,
    with_api_server,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId, Write, with_marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.capabilities.builders import JsonObject, objects_of_source, only

NS = "monitoring-payments"
PODS = {"app.kubernetes.io/instance": "payments", "app.kubernetes.io/managed-by": "prometheus-operator"}


def run(
    *, team: JsonObject | None = None, platform: JsonObject | None = None, **options: t.Any
) -> tuple[list[str], list[JsonObject]]:
    """What is wrong with the input, and the objects of a team and the platform."""
    errors = Errors()
    raw: JsonObject = {
        "cluster": "hub",
        "clusters": ["hub"],
        "teams": [{"name": "payments", "namespaces": ["payments"], **(team or {})}],
        "platform": platform or {},
        **options,
    }
    model = TEAMS.parse(validate_mapping(raw, TEAMS.options, path="", errors=errors), errors)
    return [str(error) for error in errors.sorted()], TEAMS.desired(model)


def policy(name: str, **options: t.Any) -> JsonObject:
    """The spec of one policy of good input."""
    errors, objects = run(**options)
    assert errors == []
    spec: JsonObject = only(objects, "NetworkPolicy", name=name)["spec"]
    return spec


def rules(name: str, **options: t.Any) -> list[JsonObject]:
    """What one policy lets out."""
    egress: list[JsonObject] = policy(name, **options)["egress"]
    return egress


def reaches(egress: t.Iterable[JsonObject], address: str, port: int = 443) -> bool:
    """Whether rules with ranges of addresses let a connection out, as a network plugin reads them."""
    found = ipaddress.ip_address(address)

    def fits(block: JsonObject) -> bool:
        networks = [ipaddress.ip_network(one) for one in (block["cidr"], *block.get("except", ()))]
        return found in networks[0] and not any(found in one for one in networks[1:])

    return any(
        fits(peer["ipBlock"])
        for rule in egress
        for peer in rule.get("to", ())
        if "ipBlock" in peer and peer["ipBlock"]["cidr"] != KNOWN_AFTER_APPLY
        if any(entry.get("port", port) == port and entry["protocol"] == "TCP" for entry in rule.get("ports", ()))
    )


def test_the_namespace_is_closed_for_all_pods() -> None:
    assert policy("payments-default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_namespace_that_others_use_keeps_their_pods_open() -> None:
    objects = [obj for obj in in_shared(run()[1], [NS]) if obj["kind"] == "NetworkPolicy"]
    here = [obj for obj in objects if obj["metadata"]["namespace"] == NS]
    assert {obj["metadata"]["name"] for obj in here} == {
        "payments",
        "prometheus-payments-egress",
        "alertmanager-payments-egress",
    }
    for obj in here:
        assert PODS.items() <= obj["spec"]["podSelector"]["matchLabels"].items()
        assert obj["spec"]["podSelector"]["matchExpressions" if "-" not in obj["metadata"]["name"] else "matchLabels"]


def test_prometheus_reaches_pods_of_its_team_dns_and_the_api_server() -> None:
    dns, cache, pods, api_server = rules("prometheus-payments-egress")
    assert dns["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    assert dns["ports"] == [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert cache["to"] == [{"ipBlock": {"cidr": "169.254.20.10/32"}}]
    assert pods == {"to": [{"namespaceSelector": {"matchLabels": {TEAM_LABEL: "payments"}}}]}
    assert api_server["to"] == [{"ipBlock": {"cidr": KNOWN_AFTER_APPLY}}]


def test_only_the_platform_reaches_nodes() -> None:
    assert not reaches(rules("prometheus-payments-egress"), "10.0.0.7", 10250)
    assert reaches(rules("prometheus-platform-egress"), "10.0.0.7", 10250)
    narrow = rules("prometheus-platform-egress", egress={"nodes": ["10.1.0.0/16"]})
    assert reaches(narrow, "10.1.0.7", 10250)
    assert not reaches(narrow, "10.0.0.7", 10250)
    assert not reaches(rules("prometheus-platform-egress", egress={"nodes": []}), "10.1.0.7", 10250)


def test_the_api_servers_addresses_are_filled_in_or_given() -> None:
    found = [
        Destination(peer=ApiServerSource(cidr="10.20.0.5/32"), ports=(6443,)),
        Destination(peer=ApiServerSource(cidr="10.96.0.1/32"), ports=(443,)),
    ]
    filled = with_api_server(run()[1], found)
    for team in ("payments", "platform"):
        egress = only(filled, "NetworkPolicy", name=f"prometheus-{team}-egress")["spec"]["egress"]
        assert KNOWN_AFTER_APPLY not in str(egress)
        assert reaches(egress, "10.20.0.5", 6443)
        assert reaches(egress, "10.96.0.1", 443)
    given_ones = rules("prometheus-payments-egress", egress={"api_server": [{"cidr": "10.20.0.0/24", "ports": [6443]}]})
    assert KNOWN_AFTER_APPLY not in str(given_ones)
    assert reaches(given_ones, "10.20.0.9", 6443)
    assert not reaches(given_ones, "10.20.0.9", 10250)


PUBLIC = ("93.184.216.34", "8.8.8.8", "100.63.255.255", "172.32.0.1", "169.253.255.255")
INSIDE = (
    "10.0.0.1",
    "10.244.0.7",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "169.254.20.10",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "0.0.0.1",
    "224.0.0.1",
    "255.255.255.255",
)
ALERTMANAGER = "alertmanager-payments-egress"


def test_alertmanager_reaches_the_internet_and_nothing_inside() -> None:
    egress = rules(ALERTMANAGER)
    assert [one for one in PUBLIC if not reaches(egress, one)] == []
    assert [one for one in INSIDE if reaches(egress, one)] == []
    gossip = egress[2]
    assert gossip["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "alertmanager"
    assert {entry["port"] for entry in gossip["ports"]} == {9094}


@given(st.ip_addresses(v=4))
def test_alertmanager_reaches_what_the_internet_routes(address: ipaddress.IPv4Address) -> None:
    """Python's own table, the registry of special addresses, is the judge; some few of its blocks are test networks."""
    if reaches(rules(ALERTMANAGER), str(address)):
        assert not address.is_private or any(address in ipaddress.ip_network(one) for one in TEST_NETWORKS)
        special = (address.is_loopback, address.is_link_local, address.is_multicast, address.is_reserved)
        assert not any(special)
    else:
        assert not address.is_global or address in ipaddress.ip_network("192.0.0.0/24") or address.is_multicast


TEST_NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


def test_ipv6_is_open_where_the_clusters_own_ranges_are_known() -> None:
    assert not reaches(rules(ALERTMANAGER), "2606:2800:220:1::1")
    egress = rules(ALERTMANAGER, egress={"ranges": ["2001:DB8:1::/48", "fd00::/8", "198.51.100.0/24"]})
    assert reaches(egress, "2606:2800:220:1::1")
    for inside in (
        "2001:db8:1::7",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "::1",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
    ):
        assert not reaches(egress, inside), inside
    assert not reaches(egress, "198.51.100.7")
    assert reaches(egress, "203.0.113.9")


def test_a_forward_proxy_can_be_the_only_way_out() -> None:
    egress = rules(
        ALERTMANAGER,
        team={
            "egress": {
                "public": False,
                "alertmanager": [{"namespace": "proxy", "pod_labels": {"app": "squid"}, "ports": [3128]}],
            }
        },
    )
    assert not any(reaches(egress, one) for one in PUBLIC)
    assert egress[-1] == {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "proxy"}},
                "podSelector": {"matchLabels": {"app": "squid"}},
            }
        ],
        "ports": [{"port": 3128, "protocol": "TCP"}],
    }


def test_more_destinations_of_one_team_and_of_all() -> None:
    options: JsonObject = {
        "team": {"egress": {"prometheus": [{"cidr": "10.9.0.0/24", "ports": [9100, 9100]}]}},
        "egress": {"prometheus": [{"cidr": "10.8.0.1/32"}], "alertmanager": [{"cidr": "10.7.0.1/32", "ports": [443]}]},
    }
    payments = rules("prometheus-payments-egress", **options)
    assert reaches(payments, "10.9.0.7", 9100)
    assert reaches(payments, "10.8.0.1", 1)
    narrow = rules("prometheus-platform-egress", **{**options, "egress": {**options["egress"], "nodes": []}})
    assert not reaches(narrow, "10.9.0.7", 9100)
    assert reaches(narrow, "10.8.0.1", 1)
    assert reaches(rules(ALERTMANAGER, **options), "10.7.0.1", 443)
    assert not reaches(rules(ALERTMANAGER, **options), "10.7.0.1", 80)


def test_an_instance_reaches_where_it_writes() -> None:
    urls = ("https://192.0.2.7:30990/api/v1/write", "http://far.example.com/api/v1/write", "https://[fd00::7]/w")
    writes = [{"team": "payments", "remote_write": [{"url": url} for url in urls]}]
    egress = rules("prometheus-payments-egress", writes=writes, egress={"ranges": ["203.0.113.0/24"]})
    assert reaches(egress, "192.0.2.7", 30990)
    assert reaches(egress, "fd00::7", 443)
    # A name can be any address, but none that belongs to a node or the cluster.
    assert reaches(egress, "198.51.100.1", 80)
    assert not reaches(egress, "203.0.113.1", 80)
    assert not reaches(egress, "169.254.169.254", 80)
    assert not reaches(egress, "192.0.2.8", 30990)


REFUSED: list[tuple[JsonObject, str, str]] = [
    ({"team": {"egress": {"prometheus": [{}]}}}, "teams[0].egress.prometheus[0]", "needs cidr"),
    (
        {"team": {"egress": {"alertmanager": [{"cidr": "10.0.0.1"}]}}},
        "teams[0].egress.alertmanager[0].cidr",
        "lacks the length of its prefix",
    ),
    (
        {"team": {"egress": {"alertmanager": [{"cidr": "0.0.0.0/0"}]}}},
        "teams[0].egress.alertmanager[0].cidr",
        "contains 169.254.169.254, where clouds give away the credentials of a node",
    ),
    (
        {"team": {"egress": {"prometheus": [{"cidr": "169.254.0.0/16"}]}}},
        "teams[0].egress.prometheus[0].cidr",
        "contains 169.254.169.254",
    ),
    (
        {"egress": {"prometheus": [{"cidr": "169.254.20.10/32"}]}},
        "egress.prometheus[0].cidr",
        "contains link-local addresses",
    ),
    ({"egress": {"alertmanager": [{"cidr": "fd00::/8"}]}}, "egress.alertmanager[0].cidr", "contains fd00:ec2::254"),
    ({"egress": {"alertmanager": [{"cidr": "127.0.0.1/32"}]}}, "egress.alertmanager[0].cidr", "can connect to"),
    (
        {"egress": {"alertmanager": [{"cidr": "10.0.0.1/32", "ports": [0]}]}},
        "egress.alertmanager[0].ports[0]",
        "0 is not a port",
    ),
    ({"egress": {"api_server": [{"cidr": "10.0.0.1/32"}]}}, "egress.api_server[0].ports", "is required"),
    ({"egress": {"dns": [{"cidr": "169.254.169.254/32"}]}}, "egress.dns[0].cidr", "contains 169.254.169.254"),
    ({"egress": {"ranges": ["0.0.0.0/0"]}}, "egress.ranges[0]", "is every address"),
    ({"egress": {"nodes": ["10.0.0.1/8"]}}, "egress.nodes[0]", "did you mean 10.0.0.0/8?"),
    ({"platform": {"egress": {"public": "maybe"}}}, "platform.egress.public", "must be true or false"),
]


@pytest.mark.parametrize(("options", "path", "reason"), REFUSED)
def test_what_is_refused_has_its_path(options: JsonObject, path: str, reason: str) -> None:
    (error,) = run(**options)[0]
    assert error.startswith(f"{path}: ")
    assert reason in error


def test_dns_of_another_kind_of_cluster() -> None:
    given_dns = [
        {"cidr": "169.254.20.11/32"},
        {"namespace": "openshift-dns", "pod_labels": {"dns": "default"}, "ports": [5353]},
    ]
    first, second, *_rest = rules("prometheus-payments-egress", egress={"dns": given_dns})
    assert {entry["port"] for entry in first["ports"]} == {5353}
    assert second["to"] == [{"ipBlock": {"cidr": "169.254.20.11/32"}}]


# -- federation ---------------------------------------------------------------------------------------------------


def federated(*sources: JsonObject, **options: t.Any) -> list[JsonObject]:
    """The policies by which instances of the hub reach their sources."""
    raw = {"cluster": "hub", "clusters": ["hub", "edge"], "teams": [{"name": "payments"}], "sources": list(sources)}
    errors = Errors()
    model = parse_federated(validate_mapping({**raw, **options}, FEDERATION.options, path="", errors=errors), errors)
    errors.require_none()
    return [obj for obj in desired_federated(model) if obj["kind"] == "NetworkPolicy"]


def target(address: str, port: int, **more: t.Any) -> JsonObject:
    return {"address": address, "port": port, **more}


def test_the_central_instance_reaches_its_sources() -> None:
    (found,) = federated(
        {"cluster": "edge", "team": "platform", "targets": [target("192.0.2.7", 30090, others=["192.0.2.8"])]},
        {"cluster": "edge", "team": "payments", "targets": [target("fd00::9", 443)]},
        {"cluster": "far", "team": "payments", "targets": [target("prom.example.com", 8443)]},
    )
    assert found["metadata"]["namespace"] == "monitoring-platform"
    assert found["spec"]["policyTypes"] == ["Egress"]
    egress = found["spec"]["egress"]
    assert reaches(egress, "192.0.2.7", 30090)
    assert reaches(egress, "192.0.2.8", 30090)
    assert not reaches(egress, "192.0.2.9", 30090)
    assert reaches(egress, "fd00::9", 443)
    assert reaches(egress, "10.5.5.5", 8443)
    assert not reaches(egress, "169.254.169.254", 8443)


def test_a_source_of_the_same_cluster_is_a_pod_to_the_policy() -> None:
    (found,) = federated({"cluster": "hub", "team": "payments", "targets": [target("192.0.2.7", 30090)]})
    assert found["spec"]["egress"][-1] == {
        "to": [{"namespaceSelector": {"matchLabels": {TEAM_LABEL: "payments"}}}],
        "ports": [{"port": 8443, "protocol": "TCP"}, {"port": 9090, "protocol": "TCP"}],
    }


def test_an_instance_that_nothing_closes_gets_no_policy() -> None:
    source = {"cluster": "edge", "team": "platform", "targets": [target("192.0.2.7", 30090)]}
    assert federated(source, platform={"network_policy": False}) == []
    assert federated() == []


PROXY: JsonObject = {
    "scheme": "https",
    "tls_config": {"cert": {"secret": "any"}},
    "proxy": {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]},
}


def test_a_proxy_reaches_its_replica_and_dns() -> None:
    closed = only(objects_of_source(PROXY), "NetworkPolicy")["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    to_replica, to_dns = closed["egress"]
    assert to_replica["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert {entry["port"] for entry in to_dns["ports"]} == {53, 5353}
    # Where no policy of the team closes the namespace, this one must not.
    assert only(objects_of_source(PROXY, isolated=False), "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress"]


# -- pods of others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "phase", "expected"),
    [
        (PODS, "Running", True),
        ({"app.kubernetes.io/instance": "prometheus-payments-federation-0"}, "Running", True),
        ({"app": "grafana"}, "Running", False),
        ({"app.kubernetes.io/instance": "prometheus-pay"}, "Running", False),
        ({"app": "backup"}, "Succeeded", True),
        ({}, "Pending", False),
    ],
)
def test_whose_pods_a_closed_namespace_may_hold(labels: JsonObject, phase: str, expected: bool) -> None:
    pod = {"metadata": {"name": "any", "labels": labels}, "status": {"phase": phase}}
    assert is_ours(pod, team="payments") is expected


@pytest.mark.parametrize(
    ("address", "ranges", "warned"),
    [
        ("fd00::1/128", (), True),
        ("fd00::1/128", ("10.0.0.0/8",), True),
        ("fd00::1/128", ("2001:db8::/48",), False),
        ("10.0.0.1/32", (), False),
    ],
)
def test_who_loses_the_internet_is_warned(address: str, ranges: tuple[str, ...], warned: bool) -> None:
    api_server = [Destination(peer=ApiServerSource(cidr=address), ports=(6443,))]
    plan = Plan(writes=tuple(Write(desired=obj, live=None) for obj in run()[1]))
    assert bool(public_ipv6_guard(api_server, ranges=ranges)(plan)) is warned
    assert not public_ipv6_guard(api_server, ranges=ranges)(Plan())


def test_the_rules_that_teams_share_stay_as_they_were() -> None:
    model = TEAMS.parse(
        validate_mapping(
            {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "a"}, {"name": "b"}]}, TEAMS.options, path=""
        ),
        Errors(),
    )
    objects = [obj for obj in TEAMS.desired(model) if obj["kind"] == "NetworkPolicy"]
    before = repr(objects)
    found = with_api_server(objects, [Destination(peer=ApiServerSource(cidr="192.0.2.1/32"), ports=(6443,))])
    owner = SetId(fleet="default", capability="teams")
    sent = [canonical(with_marks(obj, owner=owner, adopted="adopted")) for obj in found]
    assert "192.0.2.1/32" in repr(sent)
    assert repr(objects) == before
    fresh = ClusterEgress()
    assert model.egress.dns_rules == fresh.dns_rules
    assert model.egress.api_server_rules == fresh.api_server_rules
    assert model.egress.public_rule == fresh.public_rule
