# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of workloads: what an entry says of one program, and the check of what users wrote. Pure.

An entry is data, a YAML file: how a program's pods are found, which metrics they must have, and rules, alerts, runbook
pages and panels about them. The shipped entries are in the role's files, users have theirs beside the inventory.
"""

from __future__ import annotations

import functools
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api import yaml_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    require_each,
    text_mapping,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_expression
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.reads import (
    Reads,
    reads,
    without_variables,
)

JsonObject = dict[str, t.Any]

# The kind of a monitor whose targets are the kubelets of nodes.
OF_NODES = "ScrapeConfig"
_TEXT = {"type": "str", "required": True}
_TEXTS = {"type": "list", "elements": "str", "default": []}
_MAPPING = {"type": "dict", "default": {}}
_RUNBOOK: JsonObject = {
    "type": "dict",
    "required": True,
    "options": dict.fromkeys(("meaning", "impact", "diagnosis", "mitigation"), _TEXT),
}
_MONITORS: JsonObject = {
    "name": {"type": "str", "default": ""},
    "job": _TEXT,
    "made_by": {"type": "str", "default": ""},
    "kind": {"type": "str", "choices": ["PodMonitor", "ServiceMonitor", OF_NODES], "default": "PodMonitor"},
    "selector": _MAPPING,
    "port": {"type": "str", "default": ""},
    "path": {"type": "str", "default": "/metrics"},
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "honor_labels": {"type": "bool", "default": False},
    "may_be_absent": {"type": "str", "default": ""},
    "expected": {"type": "list", "elements": "str", "required": True},
    "budget": {"type": "int", "required": True},
    "labels": _MAPPING,
    "drop": _TEXTS,
}
_RULES: JsonObject = {"record": _TEXT, "expr": _TEXT, "labels": _MAPPING}
_ALERTS: JsonObject = {
    "alert": _TEXT,
    "expr": _TEXT,
    "for": {"type": "str", "required": True},
    "severity": {"type": "str", "choices": ["critical", "warning", "info"], "required": True},
    "summary": _TEXT,
    "description": _TEXT,
    "runbook": _RUNBOOK,
    "runbook_url": {"type": "str"},
}
_QUERIES: JsonObject = {"expr": _TEXT, "legend": {"type": "str", "default": ""}}
_PANELS: JsonObject = {
    "title": _TEXT,
    "description": _TEXT,
    "unit": _TEXT,
    "queries": {"type": "list", "elements": "dict", "required": True, "options": _QUERIES},
    "may_be_absent": {"type": "str", "default": ""},
}
_PROVED: JsonObject = {"version": _TEXT, "how": _TEXT}


def _items(options: JsonObject) -> JsonObject:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


ENTRY: JsonObject = {
    "id": _TEXT,
    "title": _TEXT,
    "reference": _TEXT,
    "namespaces": _TEXTS,
    "proved": _items(_PROVED),
    "not_proved": {"type": "str", "default": ""},
    "monitors": {"type": "list", "elements": "dict", "required": True, "options": _MONITORS},
    "rules": _items(_RULES),
    "alerts": _items(_ALERTS),
    "panels": _items(_PANELS),
}

# A metric's name in the classic form; the colon is for what rules record.
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RECORD = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(:[a-zA-Z0-9_]+)+")
_ALERT = re.compile(r"[A-Z][A-Za-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One sort of targets of a workload: how its pods are found, and what they must have.

    Where *kind* is OF_NODES the targets are kubelets, and *selector* selects nodes; without one all of them.

    *name* is empty for the only one. *made_by*: the role that makes its monitor already; then only the rest counts.
    *labels*: labels of its series by the label of the pod or Service that each is taken from. *budget*: how many series
    a target may have. *may_be_absent*: why no target at all is fine.
    """

    name: str
    job: str
    made_by: str
    kind: str
    selector: t.Mapping[str, t.Any]
    port: str
    path: str
    scheme: str
    honor_labels: bool
    may_be_absent: str
    expected: tuple[str, ...]
    budget: int
    labels: t.Mapping[str, str]
    drop: tuple[str, ...]

    @property
    def is_of_nodes(self) -> bool:
        """Whether its targets are the kubelets of nodes, which are in no namespace."""
        return self.kind == OF_NODES


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One workload of the catalogue; *shipped*: whether it is the collection's own, which has pages in its docs."""

    id: str
    title: str
    reference: str
    namespaces: tuple[str, ...]
    proved: tuple[t.Mapping[str, str], ...]
    not_proved: str
    parts: tuple[Part, ...]
    rules: tuple[JsonObject, ...]
    alerts: tuple[JsonObject, ...]
    panels: tuple[JsonObject, ...]
    shipped: bool = True
    path: str = field(default="", compare=False)

    @property
    def expressions(self) -> tuple[str, ...]:
        """All PromQL of the entry: of its rules, its alerts and its panels."""
        panels = (query["expr"] for panel in self.panels for query in panel["queries"])
        return (*(rule["expr"] for rule in (*self.rules, *self.alerts)), *panels)

    def read(self, others: t.Iterable[str] = ()) -> Reads:
        """What the entry's PromQL, and that of *others*, reads of targets."""
        return reads((*self.expressions, *others), recorded={rule["record"] for rule in self.rules})


