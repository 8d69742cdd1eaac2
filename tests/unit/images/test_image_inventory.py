"""The images of objects: what they name, what the operator adds, and why."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    KUBE_RBAC_PROXY,
    PROMETHEUS,
    PROMETHEUS_OPERATOR,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.defaults import VERSIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import (
    inventory_of,
    is_custom,
    runs_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import objects_of_cluster, work
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]
DIGEST = "0a" * 32
OWN = VERSIONS[PROMETHEUS_OPERATOR]


def custom(kind: str = "Prometheus", **spec: t.Any) -> JsonObject:
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": kind}
    return {**head, "metadata": {"name": "a", "namespace": "n"}, "spec": spec}


def operator(*args: str, version: str = PROMETHEUS_OPERATOR) -> JsonObject:
    container = {"name": "operator", "image": f"r.example/op:v{version}", "args": ["--kubelet-endpoints=false", *args]}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator", "namespace": "o"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }  # fmt: skip


def images(*objects: JsonObject) -> dict[str, set[str]]:
    """The images of objects, each with its containers, without the operator's own."""
    found = inventory_of(objects)
    return {
        image: {name for reason in found.reasons(image) for name in reason.containers}
        for image in found.images
        if not image.startswith("r.example/op:")
    }


def image_of(container: str, *objects: JsonObject) -> str:
    (image,) = [image for image, containers in images(*objects).items() if container in containers]
    return image


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        ({}, f"quay.io/prometheus/prometheus:{OWN.prometheus}"),
        ({"version": "v3.1.0"}, "quay.io/prometheus/prometheus:v3.1.0"),
        # The operator reads it as a version, and writes it with a v.
        ({"version": "3.1.0"}, "quay.io/prometheus/prometheus:v3.1.0"),
        ({"baseImage": "r.example/p", "version": "v3.1.0"}, "r.example/p:v3.1.0"),
        ({"baseImage": "r.example/p"}, f"r.example/p:{OWN.prometheus}"),
        ({"baseImage": "r.example/p:v1", "version": "v3.1.0"}, "r.example/p:v1"),
        ({"tag": "t", "version": "v3.1.0"}, "quay.io/prometheus/prometheus:t"),
        ({"sha": DIGEST, "tag": "t"}, f"quay.io/prometheus/prometheus@sha256:{DIGEST}"),
        ({"image": "r.example/q:v2", "baseImage": "r.example/p", "version": "v3.1.0"}, "r.example/q:v2"),
        ({"image": " ", "version": "v3.1.0"}, "quay.io/prometheus/prometheus:v3.1.0"),
        # A container of the resource under the name of a generated one is laid over it.
        ({"containers": [{"name": "prometheus", "image": "r.example/own:v1"}]}, "r.example/own:v1"),
        ({"containers": [{"name": "prometheus"}], "version": "v3.1.0"}, "quay.io/prometheus/prometheus:v3.1.0"),
    ],
)
def test_the_image_of_a_prometheus(spec: JsonObject, image: str) -> None:
    assert image_of("prometheus", operator(), custom(**spec)) == image


@pytest.mark.parametrize(
    ("kind", "container", "spec", "image"),
    [
        ("PrometheusAgent", "prometheus", {"version": "3.1.0"}, "quay.io/prometheus/prometheus:v3.1.0"),
        # Agents never had these fields.
        ("PrometheusAgent", "prometheus", {"version": "3.1.0", "tag": "t"}, "quay.io/prometheus/prometheus:v3.1.0"),
        ("Alertmanager", "alertmanager", {}, f"quay.io/prometheus/alertmanager:{OWN.alertmanager}"),
        # The operator takes this as the tag as it is.
        ("Alertmanager", "alertmanager", {"version": "0.30.0"}, "quay.io/prometheus/alertmanager:0.30.0"),
        ("Alertmanager", "alertmanager", {"baseImage": "r.example/a", "tag": "t"}, "r.example/a:t"),
        ("ThanosRuler", "thanos-ruler", {}, f"quay.io/thanos/thanos:{OWN.thanos}"),
        ("ThanosRuler", "thanos-ruler", {"version": "v0.40.0"}, "quay.io/thanos/thanos:v0.40.0"),
        ("ThanosRuler", "thanos-ruler", {"image": "r.example/t:1"}, "r.example/t:1"),
        ("Prometheus", "thanos-sidecar", {"thanos": {}}, f"quay.io/thanos/thanos:{OWN.thanos}"),
        ("Prometheus", "thanos-sidecar", {"thanos": {"version": "v0.40.0"}}, "quay.io/thanos/thanos:v0.40.0"),
        ("Prometheus", "thanos-sidecar", {"thanos": {"image": "r.example/t:1"}}, "r.example/t:1"),
    ],
)
def test_the_images_of_the_other_kinds(kind: str, container: str, spec: JsonObject, image: str) -> None:
    assert image_of(container, operator(), custom(kind, **spec)) == image


