"""The proxy in front of an exposed replica: its options, and that only what it exposes can be reached."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import KUBE_RBAC_PROXY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import SIZES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_platform, objects_of_source, only

NS = "monitoring-platform"
PROXY: JsonObject = {
    "certificate": {"secret": "edge-server"},
    "client_ca": {"secret": "central-ca"},
    "clients": ["central", "standby"],
}
PROXIED: JsonObject = {"scheme": "https", "tls_config": {"cert": {"secret": "central-client"}}, "proxy": PROXY}


def proxied(**options: t.Any) -> JsonObject:
    return {**PROXIED, **options}


def template(objects: list[JsonObject], replica: int = 0) -> JsonObject:
    name = f"prometheus-platform-federation-{replica}"
    found: JsonObject = only(objects, "Deployment", name=name)["spec"]["template"]
    return found


def test_each_replica_has_a_proxy_of_its_own() -> None:
    objects = objects_of_source(PROXIED, replicas=2)
    assert keys(objects) == {
        ("NetworkPolicy", NS, "prometheus-platform-federation"),
        *(
            (kind, NS, f"prometheus-platform-federation-{number}")
            for kind in ("Deployment", "Service")
            for number in (0, 1)
        ),
        *(("Service", NS, f"prometheus-platform-replica-{number}") for number in (0, 1)),
    }
    for number in (0, 1):
        exposed = only(objects, "Service", name=f"prometheus-platform-federation-{number}")["spec"]
        inside = only(objects, "Service", name=f"prometheus-platform-replica-{number}")["spec"]
        pod = template(objects, number)
        assert exposed["selector"].items() <= pod["metadata"]["labels"].items()
        (container,) = pod["spec"]["containers"]
        assert exposed["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
        assert inside["type"] == "ClusterIP"
        assert inside["selector"]["statefulset.kubernetes.io/pod-name"] == f"prometheus-platform-{number}"
        assert f"--upstream=http://prometheus-platform-replica-{number}.{NS}.svc:9090/" in container["args"]
        assert container["image"] == f"quay.io/brancz/kube-rbac-proxy:v{KUBE_RBAC_PROXY}"


def test_from_outside_only_the_proxies_can_be_reached() -> None:
    objects = objects_of_source(proxied(allowed_sources=["10.1.0.0/16"]), replicas=2)
    spec = only(objects, "NetworkPolicy")["spec"]
    assert spec["ingress"] == [
        {"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 8443, "protocol": "TCP"}]}
    ]
    assert spec["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/name": "kube-rbac-proxy"},
        "matchExpressions": [
            {
                "key": "app.kubernetes.io/instance",
                "operator": "In",
                "values": ["prometheus-platform-federation-0", "prometheus-platform-federation-1"],
            }
        ],
    }
    for service in (obj["spec"] for obj in objects if obj["kind"] == "Service"):
        assert service["type"] == "ClusterIP" or service["selector"]["app.kubernetes.io/name"] == "kube-rbac-proxy"


@pytest.mark.parametrize("prefix", ["", "/prometheus"])
def test_only_named_clients_may_read_only_federate_and_health(prefix: str) -> None:
    objects = objects_of_source(proxied(path_prefix=prefix))
    paths = [f"{prefix}/federate", f"{prefix}/-/healthy", f"{prefix}/-/ready"]
    annotations = template(objects)["metadata"]["annotations"]
    config = json.loads(annotations["promfleet.monitoring/proxy-config"])
    assert config["authorization"]["static"] == [
        {"path": path, "resourceRequest": False, "user": {"name": client}, "verb": "get"}
        for client in ("central", "standby")
        for path in paths
    ]
    (container,) = template(objects)["spec"]["containers"]
    assert f"--allow-paths={','.join(paths)}" in container["args"]
    assert not any("ignore-paths" in flag for flag in container["args"])


def test_the_proxy_has_no_account_and_sees_only_the_keys_that_it_needs() -> None:
    pod = template(objects_of_source(PROXIED))["spec"]
    assert pod["automountServiceAccountToken"] is False
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    # The Secret of an authority often has its private key beside the certificate.
    files = {item["path"]: item["fieldRef"]["fieldPath"] for item in volumes["config"]["downwardAPI"]["items"]}
    assert files == {
        "config.yaml": "metadata.annotations['promfleet.monitoring/proxy-config']",
        "kubeconfig": "metadata.annotations['promfleet.monitoring/proxy-kubeconfig']",
    }
    assert volumes["client-ca"]["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    assert [item["key"] for item in volumes["certificate"]["secret"]["items"]] == ["tls.crt", "tls.key"]
    by_map = proxied(proxy={**PROXY, "client_ca": {"config_map": "authorities", "key": "central.pem"}})
    (found,) = [
        volume for volume in template(objects_of_source(by_map))["spec"]["volumes"] if volume["name"] == "client-ca"
    ]
    assert found["configMap"]["name"] == "authorities"
    assert found["configMap"]["items"] == [{"key": "central.pem", "path": "ca.crt"}]


def test_another_list_of_clients_starts_the_proxy_again() -> None:
    one, two = (
        template(objects_of_source(proxied(proxy={**PROXY, "clients": clients})))["metadata"]["annotations"]
        for clients in (["central"], ["central", "new"])
    )
    assert one != two
    again = template(objects_of_source(proxied(proxy={**PROXY, "clients": ["new", "central"]})))
    assert again["metadata"]["annotations"] == two


@pytest.mark.parametrize("size", SIZES)
def test_the_quota_of_an_instance_has_room_for_its_proxies(size: str) -> None:
    quota = only(objects_of_platform({"size": size}), "ResourceQuota")["spec"]["hard"]
    replicas = SIZES[size].prometheus.replicas
    pods = replicas + SIZES[size].alertmanager.replicas
    deployments = [obj for obj in objects_of_source(PROXIED, replicas=replicas) if obj["kind"] == "Deployment"]
    assert len(deployments) + pods <= int(quota["pods"])
    for deployment in deployments:
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["memory"]
    room = value_of(quota["limits.memory"]) - sum(
        part.replicas * value_of(part.resources.memory)
        for part in (SIZES["large"].prometheus, SIZES["large"].alertmanager)
    )
    assert room >= sum(
        value_of(deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"])
        for deployment in deployments
    )


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({"scheme": "http"}, "sources[0].tls_config: needs scheme to be https"),
        ({"tls_config": None}, "sources[0].proxy: needs tls_config.cert: the proxy lets in clients with a certificate"),
        (
            {"tls_config": {"server_name": "a.b"}},
            "sources[0].proxy: needs tls_config.cert: the proxy lets in clients with a certificate",
        ),
        (
            {"expose": "Existing", "address": "a.b", "port": 443},
            "sources[0].proxy: cannot be given where expose is Existing",
        ),
        ({"proxy": {**PROXY, "clients": []}}, "sources[0].proxy.clients: must not be empty"),
        ({"proxy": {**PROXY, "clients": [""]}}, "sources[0].proxy.clients[0]: '' is not the common name"),
        ({"proxy": {**PROXY, "clients": ["a", "a"]}}, "sources[0].proxy.clients[1]: 'a' is in the list already"),
        ({"proxy": {**PROXY, "client_ca": {}}}, "sources[0].proxy.client_ca: needs either secret or config_map"),
        ({"proxy": {**PROXY, "certificate": {}}}, "sources[0].proxy.certificate.secret: is required"),
        ({"proxy": {**PROXY, "image_registry": "a b"}}, "sources[0].proxy.image_registry: 'a b' is not a registry"),
        ({"proxy": {}}, "sources[0].proxy.certificate: is required"),
    ],
)
def test_errors_name_their_place(raw: JsonObject, error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_sources([{**PROXIED, **raw}], check_match=lambda _text: None)
    assert any(str(found).startswith(error) for found in caught.value.errors), str(caught.value)
