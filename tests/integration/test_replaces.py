"""Taking the place of an operator that others installed, and giving it back, on a real API server with controllers.

Nothing runs pods here, but they come and go as Deployments want it. That real operators follow each other without a
loss is shown by the molecule scenario `adoption`.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import noted, replace
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support import published
from tests.integration.support.audit import Audit, Event
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.published import NAMESPACE, OPERATOR

JsonObject = dict[str, t.Any]

OURS = "prometheus-operator"
APPS = "apps/v1"
KPS = f"{NAMESPACE}/kps-kube-prometheus-stack-operator"
POLICY = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Moving:
    """One control plane, and the module on it as an administrator."""

    plane: ControlPlane
    api: Cluster

    def run(self, *, check: bool = False, **options: t.Any) -> Outcome:
        """One run of the module."""
        given = {"wait": False, "wait_timeout": 60, **options}
        result = run_module(
            "prometheus_operator", kubeconfig=self.plane.kubeconfig, context=self.plane.context, check=check, **given
        )
        return t.cast(Outcome, result["outcome"])

    def both(self, **options: t.Any) -> Outcome:
        """Check mode and the run, which must say the same; what the run says."""
        checked = self.run(check=True, **options)
        done = self.run(**options)
        assert checked.warnings == done.warnings
        assert entries(checked) == entries(done)
        return done

    def deployment(self, name: str = OPERATOR) -> JsonObject:
        namespace, _slash, own = name.partition("/")
        return self.api.get(APPS, "Deployment", own, namespace)

    def ours(self) -> JsonObject | None:
        return self.api.find(APPS, "Deployment", "prometheus-operator", OURS)

    def note(self) -> JsonObject | None:
        return self.api.find("v1", "ConfigMap", noted.NOTE, "kube-system")

    def pods(self, namespace: str) -> list[str]:
        found = self.api.request("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        return [pod["metadata"]["name"] for pod in found]

    def scale(self, replicas: int, name: str = OPERATOR) -> None:
        """What `kubectl scale` does."""
        namespace, _slash, own = name.partition("/")
        path = f"/apis/{APPS}/namespaces/{namespace}/deployments/{own}/scale"
        patch = {"spec": {"replicas": replicas}}
        self.api.request("PATCH", path, query={"fieldManager": "kubectl"}, body=patch, content_type=MERGE)
        self.api.wait_until(lambda: len(self.pods(namespace)) == replicas, f"{name} has {replicas} pods")


def entries(outcome: Outcome) -> list[JsonObject]:
    """What is reported of each object; where a prediction came from is no part of it."""
    return [{k: v for k, v in change.result().items() if k != "local"} for change in outcome.sorted_changes()]


def about(outcome: Outcome, kind: str, name: str) -> list[JsonObject]:
    return [entry for entry in entries(outcome) if (entry["kind"], entry["name"]) == (kind, name)]


def managers(obj: JsonObject) -> list[tuple[str, str, JsonObject]]:
    """Which manager owns what, without the times and without what controllers write into the status."""
    return sorted(
        (entry["manager"], entry["operation"], entry["fieldsV1"])
        for entry in obj["metadata"]["managedFields"]
        if not entry.get("subresource")
    )


@pytest.fixture(scope="module")
def plane_of_others(request: pytest.FixtureRequest) -> Iterator[Moving]:
    """A control plane of its own, with the CRDs."""
    with started(request, "test-moving", audit=True) as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        crds = load_crds(version=PROMETHEUS_OPERATOR)
        for crd in crds:
            api.apply(crd, force=True)
        names = {crd["spec"]["names"]["kind"] for crd in crds}
        api.wait_until(lambda: names <= {kind.kind for kind in api.kinds()}, "the CRDs are served")
        yield Moving(plane=plane, api=api)


@pytest.fixture
def moving(plane_of_others: Moving) -> Iterator[Moving]:
    """The same with kube-prometheus, as its guide installs it; afterwards without anything of it and of ours."""
    found = plane_of_others
    published.install(found.api, published.kube_prometheus_operator())
    published.install(found.api, published.kube_prometheus_instances())
    found.api.wait_until(lambda: len(found.pods(NAMESPACE)) == 1, "the operator has its pod")
    yield found
    found.run(state="absent")
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        found.api.delete(POLICY, kind, "kps-kube-prometheus-stack-admission")
    found.api.delete_namespaces(NAMESPACE, OURS)


# -- over and back ------------------------------------------------------------------------------------------------


def test_the_other_operator_is_stopped_first_and_gets_everything_back(moving: Moving) -> None:
    before = moving.deployment()
    instances = {
        kind: moving.api.get(published.MONITORING, kind, name, NAMESPACE) for kind, name in published.INSTANCES
    }
    log = Audit(path=moving.plane.audit_log).now()

    done = moving.both(replaces=[OPERATOR])

    assert about(done, "Deployment", "prometheus-operator") == [
        {
            "action": "updated",
            "kind": "Deployment",
            "name": "prometheus-operator",
            "namespace": NAMESPACE,
            "fields": ["spec.replicas"],
        },
        {"action": "created", "kind": "Deployment", "name": "prometheus-operator", "namespace": OURS},
    ]
    assert [entry["action"] for entry in about(done, "ConfigMap", noted.NOTE)] == ["created"]
    stopping, kubelets = done.warnings
    assert "Prometheus monitoring/k8s" in stopping
    assert "Alertmanager monitoring/main" in stopping
    assert "may restart once" in stopping
    assert "kube-system/kubelet" in kubelets
    assert moving.deployment()["spec"]["replicas"] == 0
    assert moving.pods(NAMESPACE) == []
    assert_order(log.all_events())

    again = moving.both(replaces=[OPERATOR])
    assert (entries(again), again.warnings) == ([], [])

    back = moving.both(state="absent")

    assert {"Deployment", "ConfigMap"} <= {entry["kind"] for entry in entries(back)}
    assert moving.ours() is None
    assert moving.note() is None
    after = moving.deployment()
    assert after["spec"] == before["spec"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert managers(after) == managers(before)
    for kind, name in published.INSTANCES:
        live = moving.api.get(published.MONITORING, kind, name, NAMESPACE)
        assert live["metadata"]["resourceVersion"] == instances[kind]["metadata"]["resourceVersion"]
    assert entries(moving.both(state="absent")) == []


def assert_order(events: t.Sequence[Event]) -> None:
    """Ours is written only after the other one is at zero and its pods are gone."""
    writes = [event for event in events if event.is_write]

    def last(verb: str, resource: str, namespace: str) -> int:
        return max(
            number
            for number, event in enumerate(writes)
            if (event.verb, event.resource, event.namespace) == (verb, resource, namespace)
        )

    scaled = last("patch", "deployments", NAMESPACE)
    gone = last("delete", "pods", NAMESPACE)
    ours = next(
        number
        for number, event in enumerate(writes)
        if (event.verb, event.resource, event.namespace) == ("patch", "deployments", OURS)
    )
    note = next(number for number, event in enumerate(writes) if event.name == noted.NOTE)
    assert note < scaled < gone < ours


def test_ours_is_gone_before_the_other_one_runs_again(moving: Moving) -> None:
    moving.run(replaces=[OPERATOR])
    moving.api.wait_until(lambda: len(moving.pods(OURS)) == 1, "our operator has its pod")
    log = Audit(path=moving.plane.audit_log).now()
    moving.run(state="absent")
    writes = [event for event in log.all_events() if event.is_write]
    gone = [n for n, event in enumerate(writes) if (event.verb, event.resource) == ("delete", "pods")]
    started_again = [
        n for n, e in enumerate(writes) if (e.verb, e.resource, e.namespace) == ("patch", "deployments", NAMESPACE)
    ]
    assert gone
    assert started_again
    assert max(gone) < min(started_again)


def test_what_starts_again_is_stopped_again_and_its_first_replicas_come_back(moving: Moving) -> None:
    moving.scale(2)
    moving.run(replaces=[OPERATOR])
    # Somebody's helm upgrade, or Argo CD.
    moving.scale(1)
    done = moving.both(replaces=[OPERATOR])
    assert [entry["name"] for entry in entries(done)] == ["prometheus-operator"]
    assert "somebody has started it again" in done.warnings[0]
    assert moving.deployment()["spec"]["replicas"] == 0
    moving.run(state="absent")
    assert moving.deployment()["spec"]["replicas"] == 2


def test_what_changed_meanwhile_is_told_and_left_alone(moving: Moving) -> None:
    moving.run(replaces=[OPERATOR])
    moving.api.delete(APPS, "Deployment", "prometheus-operator", NAMESPACE)
    warned = moving.both(replaces=[OPERATOR])
    assert entries(warned) == []
    assert "does not exist, so it cannot get its replicas back" in warned.warnings[0]
    # Made again by others, at zero: it is not the one that was noted.
    made = published.kube_prometheus_operator()[-1]
    published.install(moving.api, [{**made, "spec": {**made["spec"], "replicas": 0}}])
    back = moving.both(state="absent")
    assert "was made again meanwhile" in back.warnings[0]
    assert moving.deployment()["spec"]["replicas"] == 0
    assert moving.note() is None


# -- killed -------------------------------------------------------------------------------------------------------


def killing(patch: pytest.MonkeyPatch, place: t.Any, name: str, *, after: bool) -> None:
    """The run ends when *name* is called, or at its end."""
    real: Callable[..., t.Any] = getattr(place, name)

    def killed(*arguments: t.Any, **options: t.Any) -> t.Any:
        if after:
            real(*arguments, **options)
        raise KeyboardInterrupt

    patch.setattr(place, name, killed)


@pytest.mark.parametrize("name", ["write_note", "scale", "wait_stopped"])
@pytest.mark.parametrize("then", ["present", "absent"])
def test_a_run_that_was_killed_on_the_way_over_is_completed(moving: Moving, name: str, then: str) -> None:
    before = moving.deployment()
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, replace, name, after=True)
        with pytest.raises(KeyboardInterrupt):
            moving.run(replaces=[OPERATOR], lock_timeout=60)
    assert moving.ours() is None
    if then == "present":
        moving.run(replaces=[OPERATOR])
        assert moving.ours() is not None
        assert moving.pods(NAMESPACE) == []
    moving.run(state="absent")
    assert moving.deployment()["spec"] == before["spec"]
    assert managers(moving.deployment()) == managers(before)
    assert moving.note() is None


@pytest.mark.parametrize(("name", "after"), [("give_back", False), ("give_back", True), ("write_note", False)])
def test_a_run_that_was_killed_on_the_way_back_is_completed(moving: Moving, name: str, after: bool) -> None:
    before = moving.deployment()
    moving.run(replaces=[OPERATOR])
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, replace, name, after=after)
        with pytest.raises(KeyboardInterrupt):
            moving.run(state="absent")
    assert moving.ours() is None
    moving.run(state="absent")
    assert moving.deployment()["spec"] == before["spec"]
    assert managers(moving.deployment()) == managers(before)
    assert moving.note() is None


def test_if_ours_cannot_be_made_the_other_one_runs_again(moving: Moving) -> None:
    before = moving.deployment()
    # A policy of the cluster: no Deployments in this namespace.
    moving.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OURS}}, force=True)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": OURS}}
    moving.api.apply({**quota, "spec": {"hard": {"count/deployments.apps": "0"}}}, force=True)
    moving.api.wait_until(
        lambda: bool(moving.api.get("v1", "ResourceQuota", "none", OURS).get("status", {}).get("hard")),
        "the quota counts",
    )
    with pytest.raises(ClusterError, match=r"exceeded quota.*runs again") as failed:
        moving.run(replaces=[OPERATOR])
    assert "prometheus-operator" not in {
        entry["name"] for entry in entries(t.cast(t.Any, failed.value).outcome) if entry["kind"] == "Deployment"
    }
    assert moving.deployment()["spec"] == before["spec"]
    assert managers(moving.deployment()) == managers(before)
    assert moving.note() is None
    moving.api.delete("v1", "ResourceQuota", "none", OURS)
    moving.run(replaces=[OPERATOR])
    assert moving.ours() is not None


# -- wrong entries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("prometheus-operator", "does not name a Deployment; write its namespace"),
        ("monitoring/", "does not name a Deployment"),
        ("Monitoring/x", "does not name a Deployment"),
        (f"{OURS}/prometheus-operator", "is the Deployment that this makes"),
    ],
)
def test_an_entry_that_names_nothing_is_refused(moving: Moving, entry: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        moving.run(replaces=[entry])
    assert refused.value.path == "replaces[0]"


def test_an_operator_that_is_not_there_is_told_and_nothing_else(moving: Moving) -> None:
    done = moving.both(replaces=["elsewhere/prometheus-operator", OPERATOR])
    assert done.warnings[0] == "replaces: Deployment elsewhere/prometheus-operator does not exist"
    assert moving.deployment()["spec"]["replicas"] == 0


def patched(**metadata: t.Any) -> Callable[[Moving], None]:
    """Marks of an owner at kube-prometheus' operator."""
    return lambda moving: void(
        moving.api.edit(APPS, "Deployment", "prometheus-operator", {"metadata": metadata}, namespace=NAMESPACE)
    )


