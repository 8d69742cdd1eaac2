# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Platforms on which the collection does not work: how one is recognised, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF

# A kind that only this platform serves. Both are read from the API's discovery, which every account may read.
#  - SecurityContextConstraints: github.com/openshift/api, security/v1. MicroShift has it, too, but no ClusterVersion:
#    github.com/openshift/microshift, docs/contributor/enabled_apis.md.
#  - ClusterVersion: github.com/openshift/api, config/v1.
_SIGNS = (
    ("security.openshift.io/v1", "SecurityContextConstraints"),
    ("config.openshift.io/v1", "ClusterVersion"),
)


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A platform that is not supported: its *name*, and the *evidence* by which a cluster was recognised as one."""

    name: str
    evidence: str

    @property
    def reason(self) -> str:
        """Why nothing is installed there, and what to use instead."""
        return (
            f"it is OpenShift ({self.evidence}), which this collection does not support: the platform manages the "
            "operator's CRDs and puts its own back, its own operator always runs, and its security context constraints "
            "refuse the fixed user ids of our pods. Use OpenShift's monitoring for user-defined projects (user "
            "workload monitoring) there"
        )


def platform_of(cluster: Cluster) -> Platform | None:
    """The unsupported platform that a cluster is, None if it is none; costs at most two requests.

    Raises ClusterError if the cluster cannot be asked.
    """
    for api_version, kind in _SIGNS:
        evidence = _served(cluster, api_version, kind)
        if evidence is not None:
            return Platform(name="openshift", evidence=evidence)
    return None


def _served(cluster: Cluster, api_version: str, kind: str) -> str | None:
    try:
        kinds = cluster.resources(api_version, patience=BRIEF) or {}
    except ApiError as error:
        if error.status < 500:
            return None
        # OpenShift serves a part of this group by a server of its own, which may be down. The API server itself lists
        # the groups.
        group = api_version.partition("/")[0]
        known = [item["name"] for item in cluster.request("GET", "/apis")[1].get("groups") or ()]
        return f"its API has the group {group}" if group in known else None
    return f"it serves the kind {kind} of {api_version.partition('/')[0]}" if kind in kinds else None


def require_supported(cluster: Cluster) -> None:
    """Raise Refused, with the reason and the alternative, if a cluster's platform is not supported."""
    found = platform_of(cluster)
    if found is not None:
        raise Refused(f"nothing was written to this cluster: {found.reason}")
