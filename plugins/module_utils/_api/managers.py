# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which platform or tool manages an object, told by the marks that it leaves. Pure.

This is the only table of such marks. What a manager would do with a changed object of some kind, and what people can do
then, is said where objects of that kind are handled.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

OPENSHIFT, OLM, RANCHER, HELM, ARGO_CD = "openshift", "olm", "rancher", "helm", "argo-cd"
KUSTOMIZATION, HELM_RELEASE, ADDON_MANAGER = "flux-kustomization", "flux-helm-release", "addon-manager"
CONFIG_SYNC, KAPP, CONTROLLER, HELM_CHART = "config-sync", "kapp", "controller", "helm-chart"
# They put back what others change in an object, without anybody who asks them to.
REVERTING = frozenset({OPENSHIFT, OLM, ARGO_CD, KUSTOMIZATION, HELM_RELEASE, ADDON_MANAGER, CONFIG_SYNC, CONTROLLER})


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An annotation or label by which a tool is recognised.

    *key* is a pattern of the whole key, *value* one of the whole value. *writer*: the mark counts only where a field
    manager of this pattern wrote to the object, too.
    """

    place: t.Literal["annotations", "labels"]
    key: str
    value: str = ".*"
    writer: str = ""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool or platform that manages objects.

    *title* stands before the name of its unit (a release, an application). *names* are the keys that hold this name,
    *pick* is the part of their values that counts. *owners*: objects that own what it manages, as ``kind.group``.
    *writers*: field managers that only this tool has. *namespaces*: what is in a namespace of this pattern is its.
    *platform*: it is a part of the cluster, so that no opt-in helps. *is_hint*: its marks may be there without it.
    """

    key: str
    title: str
    marks: tuple[Mark, ...] = ()
    names: tuple[str, ...] = ()
    pick: str = "(.+)"
    owners: str = ""
    writers: str = ""
    namespaces: str = ""
    platform: bool = False
    is_hint: bool = False


@dataclass(frozen=True, kw_only=True)
class Manager:
    """Who manages an object: the *tool*, the *name* of its unit, empty if unknown, and the *mark* that says so."""

    tool: Tool
    name: str
    mark: str

    def __str__(self) -> str:
        return f"{self.tool.title} {self.name}".strip()

    def result(self) -> JsonObject:
        """The manager as plain data."""
        return {"manager": str(self), "mark": self.mark, "platform": self.tool.platform}


def _annotation(key: str, value: str = ".*") -> Mark:
    return Mark(place="annotations", key=key, value=value)


def _label(key: str, value: str = ".*", *, writer: str = "") -> Mark:
    return Mark(place="labels", key=key, value=value, writer=writer)


# The owner of an object that its controller brings back; which one it is does not matter.
_ANY_OWNER = ".+"

