"""What Ansible gets back of a task's arguments."""

from __future__ import annotations

import typing as t

import pytest
from ansible.playbook.task import Task
from ansible_collections.promfleet.monitoring.plugins.plugin_utils.arguments import forgotten

TEAMS = [{"name": f"team-{index}"} for index in range(1000)]


def task(**keywords: t.Any) -> Task:
    made: Task = Task.load({"name": "Apply", "action": "promfleet.monitoring.team_monitoring", **keywords})
    made.args = {"teams": TEAMS, "cluster": "hub"}
    return made


def test_long_lists_do_not_travel_back() -> None:
    given = task()
    with forgotten(given):
        assert given.args["teams"] is TEAMS
    assert given.args == {"teams": "1000 items", "cluster": "hub"}
    assert given.dump_attrs()["args"] == given.args


def test_they_do_not_after_a_failure_either() -> None:
    given = task()
    with pytest.raises(LookupError), forgotten(given):
        raise LookupError
    assert given.args["teams"] == "1000 items"


@pytest.mark.parametrize("keywords", [{"until": "true"}, {"retries": 2}])
def test_a_task_that_may_run_again_keeps_them(keywords: dict[str, t.Any]) -> None:
    given = task(**keywords)
    with forgotten(given):
        pass
    assert given.args["teams"] == TEAMS
