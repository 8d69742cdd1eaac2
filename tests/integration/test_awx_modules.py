"""The modules of awx.awx 24.6.1 against the fake AWX: it behaves as the clients that AWX itself is tested with expect.

And the other way round: what the collection's module made, they find unchanged.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.awx import TOKEN, FakeAwx
from tests.integration.support.awx_keeper import Keeper
from tests.integration.support.playbook import environment

JsonObject = dict[str, t.Any]
MODULES = Path(sys.prefix) / "collections/ansible_collections/awx/awx/plugins/modules"
SURVEY: JsonObject = {
    "name": "s", "description": "",
    "spec": [
        {"type": "multiplechoice", "question_name": "Q", "variable": "v", "required": True, "choices": ["a", "b"]},
        {"type": "password", "question_name": "P", "variable": "p", "required": False, "default": "hidden"},
    ],
}  # fmt: skip
NIGHTLY = "DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1"
# Each module with its options, and whether a second run of it changes something: secrets count as changed there.
STEPS: tuple[tuple[str, JsonObject, bool], ...] = (
    ("organization", {"name": "Org", "description": "x"}, False),
    ("team", {"name": "T", "organization": "Org"}, False),
    ("credential_type", {"name": "CT", "kind": "cloud", "inputs": {"fields": [
        {"id": "kubeconfig", "label": "K", "secret": True}, {"id": "host", "label": "H"}]}, "injectors": {}}, False),
    ("credential", {"name": "C", "organization": "Org", "credential_type": "CT",
                    "inputs": {"kubeconfig": "hidden", "host": "h"}}, True),
    ("execution_environment", {"name": "EE", "image": "a/b:1", "organization": "Org", "pull": "missing"}, False),
    ("notification_template", {"name": "N", "organization": "Org", "notification_type": "slack",
                               "notification_configuration": {"token": "hidden", "channels": ["#a"]}}, True),
    ("project", {"name": "P", "organization": "Org", "scm_type": "git", "scm_url": "https://g.example.com/x.git",
                 "wait": False}, False),
    ("inventory", {"name": "I", "organization": "Org", "variables": {"a": 1}}, False),
    ("inventory_source", {"name": "IS", "inventory": "I", "organization": "Org", "source": "scm",
                          "source_project": "P", "source_path": "inventory.yml"}, False),
    ("job_template", {"name": "J", "organization": "Org", "project": "P", "inventory": "I", "playbook": "site.yml",
                      "credentials": ["C"], "execution_environment": "EE", "extra_vars": {"a": [1]},
                      "notification_templates_error": ["N"], "instance_groups": ["default"]}, False),
    ("job_template", {"name": "J2", "organization": "Org", "project": "P", "inventory": "I", "playbook": "a.yml",
                      "survey_enabled": True, "survey_spec": SURVEY}, True),
    ("workflow_job_template", {"name": "W", "organization": "Org", "notification_templates_success": ["N"]}, False),
    ("workflow_job_template_node", {"identifier": "b", "workflow_job_template": "W", "organization": "Org",
                                    "unified_job_template": "J", "lookup_organization": "Org"}, False),
    ("workflow_job_template_node", {"identifier": "a", "workflow_job_template": "W", "organization": "Org",
                                    "approval_node": {"name": "ask", "timeout": 5}}, False),
    ("workflow_job_template_node", {"identifier": "c", "workflow_job_template": "W", "organization": "Org",
                                    "unified_job_template": "J", "lookup_organization": "Org",
                                    "success_nodes": ["b"]}, False),
    ("schedule", {"name": "S", "unified_job_template": "J", "organization": "Org", "rrule": NIGHTLY}, False),
)  # fmt: skip


# Imports what all modules need once, and then runs each in a process of its own, as Ansible does.
PROGRAM = """
import json, os, runpy, sys
from ansible.module_utils import basic
import ansible_collections.awx.awx.plugins.module_utils.controller_api
for line in sys.stdin:
    name, arguments = json.loads(line)
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        try:
            runpy.run_module(f"ansible_collections.awx.awx.plugins.modules.{name}", run_name="__main__")
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(write)
    with open(read) as answer:
        print(answer.read().strip().replace(chr(10), " "), flush=True)
    os.wait()
