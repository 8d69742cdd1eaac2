# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the running instances of a cluster and proposes sizes for them. Changes nothing."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import START, dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    NAME_LABEL,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.advice import (
    Advice,
    advise,
    load_of,
    savings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_only,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import parse_sizes
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import asked
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Late, Limit, Question
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.replies import (
    ASKERS,
    MOST_SECONDS,
    unanswered,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.load import (
    WORKING_SET,
    WORKING_SET_NOW,
    Observed,
    observe,
    unseen,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]

OPTIONS: JsonObject = {
    **TEAM_SET_OPTIONS,
    "only": {"type": "list", "elements": "str", "default": []},
    "window": {"type": "str", "default": "1d"},
    "top": {"type": "int", "default": 10},
    "timeout": {"type": "int", "default": 60},
}
# What is asked of an operator's work: a team's objects of these kinds.
_COUNTED = tuple(
    Resource(api_version=version, kind=kind, plural=plural, namespaced=True, verbs=frozenset({"list"}))
    for version, kind, plural in (
        (MONITORING, "PodMonitor", "podmonitors"),
        (MONITORING, "Probe", "probes"),
        (MONITORING, "PrometheusRule", "prometheusrules"),
        (MONITORING, "ServiceMonitor", "servicemonitors"),
        (MONITORING_ALPHA, "ScrapeConfig", "scrapeconfigs"),
    )
)
_USAGE = Resource(
    api_version="metrics.k8s.io/v1beta1", kind="PodMetrics", plural="pods", namespaced=True, verbs=frozenset({"list"})
)
_CADVISOR = (
    "max by (namespace, pod) "
    '(max_over_time(container_memory_working_set_bytes{{container="prometheus",cluster=""}}[{}]))'
)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    with Collecting(None) as errors:
        teams = parse_team_set(params, errors=errors)
        only = parse_only(params["only"], teams=teams, errors=errors)
        require(grammar.duration, params["window"], path="window", errors=errors)
        for name in ("top", "timeout"):
            if params[name] < 1:
                errors.add(name, f"must be at least 1, found {params[name]}")
        sizes = parse_sizes(params["sizes"], path="sizes", errors=errors).by_name
    window = (grammar.milliseconds(params["window"]) or 0) / 1000
    looked_at = [
        team for team in teams if team.runs_prometheus_on(params["cluster"]) and (not only or team.name in only)
    ]
    limit = Limit(float(params["timeout"]))
    reader = Reader(run.cluster, name=params["cluster"], limit=limit, progress=run.progress)
    counts = _objects(run)
    seen = _with_cadvisor(run, _ask(run, looked_at, reader), teams=teams, limit=limit)
    seen = _with_usage(run, seen, teams=teams)
    entries = [
        _entry(team, seen[team.name], advise(team, seen[team.name], sizes=sizes, window=window, objects=counts(team)))
        for team in looked_at
    ]
    changes = [{"name": one["team"], **one["changes"]} for one in entries if one["changes"]]
    own = [one for one in changes if one["name"] == params["platform_team"]]
    snippet: JsonObject = {}
    if own:
        snippet["team_monitoring_platform"] = {name: value for name, value in own[0].items() if name != "name"}
    if len(changes) > len(own):
        snippet["team_monitoring_teams"] = [one for one in changes if one not in own]
    return {
        "advice": entries,
        "snippet": dump([snippet]).removeprefix(START) if snippet else "",
        "lines": [line for one in entries for line in _lines(one)],
    }


def _ask(run: Run, teams: t.Sequence[Team], reader: Reader) -> dict[str, Observed]:
    """What each instance says of itself, or why it does not."""
    subjects: dict[t.Hashable, Subject] = {}
    questions: dict[t.Hashable, Question[Observed | Unobserved]] = {}
    for team in teams:
        subjects[team.name] = Subject(
            cluster=run.params["cluster"], kind="Prometheus", namespace=team.namespace, name=team.prometheus.name
        )
        questions[team.name] = functools.partial(_question, run, team, subjects[team.name])
    run.progress.step("asking", total=len(questions), unit="Prometheus instances")

    def otherwise(key: t.Hashable, late: Late) -> Observed | Unobserved:
        return unanswered(subjects[key], late, reader=reader)

    found = reader.in_time(questions, limit=reader.limit, at_once=ASKERS, most=MOST_SECONDS, otherwise=otherwise)
    answers = {team.name: found[team.name] for team in teams}
    return {
        name: unseen(str(answer.evidence.get("reason") or "there was no time left to ask it"))
        if isinstance(answer, Unobserved)
        else answer
        for name, answer in answers.items()
    }


def _question(run: Run, team: Team, subject: Subject, limit: Limit) -> Observed | Unobserved:
    return asked(
        run.cluster,
        limit,
        namespace=team.namespace,
        service=prometheus_name(team.name),
        prefix=team.prometheus.web.route_prefix,
        subject=subject,
        ask=lambda prometheus: observe(
            prometheus, namespace=team.namespace, window=run.params["window"], top=run.params["top"]
        ),
    )


def _with_cadvisor(
    run: Run, seen: dict[str, Observed], *, teams: t.Sequence[Team], limit: Limit
) -> dict[str, Observed]:
    """The same with working sets that only the platform's Prometheus has: it is the one that reads kubelets."""
    platform = next((team for team in teams if team.name == run.params["platform_team"]), None)
    if platform is None or all(WORKING_SET in one.values for one in seen.values()):
        return seen
    subject = Subject(
        cluster=run.params["cluster"], kind="Prometheus", namespace=platform.namespace, name=platform.prometheus.name
    )
    rows = asked(
        run.cluster,
        limit,
        namespace=platform.namespace,
        service=prometheus_name(platform.name),
        prefix=platform.prometheus.web.route_prefix,
        subject=subject,
        ask=lambda prometheus: prometheus.query(_CADVISOR.format(run.params["window"])),
    )
    if isinstance(rows, Unobserved):
        return seen
    labels = [(row["metric"], float(row["value"][1])) for row in rows]
    highest = highest_of_instances(teams, ((str(of.get("namespace")), str(of.get("pod")), used) for of, used in labels))
    return {
        name: dataclasses.replace(
            one,
            values={**one.values, WORKING_SET: highest[name]},
            missing={key: why for key, why in one.missing.items() if key != WORKING_SET},
        )
        if WORKING_SET not in one.values and name in highest
        else one
        for name, one in seen.items()
    }


def highest_of_instances(teams: t.Sequence[Team], used: t.Iterable[tuple[str, str, float]]) -> dict[str, float]:
    """By team the highest figure of its instance's pods, from (namespace, pod, figure). Pure.

    A namespace may hold other Prometheus servers beside the team's.
    """
    by_namespace: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for team in teams:
        # As the operator names pods: those of the first shard have no number of it.
        pods = re.compile(re.escape(prometheus_name(team.prometheus.name)) + r"(-shard-\d+)?-\d+")
        by_namespace.setdefault(team.namespace, []).append((team.name, pods))
    found: dict[str, float] = {}
    for namespace, pod, figure in used:
        for name, pods in by_namespace.get(namespace, ()):
            if pods.fullmatch(pod):
                found[name] = max(found.get(name, 0.0), figure)
    return found


def _with_usage(run: Run, seen: dict[str, Observed], *, teams: t.Sequence[Team]) -> dict[str, Observed]:
    """The same with what metrics.k8s.io says of the instances' containers now, where the cluster serves it."""
    usage: list[tuple[str, str, float]] = []
    why = "the cluster does not serve metrics.k8s.io"
    try:
        if run.cluster.resource(_USAGE.api_version, _USAGE.kind) is not None:
            why = "metrics.k8s.io has nothing about its pods"
            for pod in run.cluster.list_objects(_USAGE, selector=f"{NAME_LABEL}=prometheus"):
                for container in pod.get("containers") or ():
                    if container.get("name") == "prometheus":
                        used = float(value_of(str((container.get("usage") or {}).get("memory") or "0")))
                        usage.append((pod["metadata"]["namespace"], pod["metadata"]["name"], used))
    except ClusterError as error:
        why = f"metrics.k8s.io: {error.server_message if isinstance(error, ApiError) else error}"
    highest = highest_of_instances(teams, usage)
    return {
        name: dataclasses.replace(one, values={**one.values, WORKING_SET_NOW: highest[name]})
        if highest.get(name)
        else dataclasses.replace(one, missing={**one.missing, WORKING_SET_NOW: why})
        for name, one in seen.items()
    }


def _objects(run: Run) -> t.Callable[[Team], int | None]:
    """How many monitors and rules each team has; None where they cannot be listed."""
    by_namespace: dict[str, int] = {}
    try:
        for resource in _COUNTED:
            if run.cluster.resource(resource.api_version, resource.kind) is None:
                continue
            for one in run.cluster.list_metadata(resource):
                namespace = one["metadata"]["namespace"]
                by_namespace[namespace] = by_namespace.get(namespace, 0) + 1
    except ClusterError:
        return lambda _team: None
    return lambda team: sum(by_namespace.get(name, 0) for name in {team.namespace, *team.namespaces})


def _entry(team: Team, seen: Observed, advice: Advice) -> JsonObject:
    load = load_of(seen)
    return {
        "team": team.name,
        "namespace": team.namespace,
        "observed": {name: round(value, 3) for name, value in seen.values.items()},
        "not_observed": dict(advice.not_observed),
        "proposal": {
            name: value
            for name, value in (
                ("memory", advice.memory),
                ("cpu", advice.cpu),
                ("storage", advice.storage),
                ("size", advice.size),
                ("weight", advice.weight),
            )
            if value is not None
        },
        "changes": advice.changes,
        "reasons": list(advice.reasons),
        "largest_metrics": savings(seen),
        **({} if load is None else {"samples_per_series": round(load.samples_per_second / max(load.series, 1), 4)}),
    }


def _lines(entry: JsonObject) -> t.Iterator[str]:
    wanted = ", ".join(f"{name} {value}" for name, value in _told(entry["changes"])) or "nothing"
    yield f"{entry['team']}: to change: {wanted}"
    yield from (f"  {reason}" for reason in entry["reasons"])
    for one in entry["largest_metrics"]:
        saves = f", dropping it saves {one['memory'] / 2**20:,.1f} MiB ({one['share']:.1%})" if "memory" in one else ""
        yield f"  {one['name']}: {one['series']} series{saves}"
    missing: dict[str, list[str]] = {}
    for name, why in entry["not_observed"].items():
        missing.setdefault(why, []).append(name)
    yield from (f"  not observed: {', '.join(names)}: {why}" for why, names in missing.items())


def _told(changes: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, str]]:
    part = changes.get("prometheus") or {}
    yield from (part.get("resources") or {}).items()
    if "storage" in part:
        yield "storage", part["storage"]["size"]
    if "weight" in changes:
        yield "weight", changes["weight"]


SIZE_ADVICE = Definition(name="size_advice", options=cluster_options(OPTIONS), work=work, needs_promql=False)
