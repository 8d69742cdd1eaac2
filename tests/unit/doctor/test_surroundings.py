"""What instances stand on: each fault is a finding with its own code, and what is well or under way is none."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.admission import (
    AdmissionFacts,
    BrokenWebhook,
    NotAllowed,
    asked_webhooks,
    selects,
    why_broken,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Facts,
    Unobserved,
    judge_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import (
    NamespaceFacts,
    PodFacts,
    StorageFacts,
    demanded,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import Holder, LeavingCrd
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.refused_pods import last_refusal

JsonObject = dict[str, t.Any]

kinds.register()

SCOPE = ("instance monitoring-pay/pay",)
PART = Subject(cluster="hub", kind="Prometheus", namespace="monitoring-pay", name="pay")
TEAM = "promfleet.monitoring/team"
GONE = Unobserved(code="PF002", object=PART, evidence={"reason": "forbidden"})


# -- the facts of each kind -------------------------------------------------------------------------------------------


def namespace(*, own: bool = True, live: t.Any = "pay", **metadata: t.Any) -> NamespaceFacts:
    """A namespace of team pay; *live* is the value of its label, or what there is instead of it."""
    labels = {"labels": {TEAM: live}} if isinstance(live, str) else {}
    found = {"metadata": {"name": "shop", **labels, **metadata}} if isinstance(live, (str, bool)) else live
    return NamespaceFacts(cluster="hub", team="pay", instance=SCOPE, name="shop", is_own=own, live=found)


def pods(refusal: t.Any, states: t.Any = ()) -> PodFacts:
    return PodFacts(
        cluster="hub",
        team="pay",
        namespace="monitoring-pay",
        kind="Prometheus",
        name="pay",
        refusal=refusal,
        states=states,
    )


def prometheus(size: str, **spec: t.Any) -> JsonObject:
    claim = {"spec": {"resources": {"requests": {"storage": size}}}}
    return {
        "kind": "Prometheus",
        "metadata": {"name": "pay", "namespace": "monitoring-pay"},
        "spec": {"storage": {"volumeClaimTemplate": claim}, **spec},
    }


def claim(
    requested: str,
    capacity: str = "",
    *conditions: tuple[str, str],
    name: str = "prometheus-pay-db-prometheus-pay-0",
    storage_class: str | None = "fast",
    labels: t.Mapping[str, str] | None = None,
) -> JsonObject:
    own = {
        "app.kubernetes.io/name": "prometheus",
        "app.kubernetes.io/instance": "pay",
        "app.kubernetes.io/managed-by": "prometheus-operator",
    }
    status: JsonObject = {"phase": "Bound", "capacity": {"storage": capacity}} if capacity else {"phase": "Pending"}
    status["conditions"] = [{"type": kind, "status": "True", "message": text} for kind, text in conditions]
    spec: JsonObject = {"resources": {"requests": {"storage": requested}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    metadata = {"name": name, "namespace": "monitoring-pay", "labels": own if labels is None else dict(labels)}
    return {"metadata": metadata, "spec": spec, "status": status}


def storage(size: str, *claims: JsonObject, **spec: t.Any) -> StorageFacts:
    return StorageFacts(
        instance=SCOPE,
        part=PART,
        live=prometheus(size, **spec),
        claims=claims,
        classes={"fast": True, "slow": False},
    )


WEBHOOK = BrokenWebhook(
    kind="ValidatingWebhookConfiguration",
    configuration="kps",
    name="rules.example.com",
    service="monitoring/kps",
    reason="does not exist",
    matches=("prometheusrules",),
    owner="the Helm release monitoring/kps",
)
LEAVING = LeavingCrd(
    name="prometheuses.monitoring.coreos.com",
    since="2026-11-25T09:00:00Z",
    finalizers=(),
    holders=(Holder(key=Key("monitoring.coreos.com", "Prometheus", "a", "b"), finalizers=("x.example/hold",)),),
)


def admission(leaving: t.Any = (), webhooks: t.Any = ()) -> AdmissionFacts:
    return AdmissionFacts(cluster="hub", leaving=leaving, webhooks=webhooks)


HELD = [{"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: widgets."}]
LEAVING_NAMESPACE = {
    "metadata": {"name": "shop", "labels": {TEAM: "pay"}, "deletionTimestamp": "2026-11-25T09:00:00Z"},
    "spec": {"finalizers": ["kubernetes"]},
    "status": {"phase": "Terminating", "conditions": HELD},
}
# As kube-apiserver 1.36 and 1.22 word them.
NO_LIMIT = (
    'pods "prometheus-pay-0" is forbidden: failed quota: org: must specify limits.cpu for: prometheus; '
    "limits.ephemeral-storage for: config-reloader,prometheus"
)
NO_LIMIT_BEFORE = 'pods "prometheus-pay-0" is forbidden: failed quota: org: must specify limits.cpu,limits.memory'
USED_UP = 'pods "prometheus-pay-0" is forbidden: exceeded quota: pay, requested: pods=1, used: pods=2, limited: pods=2'
SECURITY = 'pods "prometheus-pay-0" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'

CASES: list[tuple[Facts, str, str]] = [
    (admission(leaving=(LEAVING,)), "PF110", "it is held by Prometheus a/b (finalizers: x.example/hold)"),
    (admission(webhooks=(WEBHOOK,)), "PF111", "Service monitoring/kps does not exist; it belongs to: the Helm release"),
    (admission(webhooks=NotAllowed(reason="forbidden")), "PF112", "forbidden"),
    (namespace(live=False), "PF212", "belongs to team pay, and does not have this label: promfleet.monitoring/team"),
    (namespace(live="search"), "PF212", "has the value 'search'"),
    (namespace(live="search", own=False), "PF212", "has the value 'search'"),
    (namespace(live=LEAVING_NAMESPACE), "PF213", "finalizers: kubernetes; Some resources are remaining: widgets."),
    (namespace(live=LEAVING_NAMESPACE, own=False), "PF213", "since 2026-11-25T09:00:00Z"),
    (namespace(live=None), "PF214", "does not exist"),
    (pods(NO_LIMIT), "PF210", "quota org demands limits.cpu, limits.ephemeral-storage of every container"),
    (pods(NO_LIMIT_BEFORE), "PF210", "quota org demands limits.cpu, limits.memory of every container"),
    (pods(USED_UP), "PF211", "exceeded quota: pay"),
    (pods(SECURITY), "PF211", "violates PodSecurity"),
    (pods("", [["prometheus-pay-0", "no node takes it"]]), "PF215", "pod prometheus-pay-0: no node takes it"),
    (storage("100Gi", claim("50Gi", "50Gi")), "PF220", "Prometheus pay asks for 100Gi"),
    (storage("1Ti", claim("1000Gi", "1000Gi")), "PF220", "still for 1000Gi; its StorageClass fast can expand"),
    (storage("100Gi", claim("50Gi", "50Gi", storage_class="slow")), "PF221", "its StorageClass slow does not"),
    (storage("100Gi", claim("50Gi", "50Gi", storage_class="removed")), "PF221", "its StorageClass removed does not"),
    (storage("100Gi", claim("50Gi", "50Gi", storage_class=None)), "PF221", "its StorageClass none does not"),
    (storage("100Gi", claim("100Gi", "50Gi", ("Resizing", "at work"))), "PF222", "still has 50Gi: Resizing: at work"),
    (storage("100Gi", claim("100Gi", "50Gi", ("FileSystemResizePending", "waits"))), "PF222", "waits"),
    (storage("100Gi", claim("100Gi", "50Gi")), "PF222", "no controller has begun"),
    (storage("100Gi", claim("100Gi", "50Gi", ("ControllerResizeError", "no space"))), "PF223", "no space"),
    (storage("100Gi", claim("100Gi", "50Gi", ("Resizing", "x"), ("NodeResizeError", "no fs"))), "PF223", "no fs"),
]


def findings_of(facts: Facts) -> list[Finding]:
    return judge_all([facts])[1]


@pytest.mark.parametrize(("facts", "code", "words"), CASES, ids=lambda value: str(value)[:50])
def test_one_fault_is_one_finding(facts: Facts, code: str, words: str) -> None:
    (finding,) = findings_of(facts)
    assert (finding.code, finding.observed) == (code, True)
    assert words in finding.message
    assert finding.fix


WELL: dict[str, Facts] = {
    "nothing in the way": admission(),
    "a label": namespace(),
    "an instance's namespace that does not exist": namespace(own=False, live=None),
    "no refusal": pods(""),
    "the size that is wanted": storage("100Gi", claim("100Gi", "100Gi")),
    "the same in another notation": storage("1Ti", claim("1024Gi", "1Ti")),
    "a volume that is larger": storage("50Gi", claim("100Gi", "100Gi")),
    "not bound yet": storage("100Gi", claim("100Gi")),
    "no claim yet": storage("100Gi"),
    "a claim of a replica that is no longer wanted": storage(
        "100Gi", claim("50Gi", "50Gi", name="prometheus-pay-db-prometheus-pay-1")
    ),
    "another instance's claim": storage(
        "100Gi", claim("50Gi", "50Gi", labels={"app.kubernetes.io/name": "alertmanager"})
    ),
}


@pytest.mark.parametrize("name", WELL)
def test_what_is_well_is_no_finding(name: str) -> None:
    links, findings = judge_all([WELL[name]])
    assert findings == []
    assert links
    assert all(link.finding is None for link in links)


def test_each_claim_is_a_finding_of_its_own_with_its_command() -> None:
    claims = [claim("50Gi", "50Gi", name=f"prometheus-pay-db-prometheus-pay-{number}") for number in range(3)]
    found = findings_of(storage("100Gi", *claims, replicas=2))
    assert [finding.object.name for finding in found] == [one["metadata"]["name"] for one in claims[:2]]
    assert found[0].fix == (
        "kubectl -n monitoring-pay patch pvc prometheus-pay-db-prometheus-pay-0 "
        r"-p $'spec:\n  resources:\n    requests:\n      storage: 100Gi'"
    )


UNREAD: list[tuple[Facts, str]] = [
    (admission(leaving=GONE), "crds_lasting"),
    (admission(webhooks=GONE), "webhooks"),
    (namespace(live=GONE), "namespace"),
    (pods(GONE), "pods_made"),
    (pods("", GONE), "pods_run"),
    (StorageFacts(instance=SCOPE, part=PART, live=prometheus("1Gi"), claims=GONE, classes={}), "volumes_grown"),
    (StorageFacts(instance=SCOPE, part=PART, live=prometheus("1Gi"), claims=(), classes=GONE), "volumes_grown"),
]


@pytest.mark.parametrize(("facts", "check"), UNREAD, ids=lambda value: str(value)[:50])
def test_what_was_not_observed_is_never_healthy(facts: Facts, check: str) -> None:
    (finding,) = findings_of(facts)
    assert (finding.code, finding.evidence["checks"]) == ("PF002", (check,))


def test_each_check_reads_what_it_declares() -> None:
    every: dict[str, Check[t.Any]] = {one.name: one for facts, _code, _words in CASES for one in facts.checks}
    assert {name: one.reads for name, one in every.items()} == {
        "crds_lasting": ("leaving",),
        "webhooks": ("webhooks",),
        "namespace": ("live",),
        "pods_made": ("refusal",),
        "pods_run": ("states",),
        "volumes_grown": ("claims", "classes"),
    }


@pytest.mark.parametrize(
    "strange",
    [storage("much", claim("1Gi")), storage("1Gi", {"metadata": {}}), namespace(live={"metadata": 3})],
    ids=str,
)
def test_a_strange_object_costs_only_its_own_check(strange: Facts) -> None:
    links, found = judge_all([strange, admission()])
    assert [finding.code for finding in found] == ["PF005"]
    assert [link.check for link in links if link.finding is None] == ["crds_lasting", "webhooks"]


# -- events -----------------------------------------------------------------------------------------------------------


INSTANCE = Key("monitoring.coreos.com", "Prometheus", "monitoring-pay", "pay")


def event(
    reason: str, text: str, when: str, *, name: str = "prometheus-pay", new: bool = False, version: str = ""
) -> JsonObject:
    """As client-go's recorders write them: the older one has whole seconds, the newer one microseconds."""
    times = {"eventTime": f"2026-11-25T{when}.250000Z"} if new else {"lastTimestamp": f"2026-11-25T{when}Z"}
    metadata = {"name": "e", "creationTimestamp": "2026-11-25T08:00:00Z", "resourceVersion": version}
    return {"reason": reason, "message": text, "metadata": metadata, "involvedObject": {"name": name}, **times}


