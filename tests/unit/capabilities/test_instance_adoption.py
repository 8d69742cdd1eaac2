"""An instance that existed before becomes a team's: by its name, and only if none of its data is lost."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    INSTANCE_LABEL,
    NAME_LABEL,
    TAKEN_OVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.adoption import (
    refuse_losses,
    remarks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    VolumeClaims,
    instances_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId, decide
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

from tests.unit.capabilities.builders import objects_of_team, teams

JsonObject = dict[str, t.Any]
OWNER = SetId(fleet="main", capability="teams")

kinds.register()


# -- names --------------------------------------------------------------------------------------------------------

NAMED: JsonObject = {"namespace": "monitoring", "prometheus": {"name": "k8s"}, "alertmanager": {"name": "main"}}


def test_what_the_operator_makes_is_found_by_the_name_of_the_custom_resource() -> None:
    raw = {**NAMED, "size": "medium"}
    objects = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects_of_team(raw)}
    prometheus, alertmanager = objects["Prometheus", "k8s"], objects["Alertmanager", "main"]
    # Our own objects are called after the team: those of others with the instance's name stay theirs.
    assert objects["Service", "prometheus-payments"]["spec"]["selector"][INSTANCE_LABEL] == "k8s"
    assert objects["Service", "alertmanager-payments"]["spec"]["selector"][INSTANCE_LABEL] == "main"
    assert prometheus["spec"]["serviceAccountName"] == "prometheus-payments"
    for obj, name in ((prometheus, "k8s"), (alertmanager, "main")):
        (constraint,) = obj["spec"]["topologySpreadConstraints"]
        assert constraint["labelSelector"]["matchLabels"][INSTANCE_LABEL] == name


def test_without_names_nothing_is_called_otherwise_than_before() -> None:
    by_default = objects_of_team({})
    assert by_default == objects_of_team({"prometheus": {"name": "payments"}, "alertmanager": {"name": "payments"}})
    assert all("annotations" not in obj["metadata"] for obj in by_default)


@pytest.mark.parametrize(
    ("part", "name", "error"),
    [
        ("prometheus", "p" * 42, "longer than 41 characters"),
        ("alertmanager", "a" * 40, "longer than 39 characters"),
        ("prometheus", "K8s", "prometheus.name"),
        ("alertmanager", "a.b", "alertmanager.name"),
    ],
)
def test_a_name_fits_into_what_the_operator_calls_after_it(part: str, name: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        teams({"name": "payments", part: {"name": name}})


def test_all_that_is_wrong_with_names_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        teams({"name": "a", "prometheus": {"name": "-"}}, {"name": "b", "alertmanager": {"name": "x" * 40}})
    assert "teams[0].prometheus.name" in str(caught.value)
    assert "teams[1].alertmanager.name" in str(caught.value)


def test_two_teams_cannot_name_one_instance() -> None:
    with pytest.raises(InputError, match="a namespace has one team"):
        teams({"name": "a", **NAMED}, {"name": "b", **NAMED})


def test_the_longest_names_of_the_chart_fit() -> None:
    fullname = "x" * 26  # kube-prometheus-stack.fullname, by charts/kube-prometheus-stack/templates/_helpers.tpl
    raw = {"prometheus": {"name": f"{fullname}-prometheus"}, "alertmanager": {"name": f"{fullname}-alertmanager"}}
    assert teams({"name": "a", **raw})[1].alertmanager.name == f"{fullname}-alertmanager"


def test_claims_of_a_team_that_is_gone_are_found_by_what_its_namespace_says() -> None:
    namespace = next(obj for obj in objects_of_team(NAMED) if obj["kind"] == "Namespace")
    claims = VolumeClaims(t.cast("t.Any", None), unwanted=())
    label = {"app.kubernetes.io/managed-by": "prometheus-operator"}
    for part, name, goes in (("prometheus", "k8s", True), ("alertmanager", "main", True), ("prometheus", "a", False)):
        labels = {**label, "app.kubernetes.io/name": part, INSTANCE_LABEL: name}
        claim = {"kind": "PersistentVolumeClaim", "metadata": {"namespace": "monitoring", "labels": labels}}
        assert claims.removable(Plan(deletes=(namespace,)))(claim) is goes


def test_what_is_released_keeps_its_claims() -> None:
    instances = instances_of("payments", namespace="monitoring", prometheus="k8s")
    namespace = next(obj for obj in objects_of_team(NAMED) if obj["kind"] == "Namespace")
    prometheus = next(obj for obj in objects_of_team(NAMED) if obj["kind"] == "Prometheus")
    assert key_of(prometheus) in instances
    labels = {
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus",
        INSTANCE_LABEL: "k8s",
    }
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"namespace": "monitoring", "labels": labels}}
    plan = Plan(deletes=(namespace,), releases=(prometheus,))
    assert not VolumeClaims(t.cast("t.Any", None), unwanted=instances).removable(plan)(claim)


# -- losses -------------------------------------------------------------------------------------------------------


def tree_of(value: t.Any) -> JsonObject:
    return {f"f:{name}": tree_of(item) for name, item in value.items()} if isinstance(value, dict) else {}


def existing(kind: str = "Prometheus", *, manager: str = "helm", **spec: t.Any) -> JsonObject:
    """An instance as others made it; what kubectl-client-side-apply owns is taken over."""
    name = {"Prometheus": "k8s", "Alertmanager": "main"}[kind]
    fields: JsonObject = {"f:spec": tree_of(spec)}
    if manager == "kubectl-client-side-apply":
        fields["f:metadata"] = {"f:annotations": {f"f:{LAST_APPLIED}": {}}}
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "monitoring.coreos.com/v1",
        "fieldsV1": fields,
    }
    metadata = {"name": name, "namespace": "monitoring", "uid": "u", "managedFields": [entry]}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": metadata, "spec": spec}


def plan_of(live: JsonObject, raw: JsonObject | None = None) -> Plan:
    desired = copy.deepcopy(NAMED)
    for name, value in (raw or {}).items():
        desired[name] = {**desired[name], **value} if isinstance(value, dict) else value
    obj = next(obj for obj in objects_of_team(desired) if obj["kind"] == live["kind"])
    write = decide(obj, live, owner=OWNER)
    return Plan(writes=(t.cast("t.Any", write),))


def claims(size: str = "50Gi", *, name: str | None = None, **spec: t.Any) -> JsonObject:
    template: JsonObject = {"spec": {"resources": {"requests": {"storage": size}}, **spec}}
    if name:
        template["metadata"] = {"name": name}
    return {"volumeClaimTemplate": template}


KUBECTL = "kubectl-client-side-apply"
LARGE = {"prometheus": {"storage": {"size": "50Gi"}}}


@pytest.mark.parametrize(
    ("live", "raw", "said"),
    [
        (existing(replicas=2), {}, "replicas 2 -> 1 (set prometheus.replicas: 2)"),
        (existing("Alertmanager", replicas=3), {}, "replicas 3 -> 1 (set alertmanager.replicas: 3)"),
        (existing(manager=KUBECTL, shards=2), {}, "shards 2 -> 1 (set prometheus.shards: 2)"),
        (
            existing(retention="10d"),
            {"prometheus": {"retention_size": "1Gi"}},
            "retentionSize none -> 1GiB (leave out prometheus.retention_size until it is the team's)",
        ),
        (
            existing(retention="10d", retentionSize="40GB"),
            {"prometheus": {"retention_size": "39Gi"}},
            "retentionSize 40GB -> 39GiB",
        ),
        (existing(retention="30d"), {}, "retention 30d -> 10d (set prometheus.retention: 30d, or longer)"),
        (existing(retentionSize="40GB"), {}, "retention none, only a size, 40GB -> 10d"),
        (existing("Alertmanager"), {"alertmanager": {"retention": "24h"}}, "retention 120h -> 24h"),
        (
            existing(manager=KUBECTL, storage=claims(storageClassName="fast")),
            {},
            "volume claims of 50Gi -> none (set prometheus.storage: {size: 50Gi, class: fast})",
        ),
        (existing(storage=claims()), {"prometheus": {"storage": {"size": "10Gi"}}}, "50Gi -> 10Gi (set prometheus.sto"),
        (existing(storage=claims()), {"prometheus": {"storage": {"size": "90Gi"}}}, "50Gi -> 90Gi (set prometheus.sto"),
        (
            existing(manager=KUBECTL, storage=claims(storageClassName="fast")),
            LARGE,
            "storageClassName of the volume claims: fast -> (default) (set prometheus.storage.class: fast)",
        ),
        (
            existing(storage=claims()),
            {"prometheus": {"storage": {"size": "50Gi", "class": "slow"}}},
            "(default) -> slow (leave out prometheus.storage.class)",
        ),
        (existing(manager=KUBECTL, storage=claims(name="data")), LARGE, "name of the volume claims: data -> (default)"),
        (
            existing(manager=KUBECTL, storage=claims(accessModes=["ReadWriteMany"])),
            LARGE,
            'accessModes of the volume claims: ["ReadWriteMany"] -> ["ReadWriteOnce"]',
        ),
        (existing(manager=KUBECTL, storage=claims(volumeName="pv-1")), LARGE, "volumeName of the volume claims: pv-1"),
        (
            existing(manager=KUBECTL, storage={**claims(), "disableMountSubPath": True}),
            LARGE,
            "storage.disableMountSubPath true -> false",
        ),
        (
            existing(
                manager=KUBECTL,
                storage=claims(),
                serviceName="own",
                persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"},
            ),
            LARGE,
            "serviceName own -> (default): the operator would create the StatefulSet again",
        ),
    ],
)
def test_what_would_lose_data_is_refused_with_both_values(live: JsonObject, raw: JsonObject, said: str) -> None:
    with pytest.raises(Refused) as caught:
        refuse_losses(plan_of(live, raw))
    assert said in str(caught.value)
    assert "Nothing was written" in str(caught.value)
    assert caught.value.objects == (f"{live['kind']} monitoring/{live['metadata']['name']} (team 'payments')",)


@pytest.mark.parametrize(
    ("live", "raw"),
    [
        (existing(), {}),
        (existing(replicas=2), {"prometheus": {"replicas": 3}}),
        (existing(retention="5d"), {}),
        (existing(retention="5d", retentionSize="40GB"), {"prometheus": {"retention_size": "40Gi"}}),
        (existing(shards=2), {"prometheus": {"shards": 2}}),
        # What another manager keeps is still there afterwards.
        (existing(shards=2, storage=claims(name="data", accessModes=["ReadWriteMany"], storageClassName="fast")), {}),
        (existing(manager=KUBECTL, storage=claims("51200Mi", accessModes=["ReadWriteOnce"])), LARGE),
        (existing(manager=KUBECTL, storage=claims(volumeMode="Filesystem")), LARGE),
        (existing(manager=KUBECTL, storage={"emptyDir": {"sizeLimit": "1Gi"}}), {}),
        (existing(manager=KUBECTL, serviceName="own"), {}),
    ],
)
def test_what_loses_no_data_is_not_refused(live: JsonObject, raw: JsonObject) -> None:
    refuse_losses(plan_of(live, raw))


def test_all_losses_of_all_instances_are_in_one_message() -> None:
    prometheus = plan_of(existing(replicas=2, retention="30d"))
    alertmanager = plan_of(existing("Alertmanager", replicas=3))
    with pytest.raises(Refused) as caught:
        refuse_losses(Plan(writes=(*prometheus.writes, *alertmanager.writes)))
    for said in ("replicas 2 -> 1", "retention 30d -> 10d", "replicas 3 -> 1"):
        assert said in str(caught.value)


def test_an_instance_that_is_ours_may_change() -> None:
    live = existing(manager="promfleet.monitoring", replicas=3)
    live["metadata"]["managedFields"][0]["operation"] = "Apply"
    refuse_losses(plan_of(live))
    assert remarks(plan_of(live)) == []


def test_a_takeover_that_was_interrupted_is_judged_again() -> None:
    owned = {"f:metadata": {"f:annotations": {f"f:{ADOPTED_ANNOTATION}": {}}}, "f:spec": {"f:shards": {}}}
    live = existing(manager="promfleet.monitoring", shards=2)
    live["metadata"]["managedFields"][0] |= {"operation": "Apply", "fieldsV1": owned}
    with pytest.raises(Refused, match="shards 2 -> 1"):
        refuse_losses(plan_of(live))
    # Afterwards it is an instance of ours.
    live["metadata"]["annotations"] = {ADOPTED_ANNOTATION: TAKEN_OVER}
    refuse_losses(plan_of(live))


# -- what people are told -----------------------------------------------------------------------------------------


def test_a_warning_says_what_an_adoption_changes() -> None:
    live = existing(manager=KUBECTL, replicas=1, remoteWrite=[{"url": "http://x"}], serviceMonitorNamespaceSelector={})
    (said,) = remarks(plan_of(live))
    assert said.startswith("Prometheus monitoring/k8s existed before and becomes the instance of team 'payments'")
    assert "its pods restart once" in said
    assert "podMetadata" in said
    assert "its data, which is in the pods, is lost" in said
    assert "no longer has remoteWrite" in said
    assert "serviceMonitorNamespaceSelector {} -> {" in said
    with_claims = plan_of(existing(storage=claims()))
    assert "is lost" not in remarks(with_claims)[0]


def test_a_source_is_exposed_by_the_name_of_its_instance() -> None:
    (source,) = parse_sources([{"team": "payments"}], check_match=check_selector)
    service, policy = source_objects(source, cluster="edge", namespace="monitoring", replicas=1, prometheus="k8s")
    assert service["metadata"]["name"] == "prometheus-payments-federation-0"
    assert service["spec"]["selector"] == {
        NAME_LABEL: "prometheus",
        INSTANCE_LABEL: "k8s",
        "statefulset.kubernetes.io/pod-name": "prometheus-k8s-0",
    }
    assert policy["spec"]["podSelector"]["matchLabels"][INSTANCE_LABEL] == "k8s"
