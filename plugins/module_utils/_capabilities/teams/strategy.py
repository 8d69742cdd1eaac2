# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses an Alertmanager whose matcher strategy the cluster's CRD does not know. Reads the CRD, writes nothing.

Without the strategy no AlertmanagerConfig would receive Watchdog, or an alert of another namespace of the team. The CRD
is read only when an Alertmanager gets the strategy, so that a run without changes costs nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.routes import MATCHER_STRATEGY
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import CRD_API, CRD_PLURAL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Prediction
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]

_KIND = "Alertmanager"
_CRD = f"alertmanagers.{MONITORING_GROUP}"
_FIELD = "alertmanagerConfigMatcherStrategy"

STRATEGY_RIGHTS = (Right(group=CRD_API.partition("/")[0], resource=CRD_PLURAL, verb="get", name=_CRD),)


def strategy_guard(cluster: Cluster, *, to_come: Prediction) -> t.Callable[[Plan], None]:
    """A guard for the plan of the teams: it raises Refused if the CRD is older than release 0.84 of the operator.

    In check mode the CRDs *to_come* count, which the same run installs first.
    """

    def guard(plan: Plan) -> None:
        new = [
            write
            for write in plan.writes
            if write.desired["kind"] == _KIND and _strategy(write.live) != MATCHER_STRATEGY
        ]
        if not new or _KIND in to_come.kinds or knows_strategy(_crd(cluster)):
            return
        raise Refused(
            f"the CRD {_CRD} of this cluster does not know {_FIELD} {MATCHER_STRATEGY}, which the operator has since "
            "release 0.84; without it alerts that have no label namespace, such as Watchdog, reach no receiver. Update "
            "the CRDs first (role promfleet.monitoring.prometheus_operator, or the module crds)"
        )

    return guard


def _crd(cluster: Cluster) -> JsonObject | None:
    try:
        return cluster.find(url_path(CRD_API, CRD_PLURAL, name=_CRD))
    except ApiError as error:
        if error.status == 403:
            # The server judges each Alertmanager itself, too.
            return None
        raise


def knows_strategy(crd: t.Mapping[str, t.Any] | None) -> bool:
    """Whether a served version of the *crd* of Alertmanager takes the strategy. One that is not known may. Pure."""
    if crd is None:
        return True
    served = [version for version in crd["spec"]["versions"] if version.get("served")]
    return any(MATCHER_STRATEGY in _values(version) for version in served)


def _values(version: t.Mapping[str, t.Any]) -> t.Sequence[str]:
    found: t.Any = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    for name in ("spec", _FIELD, "type"):
        found = (found.get("properties") or {}).get(name) or {}
    values: t.Sequence[str] = found.get("enum") or ()
    return values


def _strategy(obj: JsonObject | None) -> t.Any:
    return (((obj or {}).get("spec") or {}).get(_FIELD) or {}).get("type")
