# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What GitOps controllers need beside the objects: health checks, and Kustomizations of Flux. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import (
    KUSTOMIZATION,
    kustomization,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.kinds import INSTANCES
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.health import cel, lua

JsonObject = dict[str, t.Any]

FLUX = "flux"
FLUX_OPTIONS: dict[str, dict[str, t.Any]] = {
    "source": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "flux-system"},
}
_FLUX_FILE = "kustomizations.yaml"
# How long one folder may take to become healthy: as long as a step of a run waits by default.
_TIMEOUT = "5m"
_INTERVAL = "10m"


@dataclass(frozen=True, kw_only=True)
class Flux:
    """Where Flux has the files: the GitRepository *source*, and in it the *path* of the folder of all clusters."""

    source: str
    path: str
    namespace: str


def argocd_health() -> JsonObject:
    """The health checks of Argo CD for the operator's kinds, as entries of its ConfigMap argocd-cm."""
    return {
        f"resource.customizations.health.{MONITORING_GROUP}_{kind}": lua(instance.steps)
        for kind, instance in INSTANCES.items()
    }


def flux_health(kinds: Iterable[str]) -> list[JsonObject]:
    """The health checks of Flux for those of *kinds* that are the operator's and run pods."""
    found = []
    for kind in sorted(INSTANCES.keys() & set(kinds)):
        expressions = cel(INSTANCES[kind].steps)
        entry = {"apiVersion": INSTANCES[kind].api_version, "kind": kind, "current": expressions.current}
        found.append({**entry, "failed": expressions.failed} if expressions.failed else entry)
    return found


def render_flux(folders: Mapping[str, Iterable[str]], flux: Flux, *, cluster: str) -> dict[str, str]:
    """Files with a Kustomization for each of a cluster's *folders*, which are given with the kinds in them.

    Each depends on the one before it: Flux applies the next folder when all of one is healthy. Waves are for Argo CD;
    Flux has no such order within a Kustomization.
    """
    made: list[JsonObject] = []
    for folder, kinds in folders.items():
        spec: JsonObject = {
            "interval": _INTERVAL,
            "path": f"{flux.path.rstrip('/')}/{cluster}/{folder}",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": flux.source},
            "timeout": _TIMEOUT,
            "wait": True,
        }
        if made:
            spec["dependsOn"] = [{"name": made[-1]["metadata"]["name"]}]
        health = flux_health(kinds)
        if health:
            spec["healthCheckExprs"] = health
        metadata = {"name": f"promfleet-{folder}", "namespace": flux.namespace}
        head = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
        made.append({**head, "metadata": metadata, "spec": spec})
    return {_FLUX_FILE: dump(made), KUSTOMIZATION: kustomization([_FLUX_FILE])}
