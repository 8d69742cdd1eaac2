"""What shared variables say about all teams at once, for the forms in which people write teams."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

JsonObject = dict[str, t.Any]
ROLES = Path(__file__).resolve().parents[3] / "roles"
HOSTS = ["hub", "edge"]


@functools.cache
def defaults() -> JsonObject:
    """The variables of the role promfleet that a host has."""
    init_plugin_loader()
    found: JsonObject = {}
    for file in ("promfleet/defaults/main.yml", "promfleet/vars/main.yml"):
        found |= DataLoader().load_from_file(str(ROLES / file), trusted_as_template=True)
    return found


def value(name: str, **given: t.Any) -> t.Any:
    hostvars = {
        host: {"group_names": [f"group-{host}"], "promfleet_cluster_labels": {"is": host}, **given.pop(host, {})}
        for host in HOSTS
    }
    variables = {
        **defaults(),
        "inventory_hostname": "hub",
        "groups": {"promfleet_central": ["hub"], "promfleet_workers": HOSTS},
        "hostvars": hostvars,
        **given,
    }
    return Templar(DataLoader(), variables=variables).template(variables[name])


FACTS = {
    "groups": {"hub": ["group-hub"], "edge": ["group-edge"]},
    "labels": {"hub": {"is": "hub"}, "edge": {"is": "edge"}},
}


@pytest.mark.parametrize(
    ("teams", "platform", "wanted"),
    [
        ([], {}, {}),
        (None, None, {}),
        ([{"name": "a"}, {"name": "b", "clusters": ["edge"]}], {"size": "small"}, {}),
        ([{"name": "a"}, {"name": "b", "cluster_groups": ["x"]}], {}, FACTS),
        ([{"name": "a", "cluster_labels": {}}], {}, FACTS),
        ([{"name": "a"}, {"name": "b", "overrides": None}], {}, FACTS),
        ([{"name": "a"}], {"overrides": []}, FACTS),
        # What is wrong with these the check of the teams reports.
        (["cluster_groups", ["overrides"], 7], {}, {}),
        ("overrides", "cluster_labels", {}),
        ({"name": "a", "overrides": []}, {}, FACTS),
    ],
)
def test_the_facts_of_clusters_are_looked_up_where_a_team_chooses_by_them(
    teams: t.Any, platform: t.Any, wanted: JsonObject
) -> None:
    found = value("__promfleet_cluster_facts", team_monitoring_teams=teams, team_monitoring_platform=platform)
    assert found == wanted


@pytest.mark.parametrize(
    ("sources", "wanted"),
    [
        ([], []),
        ([{}, {"team": "a"}], []),
        ([{"team": "a", "transport": "remote_write"}], [{"team": "a", "remote_write": []}]),
        (
            [{"transport": "thanos"}, {"team": "a", "transport": "remote_write"}, {"team": "a", "transport": "thanos"}],
            [{"team": "platform", "remote_write": []}, {"team": "a", "remote_write": []}],
        ),
        ([{"team": "unknown", "transport": "remote_write"}], []),
    ],
)
def test_the_teams_that_will_write_are_those_of_sources(sources: t.Any, wanted: t.Any) -> None:
    given = {"team_monitoring_teams": [{"name": "a"}, {"name": "b"}], "prometheus_federation_sources": sources}
    assert value("__promfleet_writes_to_come", **given) == wanted


@pytest.mark.parametrize(
    ("host", "into", "wanted"),
    [("hub", ["a", "unknown"], ["a"]), ("hub", None, ["platform"]), ("hub", "none", []), ("edge", ["a"], [])],
)
def test_a_team_is_queried_where_sources_lead_to_it(host: str, into: t.Any, wanted: t.Any) -> None:
    sources = [] if into == "none" else [{"team": "b", "transport": "thanos", "into": into}]
    found = value(
        "__promfleet_querying",
        inventory_hostname=host,
        edge={"prometheus_federation_sources": sources},
        team_monitoring_teams=[{"name": "a"}, {"name": "b"}],
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("given", "judged"),
    [
        ({}, False),
        ({"promfleet_platform_accounts": [{"name": "x"}]}, False),
        ({"promfleet_platform_accounts": [{"name": "x"}], "team_monitoring_platform": {"rules": []}}, True),
        ({"promfleet_platform_accounts": [{"name": "x"}], "team_monitoring_teams": [{"monitors": None}]}, True),
        ({"team_monitoring_teams": [{"monitors": []}]}, False),
        (
            {
                "promfleet_platform_accounts": [{"name": "x"}],
                "team_monitoring_teams": [{"rules": []}],
                "policy_judge_inventory": "no",
            },
            False,
        ),
    ],
)
def test_teams_are_judged_where_there_are_policies_and_something_to_judge(given: JsonObject, *, judged: bool) -> None:
    assert value("__promfleet_judges_teams", **given) is judged
