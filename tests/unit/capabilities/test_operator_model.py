"""The operator's options."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import (
    OPERATOR_OPTIONS,
    parse_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError


@pytest.mark.parametrize("raw", [None, {}, dict.fromkeys(OPERATOR_OPTIONS)])
def test_nothing_is_required(raw: object) -> None:
    operator = parse_operator(raw)
    assert (operator.namespace, operator.version) == ("prometheus-operator", PROMETHEUS_OPERATOR)
    assert operator.resources == Resources(cpu="200m", memory="200Mi")
    assert (operator.monitor, operator.alert_rules) == (True, True)
    assert (operator.platform_team, operator.platform_namespace) == ("platform", "monitoring-platform")


def test_the_platforms_namespace_follows_its_name() -> None:
    assert parse_operator({"platform_team": "infra"}).platform_namespace == "monitoring-infra"
    assert parse_operator({"platform_namespace": "infra"}).platform_namespace == "infra"


@pytest.mark.parametrize("registry", ["quay.io", "registry.example.com:5000", "mirror.example.com/quay/all"])
def test_registries(registry: str) -> None:
    assert parse_operator({"image_registry": registry}).image_registry == registry


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({"log_level": "loud"}, "x.log_level: must be one of debug, info, warn, error, found 'loud'"),
        ({"version": "0.60.0"}, "x.version: '0.60.0' is too old; this collection needs 0.86.0 or newer"),
        ({"version": "main"}, "x.version: 'main' is no version"),
        ({"image_registry": "https://quay.io"}, "x.image_registry: 'https://quay.io' is no registry"),
        ({"image_registry": "quay.io/"}, "x.image_registry: 'quay.io/' is no registry"),
        ({"resources": {"cpu": "fast"}}, "x.resources.cpu: 'fast' is no quantity"),
        ({"resources": {"memry": "1Gi"}}, "x.resources.memry: unknown key; did you mean 'memory'?"),
        ({"namespace": "A"}, "x.namespace: 'A' must consist"),
        ({"namespace": "monitoring-platform"}, "x.namespace: 'monitoring-platform' is the namespace of the platform"),
        ({"monitor": "perhaps"}, "x.monitor: must be true or false, found 'perhaps'"),
        ([], "x: must be a mapping, found a list"),
    ],
)
def test_bad_input_is_named_with_its_place(raw: t.Any, error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_operator(raw, path="x")
    assert str(caught.value).startswith(error)


def test_a_module_has_the_options_at_its_top_level() -> None:
    with pytest.raises(InputError, match=r"^version: 'main' is no version"):
        parse_operator({"version": "main"}, path="")
