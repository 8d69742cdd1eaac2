"""Playbooks as jobs of AWX: answers as text, another user, a read-only home, and events that AWX can keep."""

from __future__ import annotations

import json
import os
import re
import tempfile
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR

from tests.integration.support.account import SHIPPED, install_roles, make_account
from tests.integration.support.awx_job import EVENT_BYTES, USER, Job, run_job
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.releases import crd_folder
from tests.suite.in_full import in_full, representative

JsonObject = dict[str, t.Any]
TEAMS = 1_000 if in_full() else 100


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


def rendered_objects(folder: Path, _request: pytest.FixtureRequest) -> tuple[Job, int]:
    """A job that writes all objects as files."""
    job, target = render(folder, teams=TEAMS, answers={}, arguments="--diff")
    assert job.status == 0, job.output[-3000:]
    (objects,) = re.findall(r"hub: (\d+) objects in", job.output)
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in (target / "hub").iterdir()} == {USER}
    return job, int(objects)


def applied_objects(folder: Path, request: pytest.FixtureRequest) -> tuple[Job, int]:
    """A job that applies all objects, and one that changes none. The control plane has no nodes: nothing is waited for.

    The first has AWX's own type of a credential for one cluster, the second the token as an answer.
    """
    with started(request, "test-jobs") as (plane,):
        run_module("crds", kubeconfig=plane.kubeconfig, context=plane.context, wait=True, wait_timeout=300)
        admin = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        install_roles(admin)
        token = make_account(admin, "awx", roles=SHIPPED)
        ways: tuple[tuple[dict[str, str], JsonObject, JsonObject], ...] = (
            # What the type's injector gives to a job.
            ({"K8S_AUTH_HOST": plane.url, "K8S_AUTH_API_KEY": token, "K8S_AUTH_VERIFY_SSL": "False"},
             {"promfleet_use_environment": True}, {}),
            ({}, {"promfleet_host": plane.url, "promfleet_validate_certs": False}, {"promfleet_api_key": token}),
        )  # fmt: skip
        jobs = []
        for number, (env, fixed, answers) in enumerate(ways):
            place = folder / str(number)
            place.mkdir()
            job = run_job(
                "teams", folder=place, inventory=inventory(teams=TEAMS), arguments="--diff", env=env, fixed=fixed,
                answers={"promfleet_wait": "false", "team_monitoring_only": "", **answers},
            )  # fmt: skip
            job.run.require_success()
            assert token not in job.text
            jobs.append(job)
    first, second = (job.run.of("team_monitoring")[0].data["counts"] for job in jobs)
    assert second == {**dict.fromkeys(second, 0), "unchanged": first["created"]}
    assert any(re.match(r"hub: team_monitoring: .*, \d+ s$", line) for line in jobs[0].lines)
    return jobs[0], first["created"]


@pytest.mark.parametrize("do", representative([rendered_objects, applied_objects]))
def test_many_objects_as_a_job(
    folder: Path, request: pytest.FixtureRequest, do: Callable[[Path, pytest.FixtureRequest], tuple[Job, int]]
) -> None:
    job, objects = do(folder, request)
    assert objects > 12 * TEAMS
    assert job.largest < EVENT_BYTES
    assert {"playbook_on_start", "runner_on_ok", "playbook_on_stats"} <= {event["event"] for event in job.events}


def test_answers_are_text_and_blank_ones_are_not_given(folder: Path) -> None:
    answers = {"promfleet_render_crds": "true", "promfleet_wait_timeout": "600", "promfleet_show_from": "",
               "promfleet_confirmed_fleet": "default"}  # fmt: skip
    source = str(crd_folder(PROMETHEUS_OPERATOR))
    job, target = render(folder, teams=1, answers=answers, prometheus_operator_crds_source=source)
    assert job.status == 0, job.output[-3000:]
    assert (target / "hub/crds").is_dir()


def test_wrong_answers_stop_a_job_before_it_writes(folder: Path) -> None:
    answers = {
        "promfleet_confirmed_fleet": "none",
        "promfleet_wait_timeout": "soon",
        "promfleet_wait": "maybe",
        "promfleet_fail_on": "fatal",
        "promfleet_show_from": None,
        "promfleet_audit_query": "{not JSON",
        "promfleet_cluster_labels": '["a list"]',
        "team_monitoring_only": "team-0,payments",
    }
    job, target = render(folder, teams=1, answers=answers, promfleet_expected_workers=7)
    assert job.status != 0
    for refusal in (
        "promfleet_confirmed_fleet: 'none' was confirmed, and the fleet of",
        "promfleet_wait_timeout: must be a whole number, found 'soon'",
        "promfleet_expected_workers: the inventory should have 7 hosts",
        "promfleet_wait: must be true or false, found 'maybe'",
        "promfleet_fail_on: must be one of info, warning, error, found 'fatal'",
        "promfleet_audit_query: must be a mapping, found '{not JSON'",
        "promfleet_cluster_labels: must be a mapping, found '[\"a list\"]'",
        "team_monitoring_only[1]: unknown team 'payments'; known: platform, team-0",
    ):
        assert refusal in " ".join(job.run.failures[-1].message.split())
    assert "promfleet_show_from" not in job.output
    assert list(target.iterdir()) == []
