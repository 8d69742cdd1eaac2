"""Namespaces that exist: pods of others can still start, what controllers put there holds nothing, restores are ours.

The control plane has the admission of Pod Security and of quotas, and garbage collection; its pods run nowhere.
"""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    MADE_BY_ANNOTATION,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.inhabitants import ENFORCE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.direct import Direct, fates, told
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.proxy import Proxy, faulty, no_fault
from tests.integration.support.sets import SET_LABEL, config_map, namespace, service

JsonObject = dict[str, t.Any]
NUMBERS = itertools.count()
VELERO = "velero-server"


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """One of its own: what other tests leave in other namespaces would count here."""
    with started(request, "test-namespaces") as (running,):
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Cluster:
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def direct(plane: ControlPlane, api: Cluster, proxy: Proxy) -> Iterator[Direct]:
    """A set of its own for each test, and nothing left of it."""
    proxy.rule = no_fault
    proxy.requests.clear()
    own = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name=f"namespaces-{next(NUMBERS)}")
    yield own
    own.run(force_conflicts=True, wait_timeout=60)
    for pod in api.list_kind(api.kind("v1", "Pod")):
        end(api, pod["metadata"]["namespace"], pod["metadata"]["name"])
    api.delete("v1", "Namespace", own.name)


def restricted(name: str, **labels: str) -> JsonObject:
    return namespace(name, **{ENFORCE: "restricted", **labels})


def pod(place: str, name: str, *, labels: JsonObject | None = None, **spec: t.Any) -> JsonObject:
    container = {"name": "any", "image": "any", **spec.pop("container", {})}
    metadata = {"name": name, "namespace": place, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def host_pod(place: str, name: str) -> JsonObject:
    """As node-exporter's."""
    return pod(place, name, hostNetwork=True, hostPID=True)


def compliant_pod(place: str, name: str, **more: t.Any) -> JsonObject:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    return pod(place, name, container={"securityContext": security}, securityContext=profile, **more)


def settle(api: Cluster, *objects: JsonObject) -> None:
    """Namespaces and pods of others, which need the account that a controller makes."""
    for obj in objects:
        place = obj["metadata"].get("namespace")
        if place and obj["kind"] == "Pod":
            wait_for_account(api, place)
        api.apply(obj, force=True)


def wait_for_account(api: Cluster, place: str) -> None:
    api.wait_until(lambda: api.find("v1", "ServiceAccount", "default", place) is not None, "pods can be made")


def end(api: Cluster, place: str, name: str) -> None:
    """Takes a pod away, which no kubelet would do."""
    api.send("DELETE", f"/api/v1/namespaces/{place}/pods/{name}", body={"gracePeriodSeconds": 0})


def both(direct: Direct, *desired: JsonObject, **options: t.Any) -> str:
    """The refusal of check mode and of the run, which must be the same."""
    refusals = []
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            direct.run(*desired, check=check, **options)
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]
    return refusals[0]


# -- warnings -------------------------------------------------------------------------------------------------------


