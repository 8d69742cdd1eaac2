"""What holds for every object, whatever the input."""

from __future__ import annotations

import json
import random
import re
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MANAGED_BY_LABEL,
    SET_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities import registry
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    objects_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.capabilities.builders import (
    BASE_RULES,
    CLUSTERS,
    JsonObject,
    objects_of_endpoint,
    teams,
)

CLUSTER_SCOPED = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}
# Names of these become part of names or labels that end at 63 characters.
DNS_LABEL_KINDS = {"Namespace", "Service", "Prometheus", "Alertmanager"}
# An empty mapping that says something: everything, or nothing in particular.
MEANINGFUL = re.compile(r"(?:Selector|podSelector)$")

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,37}[a-z0-9])?", fullmatch=True)
PART = {
    "enabled": st.booleans(),
    "replicas": st.integers(min_value=1, max_value=9),
    "storage": st.sampled_from([{"size": "1Gi"}, {"size": "1024Mi", "class": "fast"}]),
    "resources": st.sampled_from([{"cpu": "0.5"}, {"memory": "3000Mi"}, {"cpu": 3, "memory": "100Gi"}]),
}
WEB = st.sampled_from(
    [{"external_url": "https://a.example/b"}, {"route_prefix": "/a"}, {"gateway": {"namespace": "a"}}]
)
SCHEDULING: dict[str, st.SearchStrategy[t.Any]] = {
    "node_selector": st.dictionaries(st.sampled_from(["pool", "a.b/c"]), st.sampled_from(["a", 7])),
    "affinity": st.sampled_from([{}, {"podAffinity": {"b": [1], "a": {"d": 1, "c": 2}}, "nodeAffinity": {"a": "b"}}]),
    "priority_class": st.just("high"),
    "disruption_budget": st.booleans(),
    "topology_spread": st.sampled_from([[], [{"topologyKey": "zone"}]]),
}
BOTH: dict[str, st.SearchStrategy[t.Any]] = {
    **PART,
    "web": WEB,
    "scheduling": st.fixed_dictionaries({}, optional=SCHEDULING),
    "extra_spec": st.sampled_from([{}, {"logLevel": "warn", "dnsConfig": {"b": "c", "a": "d"}, "hostUsers": False}]),
}
PROMETHEUS: dict[str, st.SearchStrategy[t.Any]] = {
    **BOTH,
    "enforce_tenancy": st.booleans(),
    "retention_size": st.sampled_from(["500Mi", "1M"]),
    "wal_compression": st.booleans(),
    "enable_features": st.lists(st.sampled_from(["exemplar-storage", "search-api"]), unique=True),
    "limits": st.fixed_dictionaries({}, optional={"samples": st.just(5), "body_size": st.just("1MB")}),
    "query": st.fixed_dictionaries({}, optional={"timeout": st.just("1m"), "max_samples": st.just(5)}),
    "thanos": st.sampled_from([{}, {"object_storage": {"secret": "a", "key": "b"}}]),
    "remote_write": st.sampled_from([[], [{"name": "a", "url": "https://a", "headers": {"X-B": "c", "X-A": "d"}}]]),
}
OPTIONS: dict[str, st.SearchStrategy[t.Any]] = {
    "enabled": st.booleans(),
    "clusters": st.lists(st.sampled_from(CLUSTERS), unique=True),
    "groups": st.lists(st.sampled_from(["oidc:a", "b", "ü"]), unique=True),
    "size": st.sampled_from(["small", "medium", "large"]),
    "labels": st.dictionaries(st.sampled_from(["env", "tier", "_x"]), st.sampled_from(["a", "b c", 7])),
    **dict.fromkeys(["rbac", "quota", "network_policy", "base_rules"], st.booleans()),
    "image_registry": st.just("mirror.example.com"),
    "image_pull_secrets": st.lists(st.sampled_from(["b", "a"]), unique=True),
    "run_as": st.sampled_from(["fixed", "platform"]),
    "prometheus": st.fixed_dictionaries({}, optional=PROMETHEUS),
    "alertmanager": st.fixed_dictionaries({}, optional=BOTH),
}


@st.composite
def fleets(draw: st.DrawFn) -> list[JsonObject]:
    """Some teams, each with some of the options."""
    names = draw(st.lists(NAMES.filter(lambda name: name != "platform"), unique=True, min_size=1, max_size=3))
    options = st.fixed_dictionaries({}, optional=OPTIONS)
    count = st.integers(min_value=0, max_value=2)
    return [
        {
            "name": name,
            **draw(options),
            "namespaces": [f"team-{index}-{number}" for number in range(draw(count))],
        }
        for index, name in enumerate(names)
    ]


