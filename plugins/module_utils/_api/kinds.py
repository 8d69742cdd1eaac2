# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine knows about kinds: identity, order of work, and which immutable fields allow a replacement. Pure."""

from __future__ import annotations

import typing as t

JsonObject = dict[str, t.Any]

# Objects are applied in phases, because each needs what an earlier one made; kinds that are not named come last.
PHASES: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    frozenset({"CustomResourceDefinition"}),
    frozenset({"ServiceAccount", "ClusterRole", "Role", "ConfigMap", "Secret", "LimitRange"}),
    frozenset({"ClusterRoleBinding", "RoleBinding", "NetworkPolicy"}),
    frozenset({"Service", "PersistentVolumeClaim"}),
    frozenset({"Endpoints", "EndpointSlice", "Deployment", "StatefulSet", "DaemonSet"}),
    # Before its binding, which is deleted first: what is half removed must deny nothing.
    frozenset({"ValidatingAdmissionPolicy"}),
)

# After everything else: until a new quota was counted once, the API server refuses all that it counts
# ("status unknown for quota" of its admission plugin resourcequota), and these are objects of the same run.
LAST = "ResourceQuota"

# Immutable fields of objects that hold neither data nor an address: changing one means delete and create.
# The API server names the field in the causes of its 422 (seen for each entry on Kubernetes 1.36).
REPLACEABLE: dict[str, tuple[str, ...]] = {
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "EndpointSlice": ("addressType",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP",),
    # By rules of the CRDs of grafana-operator 5.18.
    "GrafanaDashboard": ("spec.instanceSelector",),
    "GrafanaDatasource": ("spec.instanceSelector",),
}
# Rules of a CRD about several fields name only the field around these; it must be that one exactly.
REPLACEABLE_AROUND: dict[str, str] = {"GrafanaDashboard": "spec", "GrafanaDatasource": "spec"}


class Key(t.NamedTuple):
    """Identity of an object in a cluster; the version is not part of it."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def key_of(obj: t.Mapping[str, t.Any]) -> Key:
    """The identity of *obj*."""
    group = obj["apiVersion"].rpartition("/")[0]
    metadata = obj["metadata"]
    return Key(group, obj["kind"], metadata.get("namespace") or "", metadata["name"])


def url_path(api_version: str, plural: str = "", *, namespace: str | None = None, name: str | None = None) -> str:
    """The URL path of a collection of objects (of all namespaces where *namespace* is None), or of the one *name*.

    Without *plural* that of the whole group and version.
    """
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return root + "".join(
        f"/{part}" for part in (*(("namespaces", namespace) if namespace else ()), plural, name) if part
    )


def phase_of(kind: str) -> int:
    """The phase in which objects of *kind* are applied; deletion uses the reverse order."""
    unnamed = len(PHASES)
    if kind == LAST:
        return unnamed + 1
    return next((number for number, kinds in enumerate(PHASES) if kind in kinds), unnamed)


def guess_plural(kind: str) -> str:
    """The resource of a kind that is not served yet, as Kubernetes guesses it (UnsafeGuessKindToResource)."""
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def replaceable(kind: str, causes: t.Iterable[t.Mapping[str, t.Any]], live: JsonObject) -> bool:
    """Whether a refused change of *live* may be made by delete and create: only fields of the table are to blame."""
    if live.get("spec", {}).get("type") == "LoadBalancer":
        return False  # it holds an address that others know
    fields = [str(cause.get("field") or "") for cause in causes]
    allowed, around = REPLACEABLE.get(kind, ()), REPLACEABLE_AROUND.get(kind)
    return bool(fields) and all(
        field == around or any(field.startswith(prefix) for prefix in allowed) for field in fields
    )