def endpoints(place: str, name: str, *, port: int) -> JsonObject:
    """Of a kind that is deprecated since Kubernetes 1.33."""
    ports = [{"name": "web", "port": port, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": place},
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": ports}],
    }


def test_what_the_server_warns_of_is_told_once(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = [namespace(place)]
    wanted += [endpoints(place, f"e{number}", port=80) for number in range(4)]
    done = direct.run(*wanted)
    (line,) = done.warnings
    named = ", ".join(f"Endpoints {place}/e{number}" for number in range(3))
    assert line.startswith(f"the API server warns about {named} and 1 more: v1 Endpoints is deprecated")
    changed = [namespace(place), *(endpoints(place, f"e{number}", port=81) for number in range(4))]
    assert direct.run(*changed, check=True).warnings == direct.run(*changed).warnings != []
    assert direct.run(*changed).warnings == []
    assert api.find("v1", "Endpoints", "e0", place) is not None


# -- Pod Security ---------------------------------------------------------------------------------------------------


def test_a_level_that_would_refuse_pods_of_others_is_refused_first(direct: Direct, api: Cluster) -> None:
    place = direct.name
    settle(api, namespace(place), host_pod(place, "node-exporter-1"), host_pod(place, "node-exporter-2"))
    settle(api, compliant_pod(place, "fine"))
    wanted = [restricted(place), config_map(place, a="1")]
    before = api.snapshot()
    refusal = both(direct, *wanted)
    assert f"namespace {place} exists" in refusal
    assert "restricted:latest" in refusal
    assert "node-exporter-1 (and 1 other pod): " in refusal
    assert "host namespaces" in refusal
    assert "fine" not in refusal
    assert "next start" in refusal
    assert f"list {place} in shared_namespaces" in refusal
    assert api.snapshot() == before
    for name in ("node-exporter-1", "node-exporter-2"):
        end(api, place, name)
    # Pods that the level takes are no reason.
    assert f"updated Namespace {place}" in told(direct.run(*wanted))
    api.wait_until(lambda: _is_refused(api, host_pod(place, "late")), "the level counts")


def _is_refused(api: Cluster, obj: JsonObject) -> bool:
    try:
        api.apply(obj, force=True)
    except ApiError as error:
        return error.status == 403
    end(api, obj["metadata"]["namespace"], obj["metadata"]["name"])
    return False


def test_a_shared_namespace_is_not_judged_and_nothing_is_asked_twice(
    direct: Direct, api: Cluster, proxy: Proxy
) -> None:
    place = direct.name
    settle(api, namespace(place), host_pod(place, "theirs"))
    wanted = [restricted(place), config_map(place, a="1")]
    assert fates(direct.run(*wanted, shared_namespaces=frozenset({place})))["updated"] == 1
    # It has the level now: there is nothing to try any more.
    proxy.requests.clear()
    assert fates(direct.through(proxy).run(*wanted)) == {"unchanged": 3}
    assert proxy.count(lambda request: request.method == "PATCH") == 0


def test_in_a_namespace_of_the_same_run_nothing_is_asked(direct: Direct, proxy: Proxy) -> None:
    place = direct.name
    quota = resource_quota(place, pods="4")
    direct.through(proxy).run(restricted(place), quota, config_map(place, a="1"))
    assert proxy.count(lambda request: "dryRun=All" in request.query) == 0
    assert proxy.count(lambda request: request.path.endswith("/pods")) == 0


@pytest.mark.parametrize("level", ["privileged", "baseline"])
def test_a_level_that_others_set_is_theirs(direct: Direct, api: Cluster, level: str) -> None:
    """Even where no pod runs at the moment: they have a reason."""
    place = direct.name
    api.apply(namespace(place, **{ENFORCE: level}), manager="their-pipeline")
    before = api.snapshot()
    refusal = both(direct, restricted(place), config_map(place, a="1"))
    assert f'namespace {place} has the Pod Security level {level} (owned by "their-pipeline")' in refusal
    assert "force_conflicts" in refusal
    assert "shared_namespaces" in refusal
    assert api.snapshot() == before
    direct.run(restricted(place), force_conflicts=True)
    assert api.get("v1", "Namespace", place)["metadata"]["labels"][ENFORCE] == "restricted"


def test_force_conflicts_harms_no_pods_either(direct: Direct, api: Cluster) -> None:
    place = direct.name
    settle(api, namespace(place, **{ENFORCE: "privileged"}), host_pod(place, "theirs"))
    assert "theirs: " in both(direct, restricted(place), force_conflicts=True)


# -- quotas ---------------------------------------------------------------------------------------------------------


def resource_quota(place: str, *, scope: JsonObject | None = None, **hard: str) -> JsonObject:
    spec: JsonObject = {"hard": {name.replace("_", "."): value for name, value in hard.items()}}
    if scope:
        spec["scopeSelector"] = {"matchExpressions": [scope]}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "ours", "namespace": place},
        "spec": spec,
    }