def refused(pod: int, why: str, when: str, **more: t.Any) -> JsonObject:
    text = f"create Pod prometheus-pay-{pod} in StatefulSet prometheus-pay failed error: {why}"
    return event("FailedCreate", text, when, **more)


def made(pod: int, when: str, **more: t.Any) -> JsonObject:
    text = f"create Pod prometheus-pay-{pod} in StatefulSet prometheus-pay successful"
    return event("SuccessfulCreate", text, when, **more)


CLAIM = "Claim prometheus-pay-db-prometheus-pay-0"
NO_CLAIM = f"Create {CLAIM} for Pod prometheus-pay-0 in StatefulSet prometheus-pay failed error: too much storage"
CLAIM_MADE = f"Create {CLAIM} Pod prometheus-pay-0 in StatefulSet prometheus-pay success"
CAPITALS = "Create Pod prometheus-pay-0 in StatefulSet prometheus-pay successful"
EVENTS: dict[str, tuple[list[JsonObject], str]] = {
    "none": ([], ""),
    "the latest": ([refused(0, "old", "09:00:00"), refused(1, "new", "09:05:00")], "new"),
    "made since": ([refused(0, "old", "09:00:00"), made(0, "09:05:00")], ""),
    "deleted since, and refused": ([made(0, "09:00:00"), refused(0, "no", "09:05:00")], "no"),
    "one of two made": ([made(0, "09:05:00"), refused(1, "no", "09:00:00")], "no"),
    "made in the same second": ([made(0, "09:00:00"), refused(0, "no", "09:00:00")], ""),
    "refused twice in a second": (
        [refused(0, "z", "09:00:00", version="99"), refused(0, "a", "09:00:00", version="100")],
        "a",
    ),
    "made and refused in a second": (
        [made(0, "09:00:00", version="99"), refused(0, "no", "09:00:00", version="100")],
        "no",
    ),
    "both kinds of time": ([refused(0, "old", "09:00:00"), made(0, "09:00:01", new=True)], ""),
    "another StatefulSet": ([refused(0, "no", "09:00:00", name="prometheus-pay-too")], ""),
    "a shard": ([refused(0, "no", "09:00:00", name="prometheus-pay-shard-1")], "no"),
    "a claim": ([event("FailedCreate", NO_CLAIM, "09:00:00")], "too much storage"),
    "a claim that was made does not make the pod": (
        [refused(0, "no", "09:00:00"), event("SuccessfulCreate", CLAIM_MADE, "09:05:00")],
        "no",
    ),
    "capitals": (
        [
            refused(0, "x", "09:00:00"),
            event("SuccessfulCreate", made(0, "")["message"].replace("c", "C", 1), "09:01:00"),
        ],
        "",
    ),
    "something else": ([event("FailedDelete", refused(0, "no", "")["message"], "09:00:00")], ""),
    "strange": ([{"metadata": {}, "reason": "FailedCreate", "message": None}], ""),
}


