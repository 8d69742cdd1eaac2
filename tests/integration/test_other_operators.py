"""Other operators are on the cluster first: ours is refused before any write, and they may do what they could before.

The operators here have the names, marks and arguments that these projects publish; nothing of them runs.

- kube-prometheus: manifests/prometheusOperator-*.yaml of prometheus-operator/kube-prometheus, made by `kubectl apply`.
- kube-prometheus-stack: templates/prometheus-operator of prometheus-community/helm-charts, with what Helm adds.
- Rancher: rancher-monitoring of rancher/charts, which is the same chart with a mirrored image.
- OpenShift: assets/prometheus-operator of openshift/cluster-monitoring-operator, whose images have digests only; before
  release 4.16 without a controller id. Its manifests give cluster-monitoring-operator the permissions that it grants.
- OLM: a ClusterServiceVersion of operatorhub.io, whose operator has its namespaces by olm.targetNamespaces.
- Argo CD: manifests/install.yaml of argoproj/argo-cd, whose controller may do everything.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Forbidden, Refused

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.releases import GROUP, crds_of, kubectl
from tests.integration.support.rights import Bench, prepared

JsonObject = dict[str, t.Any]

RBAC = "rbac.authorization.k8s.io"
RELEASE = "0.93.1"
# Of example/rbac/prometheus-operator in prometheus-operator/prometheus-operator.
RULES: list[JsonObject] = [
    {
        "apiGroups": [GROUP],
        "resources": [
            *(
                f"{plural}{part}"
                for plural in ("alertmanagers", "prometheuses")
                for part in ("", "/finalizers", "/status")
            ),
            "prometheusrules",
            "servicemonitors",
        ],
        "verbs": ["*"],
    },
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
]
ADMIN: list[JsonObject] = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
RELOADER = "--prometheus-config-reloader=registry.example/reloader:v1"
FLAGS = ("--kubelet-service=kube-system/kubelet", RELOADER)
CONTROLLER_ID = "operator.prometheus.io/controller-id"
HELM = {"app.kubernetes.io/managed-by": "Helm", "heritage": "Helm"}
# What the account of an operator is asked about before and after our runs.
ASKED = [(GROUP, "prometheuses", "list"), (GROUP, "prometheuses/status", "update"), ("apps", "statefulsets", "patch")]


def release(name: str, namespace: str) -> dict[str, str]:
    return {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}


@dataclass(frozen=True, kw_only=True)
class Other:
    """An operator of others; *instance*: whether it has a Prometheus, with these annotations."""

    name: str
    namespace: str
    args: tuple[str, ...] = FLAGS
    image: str = "quay.io/prometheus-operator/prometheus-operator:v0.93.1"
    rules: t.Sequence[JsonObject] = field(default_factory=lambda: RULES)
    role: str = "prometheus-operator"
    replicas: int = 1
    labels: t.Mapping[str, str] = field(default_factory=dict)
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    env: t.Sequence[JsonObject] = ()
    pod_annotations: t.Mapping[str, str] = field(default_factory=dict)
    instance: JsonObject | None = None
    kubectl: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}-{self.name}"

    @property
    def objects(self) -> list[JsonObject]:
        """Everything, the namespace first."""
        place = {"namespace": self.namespace, "name": self.name}
        marks = {"labels": dict(self.labels), "annotations": dict(self.annotations)}
        subject = {"kind": "ServiceAccount", **place}
        container = {"name": "operator", "image": self.image, "args": list(self.args), "env": list(self.env)}
        template = {
            "metadata": {"labels": {"app": self.name}, "annotations": dict(self.pod_annotations)},
            "spec": {"serviceAccountName": self.name, "containers": [container]},
        }
        spec = {"replicas": self.replicas, "selector": {"matchLabels": {"app": self.name}}, "template": template}
        reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": self.role}
        found: list[JsonObject] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": self.role, **marks},
                "rules": list(self.rules),
            },
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": self.role, **marks},
                "roleRef": reference,
                "subjects": [subject],
            },
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**place, **marks}, "spec": spec},
        ]
        if self.instance is not None:
            metadata = {"name": "k8s", "namespace": self.namespace, "annotations": self.instance}
            found.append({"apiVersion": f"{GROUP}/v1", "kind": "Prometheus", "metadata": metadata, "spec": {}})
        return found


KUBE_PROMETHEUS = Other(name="prometheus-operator", namespace="monitoring", instance={}, kubectl=True)
STACK = Other(
    name="kps-kube-prometheus-stack-operator",
    namespace="monitoring",
    role="kps-kube-prometheus-stack-operator",
    labels={**HELM, "app": "kube-prometheus-stack-operator", "release": "kps"},
    annotations=release("kps", "monitoring"),
)
RANCHER = Other(
    name="rancher-monitoring-operator",
    namespace="cattle-monitoring-system",
    role="rancher-monitoring-operator",
    image="rancher/mirrored-prometheus-operator-prometheus-operator:v0.80.1",
    labels=HELM,
    annotations=release("rancher-monitoring", "cattle-monitoring-system"),
)
OPENSHIFT_FLAGS = (
    *FLAGS,
    "--prometheus-instance-namespaces=openshift-monitoring",
    "--alertmanager-instance-namespaces=openshift-monitoring",
    "--thanos-ruler-instance-namespaces=openshift-monitoring",
)
OPENSHIFT = Other(
    name="prometheus-operator",
    namespace="openshift-monitoring",
    image="quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0123",
    args=OPENSHIFT_FLAGS,
    labels={"app.kubernetes.io/managed-by": "cluster-monitoring-operator"},
    instance={},
)
TARGETS = "metadata.annotations['olm.targetNamespaces']"
OLM = Other(
    name="obo-prometheus-operator",
    namespace="operators",
    role="obo-prometheus-operator.v1",
    image="quay.io/rhobs/obo-prometheus-operator@sha256:0123",
    args=("--namespaces=$(NAMESPACES)", RELOADER),
    env=[
        {"name": "NAMESPACES", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}}}
    ],
    pod_annotations={"olm.targetNamespaces": ""},
    labels={"olm.owner": "obo.v1"},
)
UNNAMED = Other(
    name="anything", namespace="tools", role="tools", image="registry.example/flat-mirror@sha256:4567", args=()
)
ALMIGHTY = Other(name="operator", namespace="tools", role="tools", rules=ADMIN)
ARGO_CD_STACK = Other(
    name="operator",
    namespace="monitoring",
    role="operator",
    annotations={"argocd.argoproj.io/tracking-id": "metrics:apps/Deployment:monitoring/operator"},
    args=(*FLAGS, "--deny-namespaces=kube-system"),
)

STOP = "kubectl -n {0.namespace} scale deployment {0.name} --replicas=0"
MEETING: list[tuple[Other, list[str]]] = [
    (
        KUBE_PROMETHEUS,
        [
            "Deployment monitoring/prometheus-operator (the field manager kubectl-client-side-apply;",
            "it would reconcile Prometheus monitoring-platform/platform",
            "our operator would reconcile its Prometheus monitoring/k8s",
            STOP,
            "--controller-id",
        ],
    ),
    (STACK, ["Helm release monitoring/kps", STOP, "--deny-namespaces=monitoring-platform"]),
    (RANCHER, ["Rancher or k3s, the Helm release cattle-monitoring-system/rancher-monitoring", STOP]),
    (OPENSHIFT, ["(OpenShift;", "reconcile its Prometheus openshift-monitoring/k8s", "can neither be stopped nor"]),
    (OLM, ["the Operator Lifecycle Manager (OLM)", "watches all namespaces", "stop it where it is managed"]),
    (UNNAMED, ["Deployment tools/anything", "its account may write the status", STOP]),
    (ALMIGHTY, ["Deployment tools/operator", "its arguments are those of an operator", STOP]),
    (
        ARGO_CD_STACK,
        ["the Argo CD application metrics", "stop it where it is", "--deny-namespaces=kube-system,monitoring-platform"],
    ),
]
APART: list[Other] = [
    Other(name="argocd-application-controller", namespace="argocd", role="argocd", rules=ADMIN, args=()),
    # It watches its own namespace, and has no instance that ours would find.
    Other(name="prometheus-operator", namespace="shop", role="shop", args=(*FLAGS, "--namespaces=shop")),
    Other(
        name="prometheus-operator",
        namespace="openshift-monitoring",
        role="openshift",
        args=(*OPENSHIFT_FLAGS, "--controller-id=openshift-monitoring/prometheus-operator"),
        instance={CONTROLLER_ID: "openshift-monitoring/prometheus-operator"},
    ),
    Other(
        name="cluster-monitoring-operator",
        namespace="openshift-monitoring",
        role="cmo",
        rules=[*RULES, {"apiGroups": [RBAC], "resources": ["clusterroles"], "verbs": ["create", "update"]}],
        args=("-namespace=openshift-monitoring", "-images=prometheus-operator=x"),
    ),
    # The image alone may do nothing.
    Other(name="prometheus-operator", namespace="shop", role="shop", rules=[]),
    Other(name="prometheus-operator", namespace="shop", role="shop", replicas=0, instance={}),
]


@dataclass(frozen=True, kw_only=True)
class Site:
    """The control plane with the operator's CRDs, as somebody else installed them."""

    plane: ControlPlane
    api: Cluster
    bench: Bench

    def run(self, name: str, /, *, check: bool = False, **options: t.Any) -> JsonObject:
        """One run of a module."""
        given = {"wait": False, **options}
        return run_module(name, kubeconfig=self.plane.kubeconfig, context=self.plane.context, check=check, **given)

    def install(self, other: Other) -> None:
        """Make everything of an operator, as its project does."""
        for obj in other.objects:
            if other.kubectl and obj["kind"] != "Prometheus":
                kubectl(self.plane.kubeconfig, "apply", "--filename=-", text=json.dumps(obj))
            else:
                self.api.apply(obj, manager="helm", force=True)
        self.api.wait_until(lambda: self._is_settled(other), f"the controllers have seen {other}")

    def _is_settled(self, other: Other) -> bool:
        """Whether controllers have written what they write to new objects."""
        live = self.api.get("apps/v1", "Deployment", other.name, other.namespace)
        account = self.api.find("v1", "ServiceAccount", "default", other.namespace)
        revision = "deployment.kubernetes.io/revision"
        return revision in (live["metadata"].get("annotations") or {}) and account is not None

    def remove(self, other: Other) -> None:
        for obj in reversed(other.objects[1:]):
            metadata = obj["metadata"]
            self.api.delete(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace", ""))

    def may(self, other: Other) -> list[bool]:
        """What the operator's account may do."""
        answers = []
        for group, resource, verb in ASKED:
            name, _slash, sub = resource.partition("/")
            attributes = {"group": group, "resource": name, "subresource": sub, "verb": verb, "namespace": "any"}
            spec = {
                "user": f"system:serviceaccount:{other.namespace}:{other.name}",
                "resourceAttributes": attributes,
            }
            version = "authorization.k8s.io/v1"
            body = {"apiVersion": version, "kind": "SubjectAccessReview", "spec": spec}
            answers.append(self.api.request("POST", f"/apis/{version}/subjectaccessreviews", body=body)["status"])
        return [bool(answer["allowed"]) for answer in answers]


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # Two blocks: pylint takes a name that a list of contexts unpacks for unassigned in the next context.
    with started(request, "test-operators", audit=True) as (plane,):  # noqa: SIM117
        with prepared(plane, tmp_path_factory.mktemp("operators")) as bench:
            api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
            crds = crds_of(RELEASE)
            for crd in crds.values():
                api.apply(crd, force=True)
            kinds = {crd["spec"]["names"]["kind"] for crd in crds.values()}
            api.wait_until(lambda: kinds <= {kind.kind for kind in api.kinds()}, "the CRDs are served")
            yield Site(plane=plane, api=api, bench=bench)


@pytest.fixture
def other(site: Site, request: pytest.FixtureRequest) -> Iterator[Other]:
    """An operator that is there, and gone afterwards."""
    site.install(request.param)
    yield request.param
    site.remove(request.param)


TEAMS: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "pay"}]}


