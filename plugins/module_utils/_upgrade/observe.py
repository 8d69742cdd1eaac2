# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what an upgrade is judged by: one LIST of each kind. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import JsonObject, Live

_BUILT_IN = {
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Namespace": "v1",
    "Pod": "v1",
    "StatefulSet": "apps/v1",
}


def observe(cluster: Cluster, kinds: Iterable[str]) -> Live:
    """All objects of *kinds*; a LIST that is refused is noted, and one of a kind that is not served is empty.

    Raises Unreachable where the server gives no answer at all.
    """
    wanted = sorted(set(kinds))
    answers = side_by_side(lambda kind: _read(cluster, kind), wanted, workers=WORKERS)
    return Live(
        objects={kind: answer for kind, answer in zip(wanted, answers, strict=True) if isinstance(answer, tuple)},
        unread={kind: answer for kind, answer in zip(wanted, answers, strict=True) if isinstance(answer, str)},
    )


def _read(cluster: Cluster, kind: str) -> tuple[JsonObject, ...] | str:
    """The objects of a kind, or the reason why they could not be read."""
    try:
        apis = (_BUILT_IN[kind],) if kind in _BUILT_IN else (MONITORING, MONITORING_ALPHA)
        resources = [resource for api in apis if (resource := cluster.resource(api, kind)) is not None]
        return tuple(cluster.list_objects(resources[0])) if resources else ()
    except ApiError as error:
        return error.server_message or str(error)
