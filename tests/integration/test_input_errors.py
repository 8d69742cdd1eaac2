"""A playbook tells each error of the input once, with the hosts that have it; a role tells its own."""

from __future__ import annotations

import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import ENVIRONMENTS, Run

JsonObject = dict[str, t.Any]

HOSTS: dict[str, JsonObject] = {
    "edge": {"prometheus_federation_sources": [{"team": "pya"}, {"port": 99999, "address": "10.0.0.1"}]},
    "far": {"prometheus_operator_log_level": "loud"},
}
VARIABLES: JsonObject = {
    "team_monitoring_teams": [
        {"name": "Pay"},
        {"name": "search", "prometheus": {"retention": "ten days", "replicas": 12}},
        {"nmae": "ops"},
    ],
}
EXPECTED = """\
7 errors in the input; nothing was written.
- prometheus_federation_sources[0].team: unknown team 'pya'; known: Pay, platform, search (edge)
- prometheus_federation_sources[1].port: 99999 is not a port; ports go from 1 to 65535 (edge)
- prometheus_operator_log_level: must be one of debug, info, warn, error, found 'loud' (far)
- team_monitoring_teams[0].name: 'Pay' must consist of lower case letters, digits and '-', and begin and end with a \
letter or digit (all hosts)
- team_monitoring_teams[1].prometheus.replicas: must be from 1 to 9, found 12; to have none, set enabled to false \
(all hosts)
- team_monitoring_teams[1].prometheus.retention: 'ten days' is not a duration; write a number with its unit, such as \
30s, 5m, 1h30m or 10d (all hosts)
- team_monitoring_teams[2].nmae: unknown key; did you mean 'name'? (all hosts)"""


def inventory() -> JsonObject:
    # Nothing connects before the input is good.
    return fleet(central="hub", workers=["edge", "far"], hosts=HOSTS, promfleet_kubeconfig="/nowhere", **VARIABLES)


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_each_error_is_told_once_with_its_hosts(playbook: Callable[..., Run], prefix: Path) -> None:
    run = playbook("check_input", inventory=inventory(), prefix=prefix).require_failure()
    (message,) = {failure.message for failure in run.failures}
    assert message == EXPECTED
    assert len(run.failures) == 1


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_variable_that_cannot_be_read_hides_no_other_error(playbook: Callable[..., Run], prefix: Path) -> None:
    hosts: dict[str, JsonObject] = {
        "edge": {"team_monitoring_teams": [{"name": "{{ of_nothing }}"}]},
        "far": {"prometheus_operator_log_level": "loud"},
    }
    given = fleet(central="hub", workers=["edge", "far"], hosts=hosts, promfleet_kubeconfig="/nowhere")
    run = playbook("check_input", inventory=given, prefix=prefix).require_failure()
    title, unread, loud = run.failures[-1].message.splitlines()
    assert title == "2 errors in the input; nothing was written."
    reason = "a variable cannot be read: 'of_nothing' is undefined (Ansible's error above says which)"
    assert unread.startswith(f"- {reason} (")
    # The central cluster reads the teams of all.
    assert unread.removeprefix(f"- {reason} ") in ("(edge)", "(edge, hub)", "(hub, edge)")
    assert loud == "- prometheus_operator_log_level: must be one of debug, info, warn, error, found 'loud' (far)"


def test_an_inventory_without_clusters_is_told_in_one_sentence(playbook: Callable[..., Run]) -> None:
    variables = {**inventory()["all"]["vars"], "team_monitoring_teams": [{"name": "pay", "clusters": ["hub"]}]}
    run = playbook("check_input", inventory={"all": {"hosts": {"hub": {}}, "vars": variables}})
    (failure,) = run.require_failure().failures
    assert failure.message.startswith(
        "promfleet: localhost is neither in the group promfleet_central nor in promfleet_workers."
    )


@pytest.fixture
def old_python(tmp_path: Path) -> str:
    """This Python, which says that it is 3.9: a machine need not have an old one."""
    (tmp_path / "sitecustomize.py").write_text(
        "import collections, sys\n"
        "sys.version_info = collections.namedtuple('version_info', sys.version_info.__match_args__)"
        "(3, 9, 18, 'final', 0)\n"
    )
    path = tmp_path / "python3.9"
    path.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_an_old_python_is_named_before_it_imports_anything(
    playbook: Callable[..., Run], old_python: str, prefix: Path
) -> None:
    hosts = {
        "edge": {"ansible_python_interpreter": old_python},
        "far": {"ansible_python_interpreter": str(Path(old_python).with_name("missing"))},
    }
    given = fleet(central="hub", workers=["edge", "far"], hosts=hosts, promfleet_kubeconfig="/nowhere")
    (failure,) = playbook("check_input", inventory=given, prefix=prefix).require_failure().failures
    title, old, missing = failure.message.splitlines()
    assert title == "2 errors in the input; nothing was written."
    assert old.startswith("- promfleet.monitoring's modules need Python 3.11 or later, this host's run with ")
    assert old.endswith('(3.9.18): set ansible_python_interpreter to "{{ ansible_playbook_python }}" (edge)')
    assert missing.startswith("- this host's Python cannot run Ansible's modules (")
    assert missing.endswith(" (far)")


def test_a_role_alone_tells_its_own(playbook: Callable[..., Run]) -> None:
    # It would first ask its cluster, which is not there.
    play = {
        "hosts": "edge",
        "gather_facts": False,
        "vars": {"__promfleet_asks_later": True},
        "roles": ["promfleet.monitoring.team_monitoring"],
    }
    (failure,) = playbook([play], inventory=inventory()).require_failure().failures
    assert failure.message.startswith("team_monitoring: 4 errors:\n- team_monitoring_teams[0].name: 'Pay' ")


def test_a_role_takes_its_variables_as_parameters(playbook: Callable[..., Run]) -> None:
    """Ansible refuses parameters that no entry point names, and blank ones if it knows a type."""
    parameters = {"team_monitoring_state": "perhaps", "team_monitoring_prune": "", "team_monitoring_only": None}
    play = {
        "hosts": "edge",
        "gather_facts": False,
        "vars": {"__promfleet_asks_later": True},
        "roles": [{"role": "promfleet.monitoring.team_monitoring", **parameters}],
    }
    (failure,) = playbook([play], inventory=inventory()).require_failure().failures
    assert "- team_monitoring_state: must be one of present, absent, found 'perhaps'" in failure.message
    assert "team_monitoring_prune" not in failure.message
    assert "team_monitoring_only" not in failure.message
