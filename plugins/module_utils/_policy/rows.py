# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of policies: one row says what is judged, when, by which expressions, and what a user reads then. Pure.

The shipped rows are data in the role ``policy``; users add rows of their own. Both are read here, all errors at once.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import SEVERITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    validate_list,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    DEPTH,
    CelError,
    Literal,
    Node,
    depth_of,
    literal,
    parse,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.subset import (
    Names,
    inlined,
    problems,
    used,
    with_values,
)

# What happens to a request that does not pass, from the mildest to the strictest.
ENFORCEMENTS = ("audit", "warn", "deny")
OPERATIONS = ("CREATE", "UPDATE", "DELETE")
# Where a row holds: in the namespaces of teams, or for objects that are in no namespace.
SCOPES = ("teams", "cluster")
# Whether what the platform's own accounts write is judged, too.
PLATFORM = ("exempt", "judged")

KIND_OPTIONS: dict[str, dict[str, t.Any]] = {
    "group": {"type": "str", "default": ""},
    "versions": {"type": "list", "elements": "str", "required": True},
    "resources": {"type": "list", "elements": "str", "required": True},
}
CHECK_OPTIONS: dict[str, dict[str, t.Any]] = {
    "expression": {"type": "str", "required": True},
    "message": {"type": "str", "required": True},
}
ROW_OPTIONS: dict[str, dict[str, t.Any]] = {
    "id": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "kinds": {"type": "list", "elements": "dict", "options": KIND_OPTIONS, "required": True},
    "operations": {
        "type": "list",
        "elements": "str",
        "choices": list(OPERATIONS),
        "default": ["CREATE", "UPDATE"],
    },
    "scope": {"type": "str", "choices": list(SCOPES), "default": "teams"},
    "platform": {"type": "str", "choices": list(PLATFORM), "default": "exempt"},
    "ratchet": {"type": "list", "elements": "str", "default": ["spec"]},
    "conditions": {"type": "list", "elements": "str", "default": []},
    "variables": {"type": "dict", "default": {}},
    "checks": {"type": "list", "elements": "dict", "options": CHECK_OPTIONS, "required": True},
    "parameters": {"type": "dict", "default": {}},
    "fix": {"type": "str", "required": True},
    "reference": {"type": "str", "required": True},
    "severity": {"type": "str", "choices": list(SEVERITIES), "default": "error"},
    "enforcement": {"type": "str", "choices": list(ENFORCEMENTS), "default": "deny"},
}
CHANGE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "enforcement": {"type": "str", "choices": list(ENFORCEMENTS)},
    "parameters": {"type": "dict", "default": {}},
}

