"""Clusters that somebody else looks after: CRDs with another owner, and platforms that are not supported.

The marks of CRDs are those that `_crds/managed.py` names the sources of. An OpenShift is what its API serves: the kinds
below have names, group, scope and version of github.com/openshift/api (security/v1/types.go, config/v1/
types_cluster_version.go), and none of their fields.
"""

from __future__ import annotations

import contextlib
import copy
import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import remove_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.guarded import CRD, Guarded, guarded
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import LOCAL, single
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.releases import GROUP, crds_of
from tests.suite.in_full import representative

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

OLD, NEW = "0.80.1", "0.93.1"
SMALL = ("probes", "prometheusrules")
PROBES = f"probes.{GROUP}"
RULES = f"prometheusrules.{GROUP}"
PLATFORMS = {
    "OpenShift": (
        "cluster-version-operator",
        {
            "annotations": {"include.release.openshift.io/self-managed-high-availability": "true"},
            "labels": {"app.kubernetes.io/managed-by": "cluster-version-operator"},
        },
        "OpenShift",
    ),
    "OLM": (
        "catalog",
        {"labels": {"operators.coreos.com/prometheus.operators": ""}},
        "the Operator Lifecycle Manager (OLM)",
    ),
}
TOOLS = {
    "Helm": (
        "helm",
        {
            "annotations": {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"},
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
        },
        "the Helm release monitoring/kps",
    ),
    "Argo CD": (
        "argocd-controller",
        {
            "annotations": {
                "argocd.argoproj.io/tracking-id": f"kps:apiextensions.k8s.io/CustomResourceDefinition:/{PROBES}"
            }
        },
        "the Argo CD application kps",
    ),
    "Argo CD by a label": (
        "argocd-controller",
        {"labels": {"app.kubernetes.io/instance": "kps"}},
        "the Argo CD application kps",
    ),
    "Flux": (
        "kustomize-controller",
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "crds",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        "the Flux Kustomization flux-system/crds",
    ),
}
OPT_INS: JsonObject = {"allow_downgrade": True, "allow_data_loss": True, "snapshot_dir": "/nonexistent/promfleet"}
SIGNS = {
    "SecurityContextConstraints": ("security.openshift.io", "securitycontextconstraints"),
    "ClusterVersion": ("config.openshift.io", "clusterversions"),
}
TEAM: JsonObject = {"cluster": "edge", "clusters": ["edge"], "teams": [{"name": "pay"}]}
SOURCE: JsonObject = {"cluster": "far", "team": "pay", "targets": [{"address": "192.0.2.1", "port": 9090}]}
WRITERS: dict[str, JsonObject] = {
    "prometheus_operator": {},
    "team_monitoring": TEAM,
    "federation_source": {**TEAM, "sources": [{"team": "pay", "expose": "NodePort"}]},
    "federation_endpoints": {**TEAM, "sources": [SOURCE], "central_team": "pay"},
}


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """A control plane of its own, whose CRDs and API the tests change."""
    with started(request, "test-platforms") as (plane,):
        yield guarded(plane, only=SMALL)


# -- CRDs of others ---------------------------------------------------------------------------------------------------


def installed_by(cluster: Guarded, manager: str, metadata: JsonObject, *, release: str = OLD) -> None:
    """The CRDs of a release as a tool has them: one with its marks, the other one without, and no traces of before."""
    live = cluster.live()
    for name, crd in crds_of(release, only=SMALL).items():
        own = copy.deepcopy(crd)
        for place, noted in (metadata if name == PROBES else {}).items():
            own["metadata"].setdefault(place, {}).update(noted)
        if name in live:
            bare = {**own, "metadata": {**own["metadata"], "managedFields": [{}]}}
            cluster.replace(bare, manager="any")
        cluster.api.apply(own, manager=manager if name == PROBES else "any", force=True)
    cluster.served(release)


def refusal(cluster: Guarded, release: str = NEW, **opt_ins: t.Any) -> str:
    """Why the guard refuses a change, which is the same in check mode, and writes nothing."""
    before = cluster.api.snapshot()
    messages = []
    for check in (True, False):
        with pytest.raises(Refused) as refused:
            cluster.apply(release, check=check, **opt_ins)
        messages.append(str(refused.value))
        assert [line.partition(": managed by ")[0] for line in refused.value.objects] == [PROBES]
    assert messages[0] == messages[1]
    assert cluster.api.snapshot() == before
    return messages[0]


@pytest.mark.parametrize(("manager", "metadata", "owner"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_crds_of_a_platform_never_change(cluster: Guarded, manager: str, metadata: JsonObject, owner: str) -> None:
    installed_by(cluster, manager, metadata)
    # Whatever is allowed, and whichever other reason there is.
    for opt_ins in ({}, {"take_managed": True}, {"take_managed": True, **OPT_INS}):
        message = refusal(cluster, **opt_ins)
        assert message.startswith(f"the CRDs stay as they are: {owner} manages {PROBES}, which would change (")
        assert "Leave these CRDs alone" in message
        assert not [word for word in ("take_managed", "allow_downgrade", "allow_data_loss", "force") if word in message]
    (found,) = [crd["managed_by"] for crd in cluster.report(NEW)["installed"] if crd["name"] == PROBES]
    assert [(entry["manager"], entry["platform"]) for entry in found] == [(owner, True)]
    # Of the release that is there already nothing has to be said; what has no owner gets our mark.
    done = cluster.apply(OLD)
    assert [change.key.name for change in done.outcome.changes] == [RULES]
    assert cluster.apply(OLD).outcome.changes == []
    assert "promfleet.monitoring/crds" not in cluster.live()[PROBES]["metadata"]["annotations"]


@pytest.mark.parametrize(("manager", "metadata", "owner"), TOOLS.values(), ids=TOOLS.keys())
def test_crds_of_a_tool_change_by_an_opt_in_only(
    cluster: Guarded, manager: str, metadata: JsonObject, owner: str
) -> None:
    installed_by(cluster, manager, metadata)
    for opt_ins in ({}, OPT_INS):
        message = refusal(cluster, **opt_ins)
        assert message.startswith(f"the CRDs stay as they are: {owner} manages {PROBES}, which would change (")
        assert message.endswith("take_managed: true changes them all the same, until the other tool writes them again")
        assert "allow_" not in message
    predicted = cluster.apply(NEW, check=True, take_managed=True)
    done = cluster.apply(NEW, take_managed=True)
    assert [change.result() for change in done.outcome.sorted_changes()] == [
        change.result() for change in predicted.outcome.sorted_changes()
    ]
    assert cluster.differences(NEW) == []
    # The other tool still has it, so that a run without the opt-in goes on only where nothing is to change.
    assert cluster.apply(NEW).outcome.changes == []
    assert owner in refusal(cluster, OLD, allow_downgrade=True)


def test_the_owner_is_named_before_any_other_reason(cluster: Guarded) -> None:
    installed_by(cluster, "helm", TOOLS["Helm"][1], release=NEW)
    message = refusal(cluster, OLD)
    assert "the Helm release monitoring/kps" in message
    with pytest.raises(Refused, match="allow_downgrade"):
        cluster.apply(OLD, take_managed=True)


def test_what_others_manage_is_never_deleted(cluster: Guarded) -> None:
    for manager, metadata, owner in [*PLATFORMS.values(), *TOOLS.values()]:
        installed_by(cluster, manager, metadata)
        for check in (True, False):
            with pytest.raises(Refused, match="others manage them") as refused:
                remove_crds(cluster.cluster, {PROBES, RULES}, options=Options(check=check))
            assert owner in str(refused.value)
        assert cluster.live().keys() == {PROBES, RULES}


def test_a_downgrade_leaves_the_crd_of_another(cluster: Guarded) -> None:
    # A kind that the older release does not have, and that a chart manages.
    only = (*SMALL, "scrapeconfigs")
    wide = Guarded(plane=cluster.plane, api=cluster.api, cluster=cluster.cluster, only=only)
    installed_by(cluster, "any", {})
    wide.apply(NEW)
    wide.api.edit(*CRD, f"scrapeconfigs.{GROUP}", {"metadata": TOOLS["Helm"][1]})
    done = cluster.apply(OLD, allow_downgrade=True)
    assert f"scrapeconfigs.{GROUP}" in cluster.live()
    assert [text for text in done.outcome.warnings if "the Helm release monitoring/kps manages it" in text]
    cluster.remove_crd(f"scrapeconfigs.{GROUP}")


def test_a_restore_is_refused_too(cluster: Guarded) -> None:
    installed_by(cluster, "any", {})
    done = cluster.apply(NEW)
    cluster.api.edit(*CRD, PROBES, {"metadata": PLATFORMS["OLM"][1]})
    connection: JsonObject = {"kubeconfig": cluster.plane.kubeconfig, "context": cluster.plane.context}
    for check in (True, False):
        with pytest.raises(Refused, match=r"the Operator Lifecycle Manager \(OLM\) manages"):
            run_module(
                "crds", **connection, check=check, state="restored", snapshot=str(done.snapshot), allow_downgrade=True
            )
    assert cluster.differences(NEW) == []


# -- OpenShift --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def openshift(cluster: Guarded, kind: str) -> Iterator[None]:
    """For this block one of the kinds is served that only OpenShift has."""
    group, plural = SIGNS[kind]
    name = f"{plural}.{group}"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    crd = {
        "apiVersion": CRD[0],
        "kind": CRD[1],
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "names": names,
            "scope": "Cluster",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    cluster.api.apply(crd, manager="cluster-version-operator", force=True)
    cluster.api.wait_until(lambda: kind in {found.kind for found in cluster.api.kinds()}, f"{kind} is served")
    try:
        yield
    finally:
        cluster.api.delete(*CRD, name)
        cluster.api.wait_until(lambda: cluster.api.find(*CRD, name) is None and not _has(cluster, group), f"no {group}")


def _has(cluster: Guarded, group: str) -> bool:
    return group in {item["name"] for item in cluster.api.request("GET", "/apis")["groups"]}


@pytest.fixture(params=SIGNS)
def shifted(request: pytest.FixtureRequest, cluster: Guarded) -> Iterator[Guarded]:
    """The control plane as an OpenShift, or as a MicroShift, which has no ClusterVersion."""
    with openshift(cluster, request.param):
        # What the other fixture knows of its API is from before.
        yield guarded(cluster.plane, only=SMALL)


def connection_of(cluster: Guarded) -> JsonObject:
    return {"kubeconfig": cluster.plane.kubeconfig, "context": cluster.plane.context}


def test_openshift_is_recognised_and_read(shifted: Guarded) -> None:
    found = run_module("cluster_info", **connection_of(shifted))
    assert (found["reachable"], found["platform"]) == (True, "openshift")
    assert found["platform_evidence"] in found["unsupported"]
    assert "user workload monitoring" in found["unsupported"]
    folder = str(shifted.folder(NEW))
    assert run_module("crds_info", **connection_of(shifted), source=folder)["release"]
    # What is missing is not blamed on a playbook that leaves this cluster out.
    seen = run_module("monitoring_verify", **connection_of(shifted), **TEAM, wait_timeout=1)["findings"]
    (root,) = [finding for finding in seen if finding["code"] == "PF109"]
    assert all(finding["caused_by"] for finding in seen if finding["code"] in ("PF101", "PF102"))
    assert "user workload monitoring" in root["message"]


def test_no_other_cluster_is_taken_for_openshift(cluster: Guarded) -> None:
    found = run_module("cluster_info", **connection_of(cluster))
    assert (found["platform"], found["platform_evidence"], found["unsupported"]) == ("", "", "")


def test_what_installs_refuses_openshift_before_the_first_write(shifted: Guarded) -> None:
    installed_by(shifted, "any", {}, release=NEW)
    before = shifted.api.snapshot()
    for name, options in WRITERS.items():
        for check in (True, False):
            with pytest.raises(Refused, match=r"it is OpenShift .*user workload monitoring") as refused:
                run_module(name, **connection_of(shifted), check=check, wait=False, **options)
            assert str(refused.value).startswith("nothing was written to this cluster")
    for check in (True, False):
        # Without marks of the platform, too: they are its CRDs.
        with pytest.raises(Refused, match="it is OpenShift"):
            shifted.apply(OLD, check=check, allow_downgrade=True)
        with pytest.raises(Refused, match="it is OpenShift"):
            remove_crds(shifted.cluster, {PROBES, RULES}, options=Options(check=check))
    assert shifted.api.snapshot() == before


def test_objects_and_removals_work_on_openshift(shifted: Guarded) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "any", "namespace": "default"}}
    made = run_module("objects", **connection_of(shifted), name="any", manifests=[manifest], wait=False)
    assert made["outcome"].counts()["created"]
    run_module("objects", **connection_of(shifted), name="any", state="absent")
    for name in WRITERS:
        scope: JsonObject = {} if name == "prometheus_operator" else {"cluster": "edge", "clusters": ["edge"]}
        done = run_module(name, **connection_of(shifted), state="absent", **scope)
        assert done["outcome"].counts()["deleted"] == 0


def recap(run: Run) -> dict[str, str]:
    """What the recap says of each cluster."""
    (lines,) = (result.data["msg"] for result in run.results if "Recap" in result.task and "msg" in result.data)
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}


def test_one_openshift_stops_only_itself(
    shifted: Guarded, plane: ControlPlane, api: Cluster, playbook: Playbook
) -> None:
    both = {
        name: {"promfleet_kubeconfig": str(one.kubeconfig), "promfleet_context": one.context}
        for name, one in {"good": plane, "shift": shifted.plane}.items()
    }
    inventory: JsonObject = {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_fleet": "two-kinds",
                "promfleet_wait": False,
                "team_monitoring_teams": [{"name": "pay"}],
            },
            "children": {
                "promfleet_central": {"hosts": {"good": both["good"]}},
                "promfleet_workers": {"hosts": {"shift": both["shift"]}},
            },
        }
    }
    before = shifted.api.snapshot()
    try:
        for arguments in (["--check"], []):
            run = playbook("teams", inventory=inventory, arguments=arguments).require_failure()
            told = recap(run)
            assert told["good"].startswith("ok, ")
            assert told["shift"].startswith("LEFT OUT: it is OpenShift (it serves the kind ")
            assert run.of("team_monitoring", host="shift") == []
        assert api.find("v1", "Namespace", "monitoring-pay") is not None
        assert shifted.api.snapshot() == before
        role = {
            "hosts": "all",
            "gather_facts": False,
            "roles": [{"role": "promfleet.monitoring.team_monitoring"}],
        }
        alone = playbook([role], inventory=inventory, arguments=["--limit=shift"]).require_failure()
        assert "shift is left out of this run: it is OpenShift" in alone.failures[-1].message
        assert alone.of("team_monitoring") == []
    finally:
        inventory["all"]["vars"]["team_monitoring_prune"] = True
        # What was left there can be removed: the platform is no reason to keep it.
        gone = playbook("uninstall", inventory=inventory).require_success()
    assert recap(gone).keys() == {"good", "shift"}
    assert "LEFT OUT" not in recap(gone)["shift"]


@pytest.mark.parametrize("name", representative(["site", "operator", "federation", "verify"]))
def test_every_playbook_that_needs_a_platform_leaves_openshift_out(
    name: str, cluster: Guarded, playbook: Playbook
) -> None:
    with openshift(cluster, "SecurityContextConstraints"):
        inventory = single(name="shift", kubeconfig=cluster.plane.kubeconfig, promfleet_context=cluster.plane.context)
        before = cluster.api.snapshot()
        run = playbook(name, inventory=inventory).require_failure()
        assert "shift is left out of this run: it is OpenShift" in run.failures[-1].message
        assert cluster.api.snapshot() == before