def test_a_quota_over_pods_of_others_is_refused_first(direct: Direct, api: Cluster) -> None:
    place = direct.name
    settle(api, namespace(place), compliant_pod(place, "theirs"))
    wanted = [namespace(place), resource_quota(place, requests_memory="1Gi")]
    before = api.snapshot()
    refusal = both(direct, *wanted)
    assert f"ResourceQuota {place}/ours would count 1 pods of others in an existing namespace (theirs)" in refusal
    assert "shared_namespaces" in refusal
    assert api.snapshot() == before
    # What a quota says of other things, or of other pods, does not touch them.
    critical = {"operator": "In", "scopeName": "PriorityClass", "values": ["system-cluster-critical"]}
    direct.run(namespace(place), resource_quota(place, scope=critical, pods="10"))
    direct.run(namespace(place))
    direct.run(namespace(place), resource_quota(place, configmaps="10"))
    direct.run(namespace(place))
    direct.run(*wanted, shared_namespaces=frozenset({place}))
    assert fates(direct.run(*wanted)) == {"unchanged": 3}


def test_a_quota_that_counts_them_already_is_adopted(direct: Direct, api: Cluster) -> None:
    """As after `kubectl apply` of what the playbook render wrote."""
    place = direct.name
    quota = resource_quota(place, pods="4")
    settle(api, namespace(place), quota, compliant_pod(place, "theirs"))
    more = resource_quota(place, pods="5")
    assert "would count 1 pods of others" in both(direct, namespace(place), more)
    assert fates(direct.run(namespace(place), quota)) == {"created": 1, "updated": 2}


def test_pods_of_the_set_itself_are_no_reason(direct: Direct, api: Cluster) -> None:
    place = direct.name
    labels = {"app": "ours"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "any", "image": "any"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ours", "namespace": place},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }
    settle(api, namespace(place))
    direct.run(namespace(place), deployment)
    api.wait_until(
        lambda: any(one["metadata"]["namespace"] == place for one in api.list_kind(api.kind("v1", "Pod"))),
        "the pod is there",
    )
    assert "created ResourceQuota" in " ".join(
        told(direct.run(namespace(place), deployment, resource_quota(place, pods="4")))
    )


# -- the modules ----------------------------------------------------------------------------------------------------


def module(plane: ControlPlane, name: str, *, check: bool = False, **options: t.Any) -> Outcome:
    path = plane.kubeconfig
    done = run_module(name, kubeconfig=path, context=plane.context, check=check, wait=False, **options)
    return t.cast(Outcome, done["outcome"])


def test_the_operator_in_a_namespace_with_node_exporter(plane: ControlPlane, api: Cluster, direct: Direct) -> None:
    place = direct.name
    settle(api, namespace(place), host_pod(place, "node-exporter-1"))
    before = api.snapshot()
    own: JsonObject = {"namespace": place, "monitor": False, "alert_rules": False}
    for check in (True, False):
        with pytest.raises(Refused, match=r"node-exporter-1: .*shared_namespaces"):
            module(plane, "prometheus_operator", check=check, **own)
    assert api.snapshot() == before
    shared: JsonObject = {**own, "shared_namespaces": [place]}
    done = told(module(plane, "prometheus_operator", **shared))
    assert f"created Deployment {place}/prometheus-operator" in done
    assert "ResourceQuota" not in " ".join(done)
    assert ENFORCE not in api.get("v1", "Namespace", place)["metadata"]["labels"]
    assert told(module(plane, "prometheus_operator", **shared)) == []
    end(api, place, "node-exporter-1")
    settle(api, host_pod(place, "node-exporter-1"))
    module(plane, "prometheus_operator", state="absent")
    assert api.find("v1", "Pod", "node-exporter-1", place) is not None


def test_a_team_in_a_namespace_with_another_prometheus(plane: ControlPlane, api: Cluster, direct: Direct) -> None:
    """Of the instance only check mode knows here: the operator's kinds are not served."""
    place = direct.name
    marks = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "theirs"}
    settle(api, namespace(place), pod(place, "prometheus-theirs-0", labels=marks))
    before = api.snapshot()
    teams = {
        "cluster": "hub",
        "clusters": ["hub"],
        "platform": {"enabled": False},
        "teams": [{"name": "pay", "namespace": place}],
    }
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            module(plane, "team_monitoring", check=check, **teams)
        assert "prometheus-theirs-0: " in str(caught.value)
        assert f"ResourceQuota {place}/pay would count 1 pods of others" in str(caught.value)
    assert api.snapshot() == before
    done = module(plane, "team_monitoring", check=True, **teams, shared_namespaces=[place])
    assert "ResourceQuota" not in " ".join(told(done))
    policies = [change.after for change in done.changes if change.key.kind == "NetworkPolicy"]
    assert len(policies) == 3
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        assert selector["matchLabels"]["app.kubernetes.io/instance"] == "pay"


