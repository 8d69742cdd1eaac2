# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be done with a CRD that a platform or another tool manages. Pure.

CRDs of a chart's folder ``crds/`` have no marks, and Helm never writes them again (helm.sh/docs/chart_best_practices/
custom_resource_definitions). Rancher's chart rancher-monitoring-crd applies its CRDs in a Job, with kubectl (README.md
of the chart, github.com/rancher/charts): those have no marks either.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import (
    ADDON_MANAGER,
    ARGO_CD,
    CONFIG_SYNC,
    CONTROLLER,
    HELM,
    HELM_RELEASE,
    KAPP,
    KUSTOMIZATION,
    OLM,
    OPENSHIFT,
    RANCHER,
    Manager,
    managers_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

# A message names this many CRDs in full; the list of the refusal has them all.
NAMED = 10
OPT_IN = "take_managed"


@dataclass(frozen=True, kw_only=True)
class _Advice:
    """*would*: what a tool does with a CRD that was changed. *way*: what people can do."""

    would: str
    way: str


_SYNC = "its next sync writes its own CRDs again"
# For each tool of the table in managers.py that is more than a hint.
ADVICE: dict[str, _Advice] = {
    OPENSHIFT: _Advice(
        would="it puts its own CRDs back, and its own operators depend on them",
        way="Leave these CRDs alone: this collection does not support OpenShift. Use OpenShift's monitoring for "
        "user-defined projects (user workload monitoring) there",
    ),
    OLM: _Advice(
        would="it writes the CRDs of its own release with its next install plan, and runs an operator of its own",
        way="Leave these CRDs alone: use the operator that OLM installed, or remove its Subscription and "
        "ClusterServiceVersion (its ClusterExtension) first",
    ),
    HELM: _Advice(
        would="its next upgrade or rollback writes the chart's CRDs again, and `helm uninstall` deletes them with all "
        "custom resources",
        way="Take the CRDs out of the release: annotate them with helm.sh/resource-policy=keep, set crds.enabled to "
        "false (or uninstall the chart prometheus-operator-crds), then remove their annotations meta.helm.sh/*",
    ),
    ARGO_CD: _Advice(
        would=_SYNC,
        way="Take the CRDs out of the application without pruning them (argocd.argoproj.io/sync-options: Prune=false), "
        "then remove the annotation argocd.argoproj.io/tracking-id, or the label",
    ),
    KUSTOMIZATION: _Advice(
        would=_SYNC,
        way="Take the CRDs out of it without pruning them (kustomize.toolkit.fluxcd.io/prune: disabled), then remove "
        "their labels kustomize.toolkit.fluxcd.io/*",
    ),
    HELM_RELEASE: _Advice(
        would="its next upgrade writes the chart's CRDs again",
        way="Take the CRDs out of the release (crds: Skip, or crds.enabled: false with helm.sh/resource-policy: keep), "
        "then remove their labels helm.toolkit.fluxcd.io/*",
    ),
    RANCHER: _Advice(
        would="it writes its own CRDs again",
        way="Take the CRDs out of the add-on or chart there, then remove their marks of cattle.io",
    ),
    ADDON_MANAGER: _Advice(
        would="it puts its own CRDs back within minutes",
        way="Take the CRDs out of the add-ons of the control plane, then remove their label "
        "addonmanager.kubernetes.io/mode",
    ),
    CONFIG_SYNC: _Advice(
        would="it puts its own CRDs back at once",
        way="Set configmanagement.gke.io/managed: disabled at the CRDs in its source, and wait for a sync",
    ),
    KAPP: _Advice(
        would="its next deploy writes its own CRDs again",
        way="Take the CRDs out of the application without deleting them (kapp.k14s.io/delete-strategy: orphan)",
    ),
    CONTROLLER: _Advice(
        would="it may put its own CRDs back, and Kubernetes deletes them with their owner",
        way="Remove the owner reference where that owner is configured",
    ),
}


# -- deciding ---------------------------------------------------------------------------------------------------------


def require_unmanaged(crds: t.Sequence[JsonObject], *, take: bool) -> None:
    """Raise Refused if others manage one of *crds*, which would be changed; with *take* only if a platform does."""
    managed = _by_manager(crds)
    refused = {manager: names for manager, names in managed.items() if manager.tool.platform or not take}
    if not refused:
        return
    by_platform = {manager: names for manager, names in refused.items() if manager.tool.platform}
    reasons = [
        f"{manager} manages {first_of(names, NAMED)}, which would change ({manager.mark}); "
        f"{ADVICE[manager.tool.key].would}. "
        f"{ADVICE[manager.tool.key].way}"
        for manager, names in (by_platform or refused).items()
    ]
    text = "the CRDs stay as they are: " + " | ".join(reasons)
    if not by_platform:
        text += f". {OPT_IN}: true changes them all the same, until the other tool writes them again"
    raise Refused(text, objects=_lines(refused))


def require_deletable(crds: t.Sequence[JsonObject]) -> None:
    """Raise Refused if others manage one of *crds*, which would be deleted: no opt-in allows that."""
    managed = _by_manager(crds)
    if managed:
        reasons = [f"{manager} manages {first_of(names, NAMED)} ({manager.mark})" for manager, names in managed.items()]
        raise Refused(
            "the CRDs stay: others manage them, and all custom resources would be deleted with them: "
            + " | ".join(reasons)
            + ". Remove them with the tool that manages them, or take them out of it and remove its marks",
            objects=_lines(managed),
        )


def _by_manager(crds: t.Sequence[JsonObject]) -> dict[Manager, list[str]]:
    found: dict[Manager, list[str]] = {}
    for crd in crds:
        for manager in managers_of(crd):
            # The key of a mark may hold the CRD's own name or a number.
            known = next((one for one in found if str(one) == str(manager)), manager)
            found.setdefault(known, []).append(crd["metadata"]["name"])
    return found


def _lines(managed: t.Mapping[Manager, t.Sequence[str]]) -> list[str]:
    return [f"{name}: managed by {manager} ({manager.mark})" for manager, names in managed.items() for name in names]
