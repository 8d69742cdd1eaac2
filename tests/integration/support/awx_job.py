"""Runs a playbook as AWX runs a job: ansible-runner with AWX's private data, another user, a home that is read-only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.integration.support.playbook import Result, Run, environment

JsonObject = dict[str, t.Any]
# AWX cuts an event off here (MAX_EVENT_RES_DATA in awx/settings/defaults.py).
EVENT_BYTES = 700_000
# As OpenShift gives them to pods: any number, in group 0.
USER = 1_000_650_000
# Events of a task's result, and what they say; what the last event calls the counts of the recap.
STATUSES = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
STATS = {"ok": "ok", "changed": "changed", "failures": "failures", "unreachable": "dark"}
# What AWX tells every job about itself (awx_meta_vars in awx/main/models).
META: JsonObject = {
    f"{prefix}_{name}": value
    for prefix in ("awx", "tower")
    for name, value in {
        "job_id": 17, "job_launch_type": "manual", "job_template_id": 9, "job_template_name": "Monitoring: site",
        "user_id": 3, "user_name": "alice", "user_email": "alice@example.com", "inventory_id": 2,
        "inventory_name": "Monitoring", "project_revision": "0a1b2c", "project_scm_branch": "main",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Job:
    """What became of a job: its exit *status*, its *events* as AWX collects them, and its *output*."""

    status: int
    events: list[JsonObject]
    output: str

    @property
    def largest(self) -> int:
        """The size of the largest event as AWX keeps it."""
        return max(len(json.dumps(event)) for event in self.events)

    @property
    def text(self) -> str:
        """All that AWX shows and keeps of it."""
        return "\n".join([*(json.dumps(event) for event in self.events), self.output])

    @property
    def lines(self) -> list[str]:
        """The lines that AWX shows, one event after the other, without colours."""
        shown = "\n".join(event["stdout"] for event in self.events if event["stdout"])
        return re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()

    @property
    def run(self) -> Run:
        """The same as other runs are judged by, made of its events."""
        results, recap = [], {}
        for event in self.events:
            data = event.get("event_data") or {}
            if event["event"] in STATUSES:
                ignored = event["event"] == "runner_on_failed" and data.get("ignore_errors")
                results.append(
                    Result(
                        status="ignored" if ignored else STATUSES[event["event"]],
                        host=data["host"],
                        task=data["task"],
                        action=data["resolved_action"],
                        data=data.get("res") or {},
                    )
                )
            elif event["event"] == "playbook_on_stats":
                recap = {
                    host: {name: data[one].get(host, 0) for name, one in STATS.items()} for host in data["processed"]
                }
        return Run(status=self.status, output="\n".join(self.lines), results=tuple(results), recap=recap)


class Unsafe(str):
    """Text that is no template, as AWX writes answers (awx/main/utils/safe_yaml.py)."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def unsafe(value: t.Any) -> t.Any:
    """The same with every text as AWX writes it."""
    if isinstance(value, dict):
        return {unsafe(name): unsafe(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [unsafe(inner) for inner in value]
    return Unsafe(value) if isinstance(value, str) else value


def run_job(
    playbook: str, *, folder: Path, inventory: JsonObject, fixed: JsonObject, answers: JsonObject,
    arguments: str = "", files: t.Mapping[str, str] | None = None, env: t.Mapping[str, str] | None = None,
    project: Path | None = None,
) -> Job:  # fmt: skip
    """Run a playbook of the collection, or one of the folder *project*; *inventory* is what an inventory script prints.

    *fixed* are the variables of the job template, *answers* those of its survey. *files* are credentials, by the name
    of the variable that gets the path of each, *env* those that a job finds in its environment.
    """
    private = folder / "private"
    for name in ("inventory", "env", "artifacts", "cp", "tmp"):
        (private / name).mkdir(parents=True)
    if project is None:
        (private / "project").mkdir()
        (private / "project/run.yml").write_text(
            f"---\n- name: Run\n  import_playbook: promfleet.monitoring.{playbook}\n", encoding="utf-8"
        )
    else:
        shutil.copytree(project, private / "project")
    script = private / "inventory/hosts"
    script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(inventory)!r})\n", encoding="utf-8")
    script.chmod(0o700)
    variables = {**fixed, **unsafe(answers), **unsafe(META)}
    for name, content in (files or {}).items():
        (private / "env" / name).write_text(content, encoding="utf-8")
        (private / "env" / name).chmod(0o600)
        variables[name] = str(private / "env" / name)
    (private / "env/extravars").write_text(yaml.dump(variables, Dumper=_Dumper), encoding="utf-8")
    (private / "env/cmdline").write_text(arguments, encoding="utf-8")
    home = folder / "home"
    home.mkdir()
    home.chmod(0o555)
    prefix = Path(sys.prefix)
    given = environment(
        prefix, HOME=str(home), TMPDIR=str(private / "tmp"), AWX_PRIVATE_DATA_DIR=str(private), JOB_ID="17",
        ANSIBLE_RETRY_FILES_ENABLED="False", MAX_EVENT_RES=str(EVENT_BYTES), ANSIBLE_FORCE_COLOR="True",
        ANSIBLE_HOST_KEY_CHECKING="False", ANSIBLE_INVENTORY_UNPARSED_FAILED="True", ANSIBLE_HOME=str(private / "tmp"),
        ANSIBLE_REMOTE_TMP=str(private / "tmp/remote"), **(env or {}),
    )  # fmt: skip
    target = "run.yml" if project is None else playbook
    command = [str(prefix / "bin/ansible-runner"), "run", str(private), "-p", target, "--ident", "17"]
    done = subprocess.run(
        [*_as_another_user(private), *command], env=given, cwd=private / "project", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    home.chmod(0o755)
    events = sorted((private / "artifacts/17/job_events").glob("*.json"), key=lambda path: int(path.name.split("-")[0]))
    return Job(
        status=done.returncode,
        events=[json.loads(path.read_text(encoding="utf-8")) for path in events],
        output=done.stdout + done.stderr,
    )


def _as_another_user(private: Path) -> list[str]:
    """What runs a command as a user whom the machine does not know, where that is possible; the folder becomes theirs.

    It may read what root may, as Python may be below root's home, and write nowhere but in the folder.
    """
    program = shutil.which("setpriv")
    if os.geteuid() != 0 or program is None:
        return []
    for place in (private, *private.rglob("*")):
        os.chown(place, USER, 0)
    read = "+dac_read_search"
    identity = ["--reuid", str(USER), "--regid", "0", "--clear-groups"]
    return [program, *identity, "--inh-caps", read, "--ambient-caps", read, "--"]
