"""A cluster as another account sees it: the administrator's connection, with impersonation."""

from __future__ import annotations

import copy

from tests.integration.support.cluster import Cluster


def acting_as(cluster: Cluster, user: str, *, group: str = "") -> Cluster:
    """The same cluster, where each request counts as one of *user*, in *group* and in system:authenticated."""
    other = copy.copy(cluster)
    headers = {"Impersonate-User": user, **({"Impersonate-Group": group} if group else {})}
    other._headers = {**cluster._headers, **headers}
    return other
