# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A team's own rules and monitors that the inventory has, as objects in the team's namespaces. Pure.

The contents of files come as data: they are read on the control host, by the action plugin. What PromQL says is judged
elsewhere (`_run.rule_check`); here a rule is checked for its form.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api import yaml_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import tidy
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import make
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    given_only,
    nearest,
    require,
    text_mapping,
    validate_list,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.rules import RuleText

JsonObject = dict[str, t.Any]

MONITOR_KINDS = ("PodMonitor", "Probe", "ServiceMonitor")

RULES_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
        "groups": {"type": "list", "elements": "dict", "required": True},
    },
}
RULES_FILES_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "path": {"type": "str", "required": True},
        "namespace": {"type": "str"},
    },
}
MONITORS_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "kind": {"type": "str", "choices": list(MONITOR_KINDS), "default": "ServiceMonitor"},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str"},
        "spec": {"type": "dict", "required": True},
    },
}

# As in a file of rules for Prometheus.
_GROUP: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "interval": {"type": "str"},
    "query_offset": {"type": "str"},
    "limit": {"type": "int"},
    "labels": {"type": "dict"},
    "partial_response_strategy": {"type": "str", "choices": ["abort", "warn"]},
    "rules": {"type": "list", "elements": "dict", "required": True},
}
_RULE: dict[str, dict[str, t.Any]] = {
    "record": {"type": "str"},
    "alert": {"type": "str"},
    "expr": {"type": "str", "required": True},
    "for": {"type": "str"},
    "keep_firing_for": {"type": "str"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
}
_OF_ALERTS = ("for", "keep_firing_for", "annotations")
# The operator refuses a larger PrometheusRule (pkg/operator/rules.go); some room is for what it adds to each rule.
LARGEST = 500_000


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """The groups of one PrometheusRule. *path*: its place in the input; *file* the file that it is from, or empty."""

    name: str
    namespace: str
    groups: tuple[JsonObject, ...]
    path: str = field(default="", compare=False)
    file: str = ""

    def text(self, team: str) -> RuleText:
        """The set as what judges PromQL takes it."""
        return RuleText(groups=self.groups, path=self.path, file=self.file, owner=team)


@dataclass(frozen=True, kw_only=True)
class RulesFile:
    """Files of rules by a *pattern*, for a *namespace*; *path*: its place in the input."""

    pattern: str
    namespace: str
    path: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """One ServiceMonitor, PodMonitor or Probe. *path*: its place in the input."""

    kind: str
    name: str
    namespace: str
    spec: JsonObject
    path: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class OwnObjects:
    """What the inventory has of a team's own rules and monitors."""

    rules: tuple[RuleSet, ...] = ()
    files: tuple[RulesFile, ...] = ()
    monitors: tuple[Monitor, ...] = ()


NOTHING = OwnObjects()


def parse_own(values: Values, *, namespaces: t.Sequence[str], evaluates: bool, path: str, errors: Errors) -> OwnObjects:
    """The rules and monitors of validated *values*, for a team with these *namespaces* of its own.

    *evaluates*: whether the team has a Prometheus that evaluates rules.
    """
    if not (values["rules"] or values["rules_files"] or values["monitors"]):
        return NOTHING
    if not evaluates:
        for name in ("rules", "rules_files"):
            if values[name]:
                errors.add(f"{path}.{name}", "needs a Prometheus that evaluates rules; the team has none, or an agent")

    def place(one: Values, *, at: str) -> str:
        return _namespace(one["namespace"], namespaces=namespaces, path=f"{at}.namespace", errors=errors)

    rules = []
    for number, one in enumerate(values["rules"]):
        at = f"{path}.rules[{number}]"
        groups = _groups(one["groups"], path=f"{at}.groups", errors=errors)
        name = require(grammar.dns_subdomain, one["name"], path=f"{at}.name", errors=errors)
        rules.append(RuleSet(name=name, namespace=place(one, at=at), groups=groups, path=at))
    files = [
        RulesFile(pattern=one["path"], namespace=place(one, at=at), path=at)
        for at, one in ((f"{path}.rules_files[{number}]", one) for number, one in enumerate(values["rules_files"]))
    ]
    monitors = []
    for number, one in enumerate(values["monitors"]):
        at = f"{path}.monitors[{number}]"
        name = require(grammar.dns_subdomain, one["name"], path=f"{at}.name", errors=errors)
        if not one["spec"] and errors.is_good(f"{at}.spec"):
            errors.add(f"{at}.spec", f"must not be empty: it is the spec of the {one['kind']}")
        namespace = place(one, at=at)
        monitors.append(Monitor(kind=one["kind"], name=name, namespace=namespace, spec=tidy(one["spec"]), path=at))
    _refuse_twice(
        [(f"{path}.rules[{number}].name", (one.namespace, one.name)) for number, one in enumerate(rules)], errors=errors
    )
    _refuse_twice(
        [
            (f"{path}.monitors[{number}].name", (one.kind, one.namespace, one.name))
            for number, one in enumerate(monitors)
        ],
        errors=errors,
    )
    return OwnObjects(
        rules=tuple(sorted(rules, key=lambda one: (one.namespace, one.name))),
        files=tuple(files),
        monitors=tuple(sorted(monitors, key=lambda one: (one.kind, one.namespace, one.name))),
    )


def sets_of_files(
    own: OwnObjects, contents: t.Mapping[str, t.Mapping[str, t.Any]], *, errors: Errors
) -> tuple[RuleSet, ...]:
    """The rules of the team's files, each file a PrometheusRule that is called after it.

    *contents* has for each pattern ``files``, with ``file`` and ``text`` of each, and the folders that were
    ``searched``. What is wrong is noted in *errors*.
    """
    found: dict[tuple[str, str], RuleSet] = {(one.namespace, one.name): one for one in own.rules}
    for one in own.files:
        read = contents.get(one.pattern) or {}
        if not read.get("files"):
            searched = ", ".join(read.get("searched") or ())
            errors.add(f"{one.path}.path", f"{one.pattern!r} matches no file; searched: {searched or 'nowhere'}")
        for entry in read.get("files") or ():
            rules = _set_of_file(entry["file"], entry["text"], of=one, errors=errors)
            other = found.get((rules.namespace, rules.name))
            if other is not None:
                from_file = f" ({other.file})" if other.file else ""
                errors.add(
                    one.path,
                    f"{entry['file']}: a PrometheusRule {rules.name!r} in namespace {rules.namespace!r} is made by ",
                    Place(other.path),
                    f"{from_file} too; give one of them another name",
                )
                continue
            found[rules.namespace, rules.name] = rules
    return tuple(found[key] for key in sorted(found) if found[key].file)


def _set_of_file(file: str, text: str, *, of: RulesFile, errors: Errors) -> RuleSet:
    stem = file.rpartition("/")[2].rpartition(".")[0] or file.rpartition("/")[2]
    groups: tuple[JsonObject, ...] = ()
    problem = grammar.dns_subdomain(stem)
    if problem is not None:
        errors.add(of.path, f"{file}: the object is called after the file, and {problem}")
    try:
        documents = [one for one in yaml_text.parse(text) if one is not None]
    except yaml_text.Unreadable as error:
        errors.add(of.path, f"{file}: {error}")
        documents = []
    else:
        if len(documents) == 1 and isinstance(documents[0], t.Mapping) and list(documents[0]) == ["groups"]:
            # Paths of errors in a file begin with its name: there is one place in the input for all of them.
            inside = Errors()
            groups = _groups(documents[0]["groups"], path="groups", errors=inside)
            wrong = [str(error) for error in inside.sorted()]
            if wrong:
                errors.add(of.path, f"{file}: {'; '.join(wrong)}")
        else:
            errors.add(of.path, f"{file}: must have one key, groups, as a file of rules for Prometheus")
    return RuleSet(name=stem, namespace=of.namespace, groups=groups, path=of.path, file=file)


@dataclass(frozen=True, kw_only=True)
class Written:
    """An object that *team* wrote into the inventory, and its place there: the *path*, and the *file* or nothing."""

    obj: JsonObject
    team: str
    path: str
    file: str = ""


def written(own: OwnObjects, sets: t.Iterable[RuleSet], *, team: str) -> list[Written]:
    """The objects of a team's rules, those of files (*sets*) too, and of its monitors."""
    found = []
    labels = common_labels("team-monitoring", team=team)
    for rules in (*own.rules, *sets):
        spec = {"groups": list(rules.groups)}
        obj = make(MONITORING, "PrometheusRule", rules.name, namespace=rules.namespace, labels=labels, spec=spec)
        found.append(Written(obj=obj, team=team, path=rules.path, file=rules.file))
    for one in own.monitors:
        obj = make(MONITORING, one.kind, one.name, namespace=one.namespace, labels=labels, spec=one.spec)
        found.append(Written(obj=obj, team=team, path=one.path))
    return found


def _namespace(given: str | None, *, namespaces: t.Sequence[str], path: str, errors: Errors) -> str:
    if given is None:
        if len(namespaces) != 1:
            errors.add(path, f"is required, because the team has {len(namespaces)} namespaces of its own")
        return namespaces[0] if namespaces else ""
    if given not in namespaces:
        errors.add(path, f"{given!r} is not one of the team's own namespaces; {nearest(given, namespaces)}")
    return given


def _refuse_twice(places: t.Iterable[tuple[str, tuple[str, ...]]], *, errors: Errors) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for path, key in places:
        if key in seen and errors.is_good(path):
            errors.add(path, f"{key[-1]!r} is the name of ", Place(seen[key].removesuffix(".name")), " too")
        seen.setdefault(key, path)


def _groups(raw: object, *, path: str, errors: Errors) -> tuple[JsonObject, ...]:
    """The groups of a PrometheusRule in the form of the CRD, which differs in one name from that of a file."""
    groups = []
    names: dict[str, str] = {}
    for number, values in enumerate(validate_list(raw, _GROUP, path=path, errors=errors)):
        place = f"{path}[{number}]"
        name = values["name"]
        if not name and errors.is_good(f"{place}.name"):
            errors.add(f"{place}.name", "must not be empty")
        if name in names:
            errors.add(f"{place}.name", f"{name!r} is the name of ", Place(names[name]), " too")
        names.setdefault(name, place)
        for option in ("interval", "query_offset"):
            if values[option] is not None:
                require(grammar.duration, values[option], path=f"{place}.{option}", errors=errors)
        labels = _texts(values["labels"], path=f"{place}.labels", errors=errors)
        rules = [
            _rule(rule, path=f"{place}.rules[{index}]", errors=errors)
            for index, rule in enumerate(validate_list(values["rules"], _RULE, path=f"{place}.rules", errors=errors))
        ]
        groups.append(given_only({**values, "labels": labels or None, "rules": rules}))
    if len(json.dumps(groups, ensure_ascii=False)) > LARGEST:
        errors.add(path, f"is larger than {LARGEST} characters, more than the operator takes; split it")
    return tuple(groups)


def _rule(values: Values, *, path: str, errors: Errors) -> JsonObject:
    if bool(values["record"]) == bool(values["alert"]):
        errors.add(path, "needs either record or alert, the name of what it makes")
    if not values["expr"].strip() and errors.is_good(f"{path}.expr"):
        errors.add(f"{path}.expr", "must not be empty")
    for name in _OF_ALERTS if values["record"] else ():
        if values[name]:
            errors.add(f"{path}.{name}", "is only for alerts")
    for name in ("for", "keep_firing_for"):
        if values[name] is not None and grammar.milliseconds(values[name]) is None:
            require(grammar.duration, values[name], path=f"{path}.{name}", errors=errors)
    labels = _texts(values["labels"], path=f"{path}.labels", errors=errors)
    annotations = _texts(values["annotations"], path=f"{path}.annotations", errors=errors)
    return given_only({**values, "labels": labels or None, "annotations": annotations or None})


def _texts(raw: t.Mapping[str, t.Any] | None, *, path: str, errors: Errors) -> dict[str, str]:
    return text_mapping(
        raw or {},
        path=path,
        # Which names there are the judge of the rules knows.
        check_name=lambda text: None if text else "must not be empty",
        check_value=lambda _text: None,
        errors=errors,
    )
