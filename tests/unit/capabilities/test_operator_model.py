"""The operator's options."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import (
    OPERATOR_OPTIONS,
    parse_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

CA = "-----BEGIN CERTIFICATE-----"


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
        ({"log_level": "loud"}, "log_level: must be one of debug, info, warn, error, found 'loud'"),
        ({"version": "0.60.0"}, "version: '0.60.0' is too old; this collection needs 0.86.0 or newer"),
        ({"version": "main"}, "version: 'main' is not a version"),
        ({"image_registry": "https://quay.io"}, "image_registry: 'https://quay.io' is not a registry"),
        ({"image_registry": "quay.io/"}, "image_registry: 'quay.io/' is not a registry"),
        ({"resources": {"cpu": "fast"}}, "resources.cpu: 'fast' is not a quantity"),
        ({"resources": {"memry": "1Gi"}}, "resources.memry: unknown key; did you mean 'memory'?"),
        ({"namespace": "A"}, "namespace: 'A' must consist"),
        ({"namespace": "monitoring-platform"}, "namespace: 'monitoring-platform' is the namespace of the platform"),
        ({"replaces": ["monitoring"]}, "replaces[0]: 'monitoring' does not name a Deployment; write its namespace and"),
        ({"replaces": ["a/b", "a/B"]}, "replaces[1]: 'a/B' does not name a Deployment"),
        ({"replaces": ["a/b", "a/b"]}, "replaces[1]: 'a/b' is listed twice"),
        (
            {"replaces": ["prometheus-operator/prometheus-operator"]},
            "replaces[0]: 'prometheus-operator/prometheus-operator' is the Deployment that this makes; give",
        ),
        ({"admission_webhook": {"replicas": 0}}, "admission_webhook.replicas: must be from 1 to 10, found 0"),
        ({"admission_webhook": {"timeout_seconds": 31}}, "admission_webhook.timeout_seconds: must be from 1 to 30 sec"),
        (
            {"admission_webhook": {"renew_days": 14}},
            "admission_webhook.renew_days: must be from 15 to 300 days",
        ),
        (
            {"admission_webhook": {"failure_policy": "fail"}},
            "admission_webhook.failure_policy: must be one of",
        ),
        ({"admission_webhook": {"resources": {"cpu": "x"}}}, "admission_webhook.resources.cpu: 'x' is not a quantity"),
        ({"admission_webhook": {"secret": "tls"}}, "admission_webhook.ca_bundle: must be given together with secret"),
        ({"admission_webhook": {"ca_bundle": CA}}, "admission_webhook.ca_bundle: must be given together with secret"),
        (
            {"admission_webhook": {"secret": "a", "ca_bundle": "b"}},
            "admission_webhook.ca_bundle: must be certificates",
        ),
        (
            {"admission_webhook": {"secret": "A", "ca_bundle": CA}},
            "admission_webhook.secret: must be the name of",
        ),
        (
            {"admission_webhook": {"secret": "prometheus-operator-admission-webhook", "ca_bundle": CA}},
            "admission_webhook.secret: 'prometheus-operator-admission-webhook' is the Secret that runs make; give",
        ),
        ({"regions": {"eu": {"operator": 1}}}, "regions.eu.operator: unknown key; did you mean 'operators'?"),
        ({"regions": {"eu": {"operators": 10}}}, "regions.eu.operators: must be from 0 to 9, found 10"),
        ({"region": "eo", "regions": {"eu": {}}}, "region: unknown region 'eo'; known: eu"),
        ({"operators": 10}, "operators: must be from 0 to 9, found 10"),
        ({"weights": {"pay": 0}}, "weights.pay: must be a whole number from 1 to 1000, found 0"),
        ({"weights": {"A": 1}}, "weights.A: 'A' must"),
        ({"moved_after": -1}, "moved_after: must be from 0 to 3600 seconds, found -1"),
        (
            {"operators": 2, "replaces": ["prometheus-operator/prometheus-operator-2"]},
            "replaces[0]: 'prometheus-operator/prometheus-operator-2' is the Deployment that this makes; give",
        ),
        ({"monitor": "perhaps"}, "monitor: must be true or false, found 'perhaps'"),
    ],
)
def test_bad_input_is_named_with_its_place(raw: t.Any, error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_operator(raw)
    assert str(caught.value).startswith(error)


def test_a_region_says_what_is_different_in_it() -> None:
    regions = {"eu": {"operators": 3, "resources": {"memory": "1Gi"}}, "us": {"image_registry": "us.example.com"}}
    given: dict[str, t.Any] = {"regions": regions, "log_level": "warn"}
    here, there, nowhere = (parse_operator({**given, **more}) for more in ({"region": "eu"}, {"region": "us"}, {}))
    assert (here.operators, here.resources.memory, here.image_registry) == (3, "1Gi", "quay.io")
    assert (there.operators, there.resources.memory, there.image_registry) == (0, "200Mi", "us.example.com")
    assert nowhere == parse_operator({"log_level": "warn"})
    assert {one.log_level for one in (here, there, nowhere)} == {"warn"}