def test_a_namespace_with_pods_of_others_is_not_closed(plane: ControlPlane, api: Cluster, direct: Direct) -> None:
    """Without a quota, which is refused for the same reason, only the network policy is valid for pods of others."""
    place = direct.name
    settle(api, namespace(place), compliant_pod(place, "exporter-1", labels={"app": "exporter"}))
    before = api.snapshot()
    teams: JsonObject = {
        "cluster": "hub",
        "clusters": ["hub"],
        "platform": {"enabled": False},
        "teams": [{"name": "pay", "namespace": place, "quota": False}],
        "shared_namespaces": [],
    }
    for check in (True, False):
        with pytest.raises(Refused, match=f"would cut off pods of others.* {place} .exporter-1.") as caught:
            module(plane, "team_monitoring", check=check, **teams)
        assert "shared_namespaces" in str(caught.value)
    assert api.snapshot() == before
    open_team = [{**teams["teams"][0], "network_policy": False}]
    assert "NetworkPolicy" not in " ".join(
        told(module(plane, "team_monitoring", check=True, **{**teams, "teams": open_team}))
    )


# -- what controllers put everywhere --------------------------------------------------------------------------------

RBAC_API = "rbac.authorization.k8s.io/v1"


def account(place: str, name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": place}}


def secret(place: str, name: str, **annotations: str) -> JsonObject:
    metadata = {"name": name, "namespace": place, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def binding(place: str, name: str) -> JsonObject:
    group = f"system:serviceaccounts:{place}"
    return {
        "apiVersion": RBAC_API,
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": place},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    }


def generated(place: str) -> JsonObject:
    labels = {
        "app.kubernetes.io/managed-by": "kyverno",
        "generate.kyverno.io/policy-name": "add-settings",
        "generate.kyverno.io/trigger-kind": "Namespace",
    }
    obj = config_map(place, "generated", a="1")
    obj["metadata"]["labels"] = labels
    return obj


def of_controllers(place: str) -> list[JsonObject]:
    """What a mesh, OpenShift and a policy engine put into a namespace."""
    return [
        config_map(place, "istio-ca-root-cert", cert="x"),
        config_map(place, "openshift-service-ca.crt", cert="x"),
        account(place, "builder"),
        account(place, "deployer"),
        secret(
            place, "builder-dockercfg-abcde", **{"openshift.io/internal-registry-auth-token.service-account": "builder"}
        ),
        binding(place, "system:image-pullers"),
        generated(place),
    ]


def custom(group: str, kind: str, plural: str) -> JsonObject:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def platform_kinds(api: Cluster) -> Iterator[None]:
    """Kinds of OLM and of policy reports, by their names and groups only."""
    kinds = [
        custom("operators.coreos.com", "ClusterServiceVersion", "clusterserviceversions"),
        custom("wgpolicyk8s.io", "PolicyReport", "policyreports"),
    ]
    for crd in kinds:
        # Both groups are protected by their domain's name only where it ends in k8s.io.
        crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
        api.apply(crd)
    names = {crd["spec"]["names"]["kind"] for crd in kinds}
    api.wait_until(lambda: names <= {kind.kind for kind in api.kinds()}, "the kinds are served")
    yield
    for crd in kinds:
        api.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd["metadata"]["name"])


@pytest.mark.usefixtures("platform_kinds")
def test_what_controllers_put_everywhere_keeps_no_namespace(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place), config_map(place, a="1"))
    for obj in of_controllers(place):
        api.apply(obj)
    copied = {"name": "an-operator.v1", "namespace": place, "labels": {"olm.copiedFrom": "operators"}}
    csv = {"apiVersion": "operators.coreos.com/v1", "kind": "ClusterServiceVersion", "metadata": copied}
    report = {"apiVersion": "wgpolicyk8s.io/v1", "kind": "PolicyReport", "metadata": {"name": "r", "namespace": place}}
    api.apply(csv)
    api.apply(report)
    gone = direct.run(wait_timeout=60)
    assert f"deleted Namespace {place}" in told(gone)
    assert gone.warnings == []
    assert api.find("v1", "Namespace", place) is None


@pytest.mark.parametrize(
    "theirs",
    [
        lambda place: config_map(place, "settings-of-theirs", a="1"),
        lambda place: account(place, "robot"),
        lambda place: secret(place, "builder-password"),
        lambda place: secret(place, "kept", **{"openshift.io/internal-registry-auth-token.service-account": "x"}),
        lambda place: binding(place, "people"),
    ],
    ids=["config-map", "account", "secret", "secret-with-the-annotation", "binding"],
)
def test_what_is_somebodys_keeps_its_namespace(
    direct: Direct, api: Cluster, theirs: t.Callable[[str], JsonObject]
) -> None:
    place = direct.name
    direct.run(namespace(place))
    obj = theirs(place)
    api.apply(obj)
    for more in of_controllers(place):
        api.apply(more)
    gone = direct.run(wait_timeout=60)
    assert f"released Namespace {place}" in told(gone)
    (warning,) = gone.warnings
    assert f"({obj['kind']} {obj['metadata']['name']})" in warning
    assert "disposable_objects" in warning
    assert api.find(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], place) is not None


