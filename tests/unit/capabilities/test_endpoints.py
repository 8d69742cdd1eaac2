"""Endpoints: what the central side gets from the workers."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    SOURCE_CLUSTER_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Target,
    endpoint,
    is_of_clusters,
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError


def any_match(text: str) -> str | None:
    return None if text else "is empty"


def raw(*targets: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
    places = list(targets) or [{"address": "10.0.0.1", "port": 9090}]
    return {"cluster": "edge", "team": "platform", "targets": places, **options}


def parse(*sets: object) -> tuple[FederationTargetSet, ...]:
    return parse_endpoints(list(sets), check_match=any_match)


def test_a_workers_answer_is_understood() -> None:
    (source,) = parse_sources([{"labels": {"region": "eu"}}], check_match=any_match)
    targets = [Target(address="10.0.0.2", port=30091, replica=1), Target(address="10.0.0.1", port=30090)]
    (found,) = parse(endpoint(source, cluster="edge", targets=targets))
    assert (found.cluster, found.team, found.scrape) == ("edge", "platform", source.scrape)
    assert found.targets == (targets[1], targets[0])
    assert (found.name, found.job) == ("federation-edge-platform", "federation/edge/platform")
    assert [job.label for job in found.jobs] == ["federation/edge/platform", "federation/edge/platform/alerts"]
    assert not found.by_name


@pytest.mark.parametrize(
    ("in_use", "kept"),
    [
        (set(), "10.0.0.1"),
        ({"10.0.0.1"}, "10.0.0.1"),
        ({"10.0.0.2"}, "10.0.0.2"),
        ({"10.0.0.9"}, "10.0.0.1"),
        ({"10.0.0.9", "10.0.0.2"}, "10.0.0.2"),
    ],
)
def test_the_address_in_use_is_kept_while_the_replica_has_it(in_use: set[str], kept: str) -> None:
    (source,) = parse_sources([{}], check_match=any_match)
    given = Target(address="10.0.0.1", port=9090, others=("10.0.0.2", "10.0.0.3"))
    (found,) = parse(endpoint(source, cluster="edge", targets=[given]))
    assert found.targets == (given,)
    assert given.keeping(in_use).address == kept


def test_instances_are_sorted() -> None:
    found = parse(
        raw({"address": "10.0.0.1", "port": 1}, cluster="b"),
        raw({"address": "10.0.0.2", "port": 1}, cluster="a"),
    )
    assert [item.cluster for item in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("address", "by_name"), [("10.0.0.1", False), ("fd00::1", False), ("prom.example.com", True), ("edge", True)]
)
def test_names_and_addresses(address: str, by_name: bool) -> None:
    (found,) = parse(raw({"address": address, "port": 9090}))
    assert found.by_name is by_name


@pytest.mark.parametrize(
    "target",
    [
        {"address": KNOWN_AFTER_APPLY, "port": None},
        {"address": KNOWN_AFTER_APPLY, "port": 9090},
        {"address": "10.0.0.1"},
    ],
)
def test_in_check_mode_a_place_may_be_unknown(target: dict[str, t.Any]) -> None:
    (found,) = parse_endpoints([raw(target)], check_match=any_match, check=True)
    assert found.pending
    with pytest.raises(InputError, match=r"^sources\[0\]\.targets\[0\]: its address or port is not known"):
        parse(raw(target))


def test_two_unknown_places_are_not_the_same_place() -> None:
    unknown = {"address": KNOWN_AFTER_APPLY}
    found = parse_endpoints([raw(unknown), raw(unknown, cluster="c")], check_match=any_match, check=True)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("sets", "error"),
    [
        ([raw(), raw()], "sources[1]: team 'platform' of cluster 'edge' is sources[0] too"),
        (
            [raw(), raw(cluster="other")],
            "sources[1].targets[0]: 10.0.0.1 port 9090 is sources[0].targets[0] too: its series would be scraped twice",
        ),
        (
            [raw({"address": "10.0.0.1", "port": 1}, {"address": "a.b", "port": 1, "replica": 1})],
            "sources[0].targets[1].address: IP addresses and DNS names cannot be mixed",
        ),
        (
            [raw({"address": "10.0.0.1", "port": 1}, {"address": "10.0.0.2", "port": 1})],
            "sources[0].targets[1].replica: replica 0 has a target already",
        ),
        ([raw({"address": "127.0.0.1", "port": 1})], "sources[0].targets[0].address: '127.0.0.1' cannot be reached"),
        ([raw({"address": "10.0.0.1", "port": 0})], "sources[0].targets[0].port: 0 is not a port"),
        ([raw({"port": 1})], "sources[0].targets[0].address: is required"),
        (
            [raw({"address": "10.0.0.1", "port": 1, "others": ["a.b"]})],
            "sources[0].targets[0].address: IP addresses and DNS names cannot be mixed",
        ),
        (
            [raw({"address": "10.0.0.1", "port": 1, "others": ["127.0.0.1"]})],
            "sources[0].targets[0].others[0]: '127.0.0.1' cannot be reached",
        ),
        (
            [raw({"address": "10.0.0.1", "port": 1, "replica": -1})],
            "sources[0].targets[0].replica: must not be negative, found -1",
        ),
        ([raw(targets=[])], "sources[0].targets: must not be empty"),
        ([raw(cluster="a b")], "sources[0].cluster: 'a b' must consist"),
        ([raw(team="A")], "sources[0].team: 'A' must consist"),
        ([raw(match=[""])], "sources[0].match[0]: is empty"),
        ([raw(timeout="1m")], "sources[0].timeout: '1m' must not be longer than the interval"),
    ],
)
def test_bad_endpoints_are_named_with_their_place(sets: list[object], error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(*sets)
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    ("labels", "kept"), [({SOURCE_CLUSTER_LABEL: "edge"}, True), ({SOURCE_CLUSTER_LABEL: "x"}, False), (None, False)]
)
def test_objects_of_clusters(labels: dict[str, str] | None, kept: bool) -> None:
    assert is_of_clusters({"metadata": {"name": "a", "labels": labels}}, {"edge", "far"}) is kept