@pytest.mark.parametrize("name", EVENTS)
def test_why_pods_were_refused_last(name: str) -> None:
    events, reason = EVENTS[name]
    for order in (events, events[::-1]):
        assert last_refusal(order, instance=INSTANCE) == reason


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("limits.cpu for: a,b; limits.memory for: c", ("limits.cpu", "limits.memory")),
        ("limits.cpu,limits.memory", ("limits.cpu", "limits.memory")),
        ("requests.nvidia.com/gpu for: a", ("requests.nvidia.com/gpu",)),
        ("cpu", ("cpu",)),
    ],
)
def test_what_a_quota_demands(text: str, names: tuple[str, ...]) -> None:
    assert demanded(text) == names


# -- webhooks ---------------------------------------------------------------------------------------------------------


RULE: JsonObject = {"apiGroups": ["monitoring.coreos.com"], "resources": ["prometheusrules"], "operations": ["CREATE"]}
OURS = {"kubernetes.io/metadata.name": "monitoring-pay", TEAM: "pay"}
PODS: JsonObject = {"apiGroups": [""], "resources": ["pods"], "operations": ["*"]}
CONCERNED: dict[str, tuple[JsonObject, bool]] = {
    "our rules": ({}, True),
    "everything": ({"rules": [{"apiGroups": ["*"], "resources": ["*"], "operations": ["*"]}]}, True),
    "pods": ({"rules": [PODS]}, True),
    "their subresource": ({"rules": [{**PODS, "resources": ["pods/exec"]}]}, False),
    "objects of others": ({"rules": [{**RULE, "apiGroups": ["cert-manager.io"]}]}, False),
    "deletions": ({"rules": [{**RULE, "operations": ["DELETE"]}]}, False),
    "of the cluster's scope": ({"rules": [{**RULE, "scope": "Cluster"}]}, False),
    "failures are ignored": ({"failurePolicy": "Ignore"}, False),
    "the default is to fail": ({"failurePolicy": None}, True),
    "a URL": ({"clientConfig": {"url": "https://192.0.2.1/"}}, False),
    "our namespaces are left out": (
        {"namespaceSelector": {"matchExpressions": [{"key": TEAM, "operator": "DoesNotExist"}]}},
        False,
    ),
    "other namespaces are left out": (
        {
            "namespaceSelector": {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
                ]
            }
        },
        True,
    ),
    "only where it is asked for": ({"objectSelector": {"matchLabels": {"sidecar.istio.io/inject": "true"}}}, False),
}


