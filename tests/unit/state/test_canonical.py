"""Desired objects take the form in which the API server answers; a value never changes its meaning by that."""

from __future__ import annotations

import copy
import typing as t
from decimal import Decimal

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical, quantity
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

# Each pair was seen on Kubernetes 1.36: what was sent, and what came back.
SEEN: list[tuple[t.Any, t.Any]] = [
    ("1000m", "1"),
    ("0.5", "500m"),
    (2, "2"),
    (0.5, "500m"),
    ("1024Mi", "1Gi"),
    ("0.5Gi", "512Mi"),
    ("1500Mi", "1500Mi"),
    ("1000000", "1M"),
    ("0Gi", "0"),
    ("100m", "100m"),
    ("1k", "1k"),
]
UNTOUCHED: list[t.Any] = [
    "1e3",
    "1E3",
    "1.1Ki",
    "9223372036854775808",
    "1.0005",
    "1u",
    "5.",
    "a lot",
    "",
    True,
    None,
    {"a": "1000m"},
]


@pytest.mark.parametrize(("sent", "answered"), SEEN)
def test_quantities_are_written_as_the_server_writes_them(sent: t.Any, answered: str) -> None:
    assert quantity(sent) == answered


@pytest.mark.parametrize("value", UNTOUCHED)
def test_what_has_no_certain_form_stays(value: t.Any) -> None:
    assert quantity(value) == value


FACTORS = {"n": "1e-9", "u": "1e-6", "m": "1e-3", "": "1", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
FACTORS |= {"P": "1e15", "E": "1e18"} | {
    f"{name}i": str(2 ** (10 * step)) for step, name in enumerate("KMGTPE", start=1)
}


def amount(text: str) -> Decimal:
    """What a quantity means."""
    digits = text.rstrip("numkKMGTPEi")
    return Decimal(digits) * Decimal(FACTORS[text[len(digits) :]])


@given(st.decimals(0, 10**6, places=4), st.sampled_from(sorted(FACTORS)))
def test_a_quantity_never_changes_its_value(number: Decimal, suffix: str) -> None:
    given_text = f"{number}{suffix}"
    assert amount(quantity(given_text)) == amount(given_text)
    assert quantity(quantity(given_text)) == quantity(given_text)


def deployment(limits: JsonObject) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "resources": {"limits": limits}}]}}},
    }


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