TOOLS: tuple[Tool, ...] = (
    # Marks: github.com/openshift/cluster-monitoring-operator, manifests/*custom-resource-definition.yaml. The owner,
    # and that each sync applies the manifests: github.com/openshift/cluster-version-operator, pkg/cvo
    # (ownerRefModifier), lib/resourcemerge.
    Tool(
        key=OPENSHIFT,
        title="OpenShift",
        marks=(
            _annotation(r"([a-z]+\.)?release\.openshift\.io/.+"),
            _label(r"app\.kubernetes\.io/managed-by", "cluster-version-operator"),
        ),
        owners=r"ClusterVersion\.config\.openshift\.io",
        writers="cluster-version-operator",
        namespaces="openshift-.+",
        platform=True,
    ),
    # github.com/operator-framework/operator-lifecycle-manager: pkg/controller/operators/decorators/operator.go
    # (ComponentLabelKeyPrefix), pkg/controller/operators/internal/alongside, labels olm.managed and olm.owner;
    # github.com/operator-framework/operator-controller, internal/labels/labels.go.
    Tool(
        key=OLM,
        title="the Operator Lifecycle Manager (OLM)",
        marks=(
            _label(r"operators\.coreos\.com/.+"),
            _label(r"olm\.managed", "true"),
            _label(r"olm\.(owner.*|operatorframework\.io/.+)"),
            _annotation(r"olm\..+"),
            _annotation(r"operatorframework\.io/installed-alongside-.+"),
        ),
        names=(r"olm\.owner",),
        owners=r".+\.(operators\.coreos\.com|olm\.operatorframework\.io)",
        platform=True,
    ),
    # helm.sh/docs/topics/charts_hooks and github.com/helm/helm, pkg/action/validate.go: a release owns what has both
    # annotations. The label alone is also in what `helm template` renders, for others to apply.
    Tool(
        key=HELM,
        title="the Helm release",
        marks=(_annotation(r"meta\.helm\.sh/release-name"),),
        names=(r"meta\.helm\.sh/release-namespace", r"meta\.helm\.sh/release-name"),
    ),
    # argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking: the annotation, or a label, which charts use, too.
    # The field manager is ArgoCDSSAManager in github.com/argoproj/argo-cd, common/common.go.
    Tool(
        key=ARGO_CD,
        title="the Argo CD application",
        marks=(
            _annotation(r"argocd\.argoproj\.io/tracking-id"),
            _label(r"argocd\.argoproj\.io/instance"),
            _label(r"app\.kubernetes\.io/instance", writer="argocd-(application-)?controller"),
        ),
        names=(r"argocd\.argoproj\.io/tracking-id|argocd\.argoproj\.io/instance|app\.kubernetes\.io/instance",),
        # <application>:<group>/<kind>:<namespace>/<name>
        pick="([^:]+).*",
    ),
    # fluxcd.io/flux/components/kustomize/kustomizations and fluxcd.io/flux/components/helm/helmreleases.
    Tool(
        key=KUSTOMIZATION,
        title="the Flux Kustomization",
        marks=(_label(r"kustomize\.toolkit\.fluxcd\.io/name"),),
        names=(r"kustomize\.toolkit\.fluxcd\.io/namespace", r"kustomize\.toolkit\.fluxcd\.io/name"),
    ),
    Tool(
        key=HELM_RELEASE,
        title="the Flux HelmRelease",
        marks=(_label(r"helm\.toolkit\.fluxcd\.io/name"),),
        names=(r"helm\.toolkit\.fluxcd\.io/namespace", r"helm\.toolkit\.fluxcd\.io/name"),
    ),
    # github.com/rancher/wrangler, pkg/apply (LabelID and its neighbours): k3s, RKE2 and Rancher apply with it.
    Tool(
        key=RANCHER,
        title="Rancher or k3s",
        marks=(
            _annotation(r"objectset\.rio\.cattle\.io/(id|owner-.+)"),
            _annotation(r"catalog\.cattle\.io/.+"),
            _label(r"objectset\.rio\.cattle\.io/.+"),
        ),
        names=(r"objectset\.rio\.cattle\.io/owner-namespace", r"objectset\.rio\.cattle\.io/owner-name"),
        namespaces="cattle-.+",
    ),
    # github.com/kubernetes/kubernetes, cluster/addons/addon-manager/README.md: EnsureExists lets others change it.
    Tool(
        key=ADDON_MANAGER,
        title="the cluster's addon manager",
        marks=(_label(r"addonmanager\.kubernetes\.io/mode", "Reconcile"),),
    ),
    # cloud.google.com/kubernetes-engine/enterprise/config-sync/docs/reference/annotations-and-labels.
    Tool(
        key=CONFIG_SYNC,
        title="Config Sync",
        marks=(
            _annotation(r"configsync\.gke\.io/resource-id"),
            _annotation(r"configmanagement\.gke\.io/managed", "enabled"),
        ),
        names=(r"configsync\.gke\.io/manager",),
    ),
    # carvel.dev/kapp/docs: the label by which an app finds its objects.
    Tool(
        key=KAPP,
        title="the kapp application",
        marks=(_label(r"kapp\.k14s\.io/app"),),
        names=(r"kapp\.k14s\.io/app",),
    ),
    # helm.sh/docs/chart_best_practices/labels: charts set it, also for people who apply what `helm template` renders.
    Tool(
        key=HELM_CHART,
        title="a Helm chart",
        marks=(_label(r"app\.kubernetes\.io/managed-by|heritage", "Helm"),),
        names=(r"app\.kubernetes\.io/instance|release",),
        is_hint=True,
    ),
    # For what no other knows: kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents.
    Tool(
        key=CONTROLLER,
        title="the controller of",
        owners=_ANY_OWNER,
    ),
)


# -- recognising ------------------------------------------------------------------------------------------------------


def managers_of(obj: t.Mapping[str, t.Any], *, hints: bool = False) -> tuple[Manager, ...]:
    """All tools that manage a live object, each once, in the order of the table; empty if there is none.

    With *hints* also those that only may, where no other of the same kind is sure.
    """
    found: list[Manager] = []
    for tool in TOOLS:
        mark = _mark_of(tool, obj)
        known = {manager.tool.key for manager in found}
        is_more = not (tool.owners == _ANY_OWNER and found) and not (tool.is_hint and (not hints or HELM in known))
        if mark and is_more:
            found.append(Manager(tool=tool, name=_name_of(tool, obj), mark=mark))
    return tuple(found)


