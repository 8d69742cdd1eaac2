"""input_check finds in Ansible's own process what a module would, and leaves to one what only that can know."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.support.playbook import CHECKOUT, ENVIRONMENTS, Run

JsonObject = dict[str, t.Any]
MODULE = "promfleet.monitoring.input_check"
FLEET = {"host": "{{ inventory_hostname }}", "hosts": ["here", "far"], "clusters": ["a", "b"], "workers": "{{ 1 }}"}
GOOD: JsonObject = {
    "role": "team_monitoring",
    "libraries": True,
    "fleet": {**FLEET, "expected_workers": 1},
    "connection": {"context": "{{ true }}", "kubeconfig": "{{ true }}"},
    "capabilities": {
        "federation-source": {
            "teams": [
                {"name": "pay", "clusters": ["a"]},
                {"name": "{{ secret_name }}", "groups": ["{{ '{{' }} no template"]},
            ],
            "platform": {},
            "sources": [{"team": "pay", "match": ['{__name__=~"job:.*"}']}],
            "cluster": "a",
            "clusters": ["a", "b"],
        },
    },
}
BAD: JsonObject = {
    **GOOD,
    "fleet": {**FLEET, "expected_workers": "{{ 7 }}"},
    "connection": {"kubeconfig": "{{ true }}"},
    "options": {"team_monitoring_teams": {}},
    "found": ["team_monitoring_team"],
    "capabilities": {
        "federation-source": {
            **GOOD["capabilities"]["federation-source"],
            "teams": [{"name": "pay", "prometheus": {"retention": "ten days"}}],
            "sources": [{"match": ['{job="a"']}],
        },
        "toys": {},
    },
}


def run_check(
    playbook: Callable[..., Run], *checks: JsonObject, prefix: Path = ENVIRONMENTS[0], arguments: t.Sequence[str] = ()
) -> Run:
    """The same checks on this machine, and on one that only a module can look at."""
    inventory = {
        "all": {
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "secret_name": "search"},
            "hosts": {"here": {"ansible_connection": "local"}, "far": {"ansible_connection": "elsewhere"}},
        }
    }
    tasks = [{"name": "Check", MODULE: check, "ignore_errors": True} for check in checks]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    env = {"ANSIBLE_CONNECTION_PLUGINS": str(CHECKOUT / "tests/integration/connections")}
    return playbook([play], inventory=inventory, env=env, prefix=prefix, arguments=arguments)


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_here_and_as_a_module_the_answer_is_the_same(playbook: Callable[..., Run], prefix: Path) -> None:
    run = run_check(playbook, GOOD, BAD, prefix=prefix, arguments=["-vvv"]).require_success()
    answers = {
        host: [(result.status, result.data["errors"], result.message) for result in run.of("input_check", host=host)]
        for host in ("here", "far")
    }
    assert answers["here"] == answers["far"]
    good, bad = answers["here"]
    assert good == ("ok", [], "")
    assert [error.split(":")[0] for error in bad[1]] == [
        "team_monitoring_team",
        "promfleet_expected_workers",
        "connection",
        "team_monitoring_teams[0].prometheus.retention",
        "prometheus_federation_sources[0].match[0]",
        "capabilities.toys",
    ]
    # A module ran only where one was needed.
    assert "modules/input_check.py" in run.output
    assert "<here> EXEC" not in run.output


def test_libraries_are_looked_for_where_modules_run(playbook: Callable[..., Run], tmp_path: Path) -> None:
    """Another Python than Ansible's own: what it lacks is told, with the line that mends it."""
    bare = tmp_path / "bare/bin/python"
    bare.parent.mkdir(parents=True)
    # Isolated from site-packages, as a Python without the libraries.
    bare.write_text('#!/bin/sh\nexec python3 -S "$@"\n')
    bare.chmod(0o755)
    check = {**GOOD, "connection": {"in_cluster": True}}
    here = {"ansible_connection": "local", "ansible_python_interpreter": str(bare), "secret_name": "search"}
    inventory = {"all": {"hosts": {"here": here}}}
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"name": "Check", MODULE: check}]}
    (failure,) = playbook([play], inventory=inventory).require_failure().failures
    assert "Python libraries are missing where modules run: kubernetes PyYAML promql-parser. " in failure.message
    assert " -m pip install kubernetes PyYAML promql-parser" in failure.message
