"""Which pods a quota counts, whose they are, and what the server's warnings say of a Pod Security level."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    RESTRICTED_NAMESPACE,
    in_shared,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.inhabitants import (
    is_counted,
    is_pod_of,
    violations,
)

JsonObject = dict[str, t.Any]
HEAD = 'existing pods in namespace "m" violate the new PodSecurity enforce level "restricted:latest"'


@pytest.mark.parametrize(
    ("warnings", "found"),
    [
        ([], None),
        (["v1 X is deprecated"], None),
        ([HEAD, "a: hostNetwork"], ("restricted:latest", ["a: hostNetwork"])),
        (
            ["other", HEAD, "a-1 (and 2 other pods): privileged", "b: x", "a policy warns"],
            ("restricted:latest", ["a-1 (and 2 other pods): privileged", "b: x"]),
        ),
        # The server cuts its headers at 4 kB: then the head alone must do.
        ([HEAD], ("restricted:latest", [HEAD])),
        (["new PodSecurity enforce level only checked against the first 3000 of 4000 existing pods"], None),
    ],
)
def test_what_a_level_would_refuse(warnings: list[str], found: tuple[str, list[str]] | None) -> None:
    assert violations(warnings) == found


def pod(*, phase: str = "Running", priority: str | None = None, **labels: str) -> JsonObject:
    spec = {"priorityClassName": priority} if priority else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "m",
            "labels": {name.replace("_", "."): v for name, v in labels.items()},
        },
        "spec": spec,
        "status": {"phase": phase},
    }


def scoped(operator: str, *values: str, scope: str = "PriorityClass") -> JsonObject:
    return {"scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": operator, "values": list(values)}]}}


@pytest.mark.parametrize(
    ("what", "quota", "counted"),
    [
        (pod(), {}, True),
        (pod(phase="Succeeded"), {}, False),
        (pod(phase="Failed"), {}, False),
        (pod(), scoped("In", "critical"), False),
        (pod(priority="critical"), scoped("In", "critical"), True),
        (pod(priority="critical"), scoped("NotIn", "critical"), False),
        (pod(), scoped("Exists"), False),
        (pod(), scoped("DoesNotExist"), True),
        # Of other scopes nothing is known here, so they leave out no pod.
        (pod(), scoped("Exists", scope="BestEffort"), True),
    ],
)
def test_what_a_quota_counts(what: JsonObject, quota: JsonObject, counted: bool) -> None:
    assert is_counted(what, quota) is counted


def test_whose_a_pod_is() -> None:
    kinds.register()
    metadata = {"name": "pay", "namespace": "m"}
    prometheus = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": metadata}
    marks = {
        "app.kubernetes.io/name": "prometheus",
        "app.kubernetes.io/instance": "pay",
        "app.kubernetes.io/managed-by": "prometheus-operator",
    }
    ours = pod()
    ours["metadata"]["labels"] = marks
    assert is_pod_of(ours, prometheus)
    # A chart's Prometheus whose release has the team's name.
    ours["metadata"]["labels"] = {**marks, "app.kubernetes.io/managed-by": "Helm"}
    assert not is_pod_of(ours, prometheus)
    web = {"kind": "Deployment", "metadata": metadata, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
    assert is_pod_of(pod(app="web"), web)
    assert not is_pod_of(pod(), web)
    assert not is_pod_of(pod(), {"kind": "Deployment", "metadata": metadata, "spec": {}})


def test_a_shared_namespace_gets_nothing_that_is_valid_for_others() -> None:
    space = {"kind": "Namespace", "metadata": {"name": "m", "labels": {"team": "pay", **RESTRICTED_NAMESPACE}}}
    quota = {"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "m"}}
    other = {"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "n"}}
    assert in_shared([space, quota, other], {"m"}) == [
        {"kind": "Namespace", "metadata": {"name": "m", "labels": {"team": "pay"}}},
        other,
    ]
    assert in_shared([space, quota, other], set()) == [space, quota, other]
