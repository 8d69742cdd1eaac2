"""Desired objects take the form in which the API server answers; a value never changes its meaning by that."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical

JsonObject = dict[str, t.Any]

# As seen on Kubernetes 1.36, except that what is not a quantity is refused there.
ANSWERS: list[tuple[t.Any, t.Any]] = [
    ("1000m", "1"),
    (2, "2"),
    (0.5, "500m"),
    ("0.5Gi", "512Mi"),
    ("1u", "1m"),
    ("1.1Ki", "1126400m"),
    ("0.0005", "1m"),
    ("a lot", "a lot"),
    ("", ""),
    (True, True),
    ({"a": "1000m"}, {"a": "1000m"}),
]


def deployment(limits: JsonObject) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "resources": {"limits": limits}}]}}},
    }


@pytest.mark.parametrize(("sent", "answer"), ANSWERS)
def test_amounts_of_resources_are_written_as_the_server_keeps_them(sent: t.Any, answer: t.Any) -> None:
    assert canonical(deployment({"cpu": sent})) == deployment({"cpu": answer})


def test_an_amount_that_is_no_resource_is_not_rounded() -> None:
    pod: JsonObject = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    sent = {**pod, "spec": {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "0.5m"}}]}}
    assert canonical(sent) == {**pod, "spec": {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "500u"}}]}}


def test_quantities_are_found_in_built_in_kinds_and_left_alone_in_custom_resources() -> None:
    assert canonical(deployment({"cpu": "1000m"})) == deployment({"cpu": "1"})
    custom = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "p"}}
    custom["spec"] = {"resources": {"limits": {"cpu": "1000m"}}}
    assert canonical(custom) == custom


def test_string_data_becomes_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "YQ==", "b": "Yg=="}}
    made = canonical({**secret, "stringData": {"a": "new"}})
    assert made == {**secret, "data": {"a": "bmV3", "b": "Yg=="}}


def test_nulls_and_empty_labels_are_left_out() -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}, "uid": None}, "spec": {"a": {}}}
    assert canonical(obj) == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"a": {}}}


def test_the_input_stays_as_it_is() -> None:
    obj = deployment({"cpu": "1000m"})
    before = copy.deepcopy(obj)
    canonical(obj)
    assert obj == before