def is_managed(obj: t.Mapping[str, t.Any]) -> bool:
    """Whether a tool or platform manages a live object."""
    return bool(managers_of(obj))


def whose(obj: t.Mapping[str, t.Any]) -> str:
    """Who manages a live object, in words: its managers, else its owners or what it is part of; empty if unknown."""
    labels, owners = obj["metadata"].get("labels") or {}, obj["metadata"].get("ownerReferences") or ()
    found = [str(manager) for manager in managers_of(obj, hints=True)]
    found = found or [f"{owner.get('kind')} {owner.get('name')}" for owner in owners]
    return " and ".join(found) or str(
        labels.get("app.kubernetes.io/managed-by") or labels.get("app.kubernetes.io/part-of") or ""
    )


def writers_of(obj: t.Mapping[str, t.Any]) -> list[str]:
    """The field managers of a live object but ours and those of its status, sorted."""
    entries = obj["metadata"].get("managedFields") or ()
    names = {str(entry["manager"]) for entry in entries if entry.get("manager") and not entry.get("subresource")}
    return sorted(names - {FIELD_MANAGER})


def described_writers(obj: t.Mapping[str, t.Any]) -> str:
    """The same in words; empty if there is none."""
    names = writers_of(obj)
    return f"the field manager{'s' if len(names) > 1 else ''} {first_of(names)}" if names else ""


def _mark_of(tool: Tool, obj: t.Mapping[str, t.Any]) -> str:
    """What says that *tool* manages an object, in words; empty if nothing does."""
    writers = {str(entry.get("manager")) for entry in obj["metadata"].get("managedFields") or ()}
    for mark in tool.marks:
        for key, value in _noted(obj, mark.place):
            fits = re.fullmatch(mark.key, key) and re.fullmatch(mark.value, value, re.DOTALL)
            if fits and (not mark.writer or any(re.fullmatch(mark.writer, name) for name in writers)):
                return f"{mark.place[:-1]} {key}"
    owner = _owner_of(tool, obj)
    if owner:
        return f"owner {owner}"
    writer = next((name for name in sorted(writers) if tool.writers and re.fullmatch(tool.writers, name)), None)
    if writer:
        return f"field manager {writer}"
    namespace = str(obj["metadata"].get("namespace") or "")
    return f"namespace {namespace}" if tool.namespaces and re.fullmatch(tool.namespaces, namespace) else ""


def _owner_of(tool: Tool, obj: t.Mapping[str, t.Any]) -> str:
    for owner in obj["metadata"].get("ownerReferences") or ():
        group = str(owner.get("apiVersion") or "").rpartition("/")[0]
        counts = tool.owners != _ANY_OWNER or owner.get("controller")
        if counts and tool.owners and re.fullmatch(tool.owners, f"{owner.get('kind')}.{group}"):
            return f"{owner.get('kind')} {owner.get('name')}"
    return ""


def _name_of(tool: Tool, obj: t.Mapping[str, t.Any]) -> str:
    if tool.owners == _ANY_OWNER:
        return _owner_of(tool, obj)
    parts = []
    for pattern in tool.names:
        values = [
            value
            for place in ("annotations", "labels")
            for key, value in _noted(obj, place)
            if re.fullmatch(pattern, key) and value
        ]
        picked = re.fullmatch(tool.pick, values[0], re.DOTALL) if values else None
        parts += [picked[1]] if picked else []
    return "/".join(parts)


def _noted(obj: t.Mapping[str, t.Any], place: str) -> list[tuple[str, str]]:
    return sorted((str(key), str(value)) for key, value in (obj["metadata"].get(place) or {}).items())


def without_marks(metadata: t.Mapping[str, t.Any]) -> JsonObject:
    """The metadata of an object from a source without the marks of tools: what we install is not theirs.

    An object that was exported from a cluster has them, and Argo CD prunes what has its mark and is in no application.
    """
    return {
        **metadata,
        **{
            place: {key: value for key, value in metadata[place].items() if not _is_mark(place, key, str(value))}
            for place in ("annotations", "labels")
            if metadata.get(place)
        },
    }


def _is_mark(place: str, key: str, value: str) -> bool:
    """Whether an annotation or label is a tool's, or names its unit."""
    marks = (mark for tool in TOOLS for mark in tool.marks if mark.place == place and not mark.writer)
    if any(re.fullmatch(mark.key, key) and re.fullmatch(mark.value, value, re.DOTALL) for mark in marks):
        return True
    # The recommended labels of Kubernetes mean more than a tool's unit.
    names = (name for tool in TOOLS for name in tool.names)
    return not key.startswith("app.kubernetes.io/") and any(re.fullmatch(name, key) for name in names)
