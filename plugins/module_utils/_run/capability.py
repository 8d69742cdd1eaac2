# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module of a capability: its options become objects, and the engine brings the cluster to them."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import require_supported
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Model,
    Situation,
    model_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.fleet import fleet_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rule_check import examine
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

# What a module tells beside the outcome, once the set is as desired; the model is None if it was removed.
After = t.Callable[[Run, t.Any], JsonObject]


def _nothing(_run: Run, _model: t.Any) -> JsonObject:
    return {}


def set_of(fleet: str, *, capability: str) -> SetId:
    """The set of a fleet for one capability; raises InputError if *fleet* cannot be a part of its names."""
    require(functools.partial(fleet_name, capability=capability), fleet, path="fleet")
    return SetId(fleet=fleet, capability=capability)


def _where_supported(request: Request, cluster: Cluster) -> Request:
    """The same request, refused on a platform that is not supported; a run that writes nothing asks nothing.

    A removal is never refused: an interrupted installation can be taken away again.
    """

    def guard(plan: Plan) -> None:
        if plan.writes:
            require_supported(cluster)
        request.guard(plan)

    return request.guarded(guard)


def request_of(
    run: Run, capability: Capability[Model], model: Model | None, params: t.Mapping[str, t.Any], *, options: Options
) -> Request:
    """What the engine is asked to do for a *model*, None to remove the set, by the module's *params*.

    Raises what the capability's policy raises.
    """
    request = Request(
        owner=set_of(str(run.params["fleet"]), capability=capability.name),
        desired=tuple(in_shared(capability.desired(model), options.shared_namespaces)) if model is not None else (),
        kinds=capability.kinds,
        neighbours=capability.neighbours,
    )
    situation = Situation(cluster=run.cluster, params=params, check=options.check, to_come=options.to_come)
    request = capability.policy(request, model, situation)
    return request if model is None else _where_supported(request, run.cluster)


def definition_of(capability: Capability[Model], *, after: After = _nothing) -> Definition:
    """The module of *capability*; *after* gives what its result has beside the outcome."""

    def work(run: Run) -> JsonObject:
        model = model_of(capability, run.params) if run.params["state"] == "present" else None
        judged = None
        if model is not None:
            with Collecting(None) as errors:
                judged = examine(capability, model, run.params, errors=errors)
        options = run.options()
        request = request_of(run, capability, model, run.params, options=options)
        outcome = converge(run.cluster, request, options=options)
        by = {"rules_judged_by": judged} if judged is not None else {}
        return {"outcome": outcome, **by, **after(run, model)}

    return Definition(
        name=capability.module,
        options=cluster_options(capability.options, CHANGE_OPTIONS, SET_OPTIONS),
        work=work,
        needs_promql=capability.needs_promql,
    )