_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")
_RESOURCE = re.compile(r"[a-z][a-z0-9]*(/[a-z]+)?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FIELDS = re.compile(r"[a-zA-Z][a-zA-Z0-9]*(\.[a-zA-Z][a-zA-Z0-9]*)*")
# The name of the policy's objects is a prefix and this.
LONGEST_ID = 40
# What the API server has for one policy (validating admission policies have at most 64 match conditions).
MOST_CONDITIONS = 50


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Resources of one API group; a resource may name a subresource (``namespaces/status``)."""

    group: str
    versions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expression that must be true, and what is said where it is not; the message names the field."""

    expression: Node
    message: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One policy as the table has it.

    *ratchet*: fields of the object; an UPDATE that leaves all of them as they are passes. *conditions*: what else must
    be true for a request to be judged at all. *variables* may be used in checks. *parameters* have their values here.
    """

    id: str
    title: str
    kinds: tuple[Kinds, ...]
    operations: tuple[str, ...]
    scope: str
    platform: str
    ratchet: tuple[str, ...]
    conditions: tuple[Node, ...]
    variables: t.Mapping[str, Node]
    checks: tuple[Check, ...]
    parameters: t.Mapping[str, t.Any]
    fix: str
    reference: str
    severity: str
    enforcement: str

    @property
    def said(self) -> tuple[str, ...]:
        """What a user reads where each check fails: the field, the allowed form, and what to do."""
        return tuple(f"{check.message}. {self.fix}" for check in self.checks)


def parse_rows(
    raw: t.Sequence[t.Mapping[str, t.Any]], *, path: str, errors: Errors, taken: t.Collection[str] = ()
) -> tuple[Row, ...]:
    """Rows from a list of mappings (ROW_OPTIONS); what is wrong is noted. *taken* are the ids of other rows."""
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for number, values in enumerate(validate_list(raw, ROW_OPTIONS, path=path, errors=errors)):
        place = f"{path}[{number}]"
        if not errors.is_good(place):
            continue
        name = values["id"]
        require(_row_id, name, path=f"{place}.id", errors=errors)
        if name in taken:
            errors.add(f"{place}.id", f"{name!r} is the id of a shipped row; choose another one")
        if name in seen:
            errors.add(f"{place}.id", f"{name!r} is the id of {seen[name]}, too")
        seen[name] = place
        rows.append(_row(values, path=place, errors=errors))
    return tuple(rows)


def _row(values: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> Row:
    for name in ("title", "fix", "reference"):
        require(_sentence, values[name], path=f"{path}.{name}", errors=errors)
    parameters = dict(values["parameters"])
    for name, value in parameters.items():
        require(_plain_name, str(name), path=f"{path}.parameters.{name}", errors=errors)
        require_literal(value, path=f"{path}.parameters.{name}", errors=errors)
    good = {name: value for name, value in parameters.items() if errors.is_good(f"{path}.parameters.{name}")}
    reader = _Reader(parameters=good, errors=errors)
    conditions = tuple(
        reader.expression(text, path=f"{path}.conditions[{number}]", variables={})
        for number, text in enumerate(values["conditions"])
    )
    variables: dict[str, Node] = {}
    for name, text in values["variables"].items():
        place = f"{path}.variables.{name}"
        require(_plain_name, str(name), path=place, errors=errors)
        # Each may use those before it.
        variables[str(name)] = reader.expression(text, path=place, variables=dict(variables))
    checks = tuple(
        Check(
            expression=reader.expression(
                check["expression"], path=f"{path}.checks[{number}].expression", variables=variables
            ),
            message=require(
                _sentence, check["message"].rstrip("."), path=f"{path}.checks[{number}].message", errors=errors
            ),
        )
        for number, check in enumerate(values["checks"])
    )
    if not checks:
        errors.add(f"{path}.checks", "is empty; a row has at least one check")
    if not values["operations"]:
        errors.add(f"{path}.operations", f"is empty; possible: {', '.join(OPERATIONS)}")
    for number, fields in enumerate(values["ratchet"]):
        if not _FIELDS.fullmatch(fields):
            errors.add(f"{path}.ratchet[{number}]", f"{fields!r} is not the path of a field, such as spec")
    used_anywhere = reader.used_parameters
    for name in good:
        if name not in used_anywhere:
            errors.add(f"{path}.parameters.{name}", f"is used by no expression; write params.{name}, or remove it")
    return Row(
        id=values["id"],
        title=values["title"],
        kinds=_kinds(values["kinds"], path=f"{path}.kinds", errors=errors),
        operations=tuple(operation for operation in OPERATIONS if operation in values["operations"]),
        scope=values["scope"],
        platform=values["platform"],
        ratchet=tuple(values["ratchet"]),
        conditions=conditions,
        variables=variables,
        checks=checks,
        parameters=parameters,
        fix=values["fix"],
        reference=values["reference"],
        severity=values["severity"],
        enforcement=values["enforcement"],
    )


class _Reader:
    """Reads the expressions of one row."""

    def __init__(self, *, parameters: t.Mapping[str, t.Any], errors: Errors) -> None:
        self._parameters = parameters
        self._values = {name: literal(value) for name, value in parameters.items()}
        self._errors = errors
        self.used_parameters: set[str] = set()

    def expression(self, text: object, *, path: str, variables: t.Mapping[str, Node]) -> Node:
        """The tree of an expression, with the parameters still by their names; what is wrong is noted."""
        try:
            node = parse(" ".join(str(text).split()) if isinstance(text, str) else str(text))
        except CelError as error:
            self._errors.add(path, str(error))
            return Literal(value=False)
        self.used_parameters |= used(node, "params")
        wrong = problems(node, names=Names(parameters=self._parameters, variables=variables))
        if not wrong:
            # Once more as the engines will have it: a parameter may be a regular expression.
            with_all = inlined(with_values(node, self._values), self._inlined(variables))
            wrong = problems(with_all, names=Names())
            depth = depth_of(with_all)
            if not wrong and depth > DEPTH:
                wrong = [f"is nested {depth} levels deep with its variables; at most {DEPTH} are possible"]
        if wrong:
            self._errors.add(path, "; ".join(wrong))
        return node

    def _inlined(self, variables: t.Mapping[str, Node]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for name, node in variables.items():
            found[name] = inlined(with_values(node, self._values), found)
        return found


def _kinds(raw: t.Sequence[t.Mapping[str, t.Any]], *, path: str, errors: Errors) -> tuple[Kinds, ...]:
    if not raw:
        errors.add(path, "is empty; name group, versions and resources")
    found = []
    for number, values in enumerate(raw):
        place = f"{path}[{number}]"
        if values["group"]:
            require(grammar.dns_subdomain, values["group"], path=f"{place}.group", errors=errors)
        for name, form, example in (("versions", _VERSION, "v1"), ("resources", _RESOURCE, "pods or pods/status")):
            if not values[name]:
                errors.add(f"{place}.{name}", f"is empty; name each, such as {example}")
            for index, text in enumerate(values[name]):
                if not form.fullmatch(text):
                    hint = "; a policy with * is not checked by the API server" if "*" in text else ""
                    errors.add(f"{place}.{name}[{index}]", f"{text!r} must be a name such as {example}{hint}")
        found.append(
            Kinds(group=values["group"], versions=tuple(values["versions"]), resources=tuple(values["resources"]))
        )
    return tuple(found)


def require_literal(value: t.Any, *, path: str, errors: Errors) -> None:
    """Note where a parameter's value cannot be written in CEL."""
    try:
        literal(value)
    except CelError as error:
        errors.add(path, str(error))


def with_parameters(row: Row, given: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> t.Mapping[str, t.Any]:
    """The parameters of a row with those that are *given* for it, each of the type that it has in the row."""
    values = dict(row.parameters)
    for name, value in given.items():
        place = f"{path}.{name}"
        if name not in values:
            errors.add(place, f"is not a parameter of the row {row.id}; {nearest(str(name), values)}")
        elif type(value) is not type(values[name]):
            errors.add(place, f"must be {_word(values[name])}, as in the row, found {_word(value)}")
        else:
            require_literal(value, path=place, errors=errors)
            values[name] = value
    if errors.is_good(path):
        # A parameter may be a regular expression.
        nodes = {name: literal(value) for name, value in values.items()}
        for number, check in enumerate(row.checks, start=1):
            wrong = problems(with_values(check.expression, nodes), names=Names(variables=row.variables))
            if wrong:
                errors.add(path, f"check {number} of the row {row.id}: {'; '.join(wrong)}")
    return values


def parse_changes(
    raw: t.Mapping[str, t.Any], rows: t.Sequence[Row], *, path: str, errors: Errors
) -> dict[str, tuple[str | None, t.Mapping[str, t.Any]]]:
    """What the user changes of rows: by id the enforcement (None: as it is) and all parameters."""
    known = {row.id: row for row in rows}
    found = {}
    for name, values in raw.items():
        place = f"{path}.{name}"
        if name not in known:
            errors.add(place, f"no row has this id; {nearest(str(name), known)}")
            continue
        given = validate_mapping(values, CHANGE_OPTIONS, path=place, errors=errors)
        if errors.is_good(place):
            parameters = with_parameters(known[name], given["parameters"], path=f"{place}.parameters", errors=errors)
            found[name] = (given["enforcement"], parameters)
    return found


def _word(value: t.Any) -> str:
    names = {bool: "true or false", int: "a whole number", str: "text", list: "a list", dict: "a mapping"}
    return names.get(type(value), "nothing")


def _row_id(text: str) -> str | None:
    if len(text) > LONGEST_ID:
        return f"{text!r} has more than {LONGEST_ID} characters"
    return grammar.dns_label(text)


def _plain_name(text: str) -> str | None:
    return None if _NAME.fullmatch(text) else f"{text!r} must consist of lower case letters, digits and _"


def _sentence(text: str) -> str | None:
    if not text.strip():
        return "is empty"
    return "must be one line" if "\n" in text.strip() else None
