"""The audit trail on a real API server: what is written of a run, who can be trusted, and what tampering leaves."""

from __future__ import annotations

import base64
import http.server
import importlib
import json
import threading
import typing as t
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit import ring as rings
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import Author, Work, digest_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.trail import judged
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import execute
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change

from promlab.controlplane import ControlPlane
from tests.integration.conftest import Playbook
from tests.integration.support.account import make_account, write_kubeconfig
from tests.integration.support.canaries import Canaries
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import single
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]

SYSTEM = "kube-system"
MODULES = "ansible_collections.promfleet.monitoring.plugins.modules"


class Runs:
    """Runs of modules on one API server, for one fleet, whose trail is its own."""

    def __init__(self, api: Cluster, *, fleet: str) -> None:
        self.api = api
        self.fleet = fleet
        self.kubeconfig = api.kubeconfig

    def run(self, module: str, /, *, check: bool = False, **options: t.Any) -> JsonObject:
        definition = importlib.import_module(f"{MODULES}.{module}").DEFINITION
        given = {"kubeconfig": str(self.kubeconfig), "context": self.api.context, "fleet": self.fleet, **options}
        validated = ArgumentSpecValidator(definition.options, **definition.rules).validate(given)
        assert not validated.error_messages, validated.error_messages
        answer = execute(definition, validated.validated_parameters, check=check, diff=False)
        return {**answer.result, "warned": list(answer.warnings)}

    def objects(self, *manifests: JsonObject, name: str = "a", check: bool = False, **options: t.Any) -> JsonObject:
        return self.run("objects", name=name, manifests=list(manifests), wait=False, check=check, **options)

    def read(self, **options: t.Any) -> JsonObject:
        return self.run("audit_info", cluster="hub", **options)

    def stored(self) -> bytes:
        """Everything of the trail, unpacked."""
        found = b""
        for obj in self.config_maps().values():
            found += json.dumps(obj).encode()
            found += b"".join(zlib.decompress(base64.b64decode(text)) for text in obj.get("binaryData", {}).values())
        return found

    def config_maps(self) -> dict[str, JsonObject]:
        selector = f"app.kubernetes.io/name=promfleet-audit,app.kubernetes.io/instance={self.fleet}"
        found = self.api.list_kind(self.api.kind("v1", "ConfigMap"), selector=selector)
        return {obj["metadata"]["name"]: obj for obj in found}


@pytest.fixture
def runs(api: Cluster, request: pytest.FixtureRequest) -> Iterator[Runs]:
    fleet = request.node.name.removeprefix("test_").split("[")[0].replace("_", "-")[:40].strip("-")
    made = Runs(api, fleet=fleet)
    yield made
    for name in made.config_maps():
        api.delete("v1", "ConfigMap", name, SYSTEM)
    api.delete("v1", "Namespace", fleet)
    for part in ("a", "b"):
        api.delete("v1", "ConfigMap", f"promfleet-set-{fleet}.objects-{part}", SYSTEM)


def codes(result: JsonObject) -> list[tuple[str, str]]:
    return [(finding["code"], finding["evidence"]["entries"]) for finding in result["findings"]]


