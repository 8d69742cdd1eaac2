"""What is registered, what checks it, and what its role gives to its module say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES

from tests.unit.contracts.test_code import OWN, UTILS, importers, imports_of
from tests.unit.contracts.test_options import CHECKOUT, ROLES, load, role_options

PREFIX = "promfleet.monitoring."

Options = dict[str, Any]


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """The tasks of a file, those in blocks too."""
    tasks: list[dict[str, Any]] = yaml.safe_load(path.read_text())
    return [inner for task in tasks for inner in task.get("block", [task])]


def given_to(name: str, path: Path) -> list[Options]:
    """The options that the tasks of a file give to a module of ours."""
    return [task[PREFIX + name] for task in tasks_of(path) if PREFIX + name in task]


# What the action plugin gives to a module: a role cannot read a file as it is.
FROM_THE_ACTION = {"rules_contents"}


def checked(capability: Capability[Any]) -> Options:
    """The options that the check of a capability's role looks at."""
    (options,) = given_to("input_check", CHECKOUT / "roles" / capability.role / "tasks/check.yml")
    found: Options = options["capabilities"][capability.name]
    return found


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_a_role_checks_what_it_gives_to_its_module(capability: Capability[Any]) -> None:
    files = sorted((CHECKOUT / "roles" / capability.role / "tasks").glob("*present.yml"))
    (given,) = [options for path in files for options in given_to(capability.module, path)]
    # From the role's own files, or from the answers of other hosts; the check may know a part of these.
    own = {option for option, variable in capability.variables.items() if variable is None}
    assert own - FROM_THE_ACTION <= given.keys() <= capability.options.keys()
    alike = [{name: value for name, value in one.items() if name not in own} for one in (checked(capability), given)]
    assert alike[0] == alike[1]


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_a_role_renders_what_it_gives_to_its_module(capability: Capability[Any]) -> None:
    folder = CHECKOUT / "roles" / capability.role / "tasks"
    (given,) = [
        options for path in sorted(folder.glob("*present.yml")) for options in given_to(capability.module, path)
    ]
    facts = [task.get("ansible.builtin.set_fact", {}) for task in tasks_of(folder / "render.yml")]
    (rendered,) = [
        value[capability.name]
        for fact in facts
        for name, value in fact.items()
        if name.startswith(f"__{capability.role}_rendered") and capability.name in value
    ]
    assert rendered == given
    noted = {name for fact in facts for name in fact}
    files = ("roles/promfleet/vars/main.yml", "roles/promfleet/tasks/render.yml")
    text = "".join((CHECKOUT / file).read_text() for file in files)
    assert {name for name in noted if name not in text} == set()


def test_every_role_is_rendered_before_the_objects_are_used() -> None:
    for name, last in (("render", "Write the files"), ("images", "List the images")):
        order = [play["name"] for play in load_plays(name)]
        assert order.index("Note what the objects are made of") == order.index(last) - 1
    (play,) = [play for play in load_plays("plays/noted") if play["name"] == "Note what the objects are made of"]
    included = [task["ansible.builtin.include_role"] for task in play["tasks"]]
    roles = list(dict.fromkeys(PREFIX + capability.role for capability in CAPABILITIES))
    assert [include["name"] for include in included] == roles
    assert {include["tasks_from"] for include in included} == {"render"}


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_errors_name_variables_that_there_are(capability: Capability[Any]) -> None:
    variables = {name for role in ROLES for name in role_options(role)}
    asked = [option for option in checked(capability) if capability.variables.get(option, "") is not None]
    named = {capability.variable(option).partition(".")[0] for option in asked}
    assert named - variables == set()
    assert capability.variables.keys() <= capability.options.keys()


def test_every_capability_is_checked_before_the_first_play_that_writes() -> None:
    play = load_plays("check_input")[0]
    included = [task["ansible.builtin.include_role"] for task in play["tasks"]]
    names = [include["name"] for include in included if include.get("tasks_from") == "check"]
    assert names == list(dict.fromkeys(PREFIX + capability.role for capability in CAPABILITIES))


def roles_of(name: str) -> list[str]:
    """The roles that a playbook includes, each once, in the order of its plays, with those of imported playbooks."""
    found: list[str] = []
    for play in load_plays(name):
        imported = play.get("import_playbook", "").removeprefix(PREFIX).replace(".", "/")
        if imported.startswith("plays/"):
            found += roles_of(imported)
        found += [task["ansible.builtin.include_role"]["name"].removeprefix(PREFIX) for task in play.get("tasks", ())]
    return [role for role in dict.fromkeys(found) if role != "promfleet"]


def test_capabilities_are_applied_in_their_order_and_removed_the_other_way_round() -> None:
    roles = list(dict.fromkeys(capability.role for capability in CAPABILITIES))
    assert roles_of("site") == roles
    assert roles_of("uninstall") == roles[::-1]


