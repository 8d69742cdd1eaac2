"""Which operators meet ours, and what users are advised to do about it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import (
    fleet_of,
    platform_instances,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import (
    FoundOperator,
    Grants,
    find_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import Quarrel, quarrels, refusal
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    EVERYTHING,
    Instance,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId

from tests.unit.operators.shapes import KUBE_PROMETHEUS_ARGS, account, binding, role, workload

OURS = Instance(kind="Prometheus", namespace="monitoring-pay", name="pay", set_label="default.teams")
THEIRS = Instance(kind="Prometheus", namespace="monitoring", name="k8s")


def operator(*args: str, **shape: t.Any) -> FoundOperator:
    grants = Grants(cluster_roles=[role()], roles=[], cluster_role_bindings=[binding(account())], role_bindings=[])
    one = workload(args=[*KUBE_PROMETHEUS_ARGS, *args], **shape)
    one["metadata"]["namespace"] = "monitoring"
    (found,) = find_in(grants, [one])
    return found


def met(
    *others: FoundOperator, ours: t.Sequence[Instance] = (OURS,), theirs: t.Sequence[Instance] = (THEIRS,)
) -> list[Quarrel]:
    return quarrels(others, ours=ours, theirs=theirs, reconciles=EVERYTHING.reconciles)


@pytest.mark.parametrize(
    ("args", "theirs", "takes", "loses"),
    [
        ([], [THEIRS], True, True),
        ([], [], True, False),
        (["--namespaces=monitoring"], [THEIRS], False, True),
        (["--namespaces=monitoring"], [], False, False),
        (["--namespaces=other"], [THEIRS], False, False),
        (["--deny-namespaces=monitoring-pay"], [THEIRS], False, True),
        (["--controller-id=x"], [THEIRS], False, False),
    ],
)
def test_who_meets(args: list[str], theirs: list[Instance], *, takes: bool, loses: bool) -> None:
    found = met(operator(*args), theirs=theirs)
    assert [(bool(one.takes), bool(one.loses)) for one in found] == ([(takes, loses)] if takes or loses else [])


def test_instances_with_an_id_are_left_to_their_operator() -> None:
    own = Instance(kind="Prometheus", namespace="monitoring", name="k8s", annotations={CONTROLLER_ID: "x"})
    assert met(operator("--controller-id=x"), theirs=[own]) == []


def test_a_stopped_operator_meets_none() -> None:
    assert met(operator(replicas=0)) == []


COMMAND = "kubectl -n monitoring scale deployment prometheus-operator --replicas=0"
DENY = "set its flag --deny-namespaces=monitoring-pay"
ID = "give it a --controller-id of its own"
ARGO = {"argocd.argoproj.io/tracking-id": "mon:apps/Deployment:monitoring/x"}
HELM = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"}


@pytest.mark.parametrize(
    ("found", "theirs", "said", "unsaid"),
    [
        (operator(), [], [COMMAND, DENY, "docs/moving.md"], [ID]),
        (operator(), [THEIRS], [COMMAND, ID], [DENY]),
        (operator(annotations=HELM), [], [COMMAND, "values of its chart"], []),
        # What is put back by another tool must be changed there.
        (operator(annotations=ARGO), [], ["stop it where it is managed (the Argo CD application mon)"], [COMMAND]),
        (
            operator(labels={"olm.owner": "x.v1"}),
            [],
            ["stop it where it is managed (the Operator Lifecycle Manager (OLM) x.v1"],
            [COMMAND],
        ),
        (
            operator(annotations={"include.release.openshift.io/x": "true"}),
            [THEIRS],
            ["can neither be stopped nor restricted", "not supported"],
            [COMMAND, ID, DENY, "docs/moving.md"],
        ),
        (
            operator("--namespaces=monitoring-pay,x"),
            [],
            ["take monitoring-pay out of the namespaces that its flags name"],
            [DENY],
        ),
        (operator("--deny-namespaces=a"), [], ["--deny-namespaces=a,monitoring-pay"], []),
    ],
)
def test_ways(found: FoundOperator, theirs: list[Instance], said: list[str], unsaid: list[str]) -> None:
    message = refusal(met(found, theirs=theirs))
    for text in said:
        assert text in message
    for text in (*unsaid, "force_conflicts", "adopt_managers"):
        assert text not in message
    assert message.endswith("Nothing was written")


def test_several_are_named_in_one_message() -> None:
    other = operator()
    assert refusal(met(other, other)).startswith("2 other Prometheus Operators and this collection's")


def test_the_fleet_of_a_set() -> None:
    for fleet in ("default", "a.b", "a-b"):
        for part in ("", "x"):
            assert fleet_of(SetId(fleet=fleet, capability="operator", part=part).label) == fleet
    assert fleet_of(None) is None


def test_what_the_platform_will_have() -> None:
    found = platform_instances(fleet="prod", team="platform", namespace="monitoring-platform")
    assert [str(one) for one in found] == [
        "Prometheus monitoring-platform/platform",
        "Alertmanager monitoring-platform/platform",
    ]
    assert {one.labels[SET_LABEL] for one in found} == {"prod.teams"}
    # A selector that others use for their own instances does not match them.
    assert (
        met(
            operator("--prometheus-instance-selector=release=kps", "--alertmanager-instance-selector=x"),
            ours=found,
            theirs=[],
        )
        == []
    )
