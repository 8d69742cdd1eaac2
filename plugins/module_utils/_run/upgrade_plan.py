# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_plan does: what an upgrade of one cluster would change and break. Writes nothing."""

from __future__ import annotations

import datetime as dt
import functools
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ClusterError,
    Forbidden,
    Refused,
    Unreachable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import CrdOutcome, apply_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import OptIns
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import FINDING_OPTIONS, make_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import operators_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import key_of_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import request_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import INPUT
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    RECORDS_OPTION,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rendering import asked_for, read
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell, write_files
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rule_check import examine
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import (
    JsonObject,
    Run,
    disposable_objects,
    records_namespace,
    shared_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import (
    NOTHING_TO_COME,
    Options,
    Prediction,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.changes import (
    changes_of,
    instances_of,
    live_images,
    restarts_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.observe import observe
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.plan import (
    CRDS,
    JSON_FILE,
    MARKDOWN_FILE,
    Plan,
    Step,
    as_json,
    links_of,
    markdown,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import READS, RISKS

_KEEPING = (
    "fleet",
    "force_conflicts",
    "adopt_managers",
    "claim_managers",
    "shared_namespaces",
    "disposable_objects",
)
CRDS_OPTIONS: JsonObject = {
    **SET_OPTIONS["crds_to_come"]["options"],
    **{name: {"type": "bool", "default": False} for name in ("allow_downgrade", "allow_data_loss", "take_managed")},
    "snapshot_dir": {"type": "str"},
}
OPTIONS: JsonObject = cluster_options(
    {
        **INPUT,
        "crds": {"type": "dict", "options": CRDS_OPTIONS},
        "allow_unknown": {"type": "bool", "default": False},
        **{name: SET_OPTIONS[name] for name in _KEEPING},
        **RECORDS_OPTION,
        **FINDING_OPTIONS,
    }
)
# The whole text is in a file; a result has its beginning.
TEXT_BYTES = RESULT_BYTES // 4
# So many objects of a step, and so many exposed places, are in a result.
ENTRIES = 50
# What pods are made of, beside what risks read.
_WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
# The step that says what runs, on which versions and restarts depend.
_OPERATORS = "operators"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """One capability of the input: its checked options, its model and its objects."""

    capability: Capability[t.Any]
    parsed: JsonObject
    model: t.Any
    objects: tuple[JsonObject, ...]


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    require(grammar.label_value, params["cluster"], path="cluster")
    suppressions = parse_suppressions(params["suppressions"])
    earlier = earlier_result(params["compare_with"], cluster=params["cluster"])
    wanted = _wanted(params)
    options = _options(run)
    plan = _plan(run, wanted, options=options)
    links = links_of(plan, allow_unknown=params["allow_unknown"])
    report = make_report(
        cluster=params["cluster"],
        links=links,
        findings=[link.finding for link in links if link.finding is not None],
        suppressions=suppressions,
        today=dt.datetime.now(tz=dt.UTC).date(),
        whole_fleet=False,
        fail_on=params["fail_on"],
        show_from=params["show_from"],
    )
    blocked = bool(report.failing)
    text = markdown(plan, report.findings, blocked=blocked)
    told = tell(report, params=params, earlier=earlier)
    warnings = [*t.cast("list[str]", told["warnings"])]
    if params["result_folder"]:
        files = {MARKDOWN_FILE: text, JSON_FILE: as_json(plan, blocked=blocked)}
        warnings += write_files(files, params["result_folder"])
    return {**told, **_bounded(plan), "text": text[:TEXT_BYTES], "blocked": blocked, "warnings": warnings}


def _wanted(params: t.Mapping[str, t.Any]) -> list[_Wanted]:
    """The capabilities of the input in the order of applying them; raises InputError with all that is wrong."""
    found = []
    shared = shared_namespaces(params["shared_namespaces"])
    with Collecting(None) as errors:
        for _number, capability, values in asked_for(params["capabilities"], errors=errors):
            own = Errors()
            parsed, model = read(capability, values, errors=own)
            if model is not None and not own.sorted():
                examine(capability, model, parsed, errors=own)
            for error in own.sorted():
                errors.add(f"capabilities.{capability.name}.{error.path}", *error.parts)
            if model is not None and not own.sorted():
                objects = tuple(in_shared(capability.desired(model), shared))
                found.append(_Wanted(capability=capability, parsed=parsed, model=model, objects=objects))
    return found


def _options(run: Run) -> Options:
    params = run.params
    return Options(
        check=True,
        force_conflicts=params["force_conflicts"],
        adopt_managers=tuple(params["adopt_managers"]),
        claim_managers=frozenset(params["claim_managers"]),
        shared_namespaces=shared_namespaces(params["shared_namespaces"]),
        disposable_objects=disposable_objects(params["disposable_objects"]),
        records_namespace=records_namespace(params["records_namespace"]),
        progress=run.progress,
    )


def _plan(run: Run, wanted: Sequence[_Wanted], *, options: Options) -> Plan:
    """What the run of the playbook site would do to the cluster, step by step."""
    cluster = run.cluster
    run.progress.step("reading the cluster")
    live = observe(cluster, {*READS, *_WORKLOADS})
    operators, steps = _operators(run)
    crds, coming = _crds(run, options=options)
    steps += crds
    for one in wanted:
        run.progress.step(f"comparing {one.capability.name}")
        steps.append(
            _step(one.capability.name, functools.partial(_predicted, run, one, replace(options, to_come=coming)))
        )
    desired = [obj for one in wanted for obj in one.objects]
    replaces = [key_of_name(name) for one in wanted for name in one.parsed.get("replaces") or ()]
    instances = instances_of(live, desired, operators or (), replaces=replaces)
    changes = changes_of(instances, operators, desired, unread=live.unread, replaces=replaces)
    known = live_images(live)
    return Plan(
        cluster=run.params["cluster"],
        versions=changes,
        steps=tuple(steps),
        images=tuple(image for image in inventory_of(desired).images if image not in known),
        restarts=tuple(restarts_of(instances, [change for step in steps for change in step.changes])),
        verdicts=tuple(judge(RISKS, changes=changes, live=live)),
    )


def _operators(run: Run) -> tuple[list[FoundOperator] | None, list[Step]]:
    """The operators of the cluster; where they cannot be found, a step that says why."""
    try:
        return operators_in(run.cluster), []
    except Unreachable:
        raise
    except ClusterError as error:
        return None, [Step(name=_OPERATORS, unknown=str(error))]


def _step(name: str, predict: Callable[[], Outcome]) -> Step:
    """One step of the plan; what would stop the run at it is noted."""
    try:
        outcome = predict()
    except Unreachable:
        raise
    except Forbidden as error:
        return Step(name=name, unknown=str(error))
    except Refused as error:
        return Step(name=name, refused=str(error))
    except InputError as error:
        return Step(name=name, refused=str(error))
    except Incomplete as error:
        return Step(name=name, changes=tuple(error.outcome.sorted_changes()), refused=str(error))
    except ClusterError as error:
        return Step(name=name, unknown=str(error))
    return Step(name=name, changes=tuple(outcome.sorted_changes()), unchanged=outcome.unchanged)


def _predicted(run: Run, one: _Wanted, options: Options) -> Outcome:
    request = request_of(run, one.capability, one.model, one.parsed, options=options)
    return converge(run.cluster, request, options=options)


def _crds(run: Run, *, options: Options) -> tuple[list[Step], Prediction]:
    """The step of the CRDs, none where the input has none, and what they will be for the steps after it."""
    given = run.params["crds"]
    if given is None:
        return [], NOTHING_TO_COME
    source = open_source(
        version=given["version"] or versions.PROMETHEUS_OPERATOR,
        source=given["source"],
        checksum=given["checksum"],
    )
    opt_ins = OptIns(
        **{name: given[name] for name in ("allow_downgrade", "allow_data_loss", "take_managed", "snapshot_dir")}
    )
    # A source may be large, or far away.
    load = functools.cache(source.load)
    done: list[CrdOutcome] = []

    def predict() -> Outcome:
        run.progress.step("comparing the CRDs")
        done.append(apply_crds(run.cluster, source=source.digest, load=load, opt_ins=opt_ins, options=options))
        return done[0].outcome

    step = _step(CRDS, predict)
    differ = bool(done and done[0].crds_differ)
    return [step], to_come(load()) if differ else NOTHING_TO_COME


def _bounded(plan: Plan) -> JsonObject:
    """The plan as a result: of each list what there is room for; the file in the folder of results has it all."""
    whole = plan.result()
    room = Room(RESULT_BYTES)
    images = whole.pop("images")
    whole["steps"] = [_first(step, "objects") for step in whole["steps"]]
    whole["risks"] = [_first(risk, "evidence") for risk in whole["risks"]]
    lists = {name: room.take(entries) for name, entries in whole.items()}
    left_out = sum(len(whole[name]) - len(taken) for name, taken in lists.items())
    return {**lists, "images": images, **({"plan_truncated": left_out} if left_out else {})}


def _first(entry: JsonObject, name: str) -> JsonObject:
    """An entry with the beginning of one of its lists, and how many more there are."""
    more = len(entry[name]) - ENTRIES
    return {**entry, name: entry[name][:ENTRIES], **({"more": more} if more > 0 else {})}


DEFINITION = Definition(name="upgrade_plan", options=OPTIONS, work=work, needs_promql=True)
