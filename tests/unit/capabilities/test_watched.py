"""What a central Prometheus gets to watch what it federates."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import FEDERATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    is_of_clusters,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.watched import (
    ALERTED,
    EXPECTED,
    RECORDED,
    TIMEOUT,
    WRITERS,
    is_shipped,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.unit.capabilities.builders import FEDERATION_RULES, ROLES, JsonObject

EDGE = {
    "cluster": "edge",
    "team": "platform",
    "targets": [{"address": "192.0.2.7", "port": 31090}, {"address": "192.0.2.8", "port": 31090, "replica": 1}],
}
BRANCH = {"cluster": "branch", "team": "platform", "targets": [{"address": "prom.example.com", "port": 443}]}


def rules(**options: t.Any) -> dict[str, JsonObject]:
    """The PrometheusRules of the central side, by their names."""
    given = {"cluster": "hub", "clusters": ["hub", "edge"], "rules": FEDERATION_RULES, **options}
    model = model_of(FEDERATION, validate_mapping(given, FEDERATION.options, path=""))
    return {obj["metadata"]["name"]: obj for obj in FEDERATION.desired(model) if obj["kind"] == "PrometheusRule"}


def test_the_shipped_rules_are_one_object_in_the_namespace_of_the_reading_instance() -> None:
    found = rules(sources=[EDGE])
    assert found["federation"]["spec"]["groups"] == FEDERATION_RULES
    assert {obj["metadata"]["namespace"] for obj in found.values()} == {"monitoring-platform"}


def test_each_source_says_how_many_targets_it_must_have_and_how_long_it_may_take() -> None:
    found = rules(sources=[EDGE, {**BRANCH, "interval": "2m", "timeout": "1m30s"}])
    expected = {
        (rule["labels"]["cluster"], rule["record"]): rule["expr"]
        for name in ("federation-edge-platform", "federation-branch-platform")
        for group in found[name]["spec"]["groups"]
        for rule in group["rules"]
    }
    assert expected == {
        ("edge", EXPECTED): "vector(2)",
        ("edge", TIMEOUT): "vector(25)",
        ("branch", EXPECTED): "vector(1)",
        ("branch", TIMEOUT): "vector(90)",
    }


def test_a_source_that_writes_says_how_many_replicas_must_write_and_has_no_targets() -> None:
    written = {"cluster": "edge", "team": "platform", "targets": [], "transport": "remote_write", "writers": 2}
    (group,) = rules(sources=[written])["federation-edge-platform"]["spec"]["groups"]
    assert [(rule["record"], rule["expr"]) for rule in group["rules"]] == [(WRITERS, "vector(2)")]


def test_what_is_expected_of_a_cluster_stays_while_the_cluster_is_silent() -> None:
    found = rules(sources=[EDGE])
    assert [name for name, obj in found.items() if is_of_clusters(obj, {"edge"})] == ["federation-edge-platform"]


def test_without_sources_there_is_nothing_to_watch() -> None:
    assert rules(sources=[]) == {}


def test_only_the_shipped_rules_are_of_no_source() -> None:
    assert [name for name, obj in rules(sources=[EDGE, BRANCH]).items() if is_shipped(obj)] == ["federation"]


def test_without_alert_rules_there_are_none() -> None:
    assert rules(sources=[EDGE], alert_rules=False) == {}
    assert rules(sources=[EDGE], rules=[]) == {}


def test_names_tell_what_the_central_side_makes_itself() -> None:
    """The doctor does not take it for data of a source."""
    made = [rule for group in FEDERATION_RULES for rule in group["rules"]]
    assert len(made) > 10
    assert [one for one in made if not one.get("record", RECORDED).startswith(RECORDED)] == []
    assert [one for one in made if not one.get("alert", ALERTED).startswith(ALERTED)] == []
    assert EXPECTED.startswith(RECORDED)
    assert TIMEOUT.startswith(RECORDED)


def test_the_shipped_rules_compare_with_what_is_expected() -> None:
    text = (ROLES / "prometheus_federation/files/federation_rules.yml").read_text()
    assert EXPECTED in text
    assert TIMEOUT in text
    assert WRITERS in text
