# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module audit_info: the audit trail of one cluster, whether it is whole, and what is asked for."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import canonical, digest_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.operator_log import beside, read_log
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Ring, read
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.shown import lines_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.trail import (
    Broken,
    Query,
    found_entries,
    judged,
    unlike_copies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import (
    FINDING_OPTIONS,
    Link,
    make_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import RECORDS_OPTION, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import DEFAULT_FLEET, JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import find_place

# Bytes of the entries, and of their text, in a result.
ENTRIES_BYTES, LINES_BYTES = 150_000, 100_000
CHECK = "audit_trail"
OPTIONS: JsonObject = {
    **RECORDS_OPTION,
    **FINDING_OPTIONS,
    "cluster": {"type": "str", "required": True},
    "fleet": {"type": "str", "default": DEFAULT_FLEET},
    "object": {"type": "str"},
    "who": {"type": "str"},
    "run": {"type": "str"},
    "since": {"type": "str"},
    "until": {"type": "str"},
    "copies": {"type": "path"},
    "operator_log": {"type": "bool", "default": False},
    "operator_namespace": {"type": "str", "default": "prometheus-operator"},
}


def work(run: Run) -> JsonObject:
    """Read the trail, judge it, and return what was asked for."""
    params = run.params
    query = _query(params)
    suppressions = parse_suppressions(params["suppressions"])
    earlier = earlier_result(params["compare_with"], cluster=params["cluster"])
    copies, operator = _copies(params), params["operator_namespace"]
    place = find_place(run.cluster, params["records_namespace"])
    run.progress.step("reading the audit trail")
    trail = read(run.cluster, fleet=params["fleet"], namespace=place)
    entries, broken = judged(trail)
    broken += unlike_copies(entries, copies)
    wanted = found_entries(entries, query)
    links, findings = _judged(params["cluster"], Ring(fleet=params["fleet"], namespace=place), broken)
    if params["operator_log"] and wanted:
        wanted, unread = _with_log(run, wanted, namespace=operator)
        findings += unread
        links += [Link(check="operator_log", object=one.object, finding=one) for one in unread]
    report = make_report(
        cluster=params["cluster"],
        links=links,
        findings=findings,
        suppressions=suppressions,
        today=dt.datetime.now(dt.UTC).date(),
        whole_fleet=False,
        fail_on=params["fail_on"],
        show_from=params["show_from"],
    )
    told = tell(report, params=params, earlier=earlier)
    return {**told, **_bounded(wanted), "total": {"kept": len(entries), "found": len(wanted)}}


def _judged(cluster: str, ring: Ring, broken: t.Sequence[Broken]) -> tuple[list[Link], list[Finding]]:
    head = Subject(cluster=cluster, kind="ConfigMap", namespace=ring.namespace, name=ring.head)
    findings = [found(one.code, head, entries=one.entries, how=one.how) for one in broken]
    links = [Link(check=CHECK, object=head, finding=finding) for finding in findings]
    return links or [Link(check=CHECK, object=head)], findings


def _with_log(run: Run, entries: t.Sequence[JsonObject], *, namespace: str) -> tuple[list[JsonObject], list[Finding]]:
    """The entries with the operator's log beside them, or the finding that says why it could not be read."""
    try:
        log = read_log(run.cluster, namespace=namespace, since=min(entry["started"] for entry in entries))
    except ApiError as error:
        pods = Subject(cluster=run.params["cluster"], kind="Pod", namespace=namespace, name="prometheus-operator")
        return list(entries), [found("PF002", pods, reason=error.server_message, checks=("operator_log",))]
    return [beside(entry, log) for entry in entries], []


def _bounded(entries: t.Sequence[JsonObject]) -> JsonObject:
    """The newest entries, as data and as text, as many as there is room for."""
    newest = Room(ENTRIES_BYTES).take(reversed(entries))[::-1]
    lines: list[str] = []
    left = LINES_BYTES
    for entry in reversed(entries):
        text = lines_of(entry)
        left -= sum(map(len, text))
        if left < 0:
            break
        lines = [*text, *lines]
    missing = len(entries) - len(newest)
    return {"entries": newest, "lines": lines, **({"entries_truncated": missing} if missing else {})}


def _query(params: t.Mapping[str, t.Any]) -> Query:
    pattern = params["object"] or ""
    if pattern and not 1 <= pattern.count("/") <= 2:
        raise InputError("object", f"must be KIND/NAMESPACE/NAME or KIND/NAME, found {pattern!r}")
    return Query(
        obj=pattern,
        who=params["who"] or "",
        run=params["run"] or "",
        since=_time(params["since"], path="since"),
        until=_time(params["until"], path="until"),
    )


def _time(text: str | None, *, path: str) -> float | None:
    """Seconds since 1970; a day as the end of a range is the whole day."""
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(path, f"must be a time such as 2026-11-29 or 2026-11-29T10:00:00Z, found {text!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    if path == "until" and len(text) == len("2026-11-29"):
        moment += dt.timedelta(days=1)
    return moment.timestamp()


def _copies(params: t.Mapping[str, t.Any]) -> dict[int, str]:
    """The digests of the copies of this cluster's entries by number; raises InputError if they cannot be read."""
    if not params["copies"]:
        return {}
    path = Path(params["copies"]) / f"{params['fleet']}.{params['cluster']}.jsonl"
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        # The digest is computed again: an entry that was changed in the copies must not pass for the original.
        return {int(line["entry"]["number"]): digest_of(canonical(line["entry"])) for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("copies", f"{path} cannot be read: {error}") from error


AUDIT_INFO = Definition(name="audit_info", options=cluster_options(OPTIONS), work=work)
