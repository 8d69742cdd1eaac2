"""What a worker exposes follows its cluster: families of addresses, and load balancers with several addresses.

Each control plane has its own families of Services. What a load balancer, a node and a kubelet would write is written
here.
"""

from __future__ import annotations

import base64
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds

from promlab.controlplane import ControlPlane
from tests.integration.support.certificates import pem
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started

JsonObject = dict[str, t.Any]

IPV4, IPV6 = "10.96.0.0/16", "fd00:10:96::/112"
SERVICES = {"ipv4": IPV4, "ipv6": IPV6, "ipv4 first": f"{IPV4},{IPV6}", "ipv6 first": f"{IPV6},{IPV4}"}
NAMESPACE = "monitoring-platform"
SERVICE = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus-platform-federation-0"
NODE = {"InternalIP": ("10.89.0.4", "fd00:89::4"), "ExternalIP": ("198.51.100.4",)}
SHARED: JsonObject = {"cluster": "edge", "clusters": ["edge"], "wait": False}


@pytest.fixture(scope="module", params=SERVICES)
def families(request: pytest.FixtureRequest) -> str:
    """Which families of Services the control plane has."""
    return str(request.param)


@pytest.fixture(scope="module")
def first(families: str) -> str:
    """The family that Services have by default."""
    return "IPv6" if families.startswith("ipv6") else "IPv4"


@pytest.fixture(scope="module")
def worker(families: str, request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane with a node that has an address of each family, on which the platform's replica runs."""
    with started(request, "exposing", controllers=False, services=SERVICES[families]) as (plane,):
        cluster = cluster_of(plane)
        for crd in load_crds(version=PROMETHEUS_OPERATOR):
            if crd["spec"]["names"]["kind"] in ("ServiceMonitor", "ScrapeConfig"):
                cluster.apply(crd, force=True)
        wanted = {"ServiceMonitor", "ScrapeConfig"}
        cluster.wait_until(lambda: wanted <= {kind.kind for kind in cluster.kinds()}, "the CRDs are served")
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
        addresses = [{"type": kind, "address": text} for kind, texts in NODE.items() for text in texts]
        cluster.request(
            "PATCH", "/api/v1/nodes/node/status", body={"status": {"addresses": addresses}}, content_type=MERGE
        )
        container = {"name": "prometheus", "image": "prometheus"}
        pod = {"nodeName": "node", "automountServiceAccountToken": False, "containers": [container]}
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": NAMESPACE},
        }
        cluster.apply(account)
        metadata = {"name": "prometheus-platform-0", "namespace": NAMESPACE}
        cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
        yield plane


def cluster_of(plane: ControlPlane) -> Cluster:
    """The control plane's API."""
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


def expose(plane: ControlPlane, *, check: bool = False, **source: t.Any) -> JsonObject:
    """Expose the platform's instance; returns where the central side finds it."""
    result = run_module(
        "federation_source",
        kubeconfig=plane.kubeconfig,
        context=plane.context,
        check=check,
        sources=[source],
        **SHARED,
    )
    (found,) = result["sources"]
    return t.cast("JsonObject", found)


def federate(plane: ControlPlane, source: JsonObject) -> None:
    """Let the platform's instance of another cluster federate what *source* describes; the API server is the same."""
    central = {**SHARED, "cluster": "hub", "clusters": ["edge", "hub"]}
    run_module("federation_endpoints", kubeconfig=plane.kubeconfig, context=plane.context, sources=[source], **central)


def stop(plane: ControlPlane) -> None:
    """Remove all of it."""
    for module in ("federation_source", "federation_endpoints"):
        run_module(module, kubeconfig=plane.kubeconfig, context=plane.context, state="absent", **SHARED)


def balance(cluster: Cluster, *ingress: str, key: str = "ip") -> None:
    """Write what a load balancer's controller would."""
    status = {"loadBalancer": {"ingress": [{key: text} for text in ingress]}}
    cluster.request("PATCH", f"{SERVICE}/status", body={"status": status}, content_type=MERGE)


def scraped(cluster: Cluster) -> set[str]:
    """The addresses that the central side has."""
    selector = {"labelSelector": "endpointslice.kubernetes.io/managed-by=promfleet.monitoring"}
    slices = cluster.request("GET", f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices", query=selector)[
        "items"
    ]
    return {address for item in slices for endpoint in item["endpoints"] for address in endpoint["addresses"]}


def test_a_load_balancer_lets_in_the_clients_of_the_first_family(worker: ControlPlane, first: str) -> None:
    cluster = cluster_of(worker)
    with pytest.raises(ClusterError, match="has no load-balancer address"):
        expose(worker)
    spec = cluster.request("GET", SERVICE)["spec"]
    assert spec["ipFamilies"] == [first]
    assert spec["loadBalancerSourceRanges"] == (
        ["fc00::/7"] if first == "IPv6" else ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    )
    stop(worker)