def test_each_change_is_an_entry_and_nothing_else_is(runs: Runs) -> None:
    place = runs.fleet
    assert runs.objects(namespace(place), config_map(place, "settings", color="red"), check=True)["changed"]
    assert runs.config_maps() == {}
    first = runs.objects(namespace(place), config_map(place, "settings", color="red"))
    assert first["audit"]["number"] == 1
    assert "audit" not in runs.objects(namespace(place), config_map(place, "settings", color="red"))
    claims = {"run": "r9", "job": "17", "user": "alice", "template": "Teams", "cluster": "edge"}
    runs.objects(namespace(place), config_map(place, "settings", color="blue"), audit=claims)
    runs.objects(namespace(place), prune=True)
    uid = runs.api.get("v1", "Namespace", place)["metadata"]["uid"]

    seen = runs.read()
    assert (seen["total"], codes(seen), seen.get("failed")) == ({"kept": 3, "found": 3}, [], None)
    made, changed, removed = seen["entries"]
    assert {(obj["verb"], obj["kind"]) for obj in made["objects"]} >= {("create", "Namespace"), ("create", "ConfigMap")}
    assert uid in {obj["uid"] for obj in made["objects"]}
    (obj,) = changed["objects"]
    assert (obj["before"], obj["after"]) == ({"data": {"color": "red"}}, {"data": {"color": "blue"}})
    assert changed["claimed"] == {"run": "r9", "job": "17", "user": "alice", "template": "Teams"}
    assert changed["cluster"] == "edge"
    assert {entry["account"] for entry in seen["entries"]} == {"admin"}
    assert [(obj["verb"], obj["before"]["data"]) for obj in removed["objects"]] == [("delete", {"color": "blue"})]
    assert made["started"] <= made["ended"] <= changed["ended"] <= removed["ended"]
    asked = runs.read(object=f"ConfigMap/{place}/settings", who="alice")
    assert [entry["number"] for entry in asked["entries"]] == [2]
    assert f"update ConfigMap {place}/settings: data.color: red -> blue" in asked["lines"][1]


def test_a_run_that_fails_half_way_says_what_it_changed(runs: Runs) -> None:
    place = runs.fleet
    runs.objects(namespace(place))
    bad = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": place},
        "spec": {"ports": []},
    }
    failed = runs.objects(namespace(place), config_map(place, "settings", a="b"), {**bad, "spec": {"type": "Wrong"}})
    assert failed["failed"]
    last = runs.read()["entries"][-1]
    names = [obj["name"] for obj in last["objects"] if not obj["name"].startswith("promfleet-set-")]
    assert (last["outcome"], names) == ("failed", ["settings"])
    assert "Service" in last["message"]


def test_runs_at_once_leave_one_chain(runs: Runs) -> None:
    place = runs.fleet
    runs.objects(namespace(place))
    with ThreadPoolExecutor(max_workers=6) as pool:
        maps = [config_map(place, f"one-{number}") for number in range(6)]
        results = list(pool.map(lambda one: runs.objects(one, name=one["metadata"]["name"]), maps))
    for one in maps:
        runs.api.delete("v1", "ConfigMap", f"promfleet-set-{place}.objects-{one['metadata']['name']}", SYSTEM)
    assert sorted(result["audit"]["number"] for result in results) == list(range(2, 8))
    seen = runs.read()
    assert (codes(seen), seen["total"]["kept"]) == ([], 7)


