"""From where the API server may reach the instances: what is refused, and what the network policies say."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    parse_api_server_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.unit.capabilities.builders import BASE_RULES, JsonObject, teams

AGENTS: JsonObject = {"namespace": "kube-system", "pod_labels": {"k8s-app": "konnectivity-agent"}}


def policy(*sources: JsonObject, **team: t.Any) -> JsonObject | None:
    """The network policy of a team's instance."""
    objects = team_objects(
        teams({"name": "payments", **team})[1],
        cluster="hub",
        base_rules=BASE_RULES,
        api_server=parse_api_server_sources(list(sources)),
    )
    wanted = ("NetworkPolicy", "payments")
    return next((obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == wanted), None)


def rules(*sources: JsonObject) -> list[JsonObject]:
    """What the policy lets in."""
    found = policy(*sources)
    assert found is not None
    ingress: list[JsonObject] = found["spec"]["ingress"]
    return ingress


def test_without_sources_the_policy_is_what_it_was() -> None:
    assert len(rules()) == 2


def test_addresses_and_agents_may_reach_the_web_pages_and_nothing_else() -> None:
    *before, last = rules({"cidr": "10.0.0.5/32"}, AGENTS, {"cidr": "FD00:0::5/128"}, {"namespace": "tunnel"})
    assert before == rules()
    assert last == {
        "from": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "konnectivity-agent"}},
            },
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tunnel"}}},
            {"ipBlock": {"cidr": "10.0.0.5/32"}},
            {"ipBlock": {"cidr": "fd00::5/128"}},
        ],
        "ports": [{"port": 9090, "protocol": "TCP"}, {"port": 9093, "protocol": "TCP"}],
    }


def test_the_order_of_the_input_does_not_matter() -> None:
    sources = ({"cidr": "10.0.0.5/32"}, {"cidr": "10.0.0.6/32"}, AGENTS, {"namespace": "kube-system"})
    assert len({str(policy(*order)) for order in itertools.permutations(sources)}) == 1


def test_a_team_without_a_network_policy_gets_none() -> None:
    assert policy({"cidr": "10.0.0.5/32"}, network_policy=False) is None


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("FD00::/8", "fd00::/8"),
        ("fd00:0:0::0/64", "fd00::/64"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("10.0.0.0/08", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_ranges_are_written_as_the_api_server_wants_them(written: str, canonical: str) -> None:
    (source,) = parse_api_server_sources([{"cidr": written}])
    assert source.cidr == canonical


REFUSED: list[tuple[object, str, str]] = [
    ([{"cidr": "10.0.0.5"}], "api_server_sources[0].cidr", "lacks the length of its prefix"),
    ([{"cidr": "10.0.0.5/24"}], "api_server_sources[0].cidr", "did you mean 10.0.0.0/24?"),
    ([{"cidr": "https://10.0.0.5:6443"}], "api_server_sources[0].cidr", "not an address range"),
    ([{"cidr": "::ffff:10.0.0.0/104"}], "api_server_sources[0].cidr", "write 10.0.0.0/8"),
    ([{"cidr": "fe80::1%eth0/128"}], "api_server_sources[0].cidr", "has a zone"),
    ([{"cidr": "127.0.0.1/32"}], "api_server_sources[0].cidr", "can come from"),
    ([{"cidr": "::1/128"}], "api_server_sources[0].cidr", "can come from"),
    ([{"cidr": "224.0.0.0/4"}], "api_server_sources[0].cidr", "can come from"),
    ([{"cidr": "0.0.0.0/32"}], "api_server_sources[0].cidr", "can come from"),
    ([{}], "api_server_sources[0]", "needs cidr"),
    ([{"cidr": "", "namespace": ""}], "api_server_sources[0]", "needs cidr"),
    ([{"cidr": "10.0.0.5/32", "namespace": "kube-system"}], "api_server_sources[0]", "write two entries"),
    ([{"pod_labels": {"a": "b"}, "cidr": "10.0.0.5/32"}], "api_server_sources[0].pod_labels", "needs namespace"),
    ([{"namespace": "Kube_System"}], "api_server_sources[0].namespace", "lower case"),
    ([{"namespace": "a", "pod_labels": {"b c": "d"}}], "api_server_sources[0].pod_labels.b c", "not a name"),
    ([{"namespace": "a", "pod_labels": {"b": "c d"}}], "api_server_sources[0].pod_labels.b", "must consist of"),
    ([{"namespace": "a", "pod_labels": {"b": True}}], "api_server_sources[0].pod_labels.b", "must be text"),
    ([AGENTS, AGENTS], "api_server_sources[1]", "in the list already, as api_server_sources[0]"),
    ([{"cidr": "FD00::/8"}, {"cidr": "fd00::/8"}], "api_server_sources[1]", "in the list already"),
    (["10.0.0.5/32"], "api_server_sources[0]", "must be a mapping"),
    ({"cidr": "10.0.0.5/32"}, "api_server_sources", "must be a list"),
    ([{"cird": "10.0.0.5/32"}], "api_server_sources[0].cird", "did you mean 'cidr'?"),
]


@pytest.mark.parametrize(("raw", "path", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_right_is_refused_with_its_place(raw: object, path: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_api_server_sources(raw)
    first = caught.value.errors[0]
    assert first.path == path
    assert words in first.message
