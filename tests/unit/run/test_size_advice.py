"""Which of the figures of pods are those of a team's instance."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.size_advice import highest_of_instances

TEAMS = parse_team_set(
    validate_mapping(
        {
            "cluster": "hub",
            "clusters": ["hub"],
            "platform": {"prometheus": {"enabled": False}},
            "teams": [{"name": "pay"}, {"name": "search"}],
        },
        TEAM_SET_OPTIONS,
        path="",
    )
)
PLACE = {team.name: team.namespace for team in TEAMS}


def test_of_all_replicas_and_shards_the_highest_counts() -> None:
    used = [
        (PLACE["pay"], "prometheus-pay-0", 3.0),
        (PLACE["pay"], "prometheus-pay-1", 5.0),
        (PLACE["pay"], "prometheus-pay-shard-1-0", 4.0),
        (PLACE["search"], "prometheus-search-0", 1.0),
    ]
    assert highest_of_instances(TEAMS, used) == {"pay": 5.0, "search": 1.0}


def test_another_prometheus_of_the_namespace_is_not_the_instance() -> None:
    others = (
        "prometheus-pay-long-0",
        "prometheus-payments-0",
        "prometheus-pay",
        "prometheus-pay-x-0",
        "old-prometheus-pay-0",
    )
    used = [(PLACE["pay"], pod, 9.0) for pod in others]
    used += [(PLACE["search"], "prometheus-pay-0", 9.0), (PLACE["pay"], "prometheus-pay-0", 2.0)]
    assert highest_of_instances(TEAMS, used) == {"pay": 2.0}
