# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who manages a workload: a platform, a tool, or else the manager that wrote it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import (
    ADDON_MANAGER,
    ARGO_CD,
    CONFIG_SYNC,
    CONTROLLER,
    HELM,
    HELM_CHART,
    HELM_RELEASE,
    KAPP,
    KUSTOMIZATION,
    OLM,
    OPENSHIFT,
    RANCHER,
    described_writers,
    managers_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import owns_label

JsonObject = dict[str, t.Any]

US, OTHER = "promfleet.monitoring", "other"
# Of several tools the first one decides what becomes of the workload: OLM also works in OpenShift's namespaces, and
# most tools apply what Helm rendered.
_DECIDING = (
    OLM,
    OPENSHIFT,
    RANCHER,
    ARGO_CD,
    KUSTOMIZATION,
    HELM_RELEASE,
    ADDON_MANAGER,
    CONFIG_SYNC,
    KAPP,
    CONTROLLER,
    HELM,
    HELM_CHART,
)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who manages an object: *tool* is the key of a tool of managers.py, US or OTHER; *text* says it for people."""

    tool: str
    text: str

    def __str__(self) -> str:
        return self.text


def set_of(live: JsonObject) -> str | None:
    """The set of this collection that an object belongs to, None for the objects of others."""
    label = (live["metadata"].get("labels") or {}).get(SET_LABEL)
    return str(label) if label and owns_label(live, SET_LABEL) else None


def owner_of(live: JsonObject) -> Owner:
    """Who manages the object *live*, by the marks that tools leave; of several the one that decides."""
    own = set_of(live)
    if own is not None:
        return Owner(tool=US, text=f"this collection's set {own}")
    found = sorted(managers_of(live, hints=True), key=lambda manager: _DECIDING.index(manager.tool.key))
    if found:
        return Owner(tool=found[0].tool.key, text=", ".join(map(str, found)))
    return Owner(tool=OTHER, text=described_writers(live) or "an unknown owner")
