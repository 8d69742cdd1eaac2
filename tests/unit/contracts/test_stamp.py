"""Every registered capability is named wherever it must be, and `make stamp` writes what a new one lacks."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES

from tests.integration.support.toy import TOY
from tests.tools.stamp import CHECKOUT, RETURNED, missing, stamp, undescribed


def test_every_capability_is_named_wherever_it_must_be() -> None:
    assert missing(CAPABILITIES) == []


def test_people_wrote_what_only_they_can_write() -> None:
    assert undescribed() == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("plugins/modules", "plugins/doc_fragments", "meta", "roles", "playbooks"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    shutil.copy(CHECKOUT / "README.md", tmp_path)
    return tmp_path


def test_what_a_new_capability_lacks_is_told_and_written(copy: Path) -> None:
    told = missing([TOY], root=copy)
    assert "toy: plugins/modules/toy.py lacks the file; run make stamp" in told
    assert "toy: meta/runtime.yml lacks toy in the action group writers; run make stamp" in told
    before = {path: path.read_text() for path in copy.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert stamp([TOY], root=copy)
    assert missing([TOY], root=copy) == []
    assert stamp([TOY], root=copy) == []
    # What was there is there still, each line of it.
    for path, text in before.items():
        rest = iter(path.read_text().splitlines())
        assert [line for line in text.splitlines() if line not in rest] == [], path


def test_what_all_modules_return_is_written_in_one_place(copy: Path) -> None:
    path = copy / "plugins/modules/crds.py"
    text = path.read_text()
    path.write_text(text.replace("How many objects met each fate.", "How many.").replace("truncated:", "cut:"))
    (told,) = missing(CAPABILITIES, root=copy)
    assert told.startswith("crds: plugins/modules/crds.py lacks what all such modules return")
    assert stamp(CAPABILITIES, root=copy) == ["plugins/modules/crds.py"]
    assert missing(CAPABILITIES, root=copy) == []
    returned = yaml.safe_load(path.read_text().partition('RETURN = r"""')[2].partition('"""')[0])
    assert list(returned)[: len(RETURNED)] == list(RETURNED)
    # What is the module's own is still there.
    assert returned.keys() >= {"snapshot", "cut"}


def test_the_platform_is_documented_as_a_team(copy: Path) -> None:
    path = copy / "plugins/doc_fragments/teams.py"
    text = path.read_text()
    path.write_text(text.replace("How large the instance is,", "The instance's size,", 1))
    assert stamp(CAPABILITIES, root=copy) == ["plugins/doc_fragments/teams.py"]
    assert path.read_text() == text.replace("How large the instance is,", "The instance's size,")


def test_what_is_written_is_well_formed(copy: Path) -> None:
    stamp([*CAPABILITIES, TOY], root=copy)
    runtime = yaml.safe_load((copy / "meta/runtime.yml").read_text())
    for group in ("all", "writers"):
        names = [entry for entry in runtime["action_groups"][group] if isinstance(entry, str)]
        assert names == sorted(names)
        assert "toy" in names
    for path in copy.rglob("*.yml"):
        yaml.safe_load(path.read_text())
    module = (copy / "plugins/modules/toy.py").read_text()
    assigned = [node for node in ast.parse(module).body if isinstance(node, ast.Assign)]
    values = {ast.unparse(node.targets[0]): node.value for node in assigned}
    documentation = ast.literal_eval(values["DOCUMENTATION"])
    assert yaml.safe_load(documentation)["options"].keys() == {*TOY.options, "state"}
    # Ansible knows this property of documented variables only.
    assert "no_log" not in documentation
    compile(module, "toy.py", "exec")
    plays = yaml.safe_load((copy / "playbooks/uninstall.yml").read_text())
    check, present, absent = (
        yaml.safe_load((copy / f"roles/toy_box/tasks/{name}.yml").read_text())
        for name in ("check", "present", "absent")
    )
    given = {"namespace": "{{ __toy_box_namespace }}", "names": "{{ __toy_box_names }}"}
    meant = yaml.safe_load((copy / "roles/toy_box/vars/main.yml").read_text())
    assert meant["__toy_box_state"] == "{{ 'present' if toy_box_state in ['', none] else toy_box_state }}"
    assert meant["__toy_box_variables"]["toy_box_state"] == "{{ __toy_box_state }}"
    assert {"__toy_box_namespace", "__toy_box_names"} <= meant.keys()
    assert check[0]["promfleet.monitoring.input_check"]["capabilities"] == {"toy": given}
    assert present[0]["promfleet.monitoring.toy"] == given
    assert absent[0]["promfleet.monitoring.toy"] == {"state": "absent", "namespace": given["namespace"]}
    checked = yaml.safe_load((copy / "playbooks/check_input.yml").read_text())[0]["tasks"]
    included = [task.get("ansible.builtin.include_role", {}) for task in checked]
    names = [include["name"] for include in included if include.get("tasks_from") == "check"]
    assert names[-2:] == [f"promfleet.monitoring.{capability.role}" for capability in (CAPABILITIES[-1], TOY)]
    assert "README.md:" in " ".join(undescribed(root=copy))
    # Removed before what it was applied after.
    assert [play["name"] for play in plays][1] == "Remove what toy_box made"
