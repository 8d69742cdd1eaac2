"""The module awx against the fake AWX: the plan, what is written, and what is left alone."""

from __future__ import annotations

import http.server
import json
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import client, marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.integration.support.awx import TOKEN, FakeAwx, Fault
from tests.integration.support.awx_keeper import KUBECONFIG, Keeper, rows
from tests.integration.support.playbook import CHECKOUT

JsonObject = dict[str, t.Any]


@pytest.fixture(autouse=True)
def quick_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints are slow on purpose: half a second each."""
    monkeypatch.setattr(marks, "ROUNDS", 1_000)


@pytest.fixture
def fake() -> Iterator[FakeAwx]:
    with FakeAwx().started() as one:
        yield one


@pytest.fixture
def keeper(fake: FakeAwx, tmp_path: Path) -> Keeper:
    return Keeper(fake, tmp_path)


def changed(result: JsonObject) -> list[str]:
    return [f"{one['action']} {one['kind']} {one['name']}" for one in result["objects"]]


def state(fake: FakeAwx) -> str:
    links = sorted((str(place), ids) for place, ids in fake.links.items() if ids)
    return json.dumps([fake.objects, links, fake.surveys], sort_keys=True)


def writes(fake: FakeAwx) -> list[str]:
    return [one for one in fake.requests if not one.startswith("GET ")]


def test_check_mode_is_true_and_a_second_run_is_silent(fake: FakeAwx, keeper: Keeper) -> None:
    before = state(fake)
    predicted = keeper.ok(check=True)
    assert state(fake) == before
    assert writes(fake) == []
    done = keeper.ok()
    assert done["objects"] == predicted["objects"]
    assert done["counts"] == predicted["counts"]
    assert done["counts"]["created"] == len(done["objects"]) > 20
    written = state(fake)
    for check in (True, False):
        again = keeper.ok(check=check)
        assert (again["changed"], again["objects"]) == (False, [])
        assert again["counts"]["unchanged"] == sum(done["counts"].values())
    assert state(fake) == written


def test_nothing_secret_is_returned_or_stored_readably(fake: FakeAwx, keeper: Keeper) -> None:
    result = keeper.ok()
    result["diff"] = result["diff"]()
    assert fake.named("credentials", "Monitoring: clusters")["inputs"]["kubeconfig"] == KUBECONFIG
    chat = fake.named("notification_templates", "Monitoring: chat")
    assert chat["notification_configuration"] == {"channels": ["#monitoring"], "token": "hidden-token-of-slack"}
    for text in (json.dumps(result), json.dumps([one["description"] for one in fake.objects["credentials"].values()])):
        assert "hidden" not in text
        assert TOKEN not in text


def test_the_address_of_a_webhook_is_a_secret_that_awx_shows(fake: FakeAwx, keeper: Keeper) -> None:
    address = "https://chat.example.com/hooks/hidden-in-the-address"
    (keeper.folder / "address").write_text(f"{address}\n")
    hook: JsonObject = {
        "name": "hook", "type": "webhook", "configuration": {"headers": {}},
        "secret_files": {"url": str(keeper.folder / "address"), "password": str(keeper.folder / "slack")},
    }  # fmt: skip
    keeper.definition["notifications"] = [hook]
    # AWX adds the defaults of the other fields; a second run knows them.
    results = [keeper.ok()]
    made = fake.named("notification_templates", "Monitoring: hook")["notification_configuration"]
    assert (made["url"], made["password"]) == (address, "hidden-token-of-slack")
    assert not keeper.ok()["changed"]
    # What others changed is found where AWX shows it; the password stays as it is.
    made["url"] = "https://evil.example.com"
    made["headers"] = {"a": "b"}
    results.append(keeper.ok())
    hook["configuration"]["headers"] = {"c": "d"}
    results.append(keeper.ok())
    made = fake.named("notification_templates", "Monitoring: hook")["notification_configuration"]
    assert (made["url"], made["password"], made["headers"]) == (address, "hidden-token-of-slack", {"c": "d"})
    assert not keeper.ok()["changed"]
    assert "hidden" not in json.dumps([{**one, "diff": one["diff"]()} for one in results])


def test_another_secret_is_found_sent_and_then_known(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    (keeper.folder / "kubeconfig").write_text(KUBECONFIG.replace("hidden", "another"))
    for check in (True, False):
        result = keeper.ok(check=check)
        assert changed(result) == ["updated credential Monitoring: clusters"]
        assert [one["field"] for one in result["objects"][0]["fields"]] == ["inputs.kubeconfig"]
    assert "another-in-the" in fake.named("credentials", "Monitoring: clusters")["inputs"]["kubeconfig"]
    assert not keeper.ok()["changed"]


def test_another_field_of_a_credential_leaves_its_secret(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    credential = fake.named("notification_templates", "Monitoring: chat")
    credential["notification_configuration"]["channels"] = ["#other"]
    assert keeper.ok()["counts"]["updated"] == 1
    chat = fake.named("notification_templates", "Monitoring: chat")
    assert chat["notification_configuration"] == {"channels": ["#monitoring"], "token": "hidden-token-of-slack"}


DRIFT: tuple[tuple[str, t.Callable[[FakeAwx, JsonObject], object], str, t.Any, t.Any], ...] = (
    ("extra_vars", lambda _fake, one: one.update(extra_vars="promfleet_expected_workers: 99\nother: 1\n"),
     "extra_vars.other", 1, None),
    ("prompt", lambda _fake, one: one.update(ask_limit_on_launch=True), "ask_limit_on_launch", True, False),
    ("branch", lambda _fake, one: one.update(scm_branch="evil"), "scm_branch", "evil", ""),
    ("project", lambda _fake, one: one.update(project=None), "project", None, "Monitoring"),
    ("text", lambda _fake, one: one.update(extra_vars="no: [mapping"), "extra_vars", "no: [mapping", {
        "promfleet_expected_workers": 3}),
    ("description", lambda _fake, one: one.update(description=one["description"].replace("Brings", "Takes")),
     "description", "Takes operators, policies, teams and federation of all clusters to their state.",
     "Brings operators, policies, teams and federation of all clusters to their state."),
    ("credentials", lambda fake, one: fake.links["job_templates", one["id"], "credentials"].clear(), "credentials", [],
     ["Monitoring: clusters"]),
    ("notifications", lambda fake, one: fake.links["job_templates", one["id"], "notification_templates_error"].clear(),
     "notification_templates_error", [], ["Monitoring: chat"]),
    ("survey", lambda fake, one: fake.surveys[one["id"]].update(spec=fake.surveys[one["id"]]["spec"][:1]), "survey",
     ["promfleet_wait"], ["promfleet_wait", "promfleet_wait_timeout"]),
    ("no survey", lambda fake, one: fake.surveys.pop(one["id"]), "survey", [],
     ["promfleet_wait", "promfleet_wait_timeout"]),
)  # fmt: skip


def test_what_people_changed_is_shown_and_brought_back(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    whole = state(fake)
    for name, change, field, before, after in DRIFT:
        change(fake, fake.named("job_templates", "Monitoring: site"))
        assert state(fake) != whole, name
        for check in (True, False):
            (found,) = keeper.ok(check=check)["objects"]
            assert (found["action"], found["kind"], found["name"]) == ("updated", "job template", "Monitoring: site")
            (one,) = [one for one in found["fields"] if one["field"] == field]
            if field == "survey":
                one = {side: [asked["variable"] for asked in one[side]] for side in ("before", "after")}
            assert (one["before"], one["after"]) == (before, after), name
        assert state(fake) == whole, name


def test_what_is_gone_from_the_code_is_deleted_and_what_is_of_others_stays(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    project = fake.named("projects", "Monitoring")["id"]
    organization = fake.named("organizations", "Default")["id"]
    others = [
        fake.add("job_templates", name="Theirs", project=project, organization=organization),
        fake.add("job_templates", name="Another fleet's", description="x [promfleet:other]", organization=organization),
    ]
    result = keeper.ok(definition={"teams": [], "schedules": [], "templates": [{"name": "audit", "enabled": False}]})
    assert changed(result) == [
        "deleted job template Monitoring: audit",
        "deleted job template Monitoring: team payments",
        "deleted job template Monitoring: team search",
        "deleted schedule Monitoring: doctor / Monitoring: nightly",
        "deleted team Search people",
        "deleted team payments",
    ]
    assert set(others) <= set(fake.objects["job_templates"])
    assert fake.objects["schedules"] == {}
    # The project of a template of others is not taken away from it; nothing is deleted before that is known.
    before = state(fake)
    with pytest.raises(InputError, match="project Monitoring: cannot be deleted: job template Theirs of others"):
        keeper.run(definition={"state": "absent"})
    assert state(fake) == before
    fake.remove("job_templates", others[0])
    keeper.ok(definition={"state": "absent"})
    assert fake.names("job_templates") == ["Another fleet's"]
    assert [
        path for path in ("projects", "inventories", "credentials", "workflow_job_templates") if fake.objects[path]
    ] == []
    assert fake.names("organizations") == ["Default"]


def test_an_object_of_others_with_our_name_is_refused_before_the_first_write(fake: FakeAwx, keeper: Keeper) -> None:
    organization = fake.named("organizations", "Default")["id"]
    fake.add("projects", name="Monitoring", organization=organization, description="ours for years")
    fake.add("inventories", name="Monitoring", organization=organization, description="x [promfleet:other]")
    before = state(fake)
    with pytest.raises(InputError) as raised:
        keeper.run()
    assert state(fake) == before
    told = str(raised.value)
    assert "project Monitoring: exists and was not made by this fleet; set name_prefix to another one" in told
    assert "inventory Monitoring: was made by the fleet 'other'" in told
    result = keeper.ok(definition={"adopt": True})
    assert "updated project Monitoring" in changed(result)
    assert not keeper.ok()["changed"]


def test_every_error_of_the_input_is_reported_at_once(fake: FakeAwx, keeper: Keeper) -> None:
    wrong: JsonObject = {
        "controller": {"host": "awx.example.com"},
        "execution_environment": {"imaeg": "x"},
        "credentials": [
            {"name": "a", "kubeconfig_file": str(keeper.folder / "no-such-file")},
            {"name": "b", "kubeconfig_file": str(keeper.folder / "kubeconfig")},
            {"name": "c"},
        ],
        "teams": [{"name": "paiments"}],
        "templates": [
            {"name": "site", "slices": 4, "survey": ["team_monitoring_teams", "promfleet_expected_workers"]},
            {"name": "stie"},
        ],
        "regions": [{"name": "eu", "instance_group": "eu"}],
        "schedules": [{"name": "x", "template": "uninstall", "rrule": "RRULE:FREQ=DAILY"}],
    }
    with pytest.raises(InputError) as raised:
        keeper.run(definition=wrong)
    assert fake.requests == []
    told = str(raised.value)
    for part in (
        "promfleet_awx.controller.host: must be a URL that begins with https://",
        "promfleet_awx.execution_environment.imaeg: unknown key; did you mean 'image'?",
        "promfleet_awx.credentials[0].kubeconfig_file: ",
        "promfleet_awx.credentials[2]: needs one of kubeconfig_file, host with token_file, and existing: true",
        "promfleet_awx.teams[0].name: unknown team; did you mean 'payments'?",
        "promfleet_awx.templates.site.slices: must be 1: each job must see all workers",
        "promfleet_awx.templates.site.survey.team_monitoring_teams: a list of dict cannot be an answer",
        "promfleet_awx.templates.site.survey.promfleet_expected_workers: has a fixed value in the template",
        "promfleet_awx.templates[1].name: unknown template; did you mean 'site'?",
        "promfleet_awx.regions[0].name: the inventory has no group promfleet_region_eu",
        "promfleet_awx.schedules[0].template: asks for a confirmation, which a schedule cannot give",
        "promfleet_awx.schedules[0].rrule: needs one DTSTART",
        "a job takes one credential of a type, but 'a' and 'b' are both 'Kubeconfig'",
    ):
        assert part in told


GIT = "https://git.example.com/fleet.git"
CHAT: JsonObject = {"name": "chat", "type": "slack", "configuration": {"channels": ["#a"]}}
NIGHTLY: JsonObject = {"name": "nightly", "template": "doctor"}
# Each would be refused by AWX in the middle of a run, or make jobs that fail, or show a secret.
REFUSED: tuple[tuple[JsonObject, str], ...] = (
    ({"organization": " "}, "organization: must not be empty"),
    ({"name_prefix": "Monitoring "}, "name_prefix: must not begin or end with a space, found 'Monitoring '"),
    ({"name_prefix": "x" * 300}, "name_prefix: must have at most 256 characters, found 300"),
    ({"execution_environment": {"image": "a/b:1 "}}, "execution_environment.image: must not begin or end with a space"),
    ({"execution_environment": {"image": ""}}, "execution_environment.image: must not be empty"),
    ({"project": {"url": "fleet"}}, "project.url: must be the address of a Git repository"),
    ({"project": {"url": "https://me:secret@git.example.com/x.git"}}, "project.url: must not hold a password"),
    ({"project": {"url": GIT, "playbooks": "../other"}}, "project.playbooks: must be a path in the repository"),
    ({"inventory": {"path": "/etc/hosts"}}, "inventory.path: must be a path in the repository"),
    ({"workflow": {"approval_timeout": -1}}, "workflow.approval_timeout: must be 0 or more, found -1"),
    ({"templates": [{"name": "site", "forks": -1}]}, "templates[0].forks: must be 0 or more, found -1"),
    ({"templates": [{"name": "site", "extra_vars": {"promfleet_wait_timeout": "soon"}}]},
     "templates.site.extra_vars.promfleet_wait_timeout: must be a whole number, found 'soon'"),
    ({"templates": [{"name": "site", "extra_vars": {"promfleet_api_key": "secret"}}]},
     "templates.site.extra_vars.promfleet_api_key: is a secret, which AWX would show"),
    ({"templates": [{"name": "site", "extra_vars": {"promfleet_expected_workers": 1}}]},
     "templates.site.extra_vars.promfleet_expected_workers: is given by the collection"),
    ({"templates": [{"name": "uninstall", "extra_vars": {"promfleet_confirmed_fleet": "default"}}]},
     "templates.uninstall.extra_vars.promfleet_confirmed_fleet: is given by the collection"),
    ({"templates": [{"name": "site", "survey": ["promfleet_wait", "promfleet_wait"]}]},
     "templates.site.survey.promfleet_wait: is asked for already"),
    ({"notifications": [{"name": "a", "type": "slak"}]}, "notifications[0].type: unknown type; did you mean 'slack'?"),
    ({"notifications": [CHAT]}, "notifications[0].configuration: a notification of the type slack needs token"),
    ({"notifications": [{**CHAT, "configuration": {"channels": "#a"}}]},
     "notifications[0].configuration.channels: must be a list"),
    ({"notifications": [{**CHAT, "configuration": {"channels": []}}]},
     "notifications[0].configuration.channels: must not be empty"),
    ({"notifications": [{"name": "a", "type": "webhook", "configuration": {"http_method": "GET"}}]},
     "notifications[0].configuration.http_method: must be one of POST, PUT, found 'GET'"),
    ({"notifications": [{**CHAT, "configuration": {"channels": ["#a"], "token": "secret"}}]},
     "notifications[0].configuration.token: is a secret; name a file that holds it in secret_files"),
    ({"schedules": [{**NIGHTLY, "rrule": "DTSTART:20261301T030000Z RRULE:FREQ=DAILY;INTERVAL=1"}]},
     "schedules[0].rrule: cannot be read: month must be in 1..12"),
    ({"schedules": [{**NIGHTLY, "rrule": "DTSTART;TZID=Europe/Berlon:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1"}]},
     "schedules[0].rrule: unknown time zone 'Europe/Berlon'; did you mean 'Europe/Berlin'?"),
)  # fmt: skip


def test_what_awx_would_refuse_is_said_before_the_first_request(fake: FakeAwx, keeper: Keeper) -> None:
    said = []
    for change, message in REFUSED:
        with pytest.raises(InputError) as raised:
            keeper.run(definition=change, folder=str(keeper.folder))
        assert f"promfleet_awx.{message}" in str(raised.value)
        assert "secret@" not in str(raised.value)
        said.append(str(raised.value))
    assert fake.requests == []
    guide = (CHECKOUT / "docs/awx.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in guide if line.startswith("promfleet_awx.") and line not in said] == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: [", "is not YAML"),
        ("hello: world", "is not a kubeconfig"),
        ("kind: Secret\nusers: []", "is not a kubeconfig"),
        ("users: [{name: a, user: {client-key: /home/me/key}}]", "names other files (users.client-key), which a job"),
    ],
)
def test_a_file_that_is_no_kubeconfig_for_a_job(fake: FakeAwx, keeper: Keeper, content: str, problem: str) -> None:
    (keeper.folder / "kubeconfig").write_text(content)
    with pytest.raises(InputError) as raised:
        keeper.run()
    assert f"promfleet_awx.credentials[0].kubeconfig_file: {keeper.folder}/kubeconfig {problem}" in str(raised.value)
    assert fake.requests == []


def test_a_further_playbook_is_one_more_row(fake: FakeAwx, keeper: Keeper) -> None:
    checkout = keeper.folder / "checkout"
    checkout.mkdir()
    row = {"name": "isolation", "playbook": "isolation", "survey": ["promfleet_fail_on"], "whole": True}
    keeper.ok(templates=[*rows(), row], definition={"project": {"url": GIT, "checkout": str(checkout)}})
    made = fake.named("job_templates", "Monitoring: isolation")
    assert made["playbook"] == "playbooks/isolation.yml"
    assert json.loads(made["extra_vars"]) == {"promfleet_expected_workers": 3}
    assert [asked["variable"] for asked in fake.surveys[made["id"]]["spec"]] == ["promfleet_fail_on"]
    assert "promfleet.monitoring.isolation" in (checkout / made["playbook"]).read_text()


def test_a_playbook_is_in_the_project_as_long_as_a_template_runs_it(fake: FakeAwx, keeper: Keeper) -> None:
    """Templates of teams and regions run it also where the template for everybody is switched off."""
    checkout = keeper.folder / "checkout"
    checkout.mkdir()
    keeper.ok(
        definition={
            "project": {"url": GIT, "checkout": str(checkout)},
            "templates": [{"name": "teams", "enabled": False}, {"name": "audit", "enabled": False}],
        }
    )
    wanted = {one["playbook"] for one in fake.objects["job_templates"].values()}
    assert {f"playbooks/{path.name}" for path in (checkout / "playbooks").iterdir()} == wanted
    assert "playbooks/teams.yml" in wanted
    assert "playbooks/audit.yml" not in wanted


def launch(fake: FakeAwx, name: str, data: JsonObject) -> tuple[int, JsonObject]:
    identity = fake.named("job_templates", name)["id"]
    body = json.dumps(data).encode()
    status, answer, _retry = fake.handle("POST", f"/api/v2/job_templates/{identity}/launch/", body, f"Bearer {TOKEN}")
    return status, answer


def test_a_team_cannot_start_another_teams_work(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    attack = {
        "extra_vars": {"team_monitoring_only": ["search"], "team_monitoring_prune": True, "promfleet_fleet": "other"},
        "limit": "hub", "job_tags": "prometheus_operator", "job_type": "run", "inventory": 1, "scm_branch": "evil",
    }  # fmt: skip
    status, answer = launch(fake, "Monitoring: team payments", attack)
    assert status == 201
    assert answer["ignored_fields"].keys() == attack.keys()
    (job,) = fake.launched
    assert (job["limit"], job["extra_vars"]) == ("", {"team_monitoring_only": ["payments"]})
    # Each team may start its own template, and no other one.
    assigned = fake.objects["role_team_assignments"].values()
    pairs = {
        (fake.objects["teams"][one["team"]]["name"], fake.objects["job_templates"][int(one["object_id"])]["name"])
        for one in assigned
        if int(one["object_id"]) in fake.objects["job_templates"]
    }
    assert pairs == {("payments", "Monitoring: team payments"), ("Search people", "Monitoring: team search")}
    # Rights that somebody gave by hand on a template of ours are taken back.
    other = fake.named("teams", "Search people")["id"]
    template = fake.named("job_templates", "Monitoring: team payments")["id"]
    role = fake.named("role_definitions", "JobTemplate Execute")["id"]
    fake.add("role_team_assignments", role_definition=role, team=other, object_id=str(template))
    (found,) = keeper.ok()["objects"]
    assert found["fields"] == [
        {"field": "teams.JobTemplate Execute", "before": ["Search people", "payments"], "after": ["payments"]}
    ]


def test_uninstall_starts_only_with_the_name_of_the_fleet(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    for answers, status in (
        ({}, 400),
        ({"promfleet_confirmed_fleet": ""}, 400),
        ({"promfleet_confirmed_fleet": "none"}, 201),
    ):
        assert launch(fake, "Monitoring: uninstall", {"extra_vars": answers})[0] == status
    launch(fake, "Monitoring: uninstall", {"extra_vars": {"promfleet_confirmed_fleet": "default"}})
    assert [job["extra_vars"]["promfleet_confirmed_fleet"] for job in fake.launched] == ["none", "default"]


def test_the_workflow_checks_asks_applies_and_verifies(fake: FakeAwx, keeper: Keeper) -> None:
    keeper.ok()
    nodes = {one["identifier"]: one for one in fake.objects["workflow_job_template_nodes"].values()}
    order = ["check", "approve", "site", "verify"]
    following = {
        name: fake.links.get(("workflow_job_template_nodes", nodes[name]["id"], "success_nodes"), []) for name in order
    }
    assert following == {
        name: [nodes[after]["id"] for after in order[at + 1 : at + 2]] for at, name in enumerate(order)
    }
    assert nodes["approve"]["unified_job_template"] in fake.objects["workflow_approval_templates"]
    # A node that somebody added, and a chain that somebody cut.
    workflow = fake.named("workflow_job_templates", "Monitoring: apply after approval")["id"]
    fake.add("workflow_job_template_nodes", identifier="skip", workflow_job_template=workflow)
    fake.links["workflow_job_template_nodes", nodes["check"]["id"], "success_nodes"] = [nodes["site"]["id"]]
    assert changed(keeper.ok()) == [
        "updated workflow node Monitoring: apply after approval / check",
        "deleted workflow node Monitoring: apply after approval / skip",
    ]
    assert following == {
        name: fake.links.get(("workflow_job_template_nodes", nodes[name]["id"], "success_nodes"), []) for name in order
    }


FAULTS = {
    "429 everywhere": [
        Fault(method=method, path=".", status=429, times=4, retry_after="0") for method in ("GET", "POST")
    ],
    "502 of reads": [Fault(method="GET", path=".", status=502, times=3)],
    "an answer of a creation is lost": [Fault(method="POST", path="/job_templates/$", status=502, times=2, done=True)],
    "a creation does not happen": [Fault(method="POST", path="/projects/$", status=504)],
    "an association is lost": [Fault(method="POST", path="/credentials/$", status=502, done=True)],
    "no page": [Fault(method="GET", path="/schedules/", status=503, times=1)],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_faults_that_pass_are_not_noticed(
    fake: FakeAwx, keeper: Keeper, faults: list[Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", Patience(attempts=6, pause=0.001))
    fake.faults = [Fault(**vars(fault)) for fault in faults]
    keeper.ok()
    assert [fault.times for fault in fake.faults] == [0] * len(faults)
    names = fake.names("job_templates")
    assert len(names) == len(set(names))
    assert not keeper.ok()["changed"]


def test_a_run_that_is_cut_off_is_finished_by_the_next(
    fake: FakeAwx, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", Patience(attempts=2, pause=0.001))
    fake.faults = [
        Fault(method="POST", path="/survey_spec/$", status=500, times=1000),
        Fault(method="POST", path="/teams/$", status=502, times=2),
    ]
    result = keeper.run()
    assert "HTTP 500" in result["failure"]
    # What only follows from a failure is named after it, not instead of it.
    assert result["counts"]["created"] > 0
    fake.faults = []
    assert keeper.ok()["changed"]
    assert not keeper.ok()["changed"]


def test_a_template_with_a_running_job_is_deleted_by_a_later_run(
    fake: FakeAwx, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", Patience(attempts=2, pause=0.001))
    keeper.ok()
    fake.running = {fake.named("job_templates", "Monitoring: team payments")["id"]}
    result = keeper.run(definition={"teams": []})
    assert "job template Monitoring: team payments: DELETE" in result["failure"]
    assert "HTTP 409" in result["failure"]
    fake.running = set()
    assert keeper.ok(definition={"teams": []})["counts"]["deleted"] >= 1
    assert "Monitoring: team payments" not in fake.names("job_templates")


def test_one_cluster_by_its_token_slices_and_what_awx_has_already(
    fake: FakeAwx, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = fake.named("organizations", "Default")["id"]
    kind = fake.named("credential_types", "Source Control")["id"]
    definition: JsonObject = {
        "controller": {"use_environment": True},
        "organization": "Default",
        "credentials": [
            {"name": "hub", "host": "https://api.hub.example.com:6443", "token_file": "token"},
            {"name": "Vault", "existing": True},
        ],
        "project": {"url": "https://git.example.com/fleet.git", "credential": "Deploy key"},
        "templates": [{"name": "operator", "slices": 4, "extra_vars": {"promfleet_wait": False}}],
    }
    monkeypatch.setenv("CONTROLLER_HOST", fake.url)
    monkeypatch.setenv("CONTROLLER_OAUTH_TOKEN", TOKEN)
    options: JsonObject = {"definition": definition, "folder": str(keeper.folder)}
    with pytest.raises(InputError) as raised:
        keeper.run(**options)
    assert "promfleet_awx.credentials[1].name: AWX has no credential 'Vault'" in str(raised.value)
    assert "promfleet_awx.project.credential: AWX has no credential 'Deploy key'" in str(raised.value)
    assert writes(fake) == []
    for name in ("Vault", "Deploy key"):
        fake.add("credentials", name=name, organization=organization, credential_type=kind)
    keeper.ok(**options)
    inputs = fake.named("credentials", "Monitoring: hub")["inputs"]
    assert inputs == {"host": "https://api.hub.example.com:6443", "bearer_token": TOKEN, "verify_ssl": False}
    operator = fake.named("job_templates", "Monitoring: operator")
    assert operator["job_slice_count"] == 4
    assert json.loads(operator["extra_vars"]) == {"promfleet_use_environment": True, "promfleet_wait": False}
    # What is fixed is not asked for, and what may be split does not say how many workers it must see.
    assert [asked["variable"] for asked in fake.surveys[operator["id"]]["spec"]] == ["promfleet_wait_timeout"]
    site = fake.named("job_templates", "Monitoring: site")
    assert json.loads(site["extra_vars"]) == {"promfleet_expected_workers": 3, "promfleet_use_environment": True}
    assert not keeper.ok(**options)["changed"]


def test_an_awx_that_refuses_the_login_is_named(fake: FakeAwx, keeper: Keeper) -> None:
    (keeper.folder / "token").write_text("another")
    result = keeper.run()
    assert "HTTP 401" in result["failure"]
    assert "another" not in json.dumps(result)
    assert len(fake.requests) <= client.CONNECTIONS


class OtherServer(http.server.BaseHTTPRequestHandler):
    """Something else than AWX, that has one answer to all."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")

    def do_GET(self) -> None:
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ((200, {}, b"<html>Log in</html>"), "the answer is not JSON; is http://127.0.0.1:"),
        ((200, {}, b'{"ha": true}'), "the answer is not a list of AWX; is http://127.0.0.1:"),
        ((301, {"Location": "https://awx.example.com/"}, b""), "sends to https://awx.example.com/: give that one's"),
        ((403, {}, b"{}"), "the user of the token must administer the organization"),
        ((404, {}, b"<html>"), "is controller.api_path right (/api/controller/v2 with Automation Platform 2.5)"),
    ],
    ids=["a page", "another API", "moved", "forbidden", "another path"],
)
def test_a_server_that_is_not_awx_is_asked_once(
    keeper: Keeper, answer: tuple[int, dict[str, str], bytes], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OtherServer, "answer", answer)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        keeper.definition["controller"]["host"] = f"http://127.0.0.1:{server.server_address[1]}"
        result = keeper.elsewhere()
        server.shutdown()
        thread.join()
    assert advice in result["failure"]
    assert result["requests"] <= client.CONNECTIONS


