"""The objects of the admission webhook: what it is asked about, and what a certificate changes of them."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    INSTANCE_OF_LABEL,
    MANAGED_BY_LABEL,
    SERVED_KINDS_ANNOTATION,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Offline,
    model_of,
    offline_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import Serving
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    with_served_kinds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import (
    EXPIRY_ALERT,
    WEBHOOK_KIND,
    with_certificate,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_operator, objects_of_team, only

NS = "prometheus-operator"
NAME = f"{NS}-admission-webhook"
CA = "-----BEGIN CERTIFICATE-----\nany\n-----END CERTIFICATE-----\n"
ENDS = dt.datetime(2027, 11, 25, 12, tzinfo=dt.UTC)
SERVING = Serving(data={"tls.crt": "YQ=="}, authorities=b"authorities", expires=ENDS)


def made(**given: object) -> list[JsonObject]:
    return objects_of_operator({"admission_webhook": {"enabled": True, **given}})


def hooks(objects: list[JsonObject]) -> list[JsonObject]:
    found: list[JsonObject] = only(objects, WEBHOOK_KIND)["webhooks"]
    return found


def named(objects: list[JsonObject], kind: str) -> JsonObject:
    return only([obj for obj in objects if obj["metadata"]["name"] == NAME], kind)


def test_it_is_off_by_default() -> None:
    assert keys(objects_of_operator()) == keys(objects_of_operator({"admission_webhook": {"replicas": 3}}))
    assert keys(made()) - keys(objects_of_operator()) == {
        ("ServiceAccount", NS, NAME),
        ("Service", NS, NAME),
        ("Deployment", NS, NAME),
        ("PodDisruptionBudget", NS, NAME),
        ("ServiceMonitor", NS, NAME),
        (WEBHOOK_KIND, None, f"promfleet-{NAME}"),
    }


def test_a_single_pod_may_be_evicted() -> None:
    assert ("PodDisruptionBudget", NS, NAME) not in keys(made(replicas=1))


def test_the_pods_fit_the_restricted_standard_and_the_quota() -> None:
    spec = named(made(replicas=3), "Deployment")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["replicas"], container["image"]) == (
        3, f"quay.io/prometheus-operator/admission-webhook:v{PROMETHEUS_OPERATOR}",
    )  # fmt: skip
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"] == {"limits": {"memory": "200Mi"}, "requests": {"cpu": "50m", "memory": "200Mi"}}
    assert [one["topologyKey"] for one in pod["topologySpreadConstraints"]] == ["kubernetes.io/hostname"]
    assert pod["automountServiceAccountToken"] is False
    # Nine operators, and twice as many pods of the webhook while it is replaced.
    assert int(only(made(replicas=3), "ResourceQuota")["spec"]["hard"]["pods"]) >= 9 + 6


def test_the_pods_leave_a_lost_node_as_soon_as_the_operators() -> None:
    assert "tolerations" not in named(made(), "Deployment")["spec"]["template"]["spec"]
    objects = objects_of_operator({"admission_webhook": {"enabled": True}, "moved_after": 30})
    pods = [obj["spec"]["template"]["spec"] for obj in objects if obj["kind"] == "Deployment"]
    assert len(pods) == 2
    assert pods[0]["tolerations"] == pods[1]["tolerations"] != []


def test_the_pods_do_not_have_the_key_of_the_authority() -> None:
    (volume,) = named(made(), "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert [item["key"] for item in volume["secret"]["items"]] == ["tls.crt", "tls.key"]


@pytest.mark.parametrize("version", ["0.86.0", "0.91.0", PROMETHEUS_OPERATOR])
def test_flags_that_the_release_knows(version: str) -> None:
    given = {"version": version, "admission_webhook": {"enabled": True}}
    (container,) = named(objects_of_operator(given), "Deployment")["spec"]["template"]["spec"]["containers"]
    flags = {flag.partition("=")[0] for flag in container["args"]}
    assert ("--promql-options" in flags) is (version != "0.86.0")


def test_only_what_teams_write_in_their_own_namespaces_is_judged() -> None:
    for hook in hooks(made()):
        assert (hook["failurePolicy"], hook["timeoutSeconds"], hook["sideEffects"]) == ("Ignore", 5, "None")
        (rule,) = hook["rules"]
        # No status and no deletion: neither the operator nor the end of a namespace waits for it.
        assert "/" not in "".join(rule["resources"])
        assert rule["operations"] == ["CREATE", "UPDATE"]
        assert hook["namespaceSelector"]["matchExpressions"] == [
            {"key": TEAM_LABEL, "operator": "Exists"},
            {"key": TEAM_LABEL, "operator": "NotIn", "values": ["platform"]},
            {"key": INSTANCE_OF_LABEL, "operator": "DoesNotExist"},
        ]
        (spared,) = hook["objectSelector"]["matchExpressions"]
        assert spared == {"key": MANAGED_BY_LABEL, "operator": "NotIn", "values": [FIELD_MANAGER]}
    (team,) = {
        obj["metadata"]["labels"][MANAGED_BY_LABEL]
        for obj in objects_of_team({"namespaces": ["shop"]})
        if obj["kind"] == "PrometheusRule"
    }
    assert team == FIELD_MANAGER


def test_it_is_registered_last_and_leaves_first() -> None:
    assert phase_of(WEBHOOK_KIND) > phase_of("Deployment")
    assert phase_of(WEBHOOK_KIND) > phase_of("Service")


def test_the_operators_pods_are_those_that_restart_for_a_new_kind() -> None:
    before, after = made(), with_served_kinds(made(), ["Probe"])
    assert named(after, "Deployment") == named(before, "Deployment")
    (changed,) = [obj for obj in after if obj not in before]
    assert changed["spec"]["template"]["metadata"]["annotations"][SERVED_KINDS_ANNOTATION] == "Probe"


def test_what_a_certificate_changes() -> None:
    operator = parse_operator({"admission_webhook": {"enabled": True}})
    before = made()
    after = with_certificate(before, operator, SERVING)
    assert made() == before
    assert only(after, "Secret")["data"] == SERVING.data
    for hook in hooks(after):
        assert base64.b64decode(hook["clientConfig"]["caBundle"]) == SERVING.authorities
    groups = named_groups(after)
    assert [rule["alert"] for rule in groups["admission-webhook"]] == ["PrometheusOperatorWebhookDown", EXPIRY_ALERT]
    assert groups["admission-webhook"][1]["expr"] == f"vector({int(ENDS.timestamp())}) - time() < 14 * 86400"
    assert "2027-11-25 12:00 UTC" in groups["admission-webhook"][1]["annotations"]["description"]
    changed = {obj["kind"] for obj in after if obj not in before}
    assert changed == {"Secret", WEBHOOK_KIND, "PrometheusRule"}


def named_groups(objects: list[JsonObject]) -> dict[str, list[JsonObject]]:
    return {group["name"]: group["rules"] for group in only(objects, "PrometheusRule")["spec"]["groups"]}


def test_a_given_certificate_is_used_as_it_is() -> None:
    objects = made(secret="tls", ca_bundle=CA)
    for hook in hooks(objects):
        assert base64.b64decode(hook["clientConfig"]["caBundle"]).decode() == CA
    (volume,) = named(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == "tls"
    (endpoint,) = named(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": "tls", "key": "ca.crt"}
    assert [rule["alert"] for rule in named_groups(objects)["admission-webhook"]] == ["PrometheusOperatorWebhookDown"]


@pytest.mark.parametrize(("given", "refused"), [({}, 1), ({"secret": "tls", "ca_bundle": CA}, 0)])
def test_files_hold_no_key(given: JsonObject, refused: int) -> None:
    params = validate_mapping({"admission_webhook": {"enabled": True, **given}}, OPERATOR.options, path="")
    known = Offline(kinds=("Probe",), errors=Errors())
    objects = offline_objects(OPERATOR, model_of(OPERATOR, params), known)
    assert [str(error).partition(":")[0] for error in known.errors.sorted()] == ["admission_webhook.secret"] * refused
    assert "Secret" not in {obj["kind"] for obj in objects}
