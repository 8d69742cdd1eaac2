"""What is said and done when instances change their operator."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import OPERATOR_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.handover import Move, handed_over
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, Holding
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import Owner
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    EVERYTHING,
    other_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import marks_for
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step, joined

from tests.unit.operators.shapes import workload

JsonObject = dict[str, t.Any]

KEY = Key("apps", "Deployment", "monitoring", "prometheus-operator")
RELOADER = "--prometheus-config-reloader=quay.io/reloader:v1"


def live(name: str, *, controller_id: str = "", reconciled: str = "True") -> JsonObject:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {
            "name": name,
            "namespace": f"monitoring-{name}",
            "uid": name,
            **marks_for(controller_id),
        },
        "status": {"conditions": [{"type": "Reconciled", "status": reconciled, "message": "no such Secret"}]},
    }


def operator(*, replicas: int = 1) -> FoundOperator:
    return FoundOperator(
        workload=workload(replicas=replicas),
        scope=EVERYTHING,
        holding=Holding(namespaces=None, named=True),
        evidence="rights",
        owner=Owner(tool="other", text="somebody"),
    )


def step(*moves: Move, staying: t.Collection[Key] = (), mark: bool = True, replicas: int = 1) -> Step:
    return handed_over(moves, [operator(replicas=replicas)], place="kube-system", staying=staying, mark=mark)


# -- what is done -------------------------------------------------------------------------------------------------


def test_where_nothing_moves_nothing_is_done() -> None:
    assert step() is NOTHING_BESIDE


def test_the_old_operator_stops_before_the_marks_change() -> None:
    found = step(Move(live=live("pay"), wanted="a"))
    assert [(change.key.kind, change.after) for change in found.first] == [
        ("Deployment", {"spec": {"replicas": 0}}),
        ("Prometheus", {"metadata": {"labels": {OPERATOR_LABEL: "a"}, "annotations": {CONTROLLER_ID: "a"}}}),
    ]
    assert found.last == (), "it goes"


def test_an_operator_that_stays_is_started_again() -> None:
    found = step(Move(live=live("pay"), wanted="a"), staying={KEY})
    assert [(change.key, change.after) for change in found.last] == [(KEY, {"spec": {"replicas": 1}})]


def test_one_that_is_stopped_already_stays_so() -> None:
    found = step(Move(live=live("pay"), wanted="a"), staying={KEY}, replicas=0)
    assert [change.key.kind for change in found.first] == ["Prometheus"]
    assert found.last == ()
    assert "pause" not in found.warnings[0]


def test_where_the_run_writes_the_instances_the_step_does_not() -> None:
    found = step(Move(live=live("pay"), wanted="a"), staying={KEY}, mark=False)
    assert [change.key.kind for change in found.first] == ["Deployment"]
    assert {right.verb for right in found.needs if right.group == "monitoring.coreos.com"} == set()


@pytest.mark.parametrize(
    ("metadata", "wanted", "needed"),
    [
        ({}, "", False),
        ({}, "a", True),
        (marks_for("a"), "a", False),
        (marks_for("a"), "b", True),
        (marks_for("a"), "", True),
        # As earlier releases of the collection left them.
        ({"annotations": {CONTROLLER_ID: "a"}}, "a", True),
        ({"labels": {OPERATOR_LABEL: "a"}}, "a", True),
        ({"labels": {OPERATOR_LABEL: "b"}, "annotations": {CONTROLLER_ID: "a"}}, "a", True),
        ({"labels": {OPERATOR_LABEL: "a"}}, "", True),
        # For an operator an empty annotation is none.
        ({"labels": None, "annotations": {CONTROLLER_ID: ""}}, "", False),
    ],
)
def test_an_instance_moves_where_one_of_its_marks_differs(metadata: JsonObject, wanted: str, needed: bool) -> None:
    assert Move(live={"kind": "Prometheus", "metadata": metadata}, wanted=wanted).is_needed is needed


# -- what is said -------------------------------------------------------------------------------------------------


def test_each_instance_is_named_with_its_new_operator() -> None:
    moves = [Move(live=live("pay"), wanted="a"), Move(live=live("shop", controller_id="a"), wanted="")]
    (text,) = step(*moves).warnings
    assert text.startswith(
        "2 instances change their operator: Prometheus monitoring-shop/shop to the one without an id"
    )
    assert "Prometheus monitoring-pay/pay to the one with the id a" in text
    assert "Deployment monitoring/prometheus-operator pause for that" in text


def test_an_instance_that_is_not_reconciled_is_named_with_the_reason() -> None:
    _moving, failing = step(Move(live=live("pay", reconciled="False"), wanted="a")).warnings
    assert failing.startswith("not reconciled before the move: Prometheus monitoring-pay/pay (no such Secret)")


# -- pods -----------------------------------------------------------------------------------------------------------


def template(*args: str, image: str = "quay.io/operator:v1") -> JsonObject:
    found: JsonObject = workload(args=[RELOADER, *args], image=image)["spec"]["template"]
    return found


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--controller-id=a",),
        ("--log-level=debug", "--log-format=json"),
        ("--kubelet-service=kube-system/kubelet", "--kubelet-endpoints=false"),
        ("--namespaces=a,b", "--prometheus-instance-selector=a=b", "--web.enable-tls=true"),
    ],
)
def test_flags_that_no_pod_depends_on(args: tuple[str, ...]) -> None:
    assert other_pods(template(), template(*args)) == []


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (template(), template(image="quay.io/operator:v2"), "the image (quay.io/operator:v1 and quay.io/operator:v2)"),
        (template(), template("--labels=a=b"), "--labels (not given and a=b)"),
        (template("--localhost=a"), template(), "--localhost (a and not given)"),
        (template("--no-such-flag=1"), template(), "--no-such-flag (1 and not given)"),
    ],
)
def test_what_makes_other_pods(old: JsonObject, new: JsonObject, text: str) -> None:
    assert other_pods(old, new) == [text]


# -- several steps --------------------------------------------------------------------------------------------------


def test_steps_are_done_in_their_order_and_undone_the_other_way_round() -> None:
    done: list[str] = []

    def one(name: str) -> Step:
        def undo(_cluster: t.Any, _options: t.Any) -> str:
            return f" un{name}"

        return Step(
            before=lambda _cluster, _options: done.append(name),
            undo=undo,
            after=lambda _cluster, _options: done.append(f"after {name}"),
            warnings=(name,),
        )

    both = joined(one("a"), NOTHING_BESIDE, one("b"))
    cluster: t.Any = None
    both.before(cluster, cluster)
    both.after(cluster, cluster)
    assert (done, both.warnings) == (["a", "b", "after a", "after b"], ("a", "b"))
    assert both.undo(cluster, cluster) == " unb una"
    assert joined() is NOTHING_BESIDE
