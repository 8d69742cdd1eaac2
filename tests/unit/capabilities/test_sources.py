"""Sources: what a worker exposes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    DEFAULT_ALLOWED_SOURCES,
    DEFAULT_MATCH,
    Source,
    parse_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

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
    assert (source.scrape.scheme, source.scrape.interval, source.scrape.timeout) == ("http", "30s", "25s")


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
        ({"expose": "NodePort", "node_port": 0}, "sources[0].node_port: 0 is no port"),
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
        ({"match": ["up", "up"]}, "sources[0].match[1]: 'up' stands here already"),
        ({"interval": "30"}, "sources[0].interval: '30' is no duration"),
        ({"interval": "30s", "timeout": "31s"}, "sources[0].timeout: '31s' must not be longer than the interval"),
        ({"labels": {"job": "x"}}, "sources[0].labels.job: 'job' is set for every federated instance"),
        ({"labels": {"cluster": "x"}}, "sources[0].labels.cluster: 'cluster' is set for every federated instance"),
        ({"matches": ["up"]}, "sources[0].matches: unknown key; did you mean 'match'?"),
    ],
)
def test_bad_sources_are_named_with_their_place(raw: dict[str, t.Any], error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(raw)
    assert str(caught.value).startswith(error)


def test_a_team_is_exposed_once() -> None:
    with pytest.raises(InputError, match=r"^sources\[1\]\.team: 'platform' is the team of sources\[0\] too$"):
        parse({}, {"team": "platform"})
