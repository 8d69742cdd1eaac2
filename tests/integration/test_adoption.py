"""Objects that other tools made first become ours whole: nothing of theirs is orphaned, nothing of others is lost."""

from __future__ import annotations

import base64
import json
import subprocess
import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import ADOPTED_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import report
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inventory import single
from tests.integration.support.playbook import Run
from tests.integration.support.transitions import Seen, Truth

JsonObject = dict[str, t.Any]

SPACE = "adoption"
OWNER = SetId(fleet="adoption", capability="objects-adoption")


def settings(**data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": SPACE}, "data": data}


@pytest.fixture(scope="module")
def truth(api: Cluster) -> Iterator[Truth]:
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    yield Truth(api)
    api.delete("v1", "Namespace", SPACE)


@pytest.fixture(autouse=True)
def _clean(truth: Truth) -> Iterator[None]:
    yield
    run(truth)
    for kind in ("ConfigMap", "Secret"):
        truth.api.delete("v1", kind, "c", SPACE)


def run(truth: Truth, *desired: JsonObject, adopt: tuple[str, ...] = (), force: bool = False) -> Seen:
    """Check mode and the run, which must agree; the run's outcome."""
    checked, done = (
        truth.run(desired, owner=OWNER, check=check, force=force, adopt_managers=adopt) for check in (True, False)
    )
    assert checked.entries == done.entries
    assert checked.failures == done.failures
    return done


def live(truth: Truth) -> JsonObject:
    return truth.api.get("v1", "ConfigMap", "c", SPACE)


def kubectl(plane: ControlPlane, *arguments: str, given: JsonObject) -> None:
    program = from_environment().bin / "kubectl"
    subprocess.run(
        [program, "--kubeconfig", plane.kubeconfig, *arguments, "-f", "-"],
        input=json.dumps(given),
        text=True,
        check=True,
        capture_output=True,
    )


def test_what_kubectl_applied_is_taken_over_without_orphans(truth: Truth, plane: ControlPlane) -> None:
    kubectl(plane, "apply", given=settings(kept="1", changed="old", dropped="x"))
    path = f"/api/v1/namespaces/{SPACE}/configmaps/c"
    patch = {"data": {"theirs": "stays"}}
    truth.api.request("PATCH", path, query={"fieldManager": "another"}, body=patch, content_type=MERGE)
    done = run(truth, settings(kept="1", changed="new"))
    (entry,) = [entry for entry in done.entries if entry["name"] == "c"]
    assert entry["action"] == "updated"
    assert {"data.changed", "data.dropped"} <= set(entry["fields"])
    assert "data.kept" not in entry["fields"]
    assert live(truth)["data"] == {"kept": "1", "changed": "new", "theirs": "stays"}
    assert LAST_APPLIED not in live(truth)["metadata"]["annotations"]
    assert run(truth, settings(kept="1", changed="new")).entries == []
    # A field of ours that is dropped later goes as well, although kubectl set it first.
    run(truth, settings(changed="new"))
    assert live(truth)["data"] == {"changed": "new", "theirs": "stays"}


def test_a_secret_that_is_taken_over_is_shown_nowhere(truth: Truth, plane: ControlPlane) -> None:
    canary = "canary-8c1f0d7e"
    encoded = base64.b64encode(canary.encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c", "namespace": SPACE}, "type": "Opaque"}
    kubectl(plane, "apply", given={**secret, "stringData": {"k": canary}})
    for check in (True, False):
        seen = truth.run([{**secret, "data": {"other": "eA=="}}], owner=OWNER, check=check, force=False)
        text = json.dumps(report(seen.outcome, diff=True))
        assert "data.k" in text
        assert canary not in text
        assert encoded not in text
    # The server quotes what it refuses.
    broken = {**secret, "data": {"k": {"a": canary}}}
    refused = truth.run([broken], owner=OWNER, check=False, force=False)
    assert [failure.key.name for failure in refused.outcome.failures] == ["c"]
    assert canary not in str(refused.failures)


def test_what_was_taken_over_is_let_go_with_its_content(truth: Truth, plane: ControlPlane) -> None:
    kubectl(plane, "apply", given=settings(kept="1"))
    run(truth, settings(kept="1"))
    (entry,) = [entry for entry in run(truth).entries if entry["name"] == "c"]
    assert entry["action"] == "released"
    assert live(truth)["data"] == {"kept": "1"}
    assert "labels" not in live(truth)["metadata"]
    assert ADOPTED_ANNOTATION not in live(truth)["metadata"].get("annotations", {})


def test_a_takeover_that_was_interrupted_is_finished_by_the_next_run(truth: Truth, plane: ControlPlane) -> None:
    kubectl(plane, "apply", given=settings(dropped="x"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "connection", Interrupted(truth.connection))
        with pytest.raises(KeyboardInterrupt):
            truth.run([settings(kept="1")], owner=OWNER, check=False, force=False)
    assert live(truth)["data"] == {"dropped": "x"}
    run(truth, settings(kept="1"))
    assert live(truth)["data"] == {"kept": "1"}
    assert live(truth)["metadata"]["annotations"][ADOPTED_ANNOTATION] == "taken-over"


class Interrupted:
    """A connection that ends the run when it would apply the object, after the takeover."""

    def __init__(self, connection: t.Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def apply(self, obj: JsonObject, **arguments: t.Any) -> t.Any:
        if obj["metadata"]["name"] == "c":
            raise KeyboardInterrupt
        return self._connection.apply(obj, **arguments)


@pytest.mark.parametrize("apply", [True, False])
def test_what_kubernetes_core_made_is_taken_over(
    truth: Truth, plane: ControlPlane, playbook: Callable[..., Run], apply: bool
) -> None:
    task = {
        "kubernetes.core.k8s": {
            "kubeconfig": "{{ promfleet_kubeconfig }}",
            "context": "{{ promfleet_context }}",
            "definition": settings(kept="1", dropped="x"),
            "apply": apply,
        }
    }
    play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
    playbook([play], inventory=single(name=plane.name, kubeconfig=plane.kubeconfig)).require_success()
    managers = [entry["manager"] for entry in live(truth)["metadata"]["managedFields"]]
    assert managers == ["OpenAPI-Generator"]
    assert (LAST_APPLIED in live(truth)["metadata"].get("annotations", {})) is apply
    # With its annotation it gives way by itself, without one it has to be named.
    run(truth, settings(kept="1"), adopt=() if apply else ("OpenAPI-Generator",))
    assert live(truth)["data"] == {"kept": "1"}


def test_later_edits_of_others_survive_until_they_are_named(truth: Truth, plane: ControlPlane) -> None:
    run(truth, settings(ours="1"))
    kubectl(plane, "apply", given=settings(theirs="2"))
    assert run(truth, settings(ours="1")).entries == []
    assert live(truth)["data"] == {"ours": "1", "theirs": "2"}
    run(truth, settings(ours="1"), adopt=("kubectl-client-side-apply",))
    assert live(truth)["data"] == {"ours": "1"}
    # Ours from the beginning: it is removed, not released.
    assert "deleted" in [entry["action"] for entry in run(truth).entries]


def test_conflicts_of_all_objects_are_told_at_once_and_the_others_are_applied(truth: Truth) -> None:
    wanted = [settings(a="1"), {**settings(a="1"), "metadata": {"name": "d", "namespace": SPACE}}]
    fine = {**settings(a="1"), "metadata": {"name": "e", "namespace": SPACE}}
    run(truth, *wanted)
    for obj in wanted:
        truth.api.apply({**obj, "data": {"a": "2"}}, manager="another", force=True)
    refused = run(truth, *wanted, fine)
    assert len(refused.failures) == len(wanted)
    for failure in refused.outcome.failures:
        assert [conflict._asdict() for conflict in failure.conflicts] == [{"field": ".data.a", "manager": "another"}]
    assert truth.api.find("v1", "ConfigMap", "e", SPACE) is not None
    assert live(truth)["data"] == {"a": "2"}
    assert run(truth, *wanted, fine, force=True).failures == []
    assert live(truth)["data"] == {"a": "1"}
