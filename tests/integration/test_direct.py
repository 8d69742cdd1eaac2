"""A module that runs in Ansible's own process answers as one in a process of its own."""

from __future__ import annotations

import base64
import difflib
import json
import re
import typing as t
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from promlab.controlplane import ADMIN_TOKEN, ControlPlane
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inventory import APART, LOCAL
from tests.integration.support.playbook import ENVIRONMENTS, Result, Run
from tests.suite.in_full import representative

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
MODULE = "promfleet.monitoring.objects"
HOSTS = {"here": LOCAL, "apart": APART}
HIDDEN = "no-log-may-show-this"
FREED: JsonObject = {"metadata": {"finalizers": None}}
# Ansible's own record of the arguments, and what is another at each run.
ITS_OWN = ("invocation", "exception")


@pytest.fixture
def play(plane: ControlPlane, api: Cluster, playbook: Playbook) -> Iterator[Callable[..., Run]]:
    """Runs tasks in both ways; afterwards all that they made is gone."""

    def run(
        *tasks: JsonObject,
        prefix: Path = ENVIRONMENTS[0],
        arguments: t.Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Run:
        one = {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [{"ignore_errors": True, **task} for task in tasks],
            "module_defaults": {MODULE: {"kubeconfig": str(plane.kubeconfig), "context": plane.context}},
        }
        return playbook([one], inventory={"all": {"hosts": HOSTS}}, prefix=prefix, arguments=arguments, env=env)

    yield run
    kind = api.kind("v1", "ConfigMap")
    for namespace in ("default", "kube-system"):
        api.send("DELETE", kind.path(namespace), query={"labelSelector": "promfleet.monitoring/set"})


def config_map(name: str, **data: str) -> JsonObject:
    metadata = {"name": f"direct-{name}-{{{{ inventory_hostname }}}}", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def task(*manifests: JsonObject, keywords: JsonObject | None = None, **options: t.Any) -> JsonObject:
    module = {"name": "direct", "fleet": "{{ inventory_hostname }}", "manifests": list(manifests), **options}
    return {"name": "Apply", MODULE: module, **(keywords or {})}


def told(run: Run, *, host: str) -> list[tuple[str, JsonObject]]:
    """What each task told on a host, with the host's name left out."""
    return [(result.status, _without_host(result, host=host)) for result in run.results if result.host == host]


def _without_host(result: Result, *, host: str) -> JsonObject:
    data = {name: value for name, value in result.data.items() if name not in ITS_OWN}
    # The digest of an entry in the audit trail covers the time.
    text = re.sub(r'"digest": "[0-9a-f]{64}"', '"digest": "DIGEST"', json.dumps(data))
    return dict(json.loads(re.sub(rf"\b{host}\b", "HOST", text)))


def differences(here: t.Any, apart: t.Any) -> str:
    """The lines in which two answers differ."""
    one, other = (json.dumps(answer, indent=1, sort_keys=True).splitlines() for answer in (here, apart))
    return "\n".join(difflib.unified_diff(one, other, "here", "apart", lineterm="", n=2))


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
def test_both_ways_tell_the_same(play: Callable[..., Run], tmp_path: Path, prefix: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    unknown = {"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {"name": "nothing"}}
    looped = {"loop": ["b", "c"], "register": "both"}
    run = play(
        task(config_map("a", one="1"), keywords={"check_mode": True, "diff": True}),
        task(config_map("a", one="1")),
        task(config_map("a", one="1")),
        task(config_map("a", one="2"), result_file=str(tmp_path / "file/below"), keywords={"diff": True}),
        task(config_map("a", one="2"), unknown),
        task(config_map("a", one="2"), context="no-such-context"),
        task(config_map("a", one="2"), api_key=HIDDEN, keywords={"no_log": True}),
        task(config_map("{{ item }}"), prune=True, result_file=str(tmp_path / "file/{{ item }}"), keywords=looped),
        task(state="absent", prune=True),
        prefix=prefix,
        arguments=["-vvv"],
    )
    here, apart = told(run, host="here"), told(run, host="apart")
    assert here == apart, differences(here, apart)
    assert here, run.output
    statuses = [status for status, _data in here]
    assert statuses[:4] == ["ok"] * 4
    assert statuses[4:6] == ["ignored"] * 2
    assert [data.get("changed") for _status, data in here[:4]] == [True, True, False, True]
    assert "could not be written" in json.dumps(here[3][1]["warnings"])
    # Each way was gone, and only there: Ansible tells each command that it starts.
    assert "<apart> EXEC" in run.output
    assert "<here> EXEC" not in run.output
    assert HIDDEN not in run.output


def test_wrong_arguments_are_told_in_ansibles_own_words(play: Callable[..., Run]) -> None:
    run = play(task(unheard="of"), task(wait_timeout="perhaps"), task(ssl_ca_cert="/nowhere", verify_ssl=True))
    here, apart = told(run, host="here"), told(run, host="apart")
    assert here == apart, differences(here, apart)
    assert [status for status, _data in here] == ["ignored"] * 3
    assert "Unsupported parameters for" in here[0][1]["msg"]


def test_no_certificate_and_no_key_stays(play: Callable[..., Run], plane: ControlPlane, tmp_path: Path) -> None:
    """The kubernetes library writes those of a kubeconfig into files. In a loop one process connects several times."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    kubeconfig = json.loads(plane.kubeconfig.read_text())
    (cluster,) = kubeconfig["clusters"]
    authority = Path(cluster["cluster"].pop("certificate-authority"))
    cluster["cluster"]["certificate-authority-data"] = base64.b64encode(authority.read_bytes()).decode()
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    looped = task(config_map("{{ item }}"), kubeconfig=str(tmp_path / "kubeconfig"), keywords={"loop": ["a", "b"]})
    run = play(looped, env={"TMPDIR": str(folder)})
    assert [result.status for result in run.results] == ["ok", "ok"], run.output
    assert list(folder.rglob("*")) == []


def test_what_libraries_say_is_no_warning_of_ansible(play: Callable[..., Run], plane: ControlPlane) -> None:
    """Without a look at certificates urllib3 warns at each connection."""
    unchecked = {"host": plane.url, "api_key": ADMIN_TOKEN, "validate_certs": False}
    other: JsonObject = {"module_defaults": {MODULE: {}}}
    run = play(task(config_map("a"), **unchecked, kubeconfig="{{ omit }}", context="{{ omit }}", keywords=other))
    assert {result.status for result in run.results} == {"ok"}, run.output
    assert run.warnings == []


@pytest.mark.parametrize(
    "keywords", [{"become": True}, {"async": 60, "poll": 1}, {"delegate_to": "apart"}, {"environment": {"A": "b"}}]
)
def test_what_needs_another_process_gets_one(play: Callable[..., Run], keywords: JsonObject) -> None:
    run = play(task(config_map("a"), keywords={**keywords, "ignore_errors": False}), arguments=["-vvv", "--limit=here"])
    assert "EXEC" in run.require_success().output


def test_a_task_that_ran_out_of_time_leaves_no_lease(play: Callable[..., Run], api: Cluster) -> None:
    """Ansible's own time limit ends the work inside the module."""
    endless = {"name": "endless", "namespace": "default"}
    # Never gone: nobody removes its finalizer.
    stuck = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**endless, "finalizers": ["example.org/never"]}}
    run = play(
        task(stuck, fleet="endless"),
        task(fleet="endless", state="absent", wait_timeout=600, keywords={"timeout": 3}),
        arguments=["--limit=here"],
    )
    api.request("PATCH", api.kind("v1", "ConfigMap").path("default", "endless"), body=FREED, content_type=MERGE)
    made, removed = run.results
    assert (made.status, removed.status) == ("ok", "ignored")
    assert "Timed out after 3 second(s)." in removed.message
    lease = api.find("coordination.k8s.io/v1", "Lease", "promfleet-set-endless.objects-direct", "kube-system")
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ""