@pytest.mark.parametrize(
    ("controller", "message"),
    [
        ({"timeout": 0}, "controller.timeout: must be 1 or more, found 0"),
        ({"ca_file": "no-such-file"}, "controller.ca_file: "),
        ({"ca_file": "token"}, "controller.ca_file: "),
        ({"token_file": "kubeconfig"}, "controller.token_file: must hold the token alone, in one line"),
    ],
)
def test_a_login_that_cannot_be_used(fake: FakeAwx, keeper: Keeper, controller: JsonObject, message: str) -> None:
    keeper.definition["controller"] |= controller
    with pytest.raises(InputError) as raised:
        keeper.run(folder=str(keeper.folder))
    assert f"promfleet_awx.{message}" in str(raised.value)
    assert fake.requests == []


def test_forty_templates_without_a_change(fake: FakeAwx, keeper: Keeper) -> None:
    """The bound on requests: 30, one for each survey, and one for each association that lists do not show."""
    fake.add("instance_groups", name="eu")
    teams = [f"team-{number}" for number in range(20)]
    definition: JsonObject = {
        "teams": [{"name": name} for name in teams],
        "regions": [
            {"name": name, "instance_group": "eu", "templates": ["check", "operator", "teams", "site", "verify"]}
            for name in ("eu", "us")
        ],
    }
    options: JsonObject = {"definition": definition, "teams": teams, "regions": ["eu", "us"]}
    # What others have there is more than one page.
    for number in range(450):
        fake.add("job_templates", name=f"other {number}", organization=1)
    keeper.ok(**options)
    templates = [one for one in fake.objects["job_templates"].values() if "promfleet" in one["description"]]
    surveys = sum(bool(fake.surveys.get(one["id"])) for one in templates)
    assert len(templates) == 40
    associations = sum(len(kind.hidden) for kind in KINDS.values())
    for check in (True, False):
        fake.requests.clear()
        fake.most_at_once = 0
        started = time.monotonic()
        again = keeper.ok(check=check, **options)
        seconds = time.monotonic() - started
        assert not again["changed"]
        hidden = [one for one in fake.requests if "__id=" in one]
        assert len(fake.requests) - surveys - len(hidden) <= 30
        assert len(hidden) <= associations
        assert fake.most_at_once <= client.CONNECTIONS
        assert seconds < 3
