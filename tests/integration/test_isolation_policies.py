"""Without an operator and any webhook policies deny every attack that names one, and accept what teams need.

The account that attacks is an administrator here, so that no other guard of the API server stands beside the policies.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect_as
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import INSTANCE_OF_LABEL, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.attempt import Sender
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.controls import CONTROLS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import ATTACKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    OWNER,
    PEOPLE,
    POLICY,
    Attack,
    Control,
    Put,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import known_places, make_stage

from promlab.controlplane import ControlPlane
from tests.integration.support.account import CHECKOUT, make_account
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.inprocess import run_module

SHIPPED = CHECKOUT / "roles/policy/files/policies.yml"
STAGE = make_stage(name="denied", prefix="monitoring-", operator_namespace="prometheus-operator")
DENIED = [attack for attack in ATTACKS if any(guard.startswith(f"{POLICY}:") for guard in attack.guards)]
ACCEPTED = [control for control in CONTROLS if isinstance(control.action, Put)]
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def namespaces() -> Iterator[tuple[str, dict[str, str]]]:
    for actor in STAGE.actors:
        yield actor.own, {TEAM_LABEL: actor.team}
        yield actor.instance, {TEAM_LABEL: actor.team, INSTANCE_OF_LABEL: "true"}


@pytest.fixture(scope="module")
def sender(plane: ControlPlane, api: Cluster) -> Iterator[Sender]:
    """Sends with a team's credentials, where every shipped policy denies."""
    for name, labels in namespaces():
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, force=True)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    own = api.request("POST", REVIEW, body=body)["status"]["userInfo"]["username"]
    where: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context}
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    policies: JsonObject = {
        "shipped": shipped,
        "enforcement": "deny",
        "platform_accounts": [{"user": own}],
        "cluster": "hub",
    }
    run_module("policy", **where, **policies, fleet="denied")
    token = make_account(api, "denied", roles=["cluster-admin"])
    cluster = connect_as({"kubeconfig": str(plane.kubeconfig), "context": plane.context}, token=token)
    places = {**known_places(STAGE), "victim_ip": "192.0.2.1", "node_ip": "192.0.2.2"}
    found = Sender(
        clusters={PEOPLE: cluster, OWNER: cluster},
        acting=lambda _credential, _user, _groups: cluster,
        places=places,
        own=STAGE.attacker.own,
    )
    yield found
    run_module("policy", **where, **policies, fleet="denied", state="absent")
    api.delete_namespaces(*(name for name, _labels in namespaces()))


def test_no_webhook_is_there(api: Cluster) -> None:
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        assert api.list_kind(api.kind("admissionregistration.k8s.io/v1", kind)) == []


@pytest.mark.parametrize("attack", DENIED, ids=lambda attack: attack.id)
def test_an_attack_is_denied_by_one_of_its_policies(sender: Sender, api: Cluster, attack: Attack) -> None:
    """The API server learns of each policy, its binding and its parameters for itself, a moment after the write."""
    api.wait_until(lambda: sender.send(attack, dry=True).guard in attack.guards, f"{attack.id} is denied")


@pytest.mark.parametrize("control", ACCEPTED, ids=lambda control: control.id)
def test_what_a_team_needs_is_accepted(sender: Sender, control: Control) -> None:
    assert sender.send(control, dry=True).is_taken