def test_what_site_asks_first_is_about_all_capabilities() -> None:
    first: Any = load(CHECKOUT / "roles/promfleet/tasks/images_first.yml")
    noted = [
        task["ansible.builtin.include_role"]
        for play in load_plays("plays/noted")
        for task in play["tasks"]
        if task["ansible.builtin.include_role"]["tasks_from"] == "render"
    ]
    assert [PREFIX + role for role in first[0]["loop"]] == [role["name"] for role in noted]


def test_an_upgrade_does_to_each_cluster_what_the_playbook_site_does() -> None:
    """In waves, which playbooks that are imported cannot have; so it lists what their plays include."""

    def included(tasks: list[dict[str, Any]]) -> list[tuple[dict[str, str], Any, Any]]:
        return [(task["ansible.builtin.include_role"], task.get("when"), task.get("vars")) for task in tasks]

    expected: list[tuple[dict[str, str], Any, Any]] = []
    for play in load_plays("site"):
        imported = play["import_playbook"].removeprefix(PREFIX).replace(".", "/")
        if imported.startswith("plays/") and imported not in ("plays/images_first", "plays/recap"):
            for inner in load_plays(imported):
                expected += [(role, when, play.get("vars")) for role, when, _vars in included(inner["tasks"])]
    applied: Any = load(CHECKOUT / "roles/promfleet/tasks/upgrade_apply.yml")
    assert included(applied) == expected


def load_plays(name: str) -> list[dict[str, Any]]:
    """The plays of a playbook."""
    plays: Any = load(CHECKOUT / f"playbooks/{name}.yml")
    return list(plays)


def test_no_module_but_the_check_carries_all_capabilities_with_it() -> None:
    assert importers(f"{OWN}._capabilities.registry") == {
        "module_utils/_run/check.py",
        "module_utils/_run/rendering.py",
        # They look for the sets of all capabilities in a cluster.
        "module_utils/_run/state_record.py",
        "module_utils/_upgrade/past.py",
    }
    assert importers(f"{OWN}._run.state_record") == {
        "module_utils/_run/state_compare.py",
        "module_utils/_run/state_revert.py",
        "modules/state_record.py",
    }
    assert importers(f"{OWN}._upgrade.past") == {
        "module_utils/_run/upgrade_gate.py",
        "module_utils/_run/upgrade_rollback.py",
    }
    assert importers(f"{OWN}._run.rendering") == {
        "module_utils/_run/images_info.py",
        "module_utils/_run/upgrade_plan.py",
        "modules/render.py",
    }
    assert importers(f"{OWN}._run.images_info") == {
        "module_utils/_run/images_running.py",
        "module_utils/_run/upgrade_outdated.py",
        "module_utils/_run/upgrade_plan.py",
        "module_utils/_run/upgrade_pull.py",
        "modules/images_info.py",
    }
    for name in (
        "images_running",
        "upgrade_gate",
        "upgrade_outdated",
        "upgrade_plan",
        "upgrade_pull",
        "upgrade_rollback",
    ):
        assert importers(f"{OWN}._run.{name}") == {f"modules/{name}.py"}
    assert importers(f"{OWN}._run.check") <= {
        "action/input_check.py",
        "module_utils/_run/input_check.py",
        "modules/input_check.py",
    }


def folder_of(name: str) -> str | None:
    """The folder of `_capabilities` that a dotted name of ours leads into; None for what all of them share."""
    parts = name.removeprefix(f"{OWN}._capabilities.").split(".")
    folder = UTILS / "_capabilities" / parts[0]
    return parts[0] if name.startswith(f"{OWN}._capabilities.") and folder.is_dir() and parts[0] != "common" else None


def owners() -> dict[str, set[str]]:
    """The folders of `_capabilities` with the capabilities that are stated in them."""
    found: dict[str, set[str]] = {}
    for capability in CAPABILITIES:
        found.setdefault(folder_of(capability.parse.__module__) or "", set()).add(capability.name)
    return found


@pytest.mark.parametrize("path", sorted((UTILS / "_capabilities").rglob("*.py")), ids=lambda path: path.stem)
def test_a_capability_imports_only_from_those_that_it_requires(path: Path) -> None:
    folder = path.relative_to(UTILS / "_capabilities").parts[0]
    imported = {other for name in imports_of(path) if (other := folder_of(name)) and other != folder}
    if path.name == "registry.py":
        assert imported == owners().keys()
        return
    required = {
        name
        for capability in CAPABILITIES
        if capability.name in owners().get(folder, ())
        for name in capability.requires
    }
    assert {other for other in imported if not owners().get(other, set()) & required} == set()
