"""A capability that is only registered: applied, pruned, predicted, refused and removed on a real API server."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.toy import TOY

JsonObject = dict[str, t.Any]
PLACE = "toys"


@pytest.fixture
def toy(plane: ControlPlane, api: Cluster) -> Iterator[t.Callable[..., Answer]]:
    """Runs the toy's module; afterwards nothing of it is there."""
    definition = definition_of(TOY)

    def run(*, check: bool = False, **options: t.Any) -> Answer:
        given = {"kubeconfig": str(plane.kubeconfig), "context": plane.context, "namespace": PLACE, **options}
        checked = ArgumentSpecValidator(definition.options, **definition.rules).validate(given)
        assert not checked.error_messages, checked.error_messages
        return execute(definition, checked.validated_parameters, check=check, diff=False)

    yield run
    run(state="absent")
    api.wait_until(lambda: api.find("v1", "Namespace", PLACE) is None, "the namespace is gone")


def fates(answer: Answer) -> JsonObject:
    assert not answer.result.get("failed"), answer.result
    return {fate: count for fate, count in answer.result["counts"].items() if count}


def test_a_registered_capability_is_applied_pruned_and_removed(toy: t.Callable[..., Answer], api: Cluster) -> None:
    # With the record of the set.
    assert fates(toy(names=["bear", "car"], check=True)) == {"created": 5}
    assert api.find("v1", "Namespace", PLACE) is None
    assert fates(toy(names=["bear", "car"])) == {"created": 5}
    assert fates(toy(names=["car", "bear"])) == {"unchanged": 5}
    assert fates(toy(names=["car"])) == {"deleted": 1, "unchanged": 4}
    assert api.find("v1", "ConfigMap", "bear", PLACE) is None
    assert api.find("v1", "ConfigMap", "car", PLACE) is not None
    assert fates(toy(state="absent")) == {"deleted": 4}
    assert api.find("v1", "ConfigMap", "promfleet-set-default.toy", "kube-system") is None


def test_its_wrong_input_is_refused_before_the_first_write(toy: t.Callable[..., Answer], api: Cluster) -> None:
    answer = toy(names=["bear", "Not A Name"])
    assert answer.result["failed"] is True
    assert answer.result["msg"].startswith("names[1]: 'Not A Name' must consist of")
    assert api.find("v1", "Namespace", PLACE) is None