@pytest.mark.parametrize(
    ("flag", "kind", "container", "image"),
    [
        ("--prometheus-config-reloader=r.example/c:v1", "Alertmanager", "config-reloader", "r.example/c:v1"),
        ("--prometheus-default-base-image=r.example/p", "Prometheus", "prometheus", f"r.example/p:{OWN.prometheus}"),
        ("-alertmanager-default-base-image=r.example/a", "Alertmanager", "alertmanager",
         f"r.example/a:{OWN.alertmanager}"),
        ("--thanos-default-base-image=r.example/t", "ThanosRuler", "thanos-ruler", f"r.example/t:{OWN.thanos}"),
    ],
)  # fmt: skip
def test_flags_of_the_operator_count(flag: str, kind: str, container: str, image: str) -> None:
    assert image_of(container, operator(flag), custom(kind)) == image


def test_no_sidecar_where_none_is_asked_for() -> None:
    assert all("thanos" not in image for image in images(operator(), custom()))


def test_the_reloader_is_of_the_operators_release() -> None:
    reloader = "quay.io/prometheus-operator/prometheus-config-reloader:v0.89.0"
    assert images(operator(version="0.89.0"), custom(version="v3.1.0"))[reloader] == {
        "init-config-reloader", "config-reloader",
    }  # fmt: skip
    assert image_of("prometheus", operator(version="0.89.0"), custom()) == "quay.io/prometheus/prometheus:v3.9.1"


def test_a_default_that_is_not_known_is_an_error_with_its_field() -> None:
    with pytest.raises(InputError, match=r"Prometheus n/a: spec.version: must be given: .* release 0\.1\.0 "):
        inventory_of([operator(version="0.1.0"), custom()])
    assert images(operator(version="0.1.0"), custom(version="v3.1.0"))


def test_each_image_says_why() -> None:
    found = inventory_of([operator("--prometheus-default-base-image=r.example/p"), custom(version="v3.1.0", thanos={})])
    (prometheus,) = found.reasons("r.example/p:v3.1.0")
    assert prometheus.result() == {
        "object": "Prometheus n/a", "containers": ["prometheus"], "field": "spec.version",
        "flag": "--prometheus-default-base-image of Deployment o/operator",
    }  # fmt: skip
    (thanos,) = found.reasons(f"quay.io/thanos/thanos:{OWN.thanos}")
    assert thanos.operator == PROMETHEUS_OPERATOR
    assert thanos.default == f"--thanos-default-base-image=quay.io/thanos/thanos; version {OWN.thanos}"
    assert "pkg/operator/defaults.go" in str(thanos)
    (own,) = found.reasons(f"r.example/op:v{PROMETHEUS_OPERATOR}")
    assert own.field == "spec.template.spec.containers[0].image"