@pytest.mark.parametrize(("other", "words"), MEETING, indirect=["other"], ids=lambda value: str(value)[:40])
def test_an_operator_that_meets_ours_is_a_reason_to_refuse(site: Site, other: Other, words: list[str]) -> None:
    may, before = site.may(other), site.api.snapshot()
    assert all(may)
    for check in (True, False):
        with pytest.raises(Refused) as refused:
            site.run("prometheus_operator", check=check)
        message = str(refused.value)
        for text in (*words, "docs/moving.md" if other is not OPENSHIFT else "not supported", "Nothing was written"):
            assert text.format(other) in message
        # Nothing in it takes from the other operator what it has.
        assert not any(word in message for word in ("force_conflicts", "adopt_managers", "prune"))
        # The role applies the CRDs first.
        with pytest.raises(Refused, match="each would undo what the other"):
            site.run("crds", check=check, for_operator={"platform_team": "platform"})
    assert site.api.snapshot() == before
    assert site.may(other) == may


@pytest.mark.parametrize("other", [KUBE_PROMETHEUS, RANCHER], indirect=True, ids=str)
def test_instances_are_not_made_for_an_operator_of_others(site: Site, other: Other) -> None:
    before = site.api.snapshot()
    for check in (True, False):
        with pytest.raises(Refused, match=r"would reconcile .*Prometheus monitoring-pay/pay") as refused:
            site.run("team_monitoring", check=check, **TEAMS)
        assert str(other.objects[-1 if other.instance is None else -2]["metadata"]["name"]) in str(refused.value)
    assert site.api.snapshot() == before
    # Without an instance nothing is refused.
    site.run("team_monitoring", check=True, **{**TEAMS, "teams": [], "platform": {"enabled": False}})