def test_the_same_in_default_is_nobodys_and_another_content_is_somebodys(direct: Direct, api: Cluster) -> None:
    place = direct.name
    api.apply(config_map("default", "corp-ca", cert="x", of="default"))
    api.apply(binding("default", "everyone-views"))
    try:
        direct.run(namespace(place))
        api.apply(config_map(place, "corp-ca", cert="another", of=place))
        api.apply(binding(place, "everyone-views"))
        kept = direct.run(wait_timeout=60)
        assert "(ConfigMap corp-ca)" in " ".join(kept.warnings)
        direct.run(namespace(place))
        api.apply(config_map(place, "corp-ca", cert="x", of=place), force=True)
        assert f"deleted Namespace {place}" in told(direct.run(wait_timeout=60))
    finally:
        api.delete("v1", "ConfigMap", "corp-ca", "default")
        api.delete(RBAC_API, "RoleBinding", "everyone-views", "default")


def test_what_most_namespaces_have_is_nobodys(direct: Direct, api: Cluster) -> None:
    place = direct.name
    others = [f"{place}-{number}" for number in range(5)]
    for name in others:
        api.apply(namespace(name))
        api.apply(account(name, "scanner"))
    try:
        direct.run(namespace(place))
        api.apply(account(place, "scanner"))
        assert f"deleted Namespace {place}" in told(direct.run(wait_timeout=60))
    finally:
        for name in others:
            api.delete("v1", "Namespace", name)


def test_what_the_user_names_goes_with_its_namespace(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place))
    api.apply(secret(place, "pull-secret-1"))
    assert f"released Namespace {place}" in told(direct.run())
    direct.run(namespace(place))
    assert f"deleted Namespace {place}" in told(
        direct.run(wait_timeout=60, disposable_objects=("Secret/pull-secret-*",))
    )


def test_a_namespace_that_was_released_is_ours_again(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place))
    api.apply(config_map(place, "theirs", a="1"))
    assert f"released Namespace {place}" in told(direct.run())
    assert api.get("v1", "Namespace", place)["metadata"]["annotations"] == {MADE_BY_ANNOTATION: direct.label}
    # Another set adopts it, and gives back what it had.
    other = Direct(kubeconfig=direct.kubeconfig, context=direct.context, name=f"{direct.name}-other")
    other.run(namespace(place))
    assert f"released Namespace {place}" in told(other.run())
    assert api.get("v1", "Namespace", place)["metadata"]["annotations"] == {MADE_BY_ANNOTATION: direct.label}
    # The mark is not this collection's any more, so it proves nothing.
    api.delete("v1", "ConfigMap", "theirs", place)
    direct.run(namespace(place))
    assert f"released Namespace {place}" in told(direct.run())


