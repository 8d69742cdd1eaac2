"""Null and empty text, which surveys send for a question without an answer, mean that a variable is not given."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable

import pytest

from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import Run
from tests.tools.variables import CONNECTION, options_of, roles

JsonObject = dict[str, t.Any]

BLANKS: dict[str, str | None] = {"empty": "", "null": None}
OPTIONS = {name: option for role in roles() for name, option in options_of(role).items()}
# Where nothing answers: the check of the input asks no cluster.
CLUSTER = {"promfleet_kubeconfig": "/nowhere", "promfleet_context": "nowhere"}
# What else modules are given, beside the variables themselves.
HANDED_ON = (
    "auth",
    "writing",
    "operator_namespace",
    "teams",
    "platform",
    "namespace_prefix",
    "sizes",
    "pods",
    "platform_namespace",
    "central_team",
)


def play() -> JsonObject:
    """A play that checks a host's input and tells what it comes to: all that modules are given, and the errors."""
    first = sorted(roles(), key=lambda role: role != "promfleet")
    checks = [
        {
            "name": f"Check {role}",
            "ansible.builtin.include_role": {
                "name": f"promfleet.monitoring.{role}",
                "tasks_from": "check",
                "public": True,
            },
        }
        for role in first
    ]
    names = [f"__{name}" for name in OPTIONS if name.removeprefix("promfleet_") not in CONNECTION]
    names += [f"__promfleet_{name}" for name in HANDED_ON]
    values = ", ".join(f"'{name}': {name}" for name in names)
    errors = ", ".join(f"'{role}': __{role}_check.errors" for role in first)
    tell = {"values": f"{{{{ {{{values}}} }}}}", "errors": f"{{{{ {{{errors}}} }}}}"}
    return {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"__promfleet_tells_together": True, "__promfleet_asks_later": True},
        "tasks": [*checks, {"name": "Tell", "ansible.builtin.debug": {"msg": tell}}],
    }


@pytest.fixture(scope="module")
def comes_to(playbook: Callable[..., Run]) -> dict[str, JsonObject]:
    """What the input of each host comes to; in it every host has one name.

    `absent` has no variables, `empty` and `null` have all of them blank; behind each its like with a connection.
    """
    blank: dict[str, JsonObject] = {
        "absent": {},
        **{name: dict.fromkeys(OPTIONS, value) for name, value in BLANKS.items()},
    }
    hosts = {**blank, **{f"{name}-connected": {**variables, **CLUSTER} for name, variables in blank.items()}}
    inventory = {"all": {"vars": LOCAL, "children": {"promfleet_workers": {"hosts": hosts}}}}
    run = playbook([play()], inventory=inventory).require_success()
    return {
        result.host: json.loads(json.dumps(result.data["msg"]).replace(f'"{result.host}"', '"HOST"'))
        for result in run.results
        if result.task == "Tell"
    }


def test_what_is_told_is_what_is_meant(comes_to: dict[str, JsonObject]) -> None:
    values = comes_to["absent"]["values"]
    assert values["__prometheus_operator_log_level"] == "info"
    assert values["__promfleet_platform_namespace"] == "monitoring-platform"
    assert "__prometheus_operator_crds_source" not in values
    assert values["__promfleet_auth"] == {"in_cluster": False, "login_timeout": 60, "use_environment": False}
    assert comes_to["absent-connected"]["values"]["__promfleet_auth"]["context"] == "nowhere"
    assert [error.partition(":")[0] for error in comes_to["absent"]["errors"]["promfleet"]] == ["connection"]
    assert set(comes_to["absent-connected"]["errors"]) == set(roles())
    assert not any(comes_to["absent-connected"]["errors"].values())


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_blank_variable_has_its_default(comes_to: dict[str, JsonObject], name: str, blank: str) -> None:
    def value(host: str) -> t.Any:
        values = comes_to[host]["values"]
        short = name.removeprefix("promfleet_")
        return values["__promfleet_auth"].get(short) if short in CONNECTION else values.get(f"__{name}")

    assert value(blank) == value("absent")
    if isinstance(default := OPTIONS[name].get("default"), (bool, int)):
        assert value(blank) == default


@pytest.mark.parametrize("connected", ["", "-connected"])
@pytest.mark.parametrize("blank", BLANKS)
def test_blank_input_comes_to_the_same_as_none(comes_to: dict[str, JsonObject], blank: str, connected: str) -> None:
    assert comes_to[blank + connected] == comes_to["absent" + connected]


@pytest.mark.parametrize("blank", BLANKS)
def test_blank_answers_of_a_survey(playbook: Callable[..., Run], blank: str) -> None:
    inventory = {"all": {"vars": LOCAL, "children": {"promfleet_central": {"hosts": {"hub": {}}}}}}
    given = {**dict.fromkeys(OPTIONS, BLANKS[blank]), **CLUSTER}
    run = playbook("check_input", inventory=inventory, arguments=["-e", json.dumps(given)]).require_failure()
    # The input is good: what ends the run is that no cluster answers.
    assert [failure.task for failure in run.failures] == ["Reachable | Leave out a cluster that cannot be used"]
    assert run.warnings == []