def test_a_load_balancer_without_clients_of_its_family_is_refused(worker: ControlPlane, first: str) -> None:
    other = ["192.0.2.0/24"] if first == "IPv6" else ["2001:db8::/32"]
    with pytest.raises(Refused, match=rf"^team platform: allowed_sources has no range of {first}"):
        expose(worker, allowed_sources=other)
    assert cluster_of(worker).find("v1", "Service", "prometheus-platform-federation-0", NAMESPACE) is None


def test_a_node_port_is_read_at_the_nodes_address_of_its_family(worker: ControlPlane, first: str) -> None:
    (target,) = expose(worker, expose="NodePort")["targets"]
    assert target["address"] == ("fd00:89::4" if first == "IPv6" else "10.89.0.4")
    stop(worker)


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_the_family_can_be_chosen_where_the_cluster_has_both(worker: ControlPlane, families: str, family: str) -> None:
    if families.endswith("first"):
        (target,) = expose(worker, expose="NodePort", ip_family=family)["targets"]
        assert target["address"] == ("fd00:89::4" if family == "IPv6" else "10.89.0.4")
        stop(worker)
    elif families != family.lower():
        with pytest.raises(ClusterError, match="ipFamil"):
            expose(worker, expose="NodePort", ip_family=family)
        stop(worker)


def test_the_address_in_use_is_kept_while_the_balancer_lists_it(worker: ControlPlane, first: str) -> None:
    cluster = cluster_of(worker)
    with pytest.raises(ClusterError, match="has no load-balancer address"):
        expose(worker)
    one, two, three, other = (
        ("2001:db8::1", "2001:db8::2", "2001:db8::10", "192.0.2.1")
        if first == "IPv6"
        else ("192.0.2.1", "192.0.2.2", "192.0.2.10", "2001:db8::1")
    )
    for listed, kept in (
        # The first family's come first, by their numbers and not by their text; the order of the list says nothing.
        ([other, three, two], two),
        ([two, other, three], two),
        # A new one that would be first changes nothing ...
        ([one, two, three], two),
        # ... until the one in use is gone.
        ([three, one], one),
        ([three, one, two], one),
    ):
        balance(cluster, *listed)
        federate(worker, expose(worker))
        assert scraped(cluster) == {kept}
    stop(worker)


def test_of_several_names_the_one_in_use_is_kept(worker: ControlPlane) -> None:
    cluster = cluster_of(worker)
    with pytest.raises(ClusterError, match="has no load-balancer address"):
        expose(worker)
    path = f"/apis/monitoring.coreos.com/v1alpha1/namespaces/{NAMESPACE}/scrapeconfigs/federation-edge-platform"
    for listed, kept in ((["b.example"], "b.example"), (["a.example", "b.example"], "b.example")):
        balance(cluster, *listed, key="hostname")
        federate(worker, expose(worker))
        (config,) = cluster.request("GET", path)["spec"]["staticConfigs"]
        assert config["targets"] == [f"{kept}:9090"]
    stop(worker)


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_a_prediction_needs_no_address(worker: ControlPlane, kind: str) -> None:
    (target,) = expose(worker, check=True, expose=kind)["targets"]
    assert target["address"] == "(known after apply)"


# -- certificates -------------------------------------------------------------------------------------------------


def proxied(server_name: str) -> JsonObject:
    """A source behind a proxy, which the central side reads by this name."""
    return {
        "scheme": "https",
        "tls_config": {"cert": {"secret": "central"}, "server_name": server_name},
        "proxy": {"certificate": {"secret": "edge"}, "client_ca": {"secret": "ca"}, "clients": ["central"]},
    }


def test_a_certificate_for_another_name_is_refused_before_anything_is_written(worker: ControlPlane) -> None:
    cluster = cluster_of(worker)
    metadata = {"name": "edge", "namespace": NAMESPACE}
    data = {"tls.crt": base64.b64encode(pem("edge.example")).decode(), "tls.key": ""}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}
    cluster.apply(secret)
    with pytest.raises(Refused, match=r"not for other\.example, .* \(subjectAltName\): edge\.example\."):
        expose(worker, **proxied("other.example"))
    assert cluster.find("v1", "Service", "prometheus-platform-federation-0", NAMESPACE) is None
    with pytest.raises(ClusterError, match="has no load-balancer address"):
        expose(worker, **proxied("edge.example"))
    stop(worker)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("missing", f"Secret {NAMESPACE}/missing does not exist"),
        ("empty", f"Secret {NAMESPACE}/empty has no key tls.crt"),
    ],
)
def test_a_certificate_that_cannot_be_seen_is_not_checked(worker: ControlPlane, secret: str, reason: str) -> None:
    cluster = cluster_of(worker)
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "empty", "namespace": NAMESPACE}})
    source = proxied("edge.example")
    source["proxy"]["certificate"]["secret"] = secret
    result = run_module(
        "federation_source",
        kubeconfig=worker.kubeconfig,
        context=worker.context,
        check=True,
        sources=[source],
        **SHARED,
    )
    assert result["certificates"] == [{"team": "platform", "name": "edge.example", "checked": False, "reason": reason}]
