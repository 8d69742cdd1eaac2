# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workloads of the catalogue are watched in a cluster, and how. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.credentials import (
    BASIC_AUTH_OPTIONS,
    BEARER_TOKEN_OPTIONS,
    TLS_OPTIONS,
    check_credentials,
    credential_fields,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.scraping import check_scraping
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.catalogue import (
    Entry,
    Part,
    check_selector,
    parse_catalogue,
    regular_expression,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require_each,
    text_mapping,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_expression

JsonObject = dict[str, t.Any]

PART_OPTIONS: JsonObject = {
    "enabled": {"type": "bool", "default": True},
    "selector": {"type": "dict"},
    "port": {"type": "str"},
    "path": {"type": "str"},
    "scheme": {"type": "str", "choices": ["http", "https"]},
    "budget": {"type": "int"},
}
WORKLOAD_OPTIONS: JsonObject = {
    "id": {"type": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
    "team": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str"},
    "interval": {"type": "str", "default": "30s"},
    "scrape_timeout": {"type": "str", "default": "10s"},
    "labels": {"type": "dict", "default": {}},
    "profile": {"type": "str", "choices": ["full", "minimal"], "default": "full"},
    "reads": {"type": "list", "elements": "str", "default": []},
    "drop": {"type": "list", "elements": "str", "default": []},
    "sample_limit": {"type": "int"},
    "rules": {"type": "bool", "default": True},
    "alerts": {"type": "bool", "default": True},
    "tls_config": {"type": "dict", "options": TLS_OPTIONS},
    "basic_auth": {"type": "dict", "options": BASIC_AUTH_OPTIONS},
    # Names of Secrets, not their values.
    "bearer_token": {"type": "dict", "options": BEARER_TOKEN_OPTIONS, "no_log": False},
    "parts": {"type": "dict", "default": {}},
}

# What says which workloads there are.
CATALOGUE_OPTIONS: JsonObject = {
    "workloads": {"type": "list", "elements": "dict", "default": [], "options": WORKLOAD_OPTIONS},
    "entries": {"type": "dict", "default": {}},
    "shipped": {"type": "dict", "default": {}},
    "common_alerts": {"type": "list", "elements": "dict", "default": []},
}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One workload that a team watches in a cluster.

    *parts* are those of its entry, with what the user changed. *keep*: a regular expression for the names of metrics
    that are kept, empty for all. *credentials* are fields of a monitor's endpoint.
    """

    entry: Entry
    team: Team
    parts: tuple[Part, ...]
    namespaces: tuple[str, ...]
    interval: str
    scrape_timeout: str
    labels: t.Mapping[str, str]
    keep: str
    drop: tuple[str, ...]
    sample_limit: int | None
    rules: bool
    alerts: bool
    credentials: t.Mapping[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Workloads:
    """The workloads that are watched in one cluster; *common* are the alerts that each part of them has."""

    cluster: str
    found: tuple[Workload, ...] = ()
    common: tuple[JsonObject, ...] = ()
    catalogue: t.Mapping[str, Entry] = field(default_factory=dict)


def parse_workloads(params: t.Mapping[str, t.Any], errors: Errors) -> Workloads:
    """The workloads from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    shipped = parse_catalogue(params["shipped"], path="shipped", shipped=True, errors=errors)
    own = parse_catalogue(params["entries"], path="entries", shipped=False, errors=errors)
    for name in sorted(shipped.keys() & own.keys()):
        errors.add(f"{own[name].path}.id", f"{name!r} is the id of a shipped entry; give yours another one")
    catalogue = {**own, **shipped}
    found: list[Workload] = []
    seen: dict[tuple[str, str], str] = {}
    for number, values in enumerate(params["workloads"]):
        path = f"workloads[{number}]"
        entry = catalogue.get(values["id"])
        if entry is None:
            if errors.is_good(f"{path}.id"):
                errors.add(f"{path}.id", f"unknown workload {values['id']!r}; {nearest(values['id'], catalogue)}")
            continue
        name = values["team"] or params["platform_team"]
        team = team_named(name, teams=teams, path=f"{path}.team", errors=errors)
        if (team.name, entry.id) in seen:
            errors.add(path, f"team {team.name!r} watches {entry.id!r} by ", Place(seen[team.name, entry.id]), " too")
        seen.setdefault((team.name, entry.id), path)
        one = _workload(values, entry, team, path=path, errors=errors)
        if values["enabled"] and team.scrapes_on(params["cluster"]):
            found.append(one)
    return Workloads(
        cluster=params["cluster"],
        found=tuple(sorted(found, key=lambda one: (one.team.name, one.entry.id))),
        common=tuple(params["common_alerts"]),
        catalogue=catalogue,
    )


def _workload(values: Values, entry: Entry, team: Team, *, path: str, errors: Errors) -> Workload:
    check_scraping(values, path=path, errors=errors)
    check_credentials(values, path=path, beside="the monitor", errors=errors)
    return Workload(
        entry=entry,
        team=team,
        parts=_parts(values["parts"], entry, path=f"{path}.parts", errors=errors),
        namespaces=_namespaces(values["namespaces"], entry, team, path=f"{path}.namespaces", errors=errors),
        interval=values["interval"],
        scrape_timeout=values["scrape_timeout"],
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=grammar.qualified_name,
            check_value=grammar.label_value,
            errors=errors,
        ),
        keep=_keep(values, entry, path=path, errors=errors),
        drop=require_each(regular_expression, values["drop"], path=f"{path}.drop", errors=errors),
        sample_limit=values["sample_limit"],
        rules=values["rules"],
        alerts=values["alerts"],
        credentials=credential_fields(
            tls_config=values["tls_config"], basic_auth=values["basic_auth"], bearer_token=values["bearer_token"]
        ),
    )


def _keep(values: Values, entry: Entry, *, path: str, errors: Errors) -> str:
    """What the profile keeps: with minimal what the entry's PromQL reads, that of the user, and what must be there."""
    for number, text in enumerate(values["reads"]):
        problem = check_expression(text)
        if problem is not None:
            errors.add(f"{path}.reads[{number}]", problem)
    if values["profile"] != "minimal" or not errors.is_good(f"{path}.reads") or not errors.is_good(entry.path):
        return ""
    expected = [name for part in entry.parts for name in part.expected]
    read = entry.read((*values["reads"], *expected))
    if read.any:
        errors.add(
            f"{path}.profile",
            f"cannot be minimal: {read.any[0]} reads every metric; give the selector the name of a metric",
        )
    return read.keep()


def _parts(raw: t.Mapping[str, t.Any], entry: Entry, *, path: str, errors: Errors) -> tuple[Part, ...]:
    """The parts of an entry with what a user changed; by their names, the only one by the entry's id."""
    names = {part.name or entry.id: part for part in entry.parts}
    for name in raw:
        if name not in names:
            errors.add(f"{path}.{name}", f"unknown part; {nearest(str(name), names)}")
    found = []
    for name, part in names.items():
        place = f"{path}.{name}"
        given = validate_mapping(raw.get(name) or {}, PART_OPTIONS, path=place, errors=errors)
        if not given["enabled"]:
            continue
        changes = {key: given[key] for key in ("port", "path", "scheme", "budget") if given[key] is not None}
        if given["selector"]:
            changes["selector"] = check_selector(given["selector"], path=f"{place}.selector", errors=errors)
        if part.is_of_nodes and given["port"]:
            errors.add(f"{place}.port", "cannot be given: each node says itself at which port its kubelet listens")
        if part.made_by and changes:
            errors.add(place, f"its monitor is made by {part.made_by}; only enabled can be given")
        found.append(replace(part, **changes))
    return tuple(found)


def _namespaces(
    given: t.Sequence[str] | None, entry: Entry, team: Team, *, path: str, errors: Errors
) -> tuple[str, ...]:
    """Where the targets are: for a team in namespaces of its own, for the platform wherever it says."""
    if any(part.is_of_nodes for part in entry.parts) and not team.reads_kubelets:
        errors.add(
            path.removesuffix("namespaces") + "team",
            f"{team.name!r} cannot watch nodes: only the Prometheus of {team.platform!r} can, with "
            "enforce_tenancy: false",
        )
        return ()
    if all(part.made_by or part.is_of_nodes for part in entry.parts):
        if given and any(part.is_of_nodes for part in entry.parts):
            errors.add(path, f"cannot be given: the targets of {entry.title} are nodes, which are in no namespace")
        return ()
    if team.prometheus.enforce_tenancy:
        for number, name in enumerate(given or ()):
            if name not in team.namespaces:
                hint = nearest(name, team.namespaces)
                errors.add(f"{path}[{number}]", f"{name!r} is not one of the own namespaces of {team.name!r}; {hint}")
        names = tuple(given or team.namespaces)
    else:
        names = tuple(given or entry.namespaces)
        require_each(grammar.dns_label, names, path=path, errors=errors)
    if not names and errors.is_good(path):
        errors.add(path, f"is required: the namespaces of {entry.title}, which has none by default")
    return tuple(sorted(set(names)))


def group_name(entry: Entry, kind: str) -> str:
    """The name of a group of an entry's rules."""
    return f"{re.sub(r'[^a-z0-9]+', '-', entry.id)}.{kind}"
