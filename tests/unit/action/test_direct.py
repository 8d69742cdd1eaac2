"""Running a module in Ansible's own process: where it may be, and what a module leaves behind."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import types
import typing as t
from pathlib import Path

import pytest
from ansible import constants
from ansible.module_utils.basic import AnsibleModule
from ansible.plugins.action import ActionBase
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import direct

JsonObject = dict[str, t.Any]
MODULES = "ansible_collections.promfleet.monitoring.plugins.modules"


class Templar:
    """What is said is what is meant."""

    def template(self, value: t.Any) -> t.Any:
        return value


class Action:
    """As much of an action plugin as is looked at."""

    def __init__(self, *, args: JsonObject | None = None, **given: t.Any) -> None:
        self._connection = types.SimpleNamespace(transport=given.get("transport", "local"), become=given.get("become"))
        self._task = types.SimpleNamespace(
            action="promfleet.monitoring.made_up",
            args=args or {},
            async_val=given.get("async_val", 0),
            delegate_to=given.get("delegate_to"),
        )
        self._templar = Templar()

    def _update_module_args(self, name: str, arguments: JsonObject, _task_vars: JsonObject) -> None:
        arguments.update(_ansible_check_mode=False, _ansible_module_name=name)

    def _compute_environment_string(self, raw: JsonObject) -> None:
        raw["PROMFLEET_TEST"] = 1


def action(**given: t.Any) -> ActionBase:
    return t.cast("ActionBase", Action(**given))


def run(monkeypatch: pytest.MonkeyPatch, main: t.Callable[[], None], **args: t.Any) -> JsonObject:
    module = types.ModuleType("made_up")
    vars(module)["main"] = main
    monkeypatch.setitem(sys.modules, f"{MODULES}.made_up", module)
    return direct.run_module(action(args=args), {})


@pytest.mark.parametrize(
    ("given", "interpreter", "possible"),
    [
        ({}, sys.executable, True),
        ({}, f"{sys.executable}x", False),
        ({}, "auto", False),
        ({}, None, False),
        ({"transport": "ssh"}, sys.executable, False),
        ({"become": "sudo"}, sys.executable, False),
        ({"async_val": 60}, sys.executable, False),
        ({"delegate_to": "elsewhere"}, sys.executable, False),
    ],
)
def test_only_where_a_process_of_its_own_would_find_the_same(
    given: JsonObject, interpreter: str | None, possible: bool
) -> None:
    variables = {} if interpreter is None else {"ansible_python_interpreter": interpreter}
    assert direct.is_possible(action(**given), variables) is possible


def test_who_keeps_the_files_of_modules_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_KEEP_REMOTE_FILES", True)
    assert not direct.is_possible(action(), {"ansible_python_interpreter": sys.executable})


@pytest.mark.parametrize("name", direct.NEEDED)
def test_a_release_of_ansible_without_what_is_used_runs_modules_its_own_way(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delattr(Action, name)
    assert not direct.is_possible(action(), {"ansible_python_interpreter": sys.executable})


def test_the_module_gets_arguments_and_environment_and_leaves_neither(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        print("certificates are not checked", file=sys.stderr)
        module = AnsibleModule(argument_spec={"word": {"type": "str"}, "secret": {"type": "str", "no_log": True}})
        module.exit_json(changed=True, word=module.params["word"], told=module.params["secret"], env=dict(os.environ))

    monkeypatch.delenv("PROMFLEET_TEST", raising=False)
    result = run(monkeypatch, main, word="good", secret="hide-me")
    assert (result["changed"], result["word"], result["env"]["PROMFLEET_TEST"]) == (True, "good", "1")
    assert "hide-me" not in repr(result)
    assert "PROMFLEET_TEST" not in os.environ
    assert capsys.readouterr() == ("", "")


def test_temporary_files_go_when_ansible_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        with tempfile.NamedTemporaryFile() as file:
            AnsibleModule(argument_spec={}).exit_json(path=file.name)

    before = tempfile.gettempdir()
    result = run(monkeypatch, main)
    assert Path(result["path"]).parent == Path(constants.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]
    assert tempfile.gettempdir() == before


@pytest.mark.parametrize("enabled", [True, False])
def test_cycles_are_looked_for_afterwards_as_before(monkeypatch: pytest.MonkeyPatch, enabled: bool) -> None:
    def main() -> None:
        AnsibleModule(argument_spec={}).exit_json(enabled=gc.isenabled())

    (gc.enable if enabled else gc.disable)()
    try:
        assert run(monkeypatch, main)["enabled"] is False
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_what_all_processes_share_is_never_looked_through() -> None:
    """Looking for cycles would copy it in each of them."""
    assert gc.get_freeze_count() > 0


def test_a_failure_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        AnsibleModule(argument_spec={}).fail_json(msg="no")

    result = run(monkeypatch, main)
    assert (result["failed"], result["msg"]) == (True, "no")


def test_what_the_module_did_not_foresee_is_a_failure_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise LookupError("nobody thought of this")

    result = run(monkeypatch, main)
    assert result["failed"] is True
    assert result["msg"] == "LookupError: nobody thought of this"
    assert "in main" in result["exception"]


def test_a_module_that_tells_nothing_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="made_up did not end by itself"):
        run(monkeypatch, lambda: None)