def noise(size: int) -> Change:
    """A change that does not compress."""
    text = "".join(digest_of(str(number).encode()) for number in range(size * 2 // 64))
    return Change(action="created", key=Key("", "ConfigMap", "any", "any"), after={"data": {"text": text}})


def test_a_full_ring_gives_up_its_oldest_entries_and_stays_whole(runs: Runs) -> None:
    cluster = connect({"kubeconfig": str(runs.kubeconfig), "context": runs.api.context})
    ring = rings.Ring(fleet=runs.fleet, namespace=SYSTEM, slots=2)
    work = Work(fleet=runs.fleet, cluster="hub", module="any", started=1.0, ended=2.0, changes=(noise(300_000),))
    for _number in range(7):
        rings.append(cluster, ring, work, Author(account="any"))
    trail = rings.read(cluster, fleet=runs.fleet, namespace=SYSTEM)
    entries, broken = judged(trail)
    assert broken == []
    assert [entry["number"] for entry in entries] == [5, 6, 7]
    assert runs.config_maps().keys() == {ring.head, ring.slot(0), ring.slot(1)}


def test_a_run_that_ends_before_the_head_is_written_leaves_a_whole_trail(runs: Runs) -> None:
    cluster = connect({"kubeconfig": str(runs.kubeconfig), "context": runs.api.context})
    ring = rings.Ring(fleet=runs.fleet, namespace=SYSTEM, slots=2)
    work = Work(fleet=runs.fleet, cluster="hub", module="any", started=1.0, ended=2.0, changes=(noise(300_000),))
    for number in range(1, 8):
        before = runs.api.find("v1", "ConfigMap", ring.head, SYSTEM)
        rings.append(cluster, ring, work, Author(account="any"))
        if before is not None and number in (2, 3, 5):
            # The head as it was, where the slot has the new entry already.
            first = runs.api.get("v1", "ConfigMap", ring.head, SYSTEM)["data"]["first"]
            left = {"data": {**before["data"], "first": first}}
            runs.api.edit("v1", "ConfigMap", ring.head, left, namespace=SYSTEM)
            trail = rings.read(cluster, fleet=runs.fleet, namespace=SYSTEM)
            assert judged(trail)[1] == []
    entries, broken = judged(rings.read(cluster, fleet=runs.fleet, namespace=SYSTEM))
    assert (broken, entries[-1]["number"]) == ([], 7)


def test_what_was_tampered_with_is_named_and_fails(runs: Runs, tmp_path: Path) -> None:
    place = runs.fleet
    runs.objects(namespace(place))
    for color in ("red", "blue", "green"):
        runs.objects(
            namespace(place), config_map(place, color=color), audit={"folder": str(tmp_path), "cluster": "hub"}
        )
    assert codes(runs.read(copies=str(tmp_path))) == []
    slot = f"promfleet-audit-{place}.0"
    data = runs.api.get("v1", "ConfigMap", slot, SYSTEM)["binaryData"]
    name = f"{2:012d}"
    entry = json.loads(zlib.decompress(base64.b64decode(data[name])))
    forged = zlib.compress(json.dumps({**entry, "account": "somebody"}).encode())
    runs.api.edit("v1", "ConfigMap", slot, {"binaryData": {name: base64.b64encode(forged).decode()}}, namespace=SYSTEM)
    seen = runs.read()
    assert codes(seen) == [("PF801", "2")]
    assert seen["failed"]
    assert "PF801" in seen["msg"]
    assert len(seen["entries"]) == 4
    assert ("PF805", "2") in codes(runs.read(copies=str(tmp_path)))
    runs.api.edit("v1", "ConfigMap", slot, {"binaryData": {name: None}}, namespace=SYSTEM)
    assert codes(runs.read()) == [("PF802", "2")]
    # Runs go on all the same.
    assert runs.objects(namespace(place), config_map(place, color="black"))["audit"]["number"] == 5


def test_no_secret_reaches_the_trail_its_event_or_its_copies(runs: Runs, tmp_path: Path) -> None:
    place, canaries = runs.fleet, Canaries()
    # Secrets with values are refused before; what is left is what people write into other objects.
    containers = [
        {
            "name": f"any-{number}",
            "image": "any",
            "env": [
                {"name": "PASSWORD", "value": canaries.text(f"environment variable {number}")},
                {
                    "name": "URL",
                    "value": f"https://user:{canaries.text(f'password of an address {number}')}@a.example/",
                },
            ],
        }
        for number in range(25)
    ]
    metadata = {"name": "any", "namespace": place}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}
    hook = Hook()
    with hook.listening() as url:
        copies = {"folder": str(tmp_path / "copies"), "url": url, "cluster": "hub"}
        assert runs.objects(namespace(place), pod, audit=copies)["changed"]
        labelled = {**pod, "metadata": {**metadata, "labels": {"a": "b"}}}
        assert runs.objects(namespace(place), labelled, audit=copies)["changed"]
        assert runs.objects(namespace(place), prune=True, audit=copies)["changed"]
    events = runs.api.list_kind(runs.api.kind("v1", "Event"))
    copied = b"".join(path.read_bytes() for path in (tmp_path / "copies").iterdir())
    told = json.dumps([runs.read(), events]).encode()
    for where in (runs.stored(), copied, told, *hook.bodies):
        assert canaries.found_in(where) == set()
    assert len(canaries.planted) == 50
    assert len(hook.bodies) == 3


class Hook:
    """A webhook on this machine."""

    def __init__(self, *, status: int = 200) -> None:
        self.status = status
        self.bodies: list[bytes] = []
        self.headers: list[t.Mapping[str, str]] = []

    @contextmanager
    def listening(self) -> Iterator[str]:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                hook.headers.append(dict(self.headers))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: t.Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/entries"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_a_webhook_gets_each_entry_with_its_digest(runs: Runs) -> None:
    hook = Hook()
    with hook.listening() as url:
        result = runs.objects(namespace(runs.fleet), audit={"url": url})
    assert result["warned"] == []
    (body,), (headers,) = hook.bodies, hook.headers
    assert headers["Promfleet-Digest"] == result["audit"]["digest"] == digest_of(body)
    assert json.loads(body) == runs.read()["entries"][0]


@pytest.mark.parametrize("status", [404, 302])
def test_a_webhook_that_refuses_is_a_warning(runs: Runs, status: int) -> None:
    hook = Hook(status=status)
    with hook.listening() as url:
        result = runs.objects(namespace(runs.fleet), audit={"url": url})
    assert "failed" not in result
    assert [text for text in result["warned"] if text.startswith("audit.url:") and str(status) in text]
    assert runs.read()["total"]["kept"] == 1


WRONG: list[tuple[JsonObject, str]] = [
    ({"slots": 1}, "audit.slots: must be from 2 to 20, found 1"),
    ({"url": "audit.example.com"}, "audit.url: must be a URL"),
    ({"url": "http://audit.example.com/", "token_file": "/tmp/token"}, "audit.url: must be an https URL"),
]


@pytest.mark.parametrize(("given", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_options_are_refused_before_anything_is_written(runs: Runs, given: JsonObject, words: str) -> None:
    result = runs.objects(namespace(runs.fleet), audit=given)
    assert result["failed"]
    assert words in result["msg"]
    assert runs.api.find("v1", "Namespace", runs.fleet) is None


def test_an_account_that_may_not_write_the_trail_is_refused_before_its_first_write(
    runs: Runs, api: Cluster, tmp_path: Path
) -> None:
    # All that the set takes, and nothing of the trail.
    names = [f"promfleet-set-{runs.fleet}.objects-a"]
    rules = [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "list"]},
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "audit-less"}}
    api.apply({**role, "rules": rules}, force=True)
    token = make_account(api, "audit-less", roles=["audit-less"])
    runs.kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(api.kubeconfig, tokens={api.context: token}, output=runs.kubeconfig)
    refused = runs.objects(namespace(runs.fleet))
    assert refused["failed"]
    assert f"promfleet-audit-{runs.fleet}" in json.dumps(refused)
    assert api.find("v1", "Namespace", runs.fleet) is None
    assert runs.objects(namespace(runs.fleet), audit={"enabled": False})["changed"]