@pytest.mark.parametrize("other", APART, indirect=True, ids=str)
def test_an_operator_that_never_meets_ours_is_left_alone(site: Site, other: Other) -> None:
    may = site.may(other)
    outcome = site.run("prometheus_operator", check=True)["outcome"]
    assert {change.action for change in outcome.changes} == {"created"}
    stopped = [text for text in outcome.warnings if "is stopped: if it is started again" in text]
    assert len(stopped) == (1 if other.replicas == 0 else 0)
    assert not site.run("team_monitoring", check=True, **TEAMS)["outcome"].failures
    site.run("crds", check=True, for_operator={})
    assert site.may(other) == may


@pytest.mark.parametrize("other", [KUBE_PROMETHEUS], indirect=True, ids=str)
def test_what_the_account_may_not_list_is_never_taken_for_nothing(site: Site, other: Other) -> None:
    """Every read of the search is refused in its turn; the message names what is missing."""
    assert other.instance == {}
    for group, resource in (
        (RBAC, "clusterroles"),
        (RBAC, "clusterrolebindings"),
        (RBAC, "roles"),
        (RBAC, "rolebindings"),
        ("apps", "deployments"),
        ("apps", "statefulsets"),
        (GROUP, "prometheuses"),
    ):
        site.bench.give([*everything_but(group, resource)])
        with pytest.raises(Forbidden, match=f"list .*{resource}"):
            site.bench.module("prometheus_operator", wait=False)


