"""Common objects are known by strong evidence only: what is wrongly taken for one is deleted."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.everywhere import (
    is_disposable,
    is_everywhere,
    is_known,
    is_openshift,
    pattern_problem,
)

JsonObject = dict[str, t.Any]
SPACE = "monitoring-pay"
MADE = "2026-01-01T00:00:00Z"
KYVERNO = {
    "app.kubernetes.io/managed-by": "kyverno",
    "generate.kyverno.io/policy-name": "p",
    "generate.kyverno.io/trigger-kind": "Namespace",
}


def meta(kind: str, name: str, *, api: str = "v1", **metadata: t.Any) -> JsonObject:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": SPACE, **metadata}}


def owned(kind: str, name: str) -> list[JsonObject]:
    return [{"apiVersion": "v1", "kind": kind, "name": name, "uid": "x"}]


@pytest.mark.parametrize(
    ("obj", "known"),
    [
        (meta("ConfigMap", "istio-ca-root-cert"), True),
        # The name alone is not enough: another kind, or another group's kind of this name, is somebody's.
        (meta("Secret", "istio-ca-root-cert"), False),
        (meta("ConfigMap", "istio-ca-root-cert", api="example.com/v1"), False),
        (meta("ServiceAccount", "builders"), False),
        (meta("RoleBinding", "system:image-pullers", api="rbac.authorization.k8s.io/v1"), True),
        (meta("RoleBinding", "system:image-pushers", api="rbac.authorization.k8s.io/v1"), False),
        (meta("Secret", "default-token-x", annotations={"kubernetes.io/service-account.uid": "1"}), True),
        (
            meta(
                "Secret",
                "builder-dockercfg-abcde",
                annotations={"openshift.io/internal-registry-auth-token.service-account": "builder"},
            ),
            True,
        ),
        (meta("Secret", "builder-dockercfg-abcde"), False),
        (meta("ClusterServiceVersion", "o", api="operators.coreos.com/v1alpha1"), False),
        (
            meta("ClusterServiceVersion", "o", api="operators.coreos.com/v1alpha1", labels={"olm.copiedFrom": "ops"}),
            True,
        ),
        (
            meta("ClusterServiceVersion", "o", api="operators.coreos.com/v1alpha1", labels={"olm.copiedFrom": SPACE}),
            False,
        ),
        (meta("PolicyReport", "r", api="wgpolicyk8s.io/v1alpha2"), True),
        (meta("Policy", "r", api="kyverno.io/v1"), False),
        (meta("PolicyReport", "r", api="example.com/v1"), False),
        (meta("NetworkPolicy", "n", api="networking.k8s.io/v1", labels=KYVERNO), True),
        (meta("NetworkPolicy", "n", labels={**KYVERNO, "generate.kyverno.io/trigger-kind": "Deployment"}), False),
        (meta("NetworkPolicy", "n", labels={**KYVERNO, "app.kubernetes.io/managed-by": "Helm"}), False),
        (meta("PersistentVolumeClaim", "data", labels=KYVERNO), False),
        (meta("ConfigMap", "ca", labels={"trust.cert-manager.io/bundle": "ca"}), True),
        (meta("Widget", "w", api="example.com/v1", ownerReferences=owned("Namespace", SPACE)), True),
        (meta("Widget", "w", api="example.com/v1", ownerReferences=owned("Namespace", "another")), False),
        (meta("PersistentVolumeClaim", "data", ownerReferences=owned("Namespace", SPACE)), False),
        (meta("Event", "e", api="events.k8s.io/v1"), True),
        (meta("Event", "e", api="example.com/v1"), False),
    ],
)
def test_the_table(obj: JsonObject, known: bool) -> None:
    assert is_known(obj, on_openshift=False) is known
    assert is_known(obj, on_openshift=True) is known


def test_accounts_of_openshift_are_known_where_it_is() -> None:
    account = meta("ServiceAccount", "deployer")
    assert not is_openshift([account, meta("ConfigMap", "istio-ca-root-cert")])
    assert not is_known(account, on_openshift=False)
    assert is_openshift([account, meta("ConfigMap", "openshift-service-ca.crt")])
    assert is_known(account, on_openshift=True)


def config(space: str, *, data: str = "x", manager: str = "controller", made: str = MADE) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "ca",
            "namespace": space,
            "uid": space,
            "resourceVersion": space,
            "creationTimestamp": made,
            "annotations": {"of": space},
            "managedFields": [{"manager": manager, "operation": "Update"}],
        },
        "data": {"ca": data, "where": f"https://{space}.example.com"},
    }


def judged(mine: JsonObject, *copies: JsonObject, others: t.Collection[str], made: str | None = MADE) -> bool:
    return is_everywhere(mine, [mine, *copies], others=others, namespace_made=made)


def test_half_of_the_others_with_the_same_content() -> None:
    others = ["a", "b", "c", "d", "kube-system"]
    assert judged(config(SPACE), config("a"), config("b"), others=others)
    assert not judged(config(SPACE), config("a"), others=others)
    # What differs counts as not there.
    assert not judged(config(SPACE), config("a"), config("b", data="y"), others=others)
    # Of three one cannot speak of every namespace; nor do those of the system make a fourth.
    few = ["a", "b", "c", "kube-system", "kube-public"]
    assert not judged(config(SPACE), *map(config, few), others=few)
    # Namespaces of ours say nothing.
    assert not judged(config(SPACE), config("ours-1"), config("ours-2"), others=["a", "b", "c", "d"])


def test_default_has_the_same_of_the_same_writer() -> None:
    others = ["default", "a", "b"]
    assert judged(config(SPACE), config("default"), others=others)
    assert not judged(config(SPACE), config("default", data="y"), others=others)
    assert not judged(config(SPACE, manager="kubectl-create"), config("default"), others=others)
    # Made long after its namespace, it was made by hand.
    late = config(SPACE, made="2026-01-01T00:05:00Z")
    assert not judged(late, config("default"), others=others)
    assert not judged(config(SPACE), config("default"), others=others, made=None)


def test_an_account_in_default_tells_nothing() -> None:
    def account(space: str) -> JsonObject:
        obj = config(space)
        del obj["data"]
        return {**obj, "kind": "ServiceAccount", "secrets": [{"name": f"token-{space}"}]}

    assert not judged(account(SPACE), account("default"), others=["default", "a", "b"])
    others = ["default", "a", "b", "c"]
    assert judged(account(SPACE), *map(account, others), others=others)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("ConfigMap/corp-ca", None),
        ("Secret/registry-*", None),
        ("Secret", "must be KIND/NAME"),
        ("Secret/", "must be KIND/NAME"),
        ("*/x", "must be KIND/NAME"),
        ("Secret/a/b", "must be KIND/NAME"),
        ("Secret/*", "would be every Secret"),
        ("PersistentVolumeClaim/data", "keeps its namespace"),
        ("Deployment/web", "keeps its namespace"),
    ],
)
def test_patterns(pattern: str, problem: str | None) -> None:
    found = pattern_problem(pattern)
    assert (found is None) if problem is None else (problem in str(found))


def test_a_pattern_names_a_kind_and_names() -> None:
    assert is_disposable(meta("Secret", "registry-1"), ["Secret/registry-*"])
    assert not is_disposable(meta("ConfigMap", "registry-1"), ["Secret/registry-*"])
    assert not is_disposable(meta("Secret", "my-registry-1"), ["Secret/registry-*"])