def test_the_playbook_shows_who_changed_what_and_fails_for_a_broken_trail(
    runs: Runs, plane: ControlPlane, playbook: Playbook
) -> None:
    fleet = {"promfleet_fleet": runs.fleet, "promfleet_wait": False, "promfleet_records_namespace": ""}
    inventory = single(name=plane.name, kubeconfig=plane.kubeconfig, **fleet)
    connection = {"kubeconfig": "{{ promfleet_kubeconfig }}", "context": "{{ promfleet_context }}"}
    task = {
        "promfleet.monitoring.objects": {**connection, "name": "a", "manifests": [namespace(runs.fleet)]},
        "module_defaults": {"group/promfleet.monitoring.writers": "{{ __promfleet_writing }}"},
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "roles": ["promfleet.monitoring.promfleet"],
        "tasks": [task],
        "vars": {"awx_job_id": 17, "awx_user_name": "alice", "awx_job_template_name": "Teams"},
    }
    playbook([play], inventory=inventory).require_success()
    asked = ["-e", json.dumps({"promfleet_audit_query": {"object": "Namespace/*", "who": "alice"}})]
    shown = playbook("audit", inventory=inventory, arguments=asked).require_success()
    assert f"create Namespace {runs.fleet}" in shown.output
    assert "user alice, job 17, template Teams" in shown.output
    (entry,) = shown.of("audit_info")[0].data["entries"]
    assert entry["cluster"] == plane.name
    assert entry["claimed"]["run"]
    runs.api.delete("v1", "ConfigMap", f"promfleet-audit-{runs.fleet}.0", SYSTEM)
    broken = playbook("audit", inventory=inventory).require_failure()
    assert "PF802" in broken.failures[-1].message
