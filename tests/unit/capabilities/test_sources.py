"""Sources: what a worker exposes."""

from __future__ import annotations

import typing as t
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import (
    DEFAULT_ALLOWED_SOURCES,
    of_family,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.load_balancers import (
    LOAD_BALANCERS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    Source,
    parse_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

TEAMS = {"platform": 1, "payments": 2}


def check_match(text: str) -> str | None:
    return f"{text!r} is bad" if "bad" in text else None


def parse(*raw: object, teams: t.Mapping[str, int] | None = None) -> tuple[Source, ...]:
    return parse_sources(list(raw), check_match=check_match, teams=TEAMS if teams is None else teams)


def test_a_source_needs_nothing() -> None:
    (source,) = parse({})
    assert (source.team, source.expose, source.address, source.port) == ("platform", "LoadBalancer", None, None)
    assert source.allowed_sources == tuple(sorted(DEFAULT_ALLOWED_SOURCES))
    assert source.scrape.match == tuple(sorted(DEFAULT_MATCH))
    assert (source.scrape.access.scheme, source.scrape.interval, source.scrape.timeout) == ("http", "30s", "25s")


def test_a_source_without_a_team_is_the_platforms() -> None:
    assert parse_sources([{}], check_match=check_match, platform="infra")[0].team == "infra"


def test_sources_are_sorted_by_team() -> None:
    assert [source.team for source in parse({}, {"team": "payments"})] == ["payments", "platform"]
    assert parse_sources(None, check_match=check_match) == ()


@pytest.mark.parametrize(
    "raw",
    [
        {"expose": "Existing", "address": "prom.example.com", "port": 443, "scheme": "https"},
        {"expose": "Existing", "address": "10.0.0.1", "port": "9090", "team": "payments"},
        {"expose": "NodePort", "node_port": 30090},
        {"expose": "NodePort", "team": "payments", "address": "10.0.0.1"},
        {"expose": "LoadBalancer", "address": "prom.example.com"},
        {"expose": "LoadBalancer", "address": "prom.example.com", "port": 443},
        {"annotations": {"example.com/internal": "true"}},
        {"labels": {"region": "eu"}},
        {"interval": "30s", "timeout": "30s"},
        {"interval": "1m", "timeout": "59s"},
        {"limits": {"samples": 5000}},
        {"limits": {"samples": "5000", "body_size": "1.5MiB"}},
        {"limits": {"body_size": "100B"}},
    ],
)
def test_good_sources(raw: dict[str, t.Any]) -> None:
    assert len(parse(raw)) == 1


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({"team": "paymens"}, "sources[0].team: unknown team 'paymens'; did you mean 'payments'?"),
        ({"expose": "Ingress"}, "sources[0].expose: must be one of LoadBalancer, NodePort, Existing, found 'Ingress'"),
        ({"expose": "Existing", "port": 80}, "sources[0].address: is required where expose is Existing"),
        ({"expose": "Existing", "address": "a.b"}, "sources[0].port: is required where expose is Existing"),
        ({"port": 9090}, "sources[0].port: needs an address"),
        ({"node_port": 30090}, "sources[0].node_port: needs expose to be NodePort, found 'LoadBalancer'"),
        ({"expose": "NodePort", "node_port": 0}, "sources[0].node_port: 0 is not a port"),
        (
            {"expose": "NodePort", "node_port": 30090, "team": "payments"},
            "sources[0].node_port: cannot be given: 'payments' has 2 replicas",
        ),
        ({"address": "a.b", "team": "payments"}, "sources[0].address: cannot be given: 'payments' has 2 replicas"),
        (
            {"expose": "NodePort", "address": "a.b", "port": 1, "team": "payments"},
            "sources[0].port: cannot be given: 'payments' has 2 replicas",
        ),
        ({"address": "127.0.0.1"}, "sources[0].address: '127.0.0.1' cannot be reached"),
        ({"address": "http://a.b"}, "sources[0].address: 'http://a.b' is neither"),
        ({"allowed_sources": ["10.0.0.0"]}, "sources[0].allowed_sources[0]: '10.0.0.0' lacks the length"),
        ({"allowed_sources": []}, "sources[0].allowed_sources: must not be empty"),
        ({"annotations": {"a": True}}, "sources[0].annotations.a: must be text, found True"),
        ({"match": ["up", "bad"]}, "sources[0].match[1]: 'bad' is bad"),
        ({"match": []}, "sources[0].match: must not be empty"),
        ({"match": ["up", "up"]}, "sources[0].match[1]: 'up' is in the list already"),
        ({"interval": "30"}, "sources[0].interval: '30' is not a duration"),
        ({"interval": "30s", "timeout": "31s"}, "sources[0].timeout: '31s' must not be longer than the interval"),
        ({"limits": {"samples": 0}}, "sources[0].limits.samples: must be at least 1, found 0"),
        ({"limits": {"body_size": "5M"}}, "sources[0].limits.body_size: '5M' is not a size in bytes"),
        ({"limits": {"body_size": "0.0MB"}}, "sources[0].limits.body_size: '0.0MB' is not a size in bytes"),
        ({"limits": {"series": 1}}, "sources[0].limits.series: unknown key"),
        ({"labels": {"job": "x"}}, "sources[0].labels.job: 'job' is set for every federated instance"),
        ({"labels": {"cluster": "x"}}, "sources[0].labels.cluster: 'cluster' is set for every federated instance"),
        ({"labels": {"team": "x"}}, "sources[0].labels.team: 'team' is set for every federated instance"),
        (
            {"labels": {"claimed_team": "x"}},
            "sources[0].labels.claimed_team: 'claimed_team' is set for every federated instance",
        ),
        ({"load_balancer": "gce"}, "sources[0].load_balancer: must be one of aks, eks, gke, metallb, found 'gce'"),
        (
            {"load_balancer": "gke", "expose": "NodePort"},
            "sources[0].load_balancer: needs expose to be LoadBalancer, found 'NodePort'",
        ),
        (
            {"load_balancer": "gke", "annotations": {"networking.gke.io/load-balancer-type": "External"}},
            "sources[0].annotations.networking.gke.io/load-balancer-type: contradicts load_balancer: gke, which",
        ),
        (
            {"health_check_sources": ["10.0.0.0/8"], "expose": "NodePort"},
            "sources[0].health_check_sources: needs expose to be LoadBalancer, found 'NodePort'",
        ),
        ({"health_check_sources": ["10.0.0.0"]}, "sources[0].health_check_sources[0]: '10.0.0.0' lacks the length"),
        ({"ip_family": "ipv6"}, "sources[0].ip_family: must be one of IPv4, IPv6, found 'ipv6'"),
        (
            {"ip_family": "IPv6", "allowed_sources": ["10.0.0.0/8"]},
            "sources[0].allowed_sources: has no range of IPv6, which ip_family asks for",
        ),
        (
            {"ip_family": "IPv6", "expose": "Existing", "address": "a.b", "port": 443},
            "sources[0].ip_family: cannot be given where expose is Existing: no Service is made",
        ),
        ({"matches": ["up"]}, "sources[0].matches: unknown key; did you mean 'match'?"),
    ],
)
def test_bad_sources_are_named_with_their_place(raw: dict[str, t.Any], error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(raw)
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize("name", LOAD_BALANCERS)
def test_a_load_balancer_has_its_annotations_and_own_ones_add_to_them(name: str) -> None:
    preset = LOAD_BALANCERS[name]
    own = {"example.com/name": "edge", **preset.annotations}
    (source,) = parse({"load_balancer": name, "annotations": own})
    assert source.annotations == {**preset.annotations, "example.com/name": "edge"}
    assert source.health_check_sources == preset.health_checks
    (source,) = parse({"load_balancer": name, "health_check_sources": ["10.9.0.0/24"]})
    assert source.health_check_sources == ("10.9.0.0/24",)


def test_each_load_balancer_says_where_it_is_documented() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs/federation.md").read_text(encoding="utf-8")
    for name, preset in LOAD_BALANCERS.items():
        (row,) = [line for line in guide.splitlines() if line.startswith(f"| `{name}`")]
        assert preset.sources, name
        for text in (*preset.annotations, *preset.health_checks, *preset.sources):
            assert text in row, (name, text)
        assert tuple(sorted(preset.health_checks)) == preset.health_checks
        assert all(grammar.network(text) is None for text in preset.health_checks)


@given(st.lists(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fd00::/8")))
def test_each_range_has_one_family(addresses: list[IPv4Address | IPv6Address]) -> None:
    networks = [f"{address}/{address.max_prefixlen}" for address in addresses]
    assert sorted([*of_family(networks, "IPv4"), *of_family(networks, "IPv6")]) == sorted(networks)
    assert not any(":" in network for network in of_family(networks, "IPv4"))


def test_what_the_central_side_needs_for_access_belongs_to_the_source() -> None:
    raw = {"expose": "Existing", "address": "prom.example.com", "port": 443, "scheme": "https"}
    (source,) = parse({**raw, "path_prefix": "/prometheus", "basic_auth": {"secret": "login"}})
    assert (source.scrape.access.path, source.scrape.access.given["basic_auth"]["secret"]) == (
        "/prometheus/federate",
        "login",
    )
    with pytest.raises(InputError, match=r"^sources\[0\]\.tls_config: needs scheme to be https"):
        parse({**raw, "scheme": "http", "tls_config": {"server_name": "a.example"}})


@pytest.mark.parametrize(("written", "canonical"), [("FD00::/8", "fd00::/8"), ("10.0.0.0/255.0.0.0", "10.0.0.0/8")])
def test_ranges_are_written_as_the_api_server_wants_them(written: str, canonical: str) -> None:
    (source,) = parse({"allowed_sources": [written, canonical]})
    assert source.allowed_sources == (canonical,)


def test_a_team_is_exposed_once() -> None:
    with pytest.raises(InputError, match=r"^sources\[1\]\.team: 'platform' is the team of sources\[0\] too$"):
        parse({}, {"team": "platform"})
