# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules do that look at a cluster and return findings."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, within
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    exposed_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
    team_named,
    with_sidecars,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Limit
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import Observation
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observe import Seen, verify
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import View, live_view
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import Wanted
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import (
    FINDING_OPTIONS,
    Report,
    make_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

# Its UID is the cluster's identity: it is there as long as the cluster.
UID_NAMESPACE = "kube-system"
# Beside these a module has `wait`, with a default of its own.
JUDGING_OPTIONS: dict[str, dict[str, t.Any]] = {
    **TEAM_SET_OPTIONS,
    **FINDING_OPTIONS,
    **OPERATORS_OPTION,
    "operator_namespace": {"type": "str", "default": "prometheus-operator"},
    "sources": {"type": "list", "elements": "dict", "default": []},
    "exposed": {"type": "list", "elements": "dict", "default": []},
    "central_team": {"type": "str", "default": "platform"},
    "wait_timeout": {"type": "int", "default": 300},
}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The result of a module, and what it was made of."""

    result: dict[str, object]
    seen: Seen
    wanted: Wanted
    view: View

    @property
    def warnings(self) -> list[str]:
        """What went wrong with the files of the result."""
        return list(t.cast("t.Iterable[str]", self.result["warnings"]))


def _live(run: Run, _wanted: Wanted) -> View:
    return live_view(run.cluster)


def judge(
    run: Run,
    *,
    peers: tuple[Observation, ...] | None = None,
    workers: tuple[str, ...] = (),
    look: t.Callable[[Run, Wanted], View] = _live,
) -> Judged:
    """Look at the cluster of a run until nothing fails, or the time is over, and report what was found.

    *peers*: what was seen of the *workers*; None where the other side of the federation is not asked for. *look* gives
    what is looked at, by default the cluster as it is.
    """
    params = run.params
    wanted = _wanted(params, peers=peers, workers=workers)
    suppressions = parse_suppressions(params["suppressions"])
    earlier = earlier_result(params["compare_with"], cluster=params["cluster"])
    if params["wait_timeout"] < 1:
        raise InputError("wait_timeout", "must be at least 1 second; wait=false asks once")
    today = dt.datetime.now(dt.UTC).date()

    def report_of(seen: Seen, *, cluster_uid: str = "") -> Report:
        return make_report(
            cluster=wanted.cluster,
            cluster_uid=cluster_uid,
            links=seen.links,
            findings=seen.findings,
            suppressions=suppressions,
            today=today,
            whole_fleet=len(params["clusters"]) == 1,
            fail_on=params["fail_on"],
            show_from=params["show_from"],
        )

    limit = Limit(float(params["wait_timeout"]))
    # A login helper counts too.
    run.login_seconds = min(run.login_seconds, limit.seconds)
    view = look(run, wanted)
    seen = verify(
        view,
        wanted,
        limit=limit,
        repeat=params["wait"] and view.later is None,
        # Waiting does not change findings about suppressions.
        waits_for=lambda seen: [one for one in report_of(seen).failing if one in seen.findings],
        progress=run.progress,
    )
    uid = "" if view.cluster is None else _uid(view.cluster, seen, limit=limit)
    report = report_of(seen, cluster_uid=uid)
    result = {**tell(report, params=params, earlier=earlier), "federated_series": dict(seen.series)}
    return Judged(result=result, seen=seen, wanted=wanted, view=view)


def _uid(cluster: Cluster, seen: Seen, *, limit: Limit) -> str:
    """What tells the cluster from all others, in a report that others are compared with; empty if it is not known."""
    if any(finding.code == "PF001" for finding in seen.findings) or limit.left <= 0:
        return ""
    try:
        path = url_path("v1", "namespaces", name=UID_NAMESPACE)
        namespace = cluster.find(path, patience=within(BRIEF, limit.left))
    except ClusterError:
        return ""
    return str(((namespace or {}).get("metadata") or {}).get("uid") or "")


def _wanted(
    params: t.Mapping[str, t.Any], *, peers: tuple[Observation, ...] | None, workers: tuple[str, ...]
) -> Wanted:
    with Collecting(None) as errors:
        teams = parse_team_set(params, errors=errors)
        operators = checked_operators(params["operators"], errors=errors)
        exposed = exposed_sources(params, teams=teams, check_match=check_selector, errors=errors, path="exposed")
        # A worker that has no address for a source is a finding, not bad input.
        sources = parse_endpoints(params["sources"], check_match=check_selector, check=True, teams=teams, errors=errors)
        central = team_named(params["central_team"], teams=teams, path="central_team", errors=errors)
    # What a run gives to an instance so that others can query it.
    serving = {source.team: source.sidecar for source, _team in exposed if source.sidecar is not None}
    teams = with_sidecars(teams, serving)
    (central,) = with_sidecars([central], serving)
    read: dict[str, list[FederationTargetSet]] = {}
    for source in sources:
        for team in source.readers(params["cluster"], central=central, teams=teams):
            read.setdefault(team.name, []).append(source)
    return Wanted(
        cluster=params["cluster"],
        clusters=tuple(params["clusters"]),
        operator_namespace=params["operator_namespace"],
        operators=operators,
        teams=tuple(team for team in teams if team.enabled and team.active_on(params["cluster"])),
        central=central,
        sources=tuple(read.get(central.name, ())),
        others=tuple((team, tuple(read[team.name])) for team in teams if team.name in read and team != central),
        # What writes is not exposed; the central side judges it by what arrives.
        exposed=tuple((source, team) for source, team in exposed if not source.writes),
        peers=peers,
        workers=workers,
        # Who waits until all is well wants to know of everything that is not.
        changes=not params["wait"],
    )
