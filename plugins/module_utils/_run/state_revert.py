# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module state_revert does: a fleet's sets in a cluster become again as they were recorded.

The apply engine does it set by set, with its rules about whose an object is. Of the guards of the capabilities those
hold that need no model of the input.
"""

from __future__ import annotations

import functools
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import require_supported
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.policy.capability import POLICY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.adoption import refuse_losses
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.closing import (
    CLOSING_RIGHTS,
    closing_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.growth import grow_volumes
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.strategy import (
    STRATEGY_RIGHTS,
    strategy_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import OPERATOR_RIGHTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import (
    instance_guard,
    operator_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.handover import (
    HANDOVER_RIGHTS,
    change_instances,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import INSTANCE_KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_compare import crds_differ
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_place import PLACE_OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_record import (
    crd_releases,
    identified,
    live_sets,
    place_of_records,
    read_state,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.recorded import LiveSet, State
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

OPTIONS: JsonObject = cluster_options(
    {
        **PLACE_OPTIONS,
        "prune": {"type": "bool", "default": False},
        **{name: option for name, option in SET_OPTIONS.items() if name != "state"},
    },
    CHANGE_OPTIONS,
)
# What holds data or a whole team; other objects that were not recorded are deleted without an opt-in.
_DEAR = frozenset({"Namespace", *INSTANCE_KINDS})


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """One set and the objects that it is to have again; none where it was not recorded."""

    capability: Capability[t.Any]
    objects: tuple[JsonObject, ...]
    live: LiveSet | None


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    place = place_of_records(run)
    state = read_state(run, uid=identified(run), namespace=place)
    wanted = _in_order(state, [*live_sets(run, place=place)])
    warnings = [
        f"{line}; a revert changes no CRDs, the module crds does" for line in crds_differ(state.crds, crd_releases(run))
    ]
    options = run.options()
    if not run.check:
        # All refusals come before the first write, those of the last set too.
        _converge(run, wanted, options=replace(options, check=True))
    outcome = _converge(run, wanted, options=options)
    outcome.warnings[:0] = warnings
    return {"outcome": outcome, "sets": {one.capability.name: len(one.objects) for one in wanted}}


def _in_order(state: State, live: Sequence[tuple[Capability[t.Any], LiveSet | None]]) -> list[_Wanted]:
    """The sets to write: those that were recorded in their order, then those to remove, the other way round.

    The policies come last of those: they may deny writes to this account, as they did when they were recorded.
    Raises Refused for sets that this release does not know.
    """
    unknown = sorted(set(state.sets) - {capability.name for capability, _found in live})
    if unknown:
        raise Refused(f"the recorded state has sets that this release does not make: {first_of(unknown)}")
    every = [
        _Wanted(capability=capability, objects=state.sets.get(capability.name, ()), live=found)
        for capability, found in live
        if capability.name in state.sets or found is not None
    ]
    again = [one for one in every if one.capability.name in state.sets]
    again.sort(key=lambda one: one.capability.name == POLICY.name)
    return [*again, *(one for one in reversed(every) if one.capability.name not in state.sets)]


def _converge(run: Run, wanted: Sequence[_Wanted], *, options: Options) -> Outcome:
    """What was done to all sets, or would be; raises Incomplete with what was done before a failure."""
    whole = Outcome()
    for one in wanted:
        run.progress.step(f"{'comparing' if options.check else 'reverting'} {one.capability.name}")
        try:
            _add(whole, converge(run.cluster, _request(run, one, options=options), options=options))
        except Incomplete as error:
            _add(whole, error.outcome)
            raise Incomplete(f"{one.capability.name}: {error}", outcome=whole) from error
        except ClusterError as error:
            if options.check or not whole.changes:
                raise
            raise Incomplete(f"{one.capability.name}: {error}", outcome=whole) from error
    return whole


def _add(whole: Outcome, part: Outcome) -> None:
    whole.changes += part.changes
    whole.failures += part.failures
    whole.unchanged += part.unchanged
    whole.warnings += [text for text in part.warnings if text not in whole.warnings]
    whole.place = part.place or whole.place


def _request(run: Run, one: _Wanted, *, options: Options) -> Request:
    """What the engine is asked to do for one set."""
    cluster = run.cluster
    request = Request(
        owner=set_of(str(run.params["fleet"]), capability=one.capability.name),
        desired=tuple(in_shared(list(one.objects), options.shared_namespaces)),
        kinds=one.capability.kinds,
        neighbours=one.capability.neighbours,
    )
    request = request.guarded(_pruning(prune=run.params["prune"], removed=not one.objects))

    def supported(plan: Plan) -> None:
        if plan.writes:
            require_supported(cluster)

    request = request.guarded(supported)
    if one.capability.name == OPERATOR.name and one.objects:
        return _of_operator(request, one, run)
    if one.capability.name == TEAMS.name and one.objects:
        fleet = request.owner.fleet
        request = request.guarded(instance_guard(cluster), reads=OPERATOR_RIGHTS).guarded(refuse_losses)
        request = request.guarded(closing_guard(cluster), reads=CLOSING_RIGHTS)
        request = request.guarded(strategy_guard(cluster, to_come=options.to_come), reads=STRATEGY_RIGHTS)
        request = request.doing(grow_volumes)
        return request.doing(functools.partial(change_instances, fleet=fleet, check=options.check))
    return request


def _of_operator(request: Request, one: _Wanted, run: Run) -> Request:
    """The request for the operator, refused where it would share the instances out in another way."""
    deployments = [obj for obj in one.objects if obj["kind"] == "Deployment"]
    guard = operator_guard(run.cluster, fleet=request.owner.fleet, to_come=(), deployments=deployments)
    recorded = {key_of(obj) for obj in deployments}
    there = {key for key in (one.live.members if one.live is not None else ()) if key.kind == "Deployment"}

    def same_tier(_plan: Plan) -> None:
        if there and there != recorded:
            names = [f"{key}" for key in sorted(recorded ^ there)]
            raise Refused(
                "the recorded state has other operators than the cluster: "
                f"{first_of(names)}. A change of the tier hands instances over, which takes an inventory: run the "
                "playbook site with the one of that time. Nothing was written",
                objects=names,
            )

    return request.guarded(guard, reads=HANDOVER_RIGHTS).guarded(same_tier)


def _pruning(*, prune: bool, removed: bool) -> Callable[[Plan], None]:
    """Raise Refused where instances, namespaces or a whole set would be deleted and *prune* does not allow it."""

    def guard(plan: Plan) -> None:
        going = [key_of(live) for live in (*plan.deletes, *plan.releases)]
        dear = sorted(str(key) for key in going if removed or key.kind in _DEAR)
        if dear and not prune:
            raise Refused(
                f"these were not recorded, and would be deleted: {first_of(dear)}. Set prune: true to delete all "
                f"{len(going)} objects of the set that were not recorded. Nothing was written",
                objects=dear,
            )

    return guard


DEFINITION = Definition(name="state_revert", options=OPTIONS, work=work, needs_promql=True)