POD = {
    "initContainers": [{"name": "i", "image": "r.example/i:1"}],
    "containers": [{"name": "c", "image": "busybox"}],
    "volumes": [{"name": "v", "image": {"reference": "r.example/v:1"}}, {"name": "w", "emptyDir": {}}],
}
TEMPLATE = {"template": {"spec": POD}}


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("Pod", POD, "spec"),
        ("StatefulSet", TEMPLATE, "spec.template.spec"),
        ("CronJob", {"jobTemplate": {"spec": TEMPLATE}}, "spec.jobTemplate.spec.template.spec"),
    ],
)
def test_objects_that_run_pods(kind: str, spec: JsonObject, path: str) -> None:
    found = inventory_of([{"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}])
    assert {image: found.reasons(image)[0].field for image in found.images} == {
        "docker.io/library/busybox:latest": f"{path}.containers[0].image",
        "r.example/i:1": f"{path}.initContainers[0].image",
        "r.example/v:1": f"{path}.volumes[0].image.reference",
    }


def test_a_wrong_name_has_its_object_and_field() -> None:
    with pytest.raises(InputError, match=r"^Prometheus n/a: spec\.image: 'r\.example/A:1': 'A' is not the path"):
        inventory_of([operator(), custom(image="r.example/A:1")])


def test_without_an_operator_the_defaults_of_the_pinned_release_count_and_are_warned_of() -> None:
    found = inventory_of([custom()])
    assert f"quay.io/prometheus/prometheus:{OWN.prometheus}" in found.images
    assert f"release {PROMETHEUS_OPERATOR}" in found.warnings[0]


MIRROR = "mirror.example.com:5000/quay.io"
PROXY: JsonObject = {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]}
TEAMS: JsonObject = {
    "cluster": "hub", "clusters": ["hub"], "pods": {"image_registry": MIRROR, "image_pull_secrets": ["pull"]},
    "teams": [{"name": "pay", "namespaces": ["pay"], "prometheus": {"thanos": {}}}, {"name": "agent",
              "namespaces": ["agent"], "alertmanager": {"enabled": False}, "prometheus": {"mode": "agent",
              "remote_write": [{"name": "far", "url": "https://far.example.com/api/v1/write"}]}}],
}  # fmt: skip
PRIVATE: JsonObject = {
    "operator": {"image_registry": MIRROR, "image_pull_secrets": ["pull"], "operators": 2},
    "teams": TEAMS,
    "federation-source": {
        **TEAMS,
        "sources": [{"team": "pay", "address": "10.0.0.9", "scheme": "https", "proxy": PROXY,
                     "tls_config": {"cert": {"secret": "any"}}}],
    },
    "federation-write": {**TEAMS, "receivers": [{"team": "pay", "urls": ["https://a.example.com/api/v1/write"],
                                                 "proxy": PROXY}]},
}  # fmt: skip


def test_with_a_private_registry_no_image_comes_from_elsewhere() -> None:
    found = inventory_of(objects_of_cluster(PRIVATE))
    assert [image for image in found.images if not image.startswith(f"{MIRROR}/")] == []
    assert f"{MIRROR}/brancz/kube-rbac-proxy:v{KUBE_RBAC_PROXY}" in found.images
    assert f"{MIRROR}/prometheus/prometheus:v{PROMETHEUS}" in found.images


def test_with_a_private_registry_every_pod_has_its_credentials() -> None:
    for obj in objects_of_cluster(PRIVATE):
        if is_custom(obj) or runs_pods(obj):
            pod = obj["spec"] if is_custom(obj) else obj["spec"]["template"]["spec"]
            assert pod.get("imagePullSecrets") == [{"name": "pull"}], obj["kind"]


def test_a_proxys_own_registry_counts_more_than_the_teams() -> None:
    source = {**PRIVATE["federation-source"]["sources"][0], "proxy": {**PROXY, "image_registry": "own.example.com"}}
    found = inventory_of(objects_of_cluster({"federation-source": {**TEAMS, "sources": [source]}}))
    assert list(found.images) == [f"own.example.com/brancz/kube-rbac-proxy:v{KUBE_RBAC_PROXY}"]


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_every_capability_has_an_inventory(capability: t.Any) -> None:
    given = validate_mapping(capability.example, capability.options, path="")
    objects = objects_of(capability, given)
    assert bool(inventory_of(objects).images) == any(is_custom(obj) or runs_pods(obj) for obj in objects)


def test_the_module_names_the_option_of_what_is_wrong() -> None:
    wrong = {"operator": {"image_registry": "https://r"}, "tems": {}}
    with pytest.raises(InputError) as caught:
        work(Run(params={"cluster": "hub", "capabilities": wrong}, check=False))
    assert sorted(error.path for error in caught.value.errors) == [
        "capabilities.operator.image_registry", "capabilities.tems",
    ]  # fmt: skip


def test_many_objects_make_a_short_row() -> None:
    teams = [{"name": f"t{number}", "namespaces": [f"t{number}"]} for number in range(30)]
    given = {"operator": {}, "teams": {"cluster": "hub", "clusters": ["hub"], "teams": teams}}
    result = work(Run(params={"cluster": "hub", "capabilities": given, "manifests": []}, check=False))
    (row,) = [row for row in result["images"] if "/prometheus:" in row["image"]]
    assert (len(row["why"]), row["more"]) == (20, 11)
    assert "and 11 more" in result["text"]
