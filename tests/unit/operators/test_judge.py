"""Which workloads are operators, told by the permissions of their accounts, and who owns them."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import (
    FoundOperator,
    Grants,
    find_in,
    version_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import owner_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import Instance

from tests.unit.operators.shapes import (
    KUBE_PROMETHEUS_ARGS,
    OLD_RULES,
    RULES,
    JsonObject,
    account,
    binding,
    group,
    role,
    user,
    workload,
)

Rules = t.Sequence[t.Mapping[str, t.Any]] | None

EVERYTHING = ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},)
READ = [{**rule, "verbs": ["get", "list", "watch"]} for rule in RULES]
FLAGS = workload(args=KUBE_PROMETHEUS_ARGS)
PLAIN = workload()


def grants(
    rules: Rules = RULES,
    *subjects: JsonObject,
    cluster_roles: t.Sequence[JsonObject] = (),
    roles: t.Sequence[JsonObject] = (),
    cluster_role_bindings: t.Sequence[JsonObject] = (),
    role_bindings: t.Sequence[JsonObject] = (),
) -> Grants:
    """What one ClusterRole grants to *subjects* everywhere, and more."""
    return Grants(
        cluster_roles=[role(rules), *cluster_roles],
        roles=roles,
        cluster_role_bindings=[binding(*subjects), *cluster_role_bindings],
        role_bindings=role_bindings,
    )


def found(given: Grants, *workloads: JsonObject) -> list[str]:
    return [operator.key.name for operator in find_in(given, workloads)]


def only(given: Grants, one: JsonObject) -> FoundOperator:
    (operator,) = find_in(given, [one])
    return operator


def rule(group_name: str, resources: t.Sequence[str], verbs: t.Sequence[str] = ("*",), **more: t.Any) -> JsonObject:
    return {"apiGroups": [group_name], "resources": list(resources), "verbs": list(verbs), **more}


STS = rule("apps", ["statefulsets"])
OURS = "monitoring.coreos.com"


@pytest.mark.parametrize(
    ("rules", "plain", "flags"),
    [
        (RULES, True, True),
        (OLD_RULES, True, True),
        ([rule(OURS, ["prometheuses/status"], ["update"]), STS], True, True),
        ([rule(OURS, ["prometheuses/*"]), STS], True, True),
        ([rule(OURS, ["*"]), STS], True, True),
        ([rule(OURS, ["*/status"]), STS], True, True),
        ([rule(OURS, ["alertmanagers/finalizers"]), STS], True, True),
        ([rule("*", ["prometheuses/status"]), STS], True, True),
        ([rule(OURS, ["prometheuses/status"]), rule("apps", ["*"], ["patch"])], False, True),
        # A wildcard: cluster-admin, Argo CD, Helm's tiller.
        (EVERYTHING, False, True),
        ([rule("*", ["*/status"]), STS], False, True),
        # OpenShift's cluster-monitoring-operator holds what it grants, and does not do it itself.
        ([*RULES, rule("rbac.authorization.k8s.io", ["clusterroles"], ["create"])], False, True),
        # Rancher's monitoring-edit is aggregated to the role `edit`, which users of a namespace have.
        ([*RULES, rule("apps", ["deployments"])], False, True),
        # VictoriaMetrics' operator converts these objects, and makes Deployments and StatefulSets of its own.
        ([rule(OURS, ["*"]), rule("apps", ["deployments", "statefulsets"])], False, True),
        # No operator can live with these.
        (READ, False, False),
        ([RULES[0]], False, False),
        ([RULES[1]], False, False),
        ([rule(OURS, ["prometheuses"]), STS], False, False),
        ([rule(OURS, ["servicemonitors/status"]), STS], False, False),
        ([rule(OURS, ["prometheuses/status"]), rule("apps", ["statefulsets/scale"])], False, False),
        ([rule("monitoring.rhobs", ["*"]), STS], False, False),
        ([rule(OURS, ["prometheuses/status"], resourceNames=["k8s"]), STS], False, False),
        ([], False, False),
        (None, False, False),
    ],
)
def test_permissions_decide(rules: Rules, *, plain: bool, flags: bool) -> None:
    """First a workload without any arguments, then one with flags that only the operator has."""
    given = grants(rules, account())
    assert found(given, PLAIN) == (["prometheus-operator"] if plain else [])
    assert found(given, FLAGS) == (["prometheus-operator"] if flags else [])
    for one in find_in(given, [FLAGS]):
        assert one.evidence == ("rights" if plain else "arguments")


@pytest.mark.parametrize(
    "image",
    [
        "quay.io/prometheus-operator/prometheus-operator:v0.93.1",
        "rancher/mirrored-prometheus-operator-prometheus-operator:v0.80.1",
        "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0123",
        "registry.example/quay-io-prometheus-operator-prometheus-operator:v0.80.1",
        "quay.io/rhobs/obo-prometheus-operator:v0.81.0-rhobs1",
        "busybox",
        "",
    ],
)
def test_the_name_of_an_image_decides_nothing(image: str) -> None:
    one = workload(image=image)
    assert found(grants(RULES, account()), one) == ["prometheus-operator"]
    assert found(grants(RULES), one) == []
    assert found(grants(EVERYTHING, account()), one) == []


@pytest.mark.parametrize(
    ("subject", "plain", "flags"),
    [
        (account(), True, True),
        (user("system:serviceaccount:monitoring:prometheus-operator"), True, True),
        (group("system:serviceaccounts:monitoring"), False, True),
        (group("system:serviceaccounts"), False, True),
        (group("system:authenticated"), False, True),
        (account(namespace="elsewhere"), False, False),
        (account("default"), False, False),
        (user("prometheus-operator"), False, False),
        (user("system:serviceaccount:monitoring"), False, False),
        (group("system:serviceaccounts:elsewhere"), False, False),
        (group("system:masters"), False, False),
    ],
)
def test_subjects(subject: JsonObject, *, plain: bool, flags: bool) -> None:
    given = grants(RULES, subject)
    assert bool(found(given, PLAIN)) is plain
    assert bool(found(given, FLAGS)) is flags


def test_a_subject_without_a_namespace_is_of_the_binding() -> None:
    own = {"kind": "ServiceAccount", "name": "prometheus-operator"}
    given = grants(role_bindings=[binding(own, namespace="monitoring")])
    assert found(given, PLAIN) == ["prometheus-operator"]


def test_a_workload_without_an_account_has_the_default_one() -> None:
    assert found(grants(RULES, account("default")), workload(account=None)) == ["prometheus-operator"]


def test_permissions_of_several_bindings_add_up() -> None:
    given = grants(
        [RULES[0]],
        account(),
        roles=[role([RULES[1]], name="sts", namespace="a")],
        role_bindings=[binding(account(), role_name="sts", kind="Role", namespace="a")],
    )
    operator = only(given, PLAIN)
    assert operator.holding.namespaces == frozenset({"a"})
    assert operator.reconciles(Instance(kind="Prometheus", namespace="a", name="x"))
    assert not operator.reconciles(Instance(kind="Prometheus", namespace="b", name="x"))


def test_permissions_in_different_namespaces_do_not() -> None:
    parts = [role([one], name=place, namespace=place) for one, place in zip(RULES, "ab", strict=True)]
    bindings = [binding(account(), role_name=place, kind="Role", namespace=place) for place in "ab"]
    assert found(grants([], roles=parts, role_bindings=bindings), FLAGS) == []


def test_a_role_of_another_namespace_is_not_the_bound_one() -> None:
    parts = [role(name="x", namespace="a"), role([], name="x", namespace="b")]
    bound = binding(account(), role_name="x", kind="Role", namespace="b")
    assert found(grants([], roles=parts, role_bindings=[bound]), FLAGS) == []


def test_a_binding_whose_role_is_gone_grants_nothing() -> None:
    assert found(grants([], cluster_role_bindings=[binding(account(), role_name="gone")]), FLAGS) == []


def test_a_stopped_operator_is_found_and_does_not_run() -> None:
    operator = only(grants(RULES, account()), workload(replicas=0))
    assert not operator.is_running
    assert only(grants(RULES, account()), workload(replicas=None)).replicas == 1


@pytest.mark.parametrize(
    ("labels", "is_rendered"),
    [
        ({"app.kubernetes.io/managed-by": "promfleet.monitoring"}, True),
        ({"app.kubernetes.io/managed-by": "Helm"}, False),
        ({}, False),
    ],
)
def test_one_that_another_tool_made_from_our_files_is_known(labels: dict[str, str], *, is_rendered: bool) -> None:
    operator = only(grants(RULES, account()), workload(labels=labels))
    assert operator.is_rendered is is_rendered
    assert not operator.is_ours
    assert not dataclasses.replace(operator, set_label="default.operator").is_rendered


def test_a_stateful_set_can_be_one() -> None:
    assert str(only(grants(RULES, account()), workload(kind="StatefulSet")).key).startswith("StatefulSet ")


def test_an_admission_webhook_that_shares_the_account_is_none() -> None:
    hook = workload(name="webhook", args=["--web.enable-tls=true", "--web.listen-address=:10250"])
    given = grants(RULES, account())
    assert found(given, FLAGS, hook) == ["prometheus-operator"]
    # Where nothing tells which of them is the operator, both may be.
    assert found(given, PLAIN, hook) == ["prometheus-operator", "webhook"]
    # A stopped one tells nothing of the others.
    assert len(found(given, workload(name="old", args=KUBE_PROMETHEUS_ARGS, replicas=0), PLAIN)) == 2


ARGO_CD = workload(name="argocd-application-controller", account="argocd", args=["--operation-processors", "10"])
MONITORING_OPERATOR = workload(
    name="cluster-monitoring-operator",
    args=["-namespace=openshift-monitoring", "-images=prometheus-config-reloader=$(IMAGE)", "-v=2"],
)


@pytest.mark.parametrize("one", [ARGO_CD, MONITORING_OPERATOR])
def test_who_installs_operators_is_none(one: JsonObject) -> None:
    name = one["spec"]["template"]["spec"]["serviceAccountName"]
    assert found(grants(EVERYTHING, account(name)), one) == []


@pytest.mark.parametrize(
    "args",
    [
        ["--prometheus-config-reloader=x"],
        ["-prometheus-config-reloader", "x"],
        ["--config-reloader-cpu-limit=0"],
        ["--config-reloader-image=x"],
        ["--kubelet-service=kube-system/kubelet"],
        ["--prometheus-instance-namespaces=a"],
        ["--alertmanager-instance-selector=a"],
        ["--controller-id=x"],
        ["--thanos-default-base-image=x"],
        ["exec /bin/operator --kubelet-service=kube-system/kubelet"],
    ],
)
def test_flags_that_only_the_operator_has(args: list[str]) -> None:
    assert found(grants(EVERYTHING, account()), workload(args=args)) == ["prometheus-operator"]


@pytest.mark.parametrize(
    "args", [["--namespaces=a"], ["--log-level=info"], ["--kubelet-service-x=1"], ["--no-controller-id=1"], []]
)
def test_flags_that_others_have_too(args: list[str]) -> None:
    assert found(grants(EVERYTHING, account()), workload(args=args)) == []


@pytest.mark.parametrize(
    ("shape", "version"),
    [
        ({"image": "quay.io/prometheus-operator/prometheus-operator:v0.93.1"}, "0.93.1"),
        ({"image": "registry:5000/mirror/prometheus-operator:v0.80.1@sha256:0123"}, "0.80.1"),
        ({"image": "rancher/mirrored-prometheus-operator-prometheus-operator:v0.80.1"}, "0.80.1"),
        ({"image": "prometheus-operator:0.72.0"}, "0.72.0"),
        ({"image": "registry:5000/prometheus-operator"}, None),
        ({"image": "x@sha256:0123"}, None),
        ({"image": "x@sha256:0123", "labels": {"app.kubernetes.io/version": "v0.89.0"}}, "0.89.0"),
        # The image of the container that is the operator counts.
        ({"image": "x:v1", "args": ["--controller-id=a"], "containers": [{"image": "kube-rbac-proxy:v0.19.1"}]}, "1"),
    ],
)
def test_versions(shape: JsonObject, version: str | None) -> None:
    assert version_of(workload(**shape)) == version


def entry(manager: str, **more: t.Any) -> JsonObject:
    return {"manager": manager, "operation": "Update", "fieldsV1": {}, **more}


HELM = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"}
SET_FIELDS: JsonObject = {"f:metadata": {"f:labels": {f"f:{SET_LABEL}": {}}}}


CSV = {"apiVersion": "operators.coreos.com/v1alpha1", "kind": "ClusterServiceVersion", "name": "obo.v1"}


@pytest.mark.parametrize(
    ("shape", "tool", "text"),
    [
        ({"annotations": HELM}, "helm", "the Helm release monitoring/kps"),
        ({"labels": {"heritage": "Helm", "release": "kps"}}, "helm-chart", "a Helm chart kps"),
        (
            {
                "annotations": {"argocd.argoproj.io/tracking-id": "mon:apps/Deployment:monitoring/x"},
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
            },
            "argo-cd",
            "the Argo CD application mon, a Helm chart",
        ),
        ({"labels": {"argocd.argoproj.io/instance": "mon"}}, "argo-cd", "the Argo CD application mon"),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "kps", "helm.toolkit.fluxcd.io/namespace": "flux"}},
            "flux-helm-release",
            "the Flux HelmRelease flux/kps",
        ),
        ({"labels": {"olm.owner": "obo.v1"}}, "olm", "the Operator Lifecycle Manager (OLM) obo.v1"),
        ({"ownerReferences": [CSV]}, "olm", "the Operator Lifecycle Manager (OLM)"),
        ({"namespace": "openshift-monitoring"}, "openshift", "OpenShift"),
        ({"annotations": {"include.release.openshift.io/single-node-developer": "true"}}, "openshift", "OpenShift"),
        ({"namespace": "openshift-operators", "labels": {"olm.owner": "obo.v1"}}, "olm", "the Operator Lifecycle"),
        (
            {"namespace": "cattle-monitoring-system", "annotations": HELM},
            "rancher",
            "Rancher or k3s, the Helm release monitoring/kps",
        ),
        ({"annotations": {"catalog.cattle.io/managed": "true"}}, "rancher", "Rancher"),
        ({"managedFields": [entry("kubectl-create")]}, "other", "the field manager kubectl-create"),
        (
            {"managedFields": [entry("kube-controller-manager", subresource="status"), entry("b"), entry("a")]},
            "other",
            "the field managers a, b",
        ),
        ({}, "other", "an unknown owner"),
        # A label that was copied proves nothing.
        ({"labels": {SET_LABEL: "prod.operator"}}, "other", "an unknown owner"),
        (
            {
                "labels": {SET_LABEL: "prod.operator"},
                "managedFields": [entry("promfleet.monitoring") | {"operation": "Apply", "fieldsV1": SET_FIELDS}],
            },
            "promfleet.monitoring",
            "this collection's set prod.operator",
        ),
    ],
)
def test_owners(shape: JsonObject, tool: str, text: str) -> None:
    owner = owner_of(workload(**shape))
    assert owner.tool == tool
    assert str(owner).startswith(text)