def test_a_namespace_of_ours_is_removed_by_the_next_removal(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place))
    api.apply(config_map(place, "theirs", a="1"))
    direct.run()
    wanted = [namespace(place), config_map(place, a="1")]
    direct.run(*wanted)
    assert not api.get("v1", "Namespace", place)["metadata"].get("annotations")
    assert fates(direct.run(*wanted)) == {"unchanged": 3}
    api.delete("v1", "ConfigMap", "theirs", place)
    assert f"deleted Namespace {place}" in told(direct.run(wait_timeout=60))


# -- restores -------------------------------------------------------------------------------------------------------


def put_back(api: Cluster, backup: t.Iterable[JsonObject]) -> None:
    """As Velero before 1.11: each object from the backup, in Velero's name, without its managedFields and its owners.

    Namespaces still come back so, and without Velero's labels (pkg/restore/restore.go, getNamespace).
    """
    for obj in backup:
        given = obj["metadata"]
        metadata = {name: given[name] for name in ("name", "namespace", "labels", "annotations") if name in given}
        if obj["kind"] != "Namespace":
            restore = {"velero.io/backup-name": "nightly", "velero.io/restore-name": "nightly-1"}
            metadata["labels"] = {**metadata.get("labels", {}), **restore}
        body = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
        path = api.kind(obj["apiVersion"], obj["kind"]).path(given.get("namespace", ""))
        api.request("POST", path, query={"fieldManager": VELERO}, body={**body, "metadata": metadata})


