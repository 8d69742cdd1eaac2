"""Playbooks as jobs of AWX: answers as text, another user, a read-only home, and events that AWX can keep."""

from __future__ import annotations

import json
import os
import re
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR

from tests.integration.support.awx_job import EVENT_BYTES, USER, Job, run_job
from tests.integration.support.releases import crd_folder

JsonObject = dict[str, t.Any]
TEAMS = 1_000


def inventory(*, teams: int) -> JsonObject:
    """What the inventory script of AWX prints."""
    variables: JsonObject = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "team_monitoring_egress": {"api_server": [{"cidr": "10.0.0.5/32", "ports": [6443]}]},
        "team_monitoring_teams": [{"name": f"team-{n}", "namespaces": [f"team-{n}"]} for n in range(teams)],
    }
    return {
        "all": {"children": ["promfleet_central", "promfleet_workers"], "vars": variables},
        "promfleet_central": {"hosts": ["hub"]},
        "promfleet_workers": {"hosts": []},
        "_meta": {"hostvars": {"hub": {}}},
    }


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may look into; that of pytest is its user's alone."""
    with tempfile.TemporaryDirectory(prefix="promfleet-job-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def told(job: Job) -> str:
    return "\n".join(json.dumps(event) for event in job.events)


def render(folder: Path, *, teams: int, answers: JsonObject, arguments: str = "", **fixed: t.Any) -> tuple[Job, Path]:
    """A job that renders, and the folder that it renders into."""
    target = folder / "clusters"
    target.mkdir()
    target.chmod(0o777)
    job = run_job(
        "render", folder=folder, inventory=inventory(teams=teams), arguments=arguments,
        fixed={"promfleet_expected_workers": 0, "promfleet_render_folder": str(target), **fixed}, answers=answers,
        files={"promfleet_kubeconfig": "hidden-in-the-credential"},
    )  # fmt: skip
    assert "hidden-in-the-credential" not in told(job) + job.output
    return job, target


def test_twelve_thousand_objects_as_a_job(folder: Path) -> None:
    job, target = render(folder, teams=TEAMS, answers={}, arguments="--diff")
    assert job.status == 0, job.output[-3000:]
    (objects,) = re.findall(r"hub: (\d+) objects in", job.output)
    assert int(objects) > 12_000
    assert job.largest < EVENT_BYTES
    assert {"playbook_on_start", "runner_on_ok", "playbook_on_stats"} <= {event["event"] for event in job.events}
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in (target / "hub").iterdir()} == {USER}


def test_answers_are_text_and_blank_ones_are_not_given(folder: Path) -> None:
    answers = {"promfleet_render_crds": "true", "promfleet_wait_timeout": "600", "promfleet_show_from": "",
               "promfleet_confirmed_fleet": "default"}  # fmt: skip
    source = str(crd_folder(PROMETHEUS_OPERATOR))
    job, target = render(folder, teams=1, answers=answers, prometheus_operator_crds_source=source)
    assert job.status == 0, job.output[-3000:]
    assert (target / "hub/crds").is_dir()


def test_wrong_answers_stop_a_job_before_it_writes(folder: Path) -> None:
    answers = {"promfleet_confirmed_fleet": "none", "promfleet_wait_timeout": "soon"}
    job, target = render(folder, teams=1, answers=answers, promfleet_expected_workers=7)
    assert job.status != 0
    for refusal in (
        "promfleet_confirmed_fleet: 'none' was confirmed, and the fleet of",
        "promfleet_wait_timeout: must be a whole number, found 'soon'",
        "promfleet_expected_workers: the inventory should have 7 hosts",
    ):
        assert refusal in " ".join(job.output.split())
    assert list(target.iterdir()) == []
