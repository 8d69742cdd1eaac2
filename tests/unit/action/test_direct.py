"""Running a module in the process of the task: where it may be, what it gets, and what nobody gets to see of it."""

from __future__ import annotations

import os
import sys
import types
import typing as t
import warnings

import pytest
from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import direct

JsonObject = dict[str, t.Any]
OPTIONS: JsonObject = {
    "word": {"type": "str", "aliases": ["term"]},
    "count": {"type": "int", "default": 3},
    "secret": {"type": "str", "no_log": True},
    "parts": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}, "key": {"no_log": True}}},
    "many": {"type": "list", "elements": "int"},
    "progress_file": {"type": "path"},
}


class Templar:
    """What is said is what is meant."""

    def template(self, value: t.Any) -> t.Any:
        return value


class Action:
    """As much of an action plugin as is looked at."""

    def __init__(self, **given: t.Any) -> None:
        self._connection = types.SimpleNamespace(transport=given.get("transport", "local"), become=given.get("become"))
        self._task = types.SimpleNamespace(
            async_val=given.get("async_val", 0),
            delegate_to=given.get("delegate_to"),
            environment=given.get("environment", []),
        )
        self._templar = Templar()


def action(**given: t.Any) -> ActionBase:
    return t.cast("ActionBase", Action(**given))


def run(work: t.Callable[[Run], JsonObject], /, *, check: bool = False, **arguments: t.Any) -> JsonObject | None:
    definition = Definition(name="made_up", options=OPTIONS, work=work, needs_cluster=False)
    return direct.run_here(definition, arguments, check=check, diff=False)


def told(work: t.Callable[[Run], JsonObject], /, **arguments: t.Any) -> JsonObject:
    result = run(work, **arguments)
    assert result is not None
    return result


def params_of(run: Run) -> JsonObject:
    return {"got": run.params}


@pytest.mark.parametrize(
    ("given", "interpreter", "possible"),
    [
        ({}, sys.executable, True),
        ({"environment": [{}]}, sys.executable, True),
        ({}, f"{sys.executable}x", False),
        ({}, "auto", False),
        ({}, None, False),
        ({"transport": "ssh"}, sys.executable, False),
        ({"become": "sudo"}, sys.executable, False),
        ({"async_val": 60}, sys.executable, False),
        ({"delegate_to": "elsewhere"}, sys.executable, False),
        ({"environment": [{"KUBECONFIG": "other"}]}, sys.executable, False),
    ],
)
def test_only_where_a_process_of_its_own_would_find_the_same(
    given: JsonObject, interpreter: str | None, possible: bool
) -> None:
    variables = {} if interpreter is None else {"ansible_python_interpreter": interpreter}
    assert direct.is_possible(action(**given), variables) is possible


def test_people_who_keep_the_files_of_modules_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_KEEP_REMOTE_FILES", True)
    assert not direct.is_possible(action(), {"ansible_python_interpreter": sys.executable})


def test_arguments_are_checked_converted_and_plain() -> None:
    got = told(params_of, word=trust_as_template("good"), many=["1", 2])["got"]
    assert got == {"word": "good", "count": 3, "secret": None, "parts": None, "many": [1, 2], "progress_file": None}
    assert got["word"].__class__ is str


@pytest.mark.parametrize("arguments", [{"unheard": "of"}, {"count": "many"}, {"term": "an alias"}])
def test_what_ansible_has_a_word_for_runs_its_own_way(arguments: JsonObject) -> None:
    assert run(params_of, **arguments) is None


def test_no_secret_is_in_the_result() -> None:
    def work(given: Run) -> JsonObject:
        return {"text": f"it is {given.params['secret']}", "below": given.params["parts"][0], "outcome": None}

    result = told(work, secret="hide-me", parts=[{"name": "n", "key": "hide-me-too"}])
    assert "hide-me" not in repr(result)
    assert result["below"]["name"] == "n"
    assert result["invocation"]["module_args"]["secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_no_secret_is_in_an_error_that_nobody_foresaw() -> None:
    def work(given: Run) -> JsonObject:
        raise LookupError(f"{given.params['secret']} is unknown")

    result = told(work, secret="hide-me")
    assert "hide-me" not in repr(result)
    assert result["failed"] is True
    assert "LookupError" in result["msg"]
    assert "in work" in result["exception"]


def test_long_lists_and_the_place_of_progress_are_not_told() -> None:
    result = told(lambda _run: {}, many=list(range(1000)), progress_file="/nowhere/progress")
    assert result["invocation"]["module_args"]["many"] == "1000 items"
    assert "progress" not in repr(result)


def test_nothing_of_the_process_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    def work(_run: Run) -> JsonObject:
        warnings.warn("certificates are not checked", UserWarning, stacklevel=1)
        return {"changed": True}

    before = dict(os.environ)
    assert told(work)["changed"] is True
    assert dict(os.environ) == before
    assert capsys.readouterr() == ("", "")


def test_a_failure_is_the_result() -> None:
    result = told(lambda _run: {"failure": "no", "some": "detail"})
    assert (result["failed"], result["msg"], result["some"]) == (True, "no", "detail")


def test_check_mode_reaches_the_work() -> None:
    result = run(lambda given: {"check": given.check}, check=True)
    assert result is not None
    assert result["check"] is True


@pytest.mark.parametrize("name", ["objects", "team_monitoring", "cluster_info"])
def test_definitions_are_found_by_the_name_of_the_action(name: str) -> None:
    assert direct.definition_of(f"promfleet.monitoring.{name}").name == name
