# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module of a capability: its options become objects, and the engine brings the cluster to them."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Model,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

# What a module tells beside the outcome, once the set is as desired; the model is None where it was removed.
After = t.Callable[[Run, t.Any], JsonObject]


def _nothing(_run: Run, _model: t.Any) -> JsonObject:
    return {}


def definition_of(capability: Capability[Model], *, needs_promql: bool = False, after: After = _nothing) -> Definition:
    """The module of *capability*; *after* gives what its result has beside the outcome."""

    def work(run: Run) -> JsonObject:
        model = capability.parse(run.params) if run.params["state"] == "present" else None
        options = run.options()
        request = Request(
            owner=SetId(fleet=run.params["fleet"], capability=capability.name),
            desired=tuple(capability.desired(model)) if model is not None else (),
            kinds=capability.kinds,
            neighbours=capability.neighbours,
        )
        situation = Situation(cluster=run.cluster, params=run.params, check=run.check, to_come=options.to_come)
        outcome = converge(run.cluster, capability.policy(request, model, situation), options=options)
        return {"outcome": outcome, **after(run, model)}

    return Definition(
        name=capability.module,
        options=cluster_options(capability.options, writes=True),
        work=work,
        needs_promql=needs_promql,
    )