def parse_catalogue(files: t.Mapping[str, t.Any], *, path: str, shipped: bool, errors: Errors) -> dict[str, Entry]:
    """The entries of *files*, texts by the names of their files, by their ids; what is wrong is noted in *errors*."""
    found: dict[str, Entry] = {}
    for name in sorted(files):
        place = f"{path}[{name.rpartition('/')[2]}]"
        text = files[name]
        entry = _shipped(str(text)) if shipped else None
        if entry is None:
            entry = _parse_file(str(text), path=place, shipped=shipped, errors=errors)
        if entry is None:
            continue
        if entry.id in found:
            errors.add(f"{place}.id", f"{entry.id!r} is the id of ", Place(found[entry.id].path), " too")
        found.setdefault(entry.id, entry)
    return found


@functools.cache
def _shipped(text: str) -> Entry | None:
    """A shipped entry, which is read once for all clusters; None if something is wrong with it."""
    errors = Errors()
    entry = _parse_file(text, path="entry", shipped=True, errors=errors)
    return None if errors.sorted() else entry


def _parse_file(text: str, *, path: str, shipped: bool, errors: Errors) -> Entry | None:
    try:
        documents = [one for one in yaml_text.parse(text) if one is not None]
    except yaml_text.Unreadable as error:
        errors.add(path, str(error))
        return None
    if len(documents) != 1:
        errors.add(path, f"must be one YAML document, an entry of the catalogue; found {len(documents)}")
        return None
    return parse_entry(documents[0], path=path, shipped=shipped, errors=errors)


def parse_entry(raw: object, *, path: str, shipped: bool, errors: Errors) -> Entry:
    """One entry (ENTRY); what is wrong is noted in *errors*."""
    values = validate_mapping(raw, ENTRY, path=path, errors=errors)
    parts = tuple(
        _part(one, path=f"{path}.monitors[{number}]", errors=errors) for number, one in enumerate(values["monitors"])
    )
    if not parts and errors.is_good(f"{path}.monitors"):
        errors.add(f"{path}.monitors", "must not be empty")
    _refuse_twice([part.name for part in parts], path=f"{path}.monitors", key="name", errors=errors)
    _refuse_twice([part.job for part in parts], path=f"{path}.monitors", key="job", errors=errors)
    if bool(values["proved"]) == bool(values["not_proved"]) and errors.is_good(f"{path}.proved"):
        errors.add(f"{path}.proved", "needs either proved, versions of the program, or not_proved, why there are none")
    return Entry(
        id=require(grammar.dns_label, values["id"], path=f"{path}.id", errors=errors),
        title=values["title"],
        reference=require(grammar.web_url, values["reference"], path=f"{path}.reference", errors=errors),
        namespaces=require_each(grammar.dns_label, values["namespaces"], path=f"{path}.namespaces", errors=errors),
        proved=tuple(values["proved"]),
        not_proved=values["not_proved"],
        parts=parts,
        rules=_rules(values["rules"], path=f"{path}.rules", errors=errors),
        alerts=_alerts(values["alerts"], path=f"{path}.alerts", errors=errors),
        panels=_panels(values["panels"], path=f"{path}.panels", errors=errors),
        shipped=shipped,
        path=path,
    )