MONITORS = ("prometheusrules", "servicemonitors")


def everything_but(group: str, resource: str) -> list[JsonObject]:
    """All permissions, without the one to list a resource."""
    verbs = ["create", "delete", "get", "patch", "update", "watch", "bind", "escalate"]
    lists = {
        "": ["*"],
        "apps": ["deployments", "statefulsets"],
        RBAC: ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
        GROUP: [
            "alertmanagers",
            "prometheuses",
            "prometheusagents",
            "thanosrulers",
            "prometheusrules",
            "servicemonitors",
        ],
        "coordination.k8s.io": ["*"],
        "apiextensions.k8s.io": ["*"],
    }
    return [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": verbs},
        *(
            {
                "apiGroups": [name],
                "resources": [one for one in resources if (name, one) != (group, resource)],
                "verbs": ["list"],
            }
            for name, resources in lists.items()
        ),
    ]


def verify(site: Site) -> JsonObject:
    options = {
        **TEAMS,
        "wait_timeout": 60,
        "platform": {"enabled": False},
        "teams": [{"name": "pay", "enabled": False}],
    }
    return site.run("monitoring_verify", **options)


def test_verify_names_operators_that_came_later(site: Site) -> None:
    """Ours is there first, with a team's instance; the last test of this file, which leaves both there."""
    site.run("prometheus_operator")
    site.run("team_monitoring", **TEAMS)
    assert codes(verify(site)) == set()
    assert site.run("prometheus_operator")["outcome"].changes == []
    site.install(KUBE_PROMETHEUS)
    found = verify(site)
    assert codes(found) == {"PF104", "PF105"}
    takes, loses = (next(one for one in found["findings"] if one["code"] == code) for code in ("PF104", "PF105"))
    assert takes["evidence"]["operator"] == loses["evidence"]["operator"] == "Deployment monitoring/prometheus-operator"
    assert "kubectl-client-side-apply" in takes["evidence"]["owner"]
    assert "Prometheus monitoring-pay/pay" in takes["evidence"]["instances"]
    assert loses["evidence"]["instances"] == ["Prometheus monitoring/k8s"]
    # A run without changes looks for nothing, and changes nothing; one with changes is refused.
    audit = site.bench.audit.now()
    assert site.run("prometheus_operator")["outcome"].changes == []
    assert not [one for account in ("kubernetes-admin", "admin") for one in audit.events(account) if one.is_write]
    with pytest.raises(Refused, match="kubectl -n monitoring scale deployment prometheus-operator --replicas=0"):
        site.run("prometheus_operator", log_level="debug")
    # Removal is never refused.
    site.run("team_monitoring", check=True, **{**TEAMS, "state": "absent"})
    site.run("prometheus_operator", check=True, state="absent")


def codes(found: JsonObject) -> set[str]:
    """The codes about operators that meet; nothing runs here, so that others are found too."""
    return {one["code"] for one in found["findings"]} & {"PF002", "PF104", "PF105"}


def test_verify_does_not_say_that_all_is_well_where_it_may_not_look(site: Site) -> None:
    site.bench.give(everything_but(RBAC, "rolebindings"))
    options = {**TEAMS, "wait": False, "wait_timeout": 60, "platform": {"enabled": False}, "teams": []}
    found = site.bench.module("monitoring_verify", **options)
    (unseen,) = [one for one in found["findings"] if "other_operators" in one["evidence"].get("checks", ())]
    assert unseen["code"] == "PF002"
    assert not unseen["observed"]
    assert "rolebindings" in unseen["message"]