def void(_value: t.Any) -> None:
    return None


def without_rights(moving: Moving) -> None:
    moving.api.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "prometheus-operator")


def with_webhooks(moving: Moving) -> None:
    objects = published.kube_prometheus_stack_operator(failure_policy="Fail")
    published.install(moving.api, objects, manager="helm")


REFERENCE = {"apiVersion": "example.com/v1", "name": "mine", "uid": "0", "controller": True}


@pytest.mark.parametrize(
    ("prepare", "entry", "reason"),
    [
        (without_rights, OPERATOR, "is not a Prometheus Operator"),
        (
            patched(labels={"olm.owner": "prometheusoperator.0.93.1", "olm.owner.kind": "ClusterServiceVersion"}),
            OPERATOR,
            r"\(OLM\) prometheusoperator.0.93.1, which starts it again at once.*Subscription",
        ),
        (
            patched(ownerReferences=[{**REFERENCE, "kind": "Stack"}]),
            OPERATOR,
            "controlled by Stack mine, which starts it again at once",
        ),
        (with_webhooks, KPS, "ValidatingWebhookConfiguration kps-kube-prometheus-stack-admission with failurePolicy"),
    ],
)
def test_what_must_not_be_stopped_is_refused_before_the_first_write(
    moving: Moving, prepare: Callable[[Moving], None], entry: str, reason: str
) -> None:
    prepare(moving)
    log = Audit(path=moving.plane.audit_log).now()
    for check in (True, False):
        with pytest.raises(Refused, match=reason):
            moving.run(check=check, replaces=list({entry, OPERATOR}))
    changed = {event.resource for event in log.events("kubernetes-admin") if event.is_write}
    assert changed <= {"leases"}
    assert moving.deployment(entry)["spec"]["replicas"] == 1
    assert moving.ours() is None


def test_a_release_of_the_chart_is_replaced_and_what_it_served_is_told(moving: Moving) -> None:
    published.install(moving.api, published.kube_prometheus_stack_operator(), manager="helm")
    before = moving.deployment(KPS)
    done = moving.both(replaces=[OPERATOR, KPS])
    text = "\n".join(done.warnings)
    for part in (
        "Helm release monitoring/kps",
        "helm uninstall deletes the instances",
        "ValidatingWebhookConfiguration kps-kube-prometheus-stack-admission",
        "MutatingWebhookConfiguration kps-kube-prometheus-stack-admission",
        "kube-system/kps-kube-prometheus-stack-kubelet",
    ):
        assert part in text
    assert moving.pods(NAMESPACE) == []
    moving.run(state="absent")
    assert moving.deployment(KPS)["spec"] == before["spec"]
    assert managers(moving.deployment(KPS)) == managers(before)
