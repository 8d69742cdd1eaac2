# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_rollback does: brings a cluster back to what it was before its upgrade."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_waves import records_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.past import restore
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import FAILED, RESTORED

_KEEPING = ("fleet", "shared_namespaces", "disposable_objects")
OPTIONS: JsonObject = cluster_options(
    {
        "cluster": {"type": "str", "required": True},
        "folder": {"type": "path", "required": True},
        **{name: SET_OPTIONS[name] for name in _KEEPING},
    },
    CHANGE_OPTIONS,
)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params: Mapping[str, t.Any] = run.params
    require(grammar.label_value, params["cluster"], path="cluster")
    records = records_of(params["folder"])
    cluster = params["cluster"]
    state = records.state(cluster)
    if state is None or state.phase not in (FAILED, RESTORED):
        there = "no record of an upgrade" if state is None else f"the phase {state.phase!r}"
        raise InputError("cluster", f"a rollback follows a gate that failed; {cluster} has {there}")
    # All of it was ours before: what others took since is taken back.
    options = replace(run.options(), force_conflicts=True)
    done = restore(run.cluster, records.objects(cluster), fleet=params["fleet"], options=options)
    if not run.check:
        records.enter(cluster, replace(state, phase=RESTORED, crds=done.crds))
    return {"outcome": done.outcome, "crds": done.crds}


DEFINITION = Definition(name="upgrade_rollback", options=OPTIONS, work=work)
