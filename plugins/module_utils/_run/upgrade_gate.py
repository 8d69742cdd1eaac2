# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_gate does: measures a cluster before and after its upgrade, and notes the verdict."""

from __future__ import annotations

import datetime as dt
import time
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_expression
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    RECORDS_OPTION,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run, records_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_waves import WINDOWS, records_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import (
    KNOWN_OPTIONS,
    RUN,
    SLI_OPTIONS,
    Fault,
    Known,
    Seen,
    Sli,
    faults_of,
    known_of,
    slis_of,
    unmeasured,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.measure import Asked, measure
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.past import read_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import (
    FAILED,
    PASSED,
    RESTORED,
    ROLLED_BACK,
    STARTED,
    State,
    failed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.waves import (
    check_windows,
    is_open,
)

# What a cluster's upgrade is to do next.
UPGRADE, ROLL_BACK, NOTHING, FROZEN, CLOSED = "upgrade", "roll back", "nothing", "frozen", "closed"
BEGIN, JUDGE, CLOSE = STAGES = ("begin", "judge", "close")
# Seconds between two looks.
PAUSE = 2.0
OPTIONS: JsonObject = cluster_options(
    {
        "stage": {"type": "str", "required": True, "choices": list(STAGES)},
        "cluster": {"type": "str", "required": True},
        "folder": {"type": "path", "required": True},
        "fleet": SET_OPTIONS["fleet"],
        **RECORDS_OPTION,
        "changes": {"type": "int"},
        **WINDOWS,
        "slis": {"type": "list", "elements": "dict", "default": [], "options": SLI_OPTIONS},
        "sli_team": {"type": "str", "default": "platform"},
        "known_changes": {"type": "list", "elements": "dict", "default": [], "options": KNOWN_OPTIONS},
        "volatile_labels": {
            "type": "list",
            "elements": "str",
            "default": ["instance", "pod", "node", "uid", "container_id"],
        },
        "findings": {"type": "list", "elements": "dict", "default": []},
        "error": {"type": "str"},
        "soak": {"type": "str", "default": "0"},
        "timeout": {"type": "int", "default": 300},
    }
)


class _Gate:
    """The checked input of a gate."""

    def __init__(self, run: Run) -> None:
        params = run.params
        with Collecting(None) as errors:
            require(grammar.label_value, params["cluster"], path="cluster", errors=errors)
            self.slis: tuple[Sli, ...] = slis_of(
                params["slis"], team=params["sli_team"], check=check_expression, path="slis", errors=errors
            )
            self.known: tuple[Known, ...] = known_of(params["known_changes"], path="known_changes", errors=errors)
            check_windows(params["windows"], path="windows", errors=errors)
            self.soak = _seconds(params["soak"], errors=errors)
            if params["timeout"] < 0:
                errors.add("timeout", f"must not be negative, found {params['timeout']}")
        self.run = run
        self.cluster: str = params["cluster"]
        self.records = records_of(params["folder"])
        self.asked = Asked(fleet=params["fleet"], slis=self.slis, volatile=params["volatile_labels"])
        self.findings = {
            str(one.get("fingerprint") or one.get("message")): str(one.get("message") or "")
            for one in params["findings"]
        }

    def measure(self, *, before: Seen | None = None) -> Seen:
        """What the gates compare, as it is now."""
        return measure(self.run.cluster, self.asked, before=before, findings=self.findings)

    def faults(self, before: Seen, *, seconds: float, continuity: bool) -> list[Fault]:
        """What fails, looked at until nothing does, or *seconds* are over."""
        deadline = time.monotonic() + seconds
        while True:
            after = self.measure(before=before if continuity else None)
            found = faults_of(before, after, slis=self.slis, known=self.known)
            left = deadline - time.monotonic()
            if not found or left <= 0:
                return found
            self.run.progress.step(f"{len(found)} differences; waiting until there are none")
            time.sleep(min(PAUSE, left))


def _seconds(text: str, *, errors: Errors) -> float:
    length = grammar.milliseconds(text)
    if length is None:
        errors.add("soak", f"{text!r} is not a duration; write a number with its unit, such as 30s or 10m")
    return (length or 0) / 1000


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    one = _Gate(run)
    return {BEGIN: _begin, JUDGE: _judge, CLOSE: _close}[run.params["stage"]](one)


def _begin(one: _Gate) -> JsonObject:
    """Note what there is before the upgrade, and say what is to be done."""
    run, params = one.run, one.run.params
    state = one.records.state(one.cluster)
    if state is not None and state.phase in (FAILED, RESTORED):
        # The run that noted it may have been killed before it froze the fleet.
        if not run.check:
            one.records.freeze_for(one.cluster, since=state.began, faults=state.faults)
        return _next(
            ROLL_BACK, "an earlier run found that a gate failed, and did not finish the rollback", resumed=True
        )
    if state is not None and state.phase == STARTED:
        return _next(UPGRADE, "an earlier run did not finish the upgrade", resumed=True)
    kept_from = _kept_from(one)
    if kept_from is not None:
        return kept_from
    run.progress.step("measuring before the upgrade")
    before = one.measure()
    missing = unmeasured(before)
    if missing:
        findings = [_finding(one, "PF708", fault) for fault in missing]
        return {
            **_next(NOTHING, "a gate cannot be measured"),
            **_told(findings, missing),
            "failure": "\n".join(["the upgrade does not begin", *(finding.message for finding in findings)]),
        }
    if not run.check:
        place = records_namespace(params["records_namespace"])
        objects = read_objects(run.cluster, fleet=params["fleet"], records_namespace=place, progress=run.progress)
        began = dt.datetime.now(tz=dt.UTC).strftime("%Y%m%dt%H%M%Sz")
        one.records.begin(one.cluster, began=began, before=before, objects=objects)
    return _next(UPGRADE, "")


def _kept_from(one: _Gate) -> JsonObject | None:
    """What keeps a cluster from beginning, None if nothing does."""
    freeze = one.records.freeze()
    if freeze is not None:
        return _next(FROZEN, f"{freeze}. lift={freeze.id} lifts it")
    if one.run.params["changes"] == 0:
        return _next(NOTHING, "nothing differs")
    if not is_open(one.run.params["windows"], dt.datetime.now(tz=dt.UTC)):
        return _next(CLOSED, "now is outside of the windows")
    return None


def _next(step: str, reason: str, *, resumed: bool = False) -> JsonObject:
    return {"step": step, "reason": reason, "resumed": resumed, "passed": False, "faults": [], "findings": []}


def _judge(one: _Gate) -> JsonObject:
    """Compare with what was before, and note the verdict."""
    state = _state(one, STARTED)
    before = one.records.before(one.cluster)
    error = one.run.params["error"]
    if error:
        faults = [Fault(gate=RUN, place=one.cluster, item="the run of the upgrade", before="ready", after=error)]
    else:
        one.run.progress.step(f"soaking for {one.soak:g} s")
        time.sleep(one.soak)
        faults = one.faults(before, seconds=one.run.params["timeout"], continuity=True)
    if not one.run.check:
        if faults:
            # The verdict first: a run that is killed here freezes when it is resumed.
            shown = tuple(Room(RESULT_BYTES // 4).take(fault.result() for fault in faults))
            one.records.enter(one.cluster, failed(state, shown))
            one.records.freeze_for(one.cluster, since=state.began, faults=shown)
        else:
            one.records.enter(one.cluster, replace(state, phase=PASSED))
    findings = [_finding(one, "PF706", fault) for fault in faults]
    step = ROLL_BACK if faults else NOTHING
    return {**_next(step, ""), **_told(findings, faults), "passed": not faults}


def _close(one: _Gate) -> JsonObject:
    """Compare again after the rollback, and note that it ended."""
    state = _state(one, RESTORED)
    before = one.records.before(one.cluster)
    # The time without samples is over, and no rollback brings them back.
    faults = one.faults(before, seconds=one.run.params["timeout"], continuity=False)
    if not one.run.check:
        left = tuple(Room(RESULT_BYTES // 4).take(fault.result() for fault in faults))
        one.records.enter(one.cluster, replace(state, phase=ROLLED_BACK, left=left))
    first = [_finding(one, "PF706", Fault(**fault)) for fault in state.faults]
    findings = [*first, *(_finding(one, "PF707", fault) for fault in faults)]
    return {**_next(NOTHING, state.crds), **_told(findings, faults), "passed": not faults}


def _state(one: _Gate, phase: str) -> State:
    state = one.records.state(one.cluster)
    if state is None or state.phase != phase:
        there = "no record of an upgrade" if state is None else f"the phase {state.phase!r}"
        raise InputError("stage", f"{one.run.params['stage']} follows the phase {phase!r}; {one.cluster} has {there}")
    return state


def _finding(one: _Gate, code: str, fault: Fault) -> Finding:
    namespace, _slash, name = fault.place.rpartition("/")
    kind = "Prometheus" if namespace else "Upgrade"
    subject = Subject(cluster=one.cluster, kind=kind, namespace=namespace, name=name or one.cluster)
    evidence: dict[str, t.Any] = {"gate": fault.gate, "item": fault.item, "before": fault.before}
    if code == "PF708":
        return found(code, subject, **evidence, checks=f"the gate {fault.gate}")
    return found(code, subject, **evidence, after=fault.after)


def _told(findings: Iterable[Finding], faults: Sequence[Fault]) -> JsonObject:
    room = Room(RESULT_BYTES // 2)
    return {
        "findings": room.take(finding.result() for finding in findings),
        "faults": room.take(fault.result() for fault in faults),
    }


DEFINITION = Definition(name="upgrade_gate", options=OPTIONS, work=work, needs_promql=True)
