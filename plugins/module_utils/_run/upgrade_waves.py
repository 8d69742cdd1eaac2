# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_waves does: which clusters of a fleet are upgraded when, and what keeps them from it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import Records
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.waves import (
    HOST_OPTIONS,
    WAVE_OPTIONS,
    WINDOW_OPTIONS,
    Host,
    check_windows,
    is_open,
    run_order,
    waves_of,
)

WINDOWS: JsonObject = {"windows": {"type": "list", "elements": "dict", "default": [], "options": WINDOW_OPTIONS}}
OPTIONS: JsonObject = {
    "hosts": {"type": "list", "elements": "dict", "required": True, "options": HOST_OPTIONS},
    "present": {"type": "list", "elements": "str"},
    "lost": {"type": "list", "elements": "str", "default": []},
    "waves": {"type": "list", "elements": "dict", "default": [], "options": WAVE_OPTIONS},
    **WINDOWS,
    "folder": {"type": "path", "required": True},
    "lift": {"type": "str"},
}


def records_of(folder: str) -> Records:
    """The records in a folder."""
    return Records(folder=Path(folder), write=write_private)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    hosts = [
        Host(
            name=one["name"],
            groups=frozenset(one["groups"]),
            labels={str(name): str(value) for name, value in one["labels"].items()},
        )
        for one in params["hosts"]
    ]
    with Collecting(None) as errors:
        waves = waves_of(hosts, params["waves"], path="waves", errors=errors)
        check_windows(params["windows"], path="windows", errors=errors)
    cluster_of = {one["name"]: one["cluster"] or one["name"] for one in params["hosts"]}
    records = records_of(params["folder"])
    states = {name: records.state(cluster) for name, cluster in cluster_of.items()}
    lifted = bool(params["lift"]) and not run.check and records.lift(params["lift"])
    freeze = records.freeze()
    present = set(cluster_of if params["present"] is None else params["present"])
    unfinished = [name for name, state in states.items() if state is not None and state.is_unfinished]
    order = run_order(waves, present=present, lost=params["lost"], unfinished=unfinished)
    lines = [
        f"{wave.name}: {', '.join(wave.hosts)}" + (f" ({wave.concurrency} at a time)" if wave.concurrency > 1 else "")
        for wave in waves
    ]
    lines += [f"{name}: an earlier run did not finish it; this one does" for name in unfinished]
    if params["lost"]:
        lines.append(f"{', '.join(params['lost'])}: cannot be used; no wave after theirs begins")
    if freeze is not None:
        lines.append(f"{freeze}. lift={freeze.id} lifts it")
    return {
        "changed": lifted,
        "order": order,
        "unfinished": unfinished,
        "frozen": "" if freeze is None else str(freeze),
        "freeze": "" if freeze is None else freeze.id,
        "open": is_open(params["windows"], dt.datetime.now(tz=dt.UTC)),
        "lines": lines,
    }


DEFINITION = Definition(name="upgrade_waves", options=OPTIONS, work=work, needs_cluster=False)
