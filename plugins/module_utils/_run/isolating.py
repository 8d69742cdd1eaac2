# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module `isolation` does: builds two throwaway teams, tries the attacks of the matrix, and judges them."""

from __future__ import annotations

import contextlib
import datetime as dt
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect_as
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import team_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    API_SERVER_OPTIONS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import (
    FINDING_OPTIONS,
    Link,
    make_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest, require
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.accounts import review_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.attempt import Sender, clear
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.build import Builder, built
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.controls import CONTROLS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import ATTACKS, ROWS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.measuring import (
    Meter,
    Waiting,
    measure,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    DOORS,
    PEOPLE,
    Attack,
    Control,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import NAME, Stage, make_stage
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.verdict import links_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import OPERATORS_OPTION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import RECORDS_OPTION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run, records_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options

OPTIONS: dict[str, dict[str, t.Any]] = {
    **TEAM_SET_OPTIONS,
    **FINDING_OPTIONS,
    **RECORDS_OPTION,
    "api_server_sources": {"type": "list", "elements": "dict", "default": [], "options": API_SERVER_OPTIONS},
    "egress": {"type": "dict", "default": {}},
    **OPERATORS_OPTION,
    "operator_namespace": {"type": "str", "default": "prometheus-operator"},
    "name": {"type": "str", "default": NAME},
    "attacks": {"type": "list", "elements": "str", "default": []},
    "fleet": {"type": "str", "default": "default"},
    "lock_timeout": {"type": "int", "default": 60},
    "wait_timeout": {"type": "int", "default": 300},
}
# What the throwaway teams have in common with those of the fleet.
PASSED_ON = (
    "api_server_sources",
    "cluster",
    "cluster_facts",
    "clusters",
    "egress",
    "namespace_prefix",
    "operators",
    "platform_team",
    "pods",
    "sizes",
)
# The suffixes of the two teams, behind which their namespaces have to fit.
_LONGEST = 40
# The list of outcomes gets a part of the result's room, findings have the rest.
_OUTCOME_BYTES = RESULT_BYTES // 4


def isolate(run: Run) -> JsonObject:
    """Try the attacks that do no harm on a live fleet, and return the findings."""
    params = run.params
    stage = _stage(params)
    attacks = _chosen(params["attacks"])
    if params["wait_timeout"] < 1:
        raise InputError("wait_timeout", "must be at least 1 second")
    suppressions = parse_suppressions(params["suppressions"])
    earlier = earlier_result(params["compare_with"], cluster=params["cluster"])
    rows: list[Attack | Control] = [*attacks, *CONTROLS]
    if run.check:
        return {"outcomes": [_planned(row) for row in rows], **_nothing_found()}
    outcomes, about = _tried(run, stage, attacks=attacks)
    links = links_of(outcomes, cluster=params["cluster"])
    links += [Link(check=NAME, object=finding.object, finding=finding) for finding in about]
    report = make_report(
        cluster=params["cluster"],
        cluster_uid=_uid(run),
        links=links,
        findings=[link.finding for link in links if link.finding is not None],
        suppressions=suppressions,
        today=dt.datetime.now(dt.UTC).date(),
        whole_fleet=len(params["clusters"]) == 1,
        fail_on=params["fail_on"],
        show_from=params["show_from"],
    )
    taken = Room(_OUTCOME_BYTES).take(outcome.result() for outcome in outcomes)
    return {**tell(report, params=params, earlier=earlier), "outcomes": taken}


def _stage(params: JsonObject) -> Stage:
    """The stage that the options name; raises InputError where a team or namespace of the fleet has its names."""
    with Collecting(None) as errors:
        teams = parse_team_set(params, errors=errors)
        name = require(team_name, params["name"], path="name", errors=errors)
        if len(name) > _LONGEST:
            errors.add("name", f"must have at most {_LONGEST} characters, found {len(name)}")
        stage = make_stage(
            name=name, prefix=params["namespace_prefix"], operator_namespace=params["operator_namespace"]
        )
        made = {*stage.namespaces, *(actor.team for actor in stage.actors)}
        for team in teams:
            used = {team.name, team.namespace, *team.namespaces} & made
            if used:
                listed = ", ".join(sorted(used))
                errors.add("name", f"the team {team.name!r} has the name or a namespace {listed}; give another name")
    set_of(params["fleet"], capability=NAME)
    return stage


def _chosen(names: t.Sequence[str]) -> list[Attack]:
    """The attacks that are harmless on a live fleet, of these ids and doors; all where none is named."""
    live = [attack for attack in ATTACKS if attack.live]
    if not names:
        return live
    known = {*DOORS, *(attack.id for attack in live)}
    with Collecting(None) as errors:
        for number, name in enumerate(names):
            place = f"attacks[{number}]"
            if name not in known and isinstance(ROWS.get(name), Attack):
                errors.add(place, f"{name!r} is not harmless on a live fleet; only the proofs of the lab try it")
            elif name not in known:
                errors.add(place, f"unknown attack or door {name!r}; {nearest(name, known)}")
    return [attack for attack in live if attack.id in names or attack.door in names]


def _planned(row: Attack | Control) -> JsonObject:
    return {
        "id": row.id,
        "attack": isinstance(row, Attack),
        "title": row.title,
        "effect": None,
        "stopped_by": [],
        "seen": "not tried in check mode",
    }


def _nothing_found() -> JsonObject:
    counts = ("checks", "ok", "error", "warning", "info", "not_observed", "suppressed")
    return {"findings": [], "suppressed": [], "checks": [], "summary": dict.fromkeys(counts, 0)}


def _tried(run: Run, stage: Stage, *, attacks: t.Sequence[Attack]) -> tuple[list[Outcome], list[Finding]]:
    """What came of the attacks and controls, and what went wrong with the stage itself."""
    params = run.params
    builder = Builder(
        cluster=run.cluster,
        stage=stage,
        fleet=params["fleet"],
        teams={name: params[name] for name in PASSED_ON},
        options=Options(
            wait_timeout=float(params["wait_timeout"]),
            progress=run.progress,
            lock_timeout=float(params["lock_timeout"]),
            records_namespace=records_namespace(params["records_namespace"]),
        ),
    )
    left: list[str] = []
    outcomes: list[Outcome] = []
    about: list[Finding] = []
    subject = Subject(cluster=params["cluster"], kind="Isolation", name=stage.attacker.team)
    try:
        with built(builder, problems=left) as places:
            outcomes = _attacked(run, builder, places=places, attacks=attacks)
    except Refused:
        # Nothing was made: the account lacks permissions, or what is there is in the way.
        raise
    except ClusterError as error:
        checks = first_of([attack.id for attack in attacks], 5, separator=", ")
        about.append(found("PF606", subject, reason=str(error), checks=checks))
    about += [found("PF607", subject, reason=problem) for problem in left]
    return outcomes, about


def _attacked(run: Run, builder: Builder, *, places: t.Mapping[str, str], attacks: t.Sequence[Attack]) -> list[Outcome]:
    stage, progress = builder.stage, run.progress
    token = builder.token(stage.attacker)
    people = connect_as(run.params, token=token)
    progress.step("removing what an earlier run left")
    clear(people, namespace=stage.attacker.own)
    meter = Meter(cluster=run.cluster, stage=stage, places=places)
    meter.start(timeout=float(run.params["wait_timeout"]))
    progress.step("asking what the accounts of the stack may do")
    sender = Sender(
        clusters={PEOPLE: people},
        acting=lambda _credential, user, groups: connect_as(run.params, token=token, user=user, groups=groups),
        places=places,
        own=stage.attacker.own,
        reviews=review_all(run.cluster, attacks, stage=stage),
    )
    progress.step(f"sending {len(attacks)} attacks")
    sent = sender.send_all(attacks)
    # The controls come last: what is seen of them was stored after every attack.
    sent |= sender.send_all(CONTROLS)
    waiting = Waiting(timeout=float(run.params["wait_timeout"]), progress=progress)
    return measure(meter, sent, [*attacks, *CONTROLS], waiting=waiting)


def _uid(run: Run) -> str:
    with contextlib.suppress(ClusterError):
        found_namespace = run.cluster.find(url_path("v1", "namespaces", name="kube-system"))
        return str(((found_namespace or {}).get("metadata") or {}).get("uid") or "")
    return ""
