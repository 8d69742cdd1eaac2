# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a cluster as files for Git: names, waves, and what GitOps controllers must be asked for. Pure.

A file holds the objects of one namespace, of one team where the capability has teams. The marks of a set are the
engine's and are not in the files.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability

JsonObject = dict[str, t.Any]

KUSTOMIZATION = "kustomization.yaml"
CRDS = "crds"
# Each capability has waves of its own, one for each phase in which the engine applies kinds.
WAVES = 10
WAVE = "argocd.argoproj.io/sync-wave"
_SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
_FLUX_PRUNE = "kustomize.toolkit.fluxcd.io/prune"
# What holds what others made: with a namespace all that is in it is deleted, with a CRD all of its objects. The engine
# never does that without an opt-in, so no controller may do it because a file is gone.
_KEPT = {
    "CustomResourceDefinition": "Prune=false,Delete=false,ServerSideApply=true",
    "Namespace": "Prune=false,Delete=false",
}


def has_teams(capability: Capability[t.Any]) -> bool:
    """Whether the objects of a capability are teams', so that each team has a folder."""
    return "teams" in capability.options


def render(objects: Iterable[JsonObject], *, number: int, by_team: bool) -> dict[str, str]:
    """Files with *objects*, by their paths in the folder of their capability, with a kustomization in each folder.

    *number* is the place of the capability in the order of applying them. *by_team*: whether each team has a folder.
    """
    files: dict[str, list[JsonObject]] = {}
    for obj in sorted(objects, key=lambda obj: (phase_of(obj["kind"]), key_of(obj))):
        metadata = obj["metadata"]
        namespace = metadata.get("namespace")
        # Behind a prefix, so that no namespace can be called as another file.
        name = f"namespace-{namespace}.yaml" if namespace else "cluster.yaml"
        folder = f"{metadata['labels'][TEAM_LABEL]}/" if by_team else ""
        files.setdefault(folder + name, []).append(marked(obj, number=number))
    return with_kustomizations({path: dump(found) for path, found in files.items()})


def marked(obj: JsonObject, *, number: int) -> JsonObject:
    """*obj* with the annotations that say to GitOps controllers when it is applied, and what is never deleted."""
    metadata = obj["metadata"]
    kind = obj["kind"]
    added = {WAVE: str(number * WAVES + phase_of(kind))}
    if kind in _KEPT:
        added |= {_SYNC_OPTIONS: _KEPT[kind], _FLUX_PRUNE: "disabled"}
    return {**obj, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **added}}}


def render_crds(crds: Iterable[JsonObject]) -> dict[str, str]:
    """A file for each CRD, before all capabilities."""
    files = {f"{crd['metadata']['name']}.yaml": dump([marked(crd, number=0)]) for crd in crds}
    return with_kustomizations(files)


def with_kustomizations(files: Mapping[str, str]) -> dict[str, str]:
    """*files* and a kustomization for each folder that has some, sorted by their paths."""
    folders: dict[str, set[str]] = {}
    for path in files:
        parts = path.split("/")
        for depth, name in enumerate(parts):
            folders.setdefault("/".join([*parts[:depth], ""]), set()).add(name)
    whole = {**files, **{f"{folder}{KUSTOMIZATION}": kustomization(sorted(names)) for folder, names in folders.items()}}
    return dict(sorted(whole.items()))


def kustomization(resources: Sequence[str]) -> str:
    """A kustomization of files and folders, in their order."""
    return dump(
        [{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(resources)}]
    )