def _part(values: Values, *, path: str, errors: Errors) -> Part:
    if values["name"]:
        require(grammar.dns_label, values["name"], path=f"{path}.name", errors=errors)
    if values["kind"] == OF_NODES:
        if values["port"]:
            errors.add(f"{path}.port", "cannot be given for nodes: each says itself at which port its kubelet listens")
    elif not values["made_by"]:
        if not values["selector"]:
            errors.add(f"{path}.selector", "is required: the labels of the pods or Services, as in a monitor")
        if not values["port"]:
            errors.add(f"{path}.port", "is required: the name of the port")
    if values["budget"] < 1 and errors.is_good(f"{path}.budget"):
        errors.add(f"{path}.budget", f"must be at least 1, found {values['budget']}")
    if not values["expected"] and errors.is_good(f"{path}.expected"):
        errors.add(f"{path}.expected", "must not be empty: metrics that every target has")
    return Part(
        name=values["name"],
        job=require(grammar.label_value, values["job"], path=f"{path}.job", errors=errors),
        made_by=values["made_by"],
        kind=values["kind"],
        selector=check_selector(values["selector"], path=f"{path}.selector", errors=errors),
        port=values["port"],
        path=values["path"],
        scheme=values["scheme"],
        honor_labels=values["honor_labels"],
        may_be_absent=values["may_be_absent"],
        expected=require_each(metric_name, values["expected"], path=f"{path}.expected", errors=errors),
        budget=values["budget"],
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=grammar.prometheus_label,
            check_value=grammar.qualified_name,
            errors=errors,
        ),
        drop=require_each(regular_expression, values["drop"], path=f"{path}.drop", errors=errors),
    )


_EXPRESSION: JsonObject = {
    "key": _TEXT,
    "operator": {"type": "str", "choices": ["In", "NotIn", "Exists", "DoesNotExist"], "required": True},
    "values": {"type": "list", "elements": "str"},
}
_SELECTOR: JsonObject = {
    "matchLabels": {"type": "dict"},
    "matchExpressions": {"type": "list", "elements": "dict", "options": _EXPRESSION},
}


def check_selector(raw: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> JsonObject:
    """A label selector of Kubernetes; what is wrong is noted in *errors*."""
    given = validate_mapping(raw, _SELECTOR, path=path, errors=errors)
    found: JsonObject = {}
    if given["matchLabels"]:
        found["matchLabels"] = given["matchLabels"]
    if given["matchExpressions"]:
        found["matchExpressions"] = [
            {name: value for name, value in one.items() if value} for one in given["matchExpressions"]
        ]
    return found


def metric_name(text: str) -> str | None:
    """Check the name of a metric."""
    return None if _METRIC.fullmatch(text) else f"{text!r} is not the name of a metric"


def regular_expression(text: str) -> str | None:
    """Check a regular expression for names of metrics."""
    try:
        re.compile(text)
    except re.error as error:
        return f"{text!r} is not a regular expression: {error}"
    return None


def _rules(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[JsonObject, ...]:
    for number, one in enumerate(items):
        if one["record"] and not _RECORD.fullmatch(one["record"]):
            errors.add(f"{path}[{number}].record", "must be level:metric:operation, such as job:up:count")
        _expression(one["expr"], path=f"{path}[{number}].expr", errors=errors)
    return tuple(items)


def _alerts(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[JsonObject, ...]:
    for number, one in enumerate(items):
        place = f"{path}[{number}]"
        if one["alert"] and not _ALERT.fullmatch(one["alert"]):
            errors.add(f"{place}.alert", f"must be a name such as CoreDNSPanics, found {one['alert']!r}")
        if one["for"]:
            require(grammar.duration, one["for"], path=f"{place}.for", errors=errors)
        _expression(one["expr"], path=f"{place}.expr", errors=errors)
        if one["runbook_url"]:
            require(grammar.web_url, one["runbook_url"], path=f"{place}.runbook_url", errors=errors)
    _refuse_twice([one["alert"] for one in items], path=path, key="alert", errors=errors)
    return tuple(items)


def _panels(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[JsonObject, ...]:
    for number, one in enumerate(items):
        for index, query in enumerate(one["queries"]):
            place = f"{path}[{number}].queries[{index}].expr"
            _expression(without_variables(query["expr"]), path=place, errors=errors)
    return tuple(items)


def _expression(text: str, *, path: str, errors: Errors) -> None:
    if not errors.is_good(path):
        return
    problem = check_expression(text)
    if problem is not None:
        errors.add(path, problem)


def _refuse_twice(names: t.Sequence[str], *, path: str, key: str, errors: Errors) -> None:
    for number, name in enumerate(names):
        place = f"{path}[{number}].{key}"
        if name in names[:number] and errors.is_good(place):
            errors.add(place, f"{name!r} is that of ", Place(f"{path}[{names.index(name)}]"), " too")
