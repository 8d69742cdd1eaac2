"""Objects that others made are given back what they had: values, and managers, of all fields that we touched."""

from __future__ import annotations

import base64
import json
import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster as Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    BEFORE_ANNOTATION,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import report
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.fleets import KINDS, objects
from tests.integration.support.transitions import Seen, Truth

JsonObject = dict[str, t.Any]

SPACE = "giving-back"
OWNER = SetId(fleet="back", capability="objects-back")
REVISION = "deployment.kubernetes.io/revision"
MONITORING = "monitoring.coreos.com/v1"


def named(
    kind: str, api_version: str = "v1", *, labels: t.Mapping[str, str] | None = None, **body: t.Any
) -> JsonObject:
    metadata = {"name": "old", "namespace": SPACE, **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def pods(**container: t.Any) -> JsonObject:
    return {
        "metadata": {"labels": {"app": "old"}},
        "spec": {"containers": [{"name": "operator", "image": "old:1", **container}]},
    }


# What others have, and two states that we want of it one after the other.
CASES: dict[str, tuple[JsonObject, JsonObject, JsonObject]] = {
    "ConfigMap": (
        named("ConfigMap", labels={"team": "old"}, data={"kept": "1", "changed": "old", "dropped": "x"}),
        named("ConfigMap", labels={"team": "new"}, data={"kept": "1", "changed": "new", "added": "1"}),
        named("ConfigMap", data={"dropped": "ours", "changed": "newer"}),
    ),
    "Deployment": (
        named(
            "Deployment",
            "apps/v1",
            labels={"app": "old"},
            spec={
                "replicas": 2,
                "selector": {"matchLabels": {"app": "old"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}},
                "template": pods(
                    args=["--a", "--b"],
                    env=[{"name": "B", "value": "1"}, {"name": "A", "value": "$(B)"}],
                    ports=[{"containerPort": 8080, "name": "http"}],
                ),
            },
        ),
        named(
            "Deployment",
            "apps/v1",
            spec={
                "replicas": 0,
                "strategy": {"type": "Recreate", "rollingUpdate": None},
                "selector": {"matchLabels": {"app": "old"}},
                "template": pods(args=["--c"], env=[{"name": "A", "value": "2"}, {"name": "C", "value": "3"}]),
            },
        ),
        named("Deployment", "apps/v1", spec={"replicas": 0}),
    ),
    "Service": (
        named(
            "Service",
            spec={
                "type": "NodePort",
                "selector": {"app": "old", "tier": "db"},
                "ports": [{"name": "web", "port": 80, "targetPort": 8080}, {"name": "more", "port": 81}],
            },
        ),
        named(
            "Service",
            labels={"ours": "1"},
            spec={
                "type": "ClusterIP",
                "selector": {"app": "new"},
                "ports": [{"name": "web", "port": 80, "targetPort": 9090}, {"name": "other", "port": 90}],
            },
        ),
        named("Service", spec={"sessionAffinity": "ClientIP", "selector": {"app": "new"}}),
    ),
    "Prometheus": (
        named(
            "Prometheus",
            MONITORING,
            labels={"prometheus": "k8s"},
            spec={
                "replicas": 2,
                "enableFeatures": ["b", "a"],
                "externalLabels": {"cluster": "old"},
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "resources": {"requests": {"memory": "400Mi"}},
                "ruleSelector": {},
                "securityContext": {"fsGroup": 2000, "runAsUser": 1000},
                "alerting": {"alertmanagers": [{"apiVersion": "v2", "name": "main", "namespace": "m", "port": "web"}]},
            },
        ),
        named(
            "Prometheus",
            MONITORING,
            spec={
                "replicas": 1,
                "enableFeatures": ["c", "a"],
                "externalLabels": {"cluster": "new", "team": "x"},
                "resources": {"requests": {"memory": "1Gi", "cpu": "1"}},
                "ruleSelector": {"matchLabels": {"a": "b"}},
                "retention": "3d",
            },
        ),
        named("Prometheus", MONITORING, spec={"replicas": 3, "paused": True, "enableFeatures": ["b"]}),
    ),
    "ServiceAccount": (
        named("ServiceAccount", automountServiceAccountToken=False, imagePullSecrets=[{"name": "a"}]),
        named("ServiceAccount", automountServiceAccountToken=True, imagePullSecrets=[{"name": "b"}]),
        named("ServiceAccount", automountServiceAccountToken=True),
    ),
    "Secret": (
        named("Secret", type="Opaque", data={"kept": "YQ==", "changed": "YQ==", "dropped": "YQ=="}),
        named("Secret", type="Opaque", data={"kept": "YQ==", "changed": "Yg==", "added": "Yg=="}),
        named("Secret", type="Opaque", data={"dropped": "Yw=="}),
    ),
    "NetworkPolicy": (
        named(
            "NetworkPolicy",
            "networking.k8s.io/v1",
            spec={"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"], "ingress": [{}]},
        ),
        named("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "policyTypes": ["Egress"]}),
        named("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    ),
}


@pytest.fixture(scope="module")
def truth(api: Cluster) -> Iterator[Truth]:
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    yield Truth(api)
    api.delete("v1", "Namespace", SPACE)


@pytest.fixture(autouse=True)
def _clean(truth: Truth) -> Iterator[None]:
    yield
    for before, *_states in CASES.values():
        truth.api.delete(before["apiVersion"], before["kind"], "old", SPACE)
    truth.run((), owner=OWNER, check=False, force=True)


def run(truth: Truth, *desired: JsonObject, adopt: tuple[str, ...] = ()) -> Seen:
    """Check mode and the run, which must agree, and another run with nothing left to do; the run's outcome."""
    arguments: t.Any = {"owner": OWNER, "force": True, "adopt_managers": adopt}
    checked = truth.run(desired, check=True, **arguments)
    done = truth.run(desired, check=False, **arguments)
    assert checked.failures == done.failures
    assert desired or done.failures == [], "\n".join(done.failures)
    assert checked.entries == done.entries
    again = truth.run(desired, check=False, **arguments)
    assert done.failures or again.entries == [], again.outcome.changes
    return done


def live(truth: Truth, obj: JsonObject) -> JsonObject:
    return truth.api.get(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace", ""))


def content(obj: JsonObject) -> JsonObject:
    """All of an object but what moves by itself, and who owns what of it."""
    moving = ("resourceVersion", "generation", "managedFields", "creationTimestamp", "annotations")
    metadata = {name: value for name, value in obj["metadata"].items() if name not in moving}
    # The controller of Deployments writes its count of revisions there.
    annotations = obj["metadata"].get("annotations") or {}
    metadata["annotations"] = {name: value for name, value in annotations.items() if name != REVISION}
    entries = {
        (entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields") or ()
        if entry.get("subresource") != "status" and entry["manager"] != "kube-controller-manager"
    }
    body = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    return {**body, "metadata": {**metadata, "managedFields": entries}}


def differences(before: t.Any, after: t.Any, path: str = "") -> list[str]:
    """Where two JSON values differ, and how."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = {**before, **after}
        return [text for n in names for text in differences(before.get(n), after.get(n), f"{path}.{n}")]
    return [] if before == after else [f"{path}: {before!r} -> {after!r}"]


def client_side(truth: Truth, obj: JsonObject) -> None:
    truth.client_side_apply(obj)


def like_helm(truth: Truth, obj: JsonObject) -> None:
    managed = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {**obj["metadata"], "labels": {**obj["metadata"].get("labels", {}), **managed}}
    truth.api.request(
        "POST", truth._path(obj, collection=True), query={"fieldManager": "helm"}, body={**obj, "metadata": metadata}
    )


def server_side(truth: Truth, obj: JsonObject) -> None:
    truth.api.apply(obj, manager="argocd-controller")


def edited(truth: Truth, obj: JsonObject) -> None:
    """Made by one tool, then changed by another one."""
    server_side(truth, obj)
    patch = {"metadata": {"annotations": {"note": "edited"}, "labels": {"edited": "yes"}}}
    truth.api.request("PATCH", truth._path(obj), query={"fieldManager": "kubectl-edit"}, body=patch, content_type=MERGE)


MADE: dict[str, Callable[[Truth, JsonObject], None]] = {
    "kubectl apply": client_side,
    "helm": like_helm,
    "server-side apply": server_side,
    "kubectl edit": edited,
}


@pytest.mark.parametrize("adopt", [(), ("helm", "argocd-controller", "kubectl-edit")], ids=["", "named"])
@pytest.mark.parametrize("maker", MADE)
@pytest.mark.parametrize("kind", CASES)
def test_what_an_object_had_comes_back(truth: Truth, kind: str, maker: str, adopt: tuple[str, ...]) -> None:
    before, first, second = CASES[kind]
    MADE[maker](truth, before)
    former = live(truth, before)
    for state in (first, second, first):
        run(truth, state, adopt=adopt)
    released = run(truth)
    assert released.failures == []
    (entry,) = [entry for entry in released.entries if entry["name"] == "old"]
    assert entry["action"] == "released"
    assert differences(content(former), content(live(truth, before))) == []


# -- interruptions ------------------------------------------------------------------------------------------------


class Ending:
    """A connection that ends the run before its write number *last*, counted from 0, or after it."""

    def __init__(self, connection: Connection, *, last: int, after: bool) -> None:
        self._connection = connection
        self._left = last
        self._after = after

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def _counted(self, send: Callable[[], t.Any], *, is_write: bool) -> t.Any:
        if not is_write:
            return send()
        self._left -= 1
        if self._left == -1 and not self._after:
            raise KeyboardInterrupt
        answer = send()
        if self._left == -1:
            raise KeyboardInterrupt
        return answer

    def request(self, method: str, path: str, **sent: t.Any) -> t.Any:
        about_old = path.endswith("/old") and not (sent.get("query") or {}).get("dryRun")
        return self._counted(
            lambda: self._connection.request(method, path, **sent), is_write=method != "GET" and about_old
        )

    def apply(self, obj: JsonObject, *, dry_run: bool, **arguments: t.Any) -> t.Any:
        about_old = obj["metadata"]["name"] == "old" and not dry_run
        return self._counted(lambda: self._connection.apply(obj, dry_run=dry_run, **arguments), is_write=about_old)


def interrupted(truth: Truth, desired: tuple[JsonObject, ...], *, last: int, after: bool) -> bool:
    """Run until the write number *last*; False if there are not so many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "connection", Ending(truth.connection, last=last, after=after))
        try:
            truth.run(desired, owner=OWNER, check=False, force=True, adopt_managers=("helm",))
        except KeyboardInterrupt:
            return True
    return False


# To adopt: a note, the takeover, another note, the change. To release: the content, then owners and marks.
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(5))
@pytest.mark.parametrize("goes_on", [True, False], ids=["again", "released"])
@pytest.mark.parametrize("maker", ["kubectl apply", "server-side apply"])
def test_an_adoption_that_ends_anywhere_loses_nothing(
    truth: Truth, maker: str, goes_on: bool, last: int, after: bool
) -> None:
    before, first, _second = CASES["Prometheus"]
    MADE[maker](truth, before)
    former = live(truth, before)
    ended = interrupted(truth, (first,), last=last, after=after)
    assert ended is (last < (4 if maker == "kubectl apply" else 2))
    if goes_on:
        run(truth, first)
    run(truth)
    wanted, left = content(former), content(live(truth, before))
    changed = SET_LABEL in str(live(truth, before))
    assert not changed
    if not goes_on and not _is_member(maker, last=last, after=after):
        # It is not in the set yet, so that a removal of the set does not find it: only the content is as it was.
        left["metadata"]["annotations"].pop(BEFORE_ANNOTATION, None)
        for state in (wanted, left):
            del state["metadata"]["managedFields"]
    assert differences(wanted, left) == []


def _is_member(maker: str, *, last: int, after: bool) -> bool:
    """Whether a run that ended there had made its change, which is the last of its writes."""
    return last + after >= (4 if maker == "kubectl apply" else 2)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(3))
@pytest.mark.parametrize("wanted", [False, True], ids=["released", "wanted again"])
def test_a_release_that_ends_anywhere_is_finished_or_taken_back(
    truth: Truth, wanted: bool, last: int, after: bool
) -> None:
    before, first, second = CASES["Prometheus"]
    client_side(truth, before)
    former = live(truth, before)
    run(truth, first)
    assert interrupted(truth, (), last=last, after=after) is (last < 2)
    if wanted:
        run(truth, second)
    run(truth)
    assert differences(content(former), content(live(truth, before))) == []


# -- what others do meanwhile -------------------------------------------------------------------------------------


def test_what_others_changed_since_stays_theirs(truth: Truth) -> None:
    before, first, _second = CASES["Deployment"]
    client_side(truth, before)
    run(truth, first)
    patch = {
        "metadata": {"labels": {"theirs": "1"}},
        "spec": {"minReadySeconds": 7, "template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}},
    }
    strategic = "application/strategic-merge-patch+json"
    path = truth._path(before)
    truth.api.request("PATCH", path, query={"fieldManager": "kubectl-edit"}, body=patch, content_type=strategic)
    run(truth)
    spec = live(truth, before)["spec"]
    assert live(truth, before)["metadata"]["labels"] == {"app": "old", "theirs": "1"}
    assert (spec["minReadySeconds"], spec["replicas"]) == (7, 2)
    assert {item["name"]: item["image"] for item in spec["template"]["spec"]["containers"]} == {
        "operator": "old:1",
        "side": "side:1",
    }


def test_a_namespace_gets_its_former_labels_back(truth: Truth) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old", "labels": {"a": "1", "b": "2"}}}
    truth.api.apply(space, manager="kubectl-create")
    former = live(truth, space)
    run(truth, {**space, "metadata": {"name": "old", "labels": {"a": "ours", "c": "3"}}})
    assert live(truth, space)["metadata"]["labels"]["a"] == "ours"
    run(truth)
    assert differences(content(former), content(live(truth, space))) == []
    truth.api.delete("v1", "Namespace", "old")


def test_what_an_earlier_release_adopted_is_released_as_before(truth: Truth) -> None:
    before, first, _second = CASES["ConfigMap"]
    client_side(truth, before)
    run(truth, first)
    patch = {"metadata": {"annotations": {BEFORE_ANNOTATION: None}}}
    truth.api.request("PATCH", truth._path(before), body=patch, content_type=MERGE)
    # What is not noted is not noted later either: half of it would be worse than nothing.
    run(truth, CASES["ConfigMap"][2])
    assert BEFORE_ANNOTATION not in live(truth, before)["metadata"]["annotations"]
    run(truth)
    assert live(truth, before)["data"] == {"dropped": "ours", "changed": "newer"}
    assert SET_LABEL not in live(truth, before)["metadata"].get("labels", {})


def test_a_note_that_another_manager_wrote_is_not_believed(truth: Truth) -> None:
    before, first, _second = CASES["ConfigMap"]
    client_side(truth, before)
    run(truth, first)
    note = live(truth, before)["metadata"]["annotations"][BEFORE_ANNOTATION].replace("old", "evil")
    patch = {"metadata": {"annotations": {BEFORE_ANNOTATION: note}}}
    truth.api.request("PATCH", truth._path(before), body=patch, content_type=MERGE)
    run(truth)
    assert "evil" not in live(truth, before)["data"].values()


# -- what is refused and shown ------------------------------------------------------------------------------------


def test_what_cannot_be_noted_is_not_adopted(truth: Truth) -> None:
    random = "".join(str(number * number) for number in range(80_000))
    big = named("ConfigMap", data={"a": random})
    server_side(truth, big)
    former = live(truth, big)
    done = run(truth, named("ConfigMap", data={"a": "small"}))
    (failure,) = done.failures
    assert "too large to be adopted" in failure
    assert "262,144" in failure
    assert content(live(truth, big)) == content(former)


def test_an_object_that_existed_is_not_replaced(truth: Truth) -> None:
    before, first, _second = CASES["Deployment"]
    client_side(truth, before)
    uid = live(truth, before)["metadata"]["uid"]
    other = json.loads(json.dumps(first).replace('"app": "old"', '"app": "new"'))
    (failure,) = run(truth, other).failures
    assert "spec.selector cannot be changed" in failure
    assert "existed before it was adopted" in failure
    assert live(truth, before)["metadata"]["uid"] == uid
    # It can be released all the same.
    run(truth)
    assert live(truth, before)["metadata"]["uid"] == uid


def test_a_release_that_the_server_refuses_says_what_to_do(truth: Truth) -> None:
    before, first, _second = CASES["Service"]
    truth.api.apply(before, manager="argocd-controller")
    port = live(truth, before)["spec"]["ports"][0]["nodePort"]
    run(truth, first)
    thief = {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}], "selector": {"a": "b"}}
    other = {**named("Service", spec=thief), "metadata": {"name": "thief", "namespace": SPACE}}
    truth.api.apply(other)
    checked, done = (truth.run((), owner=OWNER, check=check, force=True) for check in (True, False))
    for seen in (checked, done):
        (failure,) = seen.failures
        assert "cannot be given back what it had" in failure
        assert f"kubectl annotate service old -n {SPACE} {BEFORE_ANNOTATION}-" in failure
    truth.api.delete("v1", "Service", "thief", SPACE)
    run(truth)
    assert live(truth, before)["spec"]["ports"][0]["nodePort"] == port


def test_a_note_is_shown_nowhere_and_a_secret_least_of_all(truth: Truth) -> None:
    canary = "canary-7d1c0a55"
    encoded = base64.b64encode(canary.encode()).decode()
    secret = named("Secret", type="Opaque", data={"k": encoded})
    client_side(truth, secret)
    for desired in ((named("Secret", type="Opaque", data={"k": "eA=="}),), ()):
        for check in (True, False):
            seen = truth.run(desired, owner=OWNER, check=check, force=True)
            text = json.dumps(report(seen.outcome, diff=True))
            assert "data.k" in text
            for hidden in (canary, encoded, BEFORE_ANNOTATION):
                assert hidden not in text
        if desired:
            note = live(truth, secret)["metadata"]["annotations"][BEFORE_ANNOTATION]
            assert encoded not in note
    assert live(truth, secret)["data"] == {"k": encoded}


def test_a_release_is_reported_with_its_fields(truth: Truth) -> None:
    before, first, _second = CASES["ConfigMap"]
    client_side(truth, before)
    run(truth, first)
    (entry,) = [entry for entry in run(truth).entries if entry["name"] == "old"]
    assert entry["action"] == "released"
    assert {"data.added", "data.changed", "data.dropped", "metadata.labels.team"} <= set(entry["fields"])
    assert "data.kept" not in entry["fields"]
    assert f"metadata.annotations.{LAST_APPLIED}" in entry["fields"]
    assert f"metadata.annotations.{ADOPTED_ANNOTATION}" in entry["fields"]


# -- any objects --------------------------------------------------------------------------------------------------

REPLACED_OR_RIGHTS = ("Deployment", "EndpointSlice", "Role", "RoleBinding", "Service")
ANY = [kind for kind in sorted(KINDS) if kind not in REPLACED_OR_RIGHTS]
HISTORIES = st.sampled_from(ANY).flatmap(
    lambda kind: st.tuples(
        st.lists(objects(kind, namespace=SPACE, name="old"), min_size=2, max_size=5), st.sampled_from(sorted(MADE))
    )
)


@settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(history=HISTORIES, named_managers=st.booleans())
def test_any_object_is_as_before_after_any_states_of_ours(
    truth: Truth, history: tuple[list[JsonObject], str], named_managers: bool
) -> None:
    (before, *states), maker = history
    # An owner of an empty map, which is not stored, owns nothing.
    before = {**before, "metadata": {name: value for name, value in before["metadata"].items() if value}}
    truth.api.delete(before["apiVersion"], before["kind"], "old", SPACE)
    MADE[maker](truth, before)
    former = live(truth, before)
    adopt = ("helm", "argocd-controller", "kubectl-edit") if named_managers else ()
    for number, state in enumerate(states):
        run(truth, state, adopt=adopt)
        if number == 0:
            patch = {"metadata": {"labels": {"foreign": "stays"}}}
            query = {"fieldManager": "somebody"}
            truth.api.request("PATCH", truth._path(before), query=query, body=patch, content_type=MERGE)
    run(truth)
    after = content(live(truth, before))
    assert after["metadata"]["labels"].pop("foreign") == "stays"
    wanted = content(former)
    wanted["metadata"].setdefault("labels", {})
    if not former["metadata"].get("managedFields"):
        # The API server then makes an owner of all that was there before the first apply.
        del wanted["metadata"]["managedFields"], after["metadata"]["managedFields"]
        after["metadata"]["managedFields"] = {("somebody", "Update", before["apiVersion"], ""): {}}
        wanted["metadata"]["managedFields"] = {}
    after["metadata"]["managedFields"].pop(("somebody", "Update", before["apiVersion"], ""))
    assert differences(wanted, after) == []
    truth.api.delete(before["apiVersion"], before["kind"], "old", SPACE)