def restore(api: Cluster, direct: Direct, wanted: t.Sequence[JsonObject]) -> None:
    """Backs up, deletes and puts back the set, its record too."""
    record = config_map("kube-system", direct.record)
    backup = [
        api.get(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        for obj in [*wanted, record]
    ]
    direct.run(wait_timeout=60)
    assert api.find("v1", "Namespace", direct.name) is None
    put_back(api, backup)


def fleet(place: str) -> list[JsonObject]:
    return [namespace(place, team="pay"), config_map(place, a="1"), service(place)]


def test_what_was_restored_is_claimed(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = fleet(place)
    direct.run(*wanted)
    restore(api, direct, wanted)
    api.edit("v1", "Namespace", place, {"metadata": {"labels": {"owner": "somebody"}}})
    address = api.get("v1", "Service", "web", place)["spec"]["clusterIP"]
    claim: JsonObject = {"claim_managers": frozenset({VELERO})}
    checked, done = direct.run(*wanted, check=True, **claim), direct.run(*wanted, **claim)
    assert told(checked) == told(done)
    assert done.warnings == []
    assert fates(direct.run(*wanted)) == {"unchanged": 4}
    assert api.get("v1", "Service", "web", place)["spec"]["clusterIP"] == address
    live = api.get("v1", "Namespace", place)["metadata"]
    assert live["labels"]["owner"] == "somebody"
    assert ADOPTED_ANNOTATION not in live.get("annotations", {})
    # A field that is no longer desired goes, as if we had set it.
    direct.run(namespace(place), *wanted[1:])
    assert "team" not in api.get("v1", "Namespace", place)["metadata"]["labels"]
    gone = direct.run(wait_timeout=60)
    assert fates(gone) == {"deleted": 4}
    assert api.find("v1", "Namespace", place) is None


def test_without_the_option_it_is_adopted_and_claimed_later(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = fleet(place)
    direct.run(*wanted)
    restore(api, direct, wanted)
    done = direct.run(*wanted)
    assert f"{VELERO} put back 4 objects of this set" in " ".join(done.warnings)
    assert f"list {VELERO} in claim_managers" in " ".join(done.warnings)
    assert fates(direct.run(*wanted)) == {"unchanged": 4}
    assert api.get("v1", "Namespace", place)["metadata"]["annotations"][ADOPTED_ANNOTATION] == "restored"
    claim: JsonObject = {"claim_managers": frozenset({VELERO})}
    assert fates(direct.run(*wanted, **claim)) == {"updated": 4}
    assert fates(direct.run(*wanted, **claim)) == {"unchanged": 4}
    assert fates(direct.run(wait_timeout=60)) == {"deleted": 4}


def test_what_was_restored_is_removed_at_once_with_the_option_and_stays_without(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = fleet(place)
    direct.run(*wanted)
    restore(api, direct, wanted)
    stays = direct.run(wait_timeout=60)
    assert fates(stays) == {}
    assert f"list {VELERO} in claim_managers" in " ".join(stays.warnings)
    assert fates(direct.run(wait_timeout=60, claim_managers=frozenset({"another"}))) == {}
    gone = direct.run(wait_timeout=60, claim_managers=frozenset({VELERO}))
    assert fates(gone) == {"deleted": 4}
    assert api.find("v1", "Namespace", place) is None


def test_what_was_adopted_before_the_backup_is_released_after_it(direct: Direct, api: Cluster) -> None:
    place = direct.name
    api.apply(namespace(place, theirs="yes"))
    wanted = [namespace(place, ours="yes"), config_map(place, a="1")]
    direct.run(*wanted)
    backup = [api.get("v1", "Namespace", place)]
    api.delete("v1", "Namespace", place)
    api.wait_until(lambda: api.find("v1", "Namespace", place) is None, "the namespace is gone")
    put_back(api, backup)
    claim: JsonObject = {"claim_managers": frozenset({VELERO})}
    direct.run(*wanted, **claim)
    assert api.get("v1", "Namespace", place)["metadata"]["annotations"][ADOPTED_ANNOTATION] == "true"
    assert f"released Namespace {place}" in told(direct.run(**claim))
    live = api.get("v1", "Namespace", place)["metadata"]
    assert SET_LABEL not in live["labels"]
    assert live["labels"]["theirs"] == "yes"


def test_a_label_by_hand_is_claimed_from_nobody(direct: Direct, api: Cluster) -> None:
    place = direct.name
    direct.run(namespace(place))
    theirs = config_map(place, "theirs", a="1")
    theirs["metadata"]["labels"] = {SET_LABEL: direct.label}
    api.apply(theirs)
    done = direct.run(namespace(place), kinds=(("v1", "ConfigMap"),), claim_managers=frozenset({VELERO}))
    assert f"ConfigMap {place}/theirs carries the label of this set" in " ".join(done.warnings)
    assert api.find("v1", "ConfigMap", "theirs", place) is not None


def test_a_claim_that_was_interrupted_is_finished(direct: Direct, api: Cluster) -> None:
    place = direct.name
    wanted = fleet(place)
    direct.run(*wanted)
    restore(api, direct, wanted)
    claim: dict[str, t.Any] = {"claim_managers": frozenset({VELERO})}

    cluster = direct.connect()
    apply = cluster.apply

    def refusing(obj: JsonObject, **arguments: t.Any) -> t.Any:
        if obj["kind"] == "Service":
            raise KeyboardInterrupt
        return apply(obj, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "apply", refusing)
        with pytest.raises((KeyboardInterrupt, Incomplete)):
            direct.run(*wanted, cluster=cluster, **claim)
    direct.run(*wanted, **claim)
    assert fates(direct.run(wait_timeout=60)) == {"deleted": 4}


# -- all together ---------------------------------------------------------------------------------------------------


def test_what_we_make_ourselves_is_warned_of_by_no_server(plane: ControlPlane) -> None:
    """Last, because it installs the operator's CRDs."""
    teams = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "pay", "namespaces": ["pay"]}]}
    runs: list[tuple[str, JsonObject]] = [("crds", {}), ("prometheus_operator", {}), ("team_monitoring", teams)]
    warnings = [line for name, options in runs for line in module(plane, name, **options).warnings]
    assert warnings == []
    for name, options in reversed(runs[1:]):
        module(plane, name, **options, state="absent")
