"""Which images the Logging operator pulls for its own resources, by what they switch on."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.logging_operator import RELEASES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]
OWN = "ghcr.io/kube-logging/logging-operator"


def operator(release: str) -> JsonObject:
    container = {"name": "logging-operator", "image": f"{OWN}:{release}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "logging-operator", "namespace": "logging"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def custom(kind: str, spec: JsonObject, *, group: str = "logging") -> JsonObject:
    return {"apiVersion": f"{group}.banzaicloud.io/v1beta1", "kind": kind, "metadata": {"name": "any"}, "spec": spec}


def images(obj: JsonObject, *, release: str = "6.7.0") -> list[str]:
    found = inventory_of([operator(release), obj]).images
    return [name.removeprefix(f"{OWN}/") for name in found if name != f"{OWN}:{release}"]


BIT, SYSLOG = "ghcr.io/fluent/fluent-bit:5.0.5", "ghcr.io/axoflow/axosyslog:4.25.0"


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Logging", {}, []),
        ("Logging", {"fluentbit": {}}, [BIT]),
        ("Logging", {"fluentd": {}}, ["config-reloader:6.7.0", "fluentd:6.7.0-full"]),
        ("Logging", {"syslogNG": {}}, [SYSLOG, "syslog-ng-reloader:6.7.0"]),
        ("FluentbitAgent", {"configHotReload": {}}, [BIT, "config-reloader:6.7.0"]),
        ("FluentbitAgent", {"bufferVolumeMetrics": {"port": 9200}}, [BIT, "node-exporter:6.7.0"]),
        ("FluentbitAgent", {"bufferVolumeMetrics": {"enabled": False, "port": 9200}}, [BIT]),
        ("FluentbitAgent", {"image": {"repository": "r.example/bit", "tag": "1"}}, ["r.example/bit:1"]),
        ("FluentbitAgent", {"image": {"tag": "1"}}, ["ghcr.io/fluent/fluent-bit:1"]),
        (
            "FluentdConfig",
            {"scaling": {"drain": {"enabled": True}}, "volumeMountChmod": True},
            ["docker.io/library/busybox:latest", "config-reloader:6.7.0", "fluentd-drain-watch:6.7.0",
             "fluentd:6.7.0-full", "registry.k8s.io/pause:3.9"],
        ),
        (
            "FluentdConfig",
            {"scaling": {"drain": {"enabled": True}}, "disablePvc": True},
            ["config-reloader:6.7.0", "fluentd:6.7.0-full"],
        ),
        (
            "SyslogNGConfig",
            {"metrics": {"path": "/metrics"}},
            ["ghcr.io/axoflow/axosyslog-metrics-exporter:0.0.15", SYSLOG, "syslog-ng-reloader:6.7.0"],
        ),
    ],
)  # fmt: skip
def test_what_is_switched_on_is_pulled_and_nothing_else(kind: str, spec: JsonObject, expected: list[str]) -> None:
    assert images(custom(kind, spec)) == expected


@pytest.mark.parametrize("release", RELEASES)
def test_each_known_release_pulls_its_own_versions(release: str) -> None:
    found = images(custom("Logging", {"fluentbit": {}, "fluentd": {}, "syslogNG": {"metrics": {"port": 1}}}),
                   release=release)  # fmt: skip
    assert f"fluentd:{release}-full" in found
    assert f"ghcr.io/fluent/fluent-bit:{RELEASES[release].fluent_bit}" in found
    tailers = [custom(kind, {}, group="logging-extensions") for kind in ("EventTailer", "HostTailer")]
    assert images(tailers[0], release=release) == [f"ghcr.io/kube-logging/eventrouter:{RELEASES[release].eventrouter}"]
    assert images(tailers[1], release=release) == [f"ghcr.io/fluent/fluent-bit:{RELEASES[release].fluent_bit}"]


def test_an_empty_block_of_metrics_counts_in_old_releases_only() -> None:
    assert len(images(custom("FluentbitAgent", {"bufferVolumeMetrics": {}}), release="6.0.3")) == 2
    assert len(images(custom("FluentbitAgent", {"bufferVolumeMetrics": {}}), release="6.1.0")) == 1


def test_each_image_says_why() -> None:
    found = inventory_of([operator("6.7.0"), custom("FluentbitAgent", {"image": {"tag": "1"}})])
    (reason,) = found.reasons("ghcr.io/fluent/fluent-bit:1")
    assert str(reason) == (
        "FluentbitAgent any (fluent-bit): spec.image.tag, release 6.7.0 of the operator "
        "(pkg/sdk/logging/api/v1beta1: repository ghcr.io/fluent/fluent-bit)"
    )


@pytest.mark.parametrize("objects", [[], [operator("4.6.0")]])
def test_an_unknown_release_is_an_error_and_not_a_guess(objects: list[JsonObject]) -> None:
    with pytest.raises(InputError, match=r"of the Logging operator are not known; known: 5\.4\.0"):
        inventory_of([*objects, custom("FluentbitAgent", {})])
