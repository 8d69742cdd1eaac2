"""Who manages a CRD, and what may be done with it then."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import (
    TOOLS,
    managers_of,
    whose,
    without_marks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.managed import (
    ADVICE,
    require_deletable,
    require_unmanaged,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import SOURCE_ANNOTATION, make_plan

from .test_crd_plan import SOURCE, crd, edited, installed, version

JsonObject = dict[str, t.Any]

CVO = "OpenShift"
OLM = "the Operator Lifecycle Manager (OLM)"
RELEASE = {"meta.helm.sh/release-name": "crds", "meta.helm.sh/release-namespace": "monitoring"}
# What each tool leaves at an object, by the sources that managers.py names.
MARKS: dict[str, tuple[JsonObject, str]] = {
    "a manifest of the release payload": (
        {"annotations": {"include.release.openshift.io/self-managed-high-availability": "true"}},
        CVO,
    ),
    "one that is excluded from some": ({"annotations": {"exclude.release.openshift.io/internal": "true"}}, CVO),
    "one that is made once": ({"annotations": {"release.openshift.io/create-only": "true"}}, CVO),
    "the payload's label": ({"labels": {"app.kubernetes.io/managed-by": "cluster-version-operator"}}, CVO),
    "the payload's owner": (
        {"ownerReferences": [{"apiVersion": "config.openshift.io/v1", "kind": "ClusterVersion", "name": "version"}]},
        CVO,
    ),
    "the payload's field manager": ({"managedFields": [{"manager": "cluster-version-operator"}]}, CVO),
    "an operator of OLM": ({"labels": {"operators.coreos.com/prometheus.operators": ""}}, OLM),
    "managed by OLM": ({"labels": {"olm.managed": "true"}}, OLM),
    "owned by a CSV": ({"labels": {"olm.owner": "prometheusoperator.v0.65.1"}}, f"{OLM} prometheusoperator.v0.65.1"),
    "installed beside": (
        {"annotations": {"operatorframework.io/installed-alongside-5f0e3c": "operators/prometheusoperator.v0.65.1"}},
        OLM,
    ),
    "a ClusterExtension": ({"labels": {"olm.operatorframework.io/owner-name": "prometheus"}}, OLM),
    "a chart's template": ({"annotations": RELEASE}, "the Helm release monitoring/crds"),
    "half of a chart's": ({"annotations": {"meta.helm.sh/release-name": "crds"}}, "the Helm release crds"),
    "tracked by annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "kps:apiextensions.k8s.io/CustomResourceDefinition:/x"}},
        "the Argo CD application kps",
    ),
    "tracked by a label of its own": (
        {"labels": {"argocd.argoproj.io/instance": "kps"}},
        "the Argo CD application kps",
    ),
    "tracked by the common label": (
        {"labels": {"app.kubernetes.io/instance": "kps"}, "managedFields": [{"manager": "argocd-controller"}]},
        "the Argo CD application kps",
    ),
    "a Kustomization": (
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "infra", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
        "the Flux Kustomization flux/infra",
    ),
    "a HelmRelease": (
        {"labels": {"helm.toolkit.fluxcd.io/name": "kps", "helm.toolkit.fluxcd.io/namespace": "flux"}},
        "the Flux HelmRelease flux/kps",
    ),
    "an add-on of k3s": (
        {
            "annotations": {
                "objectset.rio.cattle.io/id": "",
                "objectset.rio.cattle.io/owner-name": "crds",
                "objectset.rio.cattle.io/owner-namespace": "kube-system",
            }
        },
        "Rancher or k3s kube-system/crds",
    ),
    "a chart of Rancher": ({"annotations": {"catalog.cattle.io/managed": "true"}}, "Rancher or k3s"),
    "an add-on": ({"labels": {"addonmanager.kubernetes.io/mode": "Reconcile"}}, "the cluster's addon manager"),
    "in Config Sync": ({"annotations": {"configsync.gke.io/resource-id": "x"}}, "Config Sync"),
    "in kapp": ({"labels": {"kapp.k14s.io/app": "1557433075084066000"}}, "the kapp application 1557433075084066000"),
    "any controller": (
        {"ownerReferences": [{"apiVersion": "x.example/v1", "kind": "Stack", "name": "one", "controller": True}]},
        "the controller of Stack one",
    ),
}
NONE: dict[str, JsonObject] = {
    "nothing": {},
    "null": {"annotations": None, "labels": None, "ownerReferences": None},
    "ours": {"managedFields": [{"manager": "promfleet.monitoring", "operation": "Apply"}]},
    # Charts render this label, and people apply it with kubectl.
    "a rendered template": {"labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "kps"}},
    "a chart's folder crds": {"managedFields": [{"manager": "helm", "operation": "Update"}]},
    "an add-on that others may change": {"labels": {"addonmanager.kubernetes.io/mode": "EnsureExists"}},
    "not managed by OLM": {"labels": {"olm.managed": "false"}},
    "given up by Config Sync": {"annotations": {"configmanagement.gke.io/managed": "disabled"}},
    "an owner that is no controller": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "one"}]},
    "a like domain": {
        "annotations": {"include.release.openshift.io.example/x": "1", "my-meta.helm.sh/release-name": "x"}
    },
}


def marked(metadata: JsonObject, *, plural: str = "probes", wanted: JsonObject | None = None) -> JsonObject:
    """A live CRD as a tool left it: not of the wanted content, and without our mark."""
    live = installed(wanted or crd(version("v1", "a"), plural=plural))
    annotations = {key: value for key, value in live["metadata"]["annotations"].items() if key != SOURCE_ANNOTATION}
    given = {**metadata, "annotations": {**annotations, **(metadata.get("annotations") or {})}}
    return {**live, "metadata": {**live["metadata"], **given}}


@pytest.mark.parametrize(("metadata", "manager"), MARKS.values(), ids=MARKS.keys())
def test_a_tool_is_recognised_by_its_marks(metadata: JsonObject, manager: str) -> None:
    live = marked(metadata)
    assert [str(found) for found in managers_of(live)] == [manager]
    mark = managers_of(live)[0].mark
    with pytest.raises(Refused) as refused:
        require_unmanaged([live], take=False)
    assert refused.value.objects == (f"probes.monitoring.coreos.com: managed by {manager} ({mark})",)
    with pytest.raises(Refused, match="others manage them"):
        require_deletable([live])


@pytest.mark.parametrize("metadata", NONE.values(), ids=NONE.keys())
def test_what_is_no_mark(metadata: JsonObject) -> None:
    live = {**crd(), "metadata": {"name": "probes.monitoring.coreos.com", **metadata}}
    assert managers_of(live) == ()
    require_unmanaged([live], take=False)
    require_deletable([live])


def test_hints_are_told_where_only_words_depend_on_them() -> None:
    rendered = {"metadata": NONE["a rendered template"]}
    assert whose(rendered) == "a Helm chart kps"
    assert whose({"metadata": {"labels": {"app.kubernetes.io/part-of": "kube-prometheus"}}}) == "kube-prometheus"
    assert whose({"metadata": {}}) == ""
    # The release's own annotations say it better.
    assert whose({"metadata": {**rendered["metadata"], "annotations": RELEASE}}) == "the Helm release monitoring/crds"
    assert whose({"metadata": {"namespace": "openshift-monitoring"}}) == "OpenShift"


def test_several_tools_at_one_crd_are_all_named() -> None:
    labels = {"helm.toolkit.fluxcd.io/name": "kps", "helm.toolkit.fluxcd.io/namespace": "flux"}
    live = marked({"annotations": RELEASE, "labels": labels})
    assert [str(found) for found in managers_of(live)] == [
        "the Helm release monitoring/crds",
        "the Flux HelmRelease flux/kps",
    ]


@pytest.mark.parametrize(("metadata", "manager"), MARKS.values(), ids=MARKS.keys())
def test_no_opt_in_helps_against_a_platform(metadata: JsonObject, manager: str) -> None:
    live = marked(metadata)
    if not manager.startswith((CVO, OLM)):
        require_unmanaged([live], take=True)
        with pytest.raises(Refused, match="take_managed: true changes them all the same"):
            require_unmanaged([live], take=False)
        return
    for take in (False, True):
        with pytest.raises(Refused) as refused:
            require_unmanaged([live], take=take)
        assert not [word for word in ("take_managed", "allow_", "force") if word in str(refused.value)]


def test_a_platform_is_named_alone_where_it_decides() -> None:
    crds = [marked(MARKS["a chart's template"][0]), marked(MARKS["managed by OLM"][0], plural="alerts")]
    with pytest.raises(Refused) as refused:
        require_unmanaged(crds, take=False)
    assert "take_managed" not in str(refused.value)
    assert "manages alerts.monitoring.coreos.com" in str(refused.value)


def test_the_tools_say_what_happens_and_what_helps() -> None:
    assert ADVICE.keys() == {tool.key for tool in TOOLS if not tool.is_hint}
    assert all(advice.would and advice.way for advice in ADVICE.values())
    assert [tool.title for tool in TOOLS if tool.platform] == [CVO, OLM]


# -- in a plan --------------------------------------------------------------------------------------------------------


def test_what_is_right_is_left_alone() -> None:
    live = marked({"annotations": RELEASE}, wanted=crd())
    plan = make_plan(wanted=[crd()], live=[live], source=SOURCE)
    assert (plan.changed, plan.writes, plan.unchanged) == ([], (), 1)
    # Without an owner our mark is written.
    assert len(make_plan(wanted=[crd()], live=[marked({}, wanted=crd())], source=SOURCE).changed) == 1
    other = {**edited(spec__scope="Cluster"), "metadata": live["metadata"]}
    assert len(make_plan(wanted=[crd()], live=[other], source=SOURCE).changed) == 1


@pytest.mark.parametrize(("metadata", "manager"), MARKS.values(), ids=MARKS.keys())
def test_marks_of_a_source_are_not_installed(metadata: JsonObject, manager: str) -> None:
    exported = marked({**metadata, "labels": {"mine": "stays", **metadata.get("labels", {})}}, wanted=crd())
    kept = without_marks({name: exported["metadata"].get(name) for name in ("name", "annotations", "labels")})
    again = {**exported, "metadata": kept}
    assert managers_of(again) == (), manager
    assert kept["labels"]["mine"] == "stays"
    assert "operator.prometheus.io/version" in kept["annotations"]
    written = make_plan(wanted=[exported], live=[], source=SOURCE).writes[0].desired["metadata"]
    assert written["annotations"].keys() == {*kept["annotations"], SOURCE_ANNOTATION}
