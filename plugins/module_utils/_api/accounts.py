# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which account a connection has, as the API server sees it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError

_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account: the name of its user, and its groups."""

    username: str
    groups: tuple[str, ...]


def own_account(cluster: Cluster) -> Account | None:
    """The account of this connection; None where the server does not tell (Kubernetes before 1.28)."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = cluster.request("POST", _REVIEW, body=body, fenced=False)[1]
        user = answer["status"]["userInfo"]
        return Account(username=user["username"], groups=tuple(user.get("groups") or ()))
    except (ApiError, KeyError):
        return None