"""


class Modules:
    """Runs modules of awx.awx."""

    def __init__(self, fake: FakeAwx, folder: Path) -> None:
        self._fake = fake
        env = environment(Path(sys.prefix), PYTHONPATH=str(Path(sys.prefix) / "collections"), HOME=str(folder))
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def run(self, module: str, /, **options: t.Any) -> JsonObject:
        arguments = {"controller_host": self._fake.url, "controller_oauthtoken": TOKEN, **options}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([module, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer.startswith("{"), f"{module}: no answer"
        found: JsonObject = json.loads(answer)
        return found


@pytest.fixture
def fake() -> Iterator[FakeAwx]:
    with FakeAwx().started() as one:
        yield one


@pytest.fixture
def modules(fake: FakeAwx, tmp_path: Path) -> Iterator[Modules]:
    one = Modules(fake, tmp_path)
    yield one
    one.close()


@pytest.mark.skipif(not MODULES.is_dir(), reason="the package ansible for this Python has no awx.awx any more")
def test_the_modules_of_awx_find_what_they_expect(fake: FakeAwx, modules: Modules) -> None:
    for name, options, changed_again in STEPS:
        first = modules.run(name, **options)
        assert not first.get("failed"), f"{name}: {first.get('msg')}\n{fake.requests[-5:]}"
        assert first["changed"]
        again = modules.run(name, **options)
        assert not again.get("failed"), again
        assert again["changed"] == changed_again, f"{name} {options}"
    job = fake.named("job_templates", "J")
    role = {"team": "T", "role_definition": "JobTemplate Execute", "object_id": job["id"]}
    assert [modules.run("role_team_assignment", **role)["changed"] for _again in range(2)] == [True, False]
    # No request went where the fake does not know AWX.
    assert fake.unknown == []
    assert fake.surveys[fake.named("job_templates", "J2")["id"]]["spec"][0]["choices"] == ["a", "b"]
    assert fake.named("credentials", "C")["inputs"] == {"kubeconfig": "hidden", "host": "h"}
    refused = modules.run("job_template", **{**STEPS[9][1], "credentials": ["C", "C2"]})
    assert refused["failed"]
    wrong = {**SURVEY, "spec": [{**SURVEY["spec"][0], "type": "number"}]}
    assert "not one of" in str(modules.run("job_template", **{**STEPS[10][1], "survey_spec": wrong}))
    for name, options, _changed in reversed(STEPS):
        if name in REMOVED:
            gone = modules.run(name, **{**{key: options[key] for key in options if key in IDENTITY}, "state": "absent"})
            assert not gone.get("failed"), f"{name}: {gone.get('msg')}"
    assert [path for path in ("job_templates", "workflow_job_template_nodes", "schedules") if fake.objects[path]] == []


@pytest.mark.skipif(not MODULES.is_dir(), reason="the package ansible for this Python has no awx.awx any more")
def test_the_modules_of_awx_find_what_the_collection_made_unchanged(
    fake: FakeAwx, modules: Modules, tmp_path: Path
) -> None:
    keeper = Keeper(fake, tmp_path)
    keeper.ok()
    site = fake.named("job_templates", "Monitoring: site")
    common = {"organization": "Default"}
    same: tuple[tuple[str, JsonObject], ...] = (
        ("project", {"name": "Monitoring", "scm_type": "git", "scm_url": "https://git.example.com/fleet.git",
                     "scm_update_on_launch": True, "wait": False, **common}),
        ("inventory_source", {"name": "Monitoring", "inventory": "Monitoring", "source": "scm",
                              "source_project": "Monitoring", "source_path": "inventory.yml",
                              "overwrite": True, **common}),
        ("job_template", {"name": "Monitoring: site", "project": "Monitoring", "inventory": "Monitoring",
                          "playbook": "playbooks/site.yml", "credentials": ["Monitoring: clusters"],
                          "execution_environment": "Monitoring", "extra_vars": {"promfleet_expected_workers": 3},
                          "survey_enabled": True, "survey_spec": fake.surveys[site["id"]],
                          "notification_templates_error": ["Monitoring: chat"], **common}),
        ("schedule", {"name": "Monitoring: nightly", "unified_job_template": "Monitoring: doctor", "rrule": NIGHTLY,
                      **common}),
        ("workflow_job_template_node", {"identifier": "check",
                                        "workflow_job_template": "Monitoring: apply after approval",
                                        "unified_job_template": "Monitoring: check", "success_nodes": ["approve"],
                                        "lookup_organization": "Default", **common}),
    )  # fmt: skip
    for name, options in same:
        found = modules.run(name, **options)
        assert not found.get("failed"), f"{name}: {found.get('msg')}"
        assert not found["changed"], name
    assert not keeper.ok()["changed"]


# What is removed at the end, with all that belongs to it.
REMOVED = {"workflow_job_template", "job_template"}
IDENTITY = {
    "name", "organization", "identifier", "workflow_job_template", "credential_type", "inventory", "kind", "image",
    "unified_job_template",
}  # fmt: skip