def rendered(raw: t.Sequence[JsonObject], *, cluster: str = "hub") -> list[JsonObject]:
    return [obj for team in teams(*raw) for obj in team_objects(team, cluster=cluster, base_rules=BASE_RULES[:1])]


def shuffled(value: t.Any, order: random.Random) -> t.Any:
    """The same input in another order: of keys, and of lists in which the order says nothing."""
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order) for name in names}
    if isinstance(value, list):
        items = [shuffled(item, order) for item in value]
        order.shuffle(items)
        return items
    return value


def text(objects: t.Sequence[JsonObject]) -> str:
    return json.dumps(objects, ensure_ascii=False)


@given(fleets(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_input_changes_no_byte(raw: list[JsonObject], order: random.Random) -> None:
    assert text(rendered(shuffled(raw, order))) == text(rendered(raw))


@given(fleets(), st.sampled_from(CLUSTERS))
@settings(deadline=None, max_examples=60)
def test_teams_objects_are_well_formed(raw: list[JsonObject], cluster: str) -> None:
    objects = rendered(raw, cluster=cluster)
    for obj in objects:
        assert problems(obj) == []
    names = [(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects]
    assert len(set(names)) == len(names)
    assert {(obj["apiVersion"], obj["kind"]) for obj in objects} <= set(registry.named("teams").kinds)


def example(capability: Capability[t.Any]) -> list[JsonObject]:
    """The objects of a capability's own example, whose parameters are checked as its module would check them."""
    checked = ArgumentSpecValidator(cluster_options(capability.options)).validate(capability.example)
    assert not checked.error_messages
    return objects_of(capability, checked.validated_parameters)


@pytest.mark.parametrize("capability", registry.CAPABILITIES, ids=lambda capability: capability.name)
def test_an_example_has_objects_of_every_kind_of_its_capability(capability: Capability[t.Any]) -> None:
    objects = example(capability)
    for obj in objects:
        assert problems(obj) == []
    assert {(obj["apiVersion"], obj["kind"]) for obj in objects} == set(capability.kinds)


def test_capabilities_name_only_capabilities_that_there_are() -> None:
    names = [capability.name for capability in registry.CAPABILITIES]
    assert len(set(names)) == len(names)
    for number, capability in enumerate(registry.CAPABILITIES):
        assert set(capability.neighbours) <= set(names)
        # Applied after what they use, and never in a circle.
        assert set(capability.requires) <= set(names[:number])


@given(NAMES, st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", fullmatch=True))
@settings(deadline=None, max_examples=60)
def test_federated_instances_of_any_name_are_well_formed(team: str, cluster: str) -> None:
    for address in ("10.0.0.1", "prom.example.com"):
        raw = {"cluster": cluster, "team": team, "targets": [{"address": address, "port": 9090}]}
        for obj in objects_of_endpoint(raw):
            assert problems(obj) == []


def problems(obj: JsonObject) -> list[str]:
    """What is wrong with an object that has nothing to do with its kind."""
    metadata = obj["metadata"]
    labels = metadata["labels"]
    found = [
        f"label {name}: {value!r}"
        for name, value in labels.items()
        if grammar.qualified_name(name) or not isinstance(value, str) or grammar.label_value(value)
    ]
    if ("namespace" in metadata) is (obj["kind"] in CLUSTER_SCOPED):
        found.append("namespace")
    check = grammar.dns_label if obj["kind"] in DNS_LABEL_KINDS else grammar.dns_subdomain
    if check(metadata["name"]):
        found.append(f"name {metadata['name']}")
    if TEAM_LABEL not in labels or SET_LABEL in labels:
        found.append("labels")
    # A team's own namespace is the team's: it has nothing of ours but the label by which we find it.
    if MANAGED_BY_LABEL not in labels and set(labels) != {TEAM_LABEL}:
        found.append("labels")
    if obj["kind"] == "Secret":
        found.append("a secret")
    return found + list(empty_values(obj, path=""))


def empty_values(value: t.Any, *, path: str) -> t.Iterator[str]:
    """Places of nulls, and of empty lists and mappings that mean nothing: the server drops those."""
    if value is None or (value in ({}, []) and not MEANINGFUL.search(path)):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from empty_values(item, path=f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from empty_values(item, path=f"{path}[{index}]")
