"""Names that follow from teams and clusters."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import marks as names
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import TEAM_NAME_MAX
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import REPLICAS_MAX
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from hypothesis import given
from hypothesis import strategies as st

TEAMS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,37}[a-z0-9])?", fullmatch=True)
CLUSTERS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("cluster", "team", "name"),
    [
        ("edge", "platform", "federation-edge-platform"),
        ("edge-1", "platform", "federation-edge-1-platform"),
        # Could also be team b of cluster edge-a.
        ("edge", "a-b", "federation-edge-a-b-1740c2c6"),
        ("Edge.example", "platform", "federation-edge-example-platform-32039fa7"),
    ],
)
def test_names_of_federated_instances(cluster: str, team: str, name: str) -> None:
    assert names.federation_name(cluster=cluster, team=team) == name


@given(CLUSTERS, TEAMS)
def test_they_are_names_for_services(cluster: str, team: str) -> None:
    assert grammar.dns_label(names.federation_name(cluster=cluster, team=team)) is None


@given(CLUSTERS, TEAMS, CLUSTERS, TEAMS)
def test_two_instances_never_share_one(cluster: str, team: str, other_cluster: str, other_team: str) -> None:
    same = names.federation_name(cluster=cluster, team=team) == names.federation_name(
        cluster=other_cluster, team=other_team
    )
    assert same is ((cluster, team) == (other_cluster, other_team))


@pytest.mark.parametrize(("first", "second"), [(("edge-a", "b"), ("edge", "a-b")), (("a.b", "c"), ("a-b", "c"))])
def test_names_that_read_alike_differ(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert names.federation_name(cluster=first[0], team=first[1]) != names.federation_name(
        cluster=second[0], team=second[1]
    )


def test_the_longest_names_fit() -> None:
    team = "a" * TEAM_NAME_MAX
    assert len(names.source_service_name(team, REPLICAS_MAX)) <= names.DNS_LABEL_MAX
    # The operator's StatefulSets, whose pods have a label with 11 characters more.
    assert len(f"{names.alertmanager_name(team)}-0123456789") <= names.DNS_LABEL_MAX
