"""Each risk of an upgrade, with objects that are exposed to it and such that are not, on a real API server."""

from __future__ import annotations

import copy
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    BY_SERVER,
    EXPOSED,
    INSTANCES,
    NOT_EXPOSED,
    OPERATOR,
    UNKNOWN,
    Change,
    Live,
    Risk,
    Verdict,
    judge,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.observe import observe
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import READS, RISKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version

from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.planes import started
from tests.integration.support.releases import crds_of
from tests.integration.support.upgrade_cases import CASES, NEW, OLD, Case

JsonObject = dict[str, t.Any]

BY_ID = {risk.id: risk for risk in RISKS}
# What the upgrades of the cases go from and to, where the row does not say something narrower.
FROM = {OPERATOR: "0.72.0", "prometheus": "2.50.0", "alertmanager": "0.26.0"}
TO = {OPERATOR: NEW, "prometheus": "3.13.5", "alertmanager": "0.33.1"}
# Rows whose matter no object shows.
NEVER_CERTAIN = {"prom-content-type", "prom-raw-configuration"}
OPERATOR_KEY = Key("apps", "Deployment", "prometheus-operator", "prometheus-operator")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A cluster with the objects of all cases: as it was before the CRDs were upgraded, and after it."""

    api: Cluster
    seen: dict[str, Live]


def namespace_of(case: Case, *, exposed: bool) -> str:
    return f"{'exposed' if exposed else 'spared'}-{case.id}"


def objects_of(case: Case, *, exposed: bool) -> list[JsonObject]:
    """The objects of a case in their namespace; several of a kind have names of their own."""
    objects = copy.deepcopy([*(case.exposed if exposed else case.spared)])
    for obj in objects:
        obj["metadata"]["namespace"] = namespace_of(case, exposed=exposed)
    return objects


def install(api: Cluster, release: str, *, only: tuple[str, ...] = ()) -> None:
    """Bring the CRDs to those of a release, and wait until the server serves them."""
    crds = crds_of(release, only=only)
    for crd in crds.values():
        api.apply(crd, force=True)

    def served() -> bool:
        live = [api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name) for name in crds]
        conditions = [one for crd in live for one in crd.get("status", {}).get("conditions", ())]
        return sum(one["type"] == "Established" and one["status"] == "True" for one in conditions) == len(crds)

    api.wait_until(served, f"the CRDs of {release} are established")


def make(api: Cluster, cases: t.Iterable[Case]) -> None:
    for case in cases:
        for exposed in (True, False):
            api.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(case, exposed=exposed)}}
            )
            for obj in objects_of(case, exposed=exposed):
                api.apply(obj)


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """One API server, on which first the CRDs of an old release are, and later those of the new one."""
    with started(request, "test-upgrade-risks") as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        cluster = connect({"kubeconfig": str(plane.kubeconfig), "context": plane.context})
        install(api, OLD)
        make(api, (case for case in CASES.values() if case.crds == OLD))
        seen = {OLD: observe(cluster, READS)}
        install(api, NEW)
        make(api, (case for case in CASES.values() if case.crds == NEW))
        seen[NEW] = observe(cluster, READS)
        assert [live.unread for live in seen.values()] == [{}, {}]
        yield Stage(api=api, seen=seen)


def within(live: Live, namespace: str) -> Live:
    """What was read of one namespace."""
    return Live(
        objects={
            kind: tuple(one for one in found if one["metadata"].get("namespace", one["metadata"]["name"]) == namespace)
            for kind, found in live.objects.items()
        }
    )


def verdict_of(risk: Risk, live: Live) -> Verdict:
    """What the table says about an upgrade of the operator and of all instances that are there."""
    to = next((text for text in ("0.88.0", TO[risk.component]) if parse_version(text) in risk.after), "")
    changes = [
        Change(component=OPERATOR, subject=OPERATOR_KEY, before=parse_version(FROM[OPERATOR]), after=parse_version(to))
    ]
    for component, kinds in INSTANCES.items():
        before, after = parse_version(FROM[component]), parse_version(TO[component])
        changes += [
            Change(component=component, subject=key_of(obj), before=before, after=after) for obj in live.of(*kinds)
        ]
    # Alertmanager's API is about a Prometheus that stays what it is.
    if risk.id == "am-api-v1":
        changes = [one for one in changes if one.component == risk.component]
    (verdict,) = judge([risk], changes=tuple(changes), live=live)
    return verdict


def test_every_risk_has_a_case() -> None:
    assert [*BY_ID] == sorted(BY_ID, key=[*BY_ID].index)
    assert CASES.keys() == BY_ID.keys()
    assert len(RISKS) == len(BY_ID) >= 15


@pytest.mark.parametrize("id_", BY_ID)
def test_exposed_objects_are_found_and_others_are_not(stage: Stage, id_: str) -> None:
    risk, case = BY_ID[id_], CASES[id_]
    live = stage.seen[case.crds]
    verdict = verdict_of(risk, within(live, namespace_of(case, exposed=True)))
    assert verdict.exposure == (UNKNOWN if id_ in NEVER_CERTAIN else EXPOSED)
    assert any(one.path == case.path and case.value in one.value for one in verdict.evidence), verdict.evidence
    assert {one.object.namespace for one in verdict.evidence} == {namespace_of(case, exposed=True)}
    spared = verdict_of(risk, within(live, namespace_of(case, exposed=False)))
    assert (spared.exposure, spared.evidence) == (NOT_EXPOSED, ())


def refusal(api: Cluster, obj: JsonObject) -> str:
    """Why the server would not let *obj* be created again, under another name; empty if it would."""
    again = copy.deepcopy(obj)
    again["metadata"] = {"name": "again", "namespace": obj["metadata"]["namespace"]}
    path = api.kind(obj["apiVersion"], obj["kind"]).path(obj["metadata"]["namespace"])
    try:
        api.request("POST", path, query={"dryRun": "All", "fieldValidation": "Strict"}, body=again)
    except ApiError as error:
        if error.status in (400, 422):
            return str(error)
        raise
    return ""


REFUSED = [risk.id for risk in RISKS if risk.proof == BY_SERVER]


def test_the_new_crds_refuse_what_rows_say_that_they_refuse(stage: Stage) -> None:
    """And nothing that is said to be spared: so each of these rows is what the server does."""
    targets = sorted({CASES[id_].target for id_ in REFUSED})
    assert targets == ["0.88.0", NEW]
    for target in targets:
        if target != NEW:
            install(stage.api, target, only=("alertmanagerconfigs",))
        for id_ in REFUSED:
            case = CASES[id_]
            if case.target != target:
                continue
            assert any(refusal(stage.api, obj) for obj in objects_of(case, exposed=True)), f"{id_} is not refused"
            assert not [text for obj in objects_of(case, exposed=False) if (text := refusal(stage.api, obj))], id_
        install(stage.api, NEW, only=("alertmanagerconfigs",))


def test_the_old_crds_took_all_of_it(stage: Stage) -> None:
    """What is stored stays when the CRDs change, as rows say."""
    for id_ in REFUSED:
        for obj in objects_of(CASES[id_], exposed=True):
            assert stage.api.find(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"]["namespace"])
