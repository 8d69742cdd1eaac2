# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as the API server has them when it asks policies: pruned, defaulted, without nulls. Pure.

Expressions say other things of a manifest as it is written: ``has()`` is true for a null, and a default is missing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import Schema, schema_of, stored
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical

JsonObject = dict[str, t.Any]

# Where the schemas are from: a release of the operator, or files of its CRDs.
SCHEMA_OPTIONS: dict[str, dict[str, t.Any]] = {
    "crds_version": {"type": "str", "default": PROMETHEUS_OPERATOR},
    "crds_source": {"type": "path"},
}

# Built-in groups whose kinds have no schema here; their objects need no defaults for what policies ask.
BUILT_IN = frozenset(
    {"", "apps", "batch", "discovery.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"}
)


class Schemas:
    """The schemas of custom resources, from their definitions."""

    def __init__(self, crds: t.Iterable[JsonObject]) -> None:
        self._crds = {(crd["spec"]["group"], crd["spec"]["names"]["kind"]): crd for crd in crds}
        self._found: dict[tuple[str, str, str], Schema | None] = {}

    def stored(self, obj: JsonObject) -> JsonObject | None:
        """The object as a server stores it; None if the schema of its kind is not known."""
        group, _slash, version = str(obj["apiVersion"]).rpartition("/")
        if group in BUILT_IN:
            return canonical(obj)
        key = (group, str(obj["kind"]), version)
        if key not in self._found:
            crd = self._crds.get(key[:2])
            self._found[key] = None if crd is None else schema_of(crd, version)
        schema = self._found[key]
        return None if schema is None else stored(obj, schema)

    def is_cluster_wide(self, obj: JsonObject) -> bool:
        """Whether objects of this kind are in no namespace, as far as that is known."""
        crd = self._crds.get((str(obj["apiVersion"]).rpartition("/")[0], str(obj["kind"])))
        return crd["spec"]["scope"] == "Cluster" if crd is not None else obj["kind"] in _CLUSTER_WIDE


_CLUSTER_WIDE = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