@pytest.mark.parametrize("name", CONCERNED)
def test_which_webhooks_concern_us(name: str) -> None:
    change, concerned = CONCERNED[name]
    webhook = {
        "name": "rules.example.com",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"namespace": "monitoring", "name": "kps"}},
        "rules": [RULE],
        **change,
    }
    given = {key: value for key, value in webhook.items() if value is not None}
    configuration = {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "kps"}, "webhooks": [given]}
    found = asked_webhooks([configuration], namespaces=[OURS], objects=[{}, {"app.kubernetes.io/name": "prometheus"}])
    assert [webhook.service for webhook in found] == (["monitoring/kps"] if concerned else [])


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, False),
    ],
    ids=str,
)
def test_label_selectors(selector: JsonObject | None, selected: bool) -> None:
    assert selects(selector, {"a": "1"}) is selected


def endpoints(*states: str) -> JsonObject:
    ready = {"ready": {"ready": True}, "unready": {"ready": False}, "unsaid": {}}
    return {"endpoints": [{"conditions": ready[state]} for state in states]}


@pytest.mark.parametrize(
    ("service", "slices", "reason"),
    [
        (None, [], "does not exist"),
        ({"spec": {}}, [], "has no endpoint that is ready"),
        ({"spec": {}}, [{"endpoints": None}], "has no endpoint that is ready"),
        ({"spec": {}}, [endpoints("unready", "unready")], "has no endpoint that is ready"),
        ({"spec": {}}, [endpoints("unready"), endpoints("ready")], ""),
        ({"spec": {}}, [endpoints("unsaid")], ""),
        ({"spec": {"type": "ExternalName"}}, [], ""),
    ],
)
def test_what_is_wrong_with_a_service(service: JsonObject | None, slices: list[JsonObject], reason: str) -> None:
    assert why_broken(service, slices) == reason
