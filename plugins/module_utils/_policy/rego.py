# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as Rego, and as ConstraintTemplates of Gatekeeper. Pure.

Each part of an expression becomes a rule, or a function of the variables around it. What is an error in CEL is
undefined in Rego, so that the errors that ``&&``, ``||``, ``all`` and ``exists`` absorb in CEL are absorbed here, too.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import policy_name, team_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    Call,
    Ident,
    Index,
    Listing,
    Literal,
    Mapping,
    Node,
    Operation,
    Select,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.subset import MACROS, is_optional

JsonObject = dict[str, t.Any]

TEMPLATES = "templates.gatekeeper.sh/v1"
CONSTRAINTS = "constraints.gatekeeper.sh/v1beta1"
TARGET = "admission.k8s.gatekeeper.sh"
ENFORCEMENT_ACTIONS = {"audit": "dryrun", "warn": "warn", "deny": "deny"}
CONDITION_FAILED = "a condition could not be evaluated"

# What CEL does and Rego has no operator for. Where CEL ends in an error, nothing here is defined.
LIBRARY = """\
default root_object := null

root_object := input.review.object

default root_oldObject := null

root_oldObject := input.review.oldObject

default root_namespaceObject := null

root_namespaceObject := input.review._unstable.namespace

# What is empty is absent, as in the API server's own form of the request.
root_request := {name: value |
    some name in ["operation", "name", "namespace", "subResource", "kind", "userInfo"]
    value := input.review[name]
    value != ""
}

cel_has(o, k) if _ = o[k]

cel_select(o, k) := o[k] if is_object(o)

cel_index(o, k) := o[k] if is_object(o)

cel_index(o, k) := o[k] if is_array(o)

cel_optional(o, k) := [o[k]] if is_object(o)

cel_optional(o, k) := [o[k]] if is_array(o)

cel_optional(o, k) := [] if {
    is_object(o)
    not cel_has(o, k)
}

cel_optional(o, k) := [] if {
    is_array(o)
    is_number(k)
    not cel_has(o, k)
}

cel_chain(o, _) := [] if count(o) == 0

cel_chain(o, k) := cel_optional(o[0], k) if count(o) == 1

cel_in(x, c) if {
    is_array(c)
    x in c
}

cel_in(x, c) := false if {
    is_array(c)
    not x in c
}

cel_in(x, c) if {
    is_object(c)
    cel_has(c, x)
}

cel_in(x, c) := false if {
    is_object(c)
    not cel_has(c, x)
}

cel_add(a, b) := a + b if {
    is_number(a)
    is_number(b)
}

cel_add(a, b) := concat("", [a, b]) if {
    is_string(a)
    is_string(b)
}

cel_add(a, b) := array.concat(a, b) if {
    is_array(a)
    is_array(b)
}

cel_comparable(a, b) if {
    is_number(a)
    is_number(b)
}

cel_comparable(a, b) if {
    is_string(a)
    is_string(b)
}

cel_size(x) := count(x) if is_string(x)

cel_size(x) := count(x) if is_array(x)

cel_size(x) := count(x) if is_object(x)

cel_items(x) := x if is_array(x)

cel_items(x) := [k | some k, _ in x] if is_object(x)

cel_type(x) := "string" if is_string(x)

cel_type(x) := "bool" if is_boolean(x)

cel_type(x) := "list" if is_array(x)

cel_type(x) := "map" if is_object(x)

cel_type(x) := "null_type" if is_null(x)

cel_type(x) := "int" if {
    is_number(x)
    floor(x) == x
}

cel_type(x) := "double" if {
    is_number(x)
    floor(x) != x
}

cel_lower_ascii(x) := strings.replace_n(
    {
        "A": "a", "B": "b", "C": "c", "D": "d", "E": "e", "F": "f", "G": "g", "H": "h", "I": "i", "J": "j", "K": "k",
        "L": "l", "M": "m", "N": "n", "O": "o", "P": "p", "Q": "q", "R": "r", "S": "s", "T": "t", "U": "u", "V": "v",
        "W": "w", "X": "x", "Y": "y", "Z": "z",
    },
    x,
)
"""
# Methods of CEL that are one function of Rego or of the library.
_METHODS = {
    "contains": "contains",
    "endsWith": "endswith",
    "lowerAscii": "cel_lower_ascii",
    "size": "cel_size",
    "split": "split",
    "startsWith": "startswith",
}
_HELPERS = {"in": "cel_in", "+": "cel_add"}
# The value of one side that decides without the other, and the one that needs both.
_ABSORBING = {"&&": ("false", "true"), "||": ("true", "false")}


def package_of(row_id: str) -> str:
    """The Rego package of a policy."""
    return f"promfleet.{row_id.replace('-', '_')}"


def rego_module(policy: Policy) -> str:
    """The whole Rego module of a policy, whose rule ``violation`` has an entry for each check that fails.

    Its input is Gatekeeper's: the admission request as ``review``, the namespace as ``review._unstable.namespace``.
    """
    writer = _Writer()
    conditions = [writer.term(one.expression) for one in policy.conditions]
    checks = [writer.term(check) for check in policy.whole_checks]
    rules = [*_scope(policy), *_verdict(policy, conditions=conditions, checks=checks)]
    return "\n\n".join(
        [
            f"# {policy.row.title}: made from the row {policy.id} of the collection's policies.",
            f"package {package_of(policy.id)}",
            "import rego.v1",
            *rules,
            *writer.rules,
            LIBRARY.rstrip(),
        ]
    )


def _scope(policy: Policy) -> list[str]:
    row = policy.row
    kinds = [
        {
            "group": kinds.group,
            "version": version,
            "resource": resource.partition("/")[0],
            "sub": resource.partition("/")[2],
        }
        for kinds in row.kinds
        for version in kinds.versions
        for resource in kinds.resources
    ]
    selected = [
        "request := input.review",
        f"request.operation in {_json(list(row.operations))}",
        f"some one in {_json(kinds)}",
        "request.resource.group == one.group",
        "request.resource.version == one.version",
        "request.resource.resource == one.resource",
        'object.get(request, "subResource", "") == one.sub',
    ]
    if row.scope == "teams":
        label = _json(TEAM_LABEL)
        selected += [
            'labels := object.get(request, ["_unstable", "namespace", "metadata", "labels"], {})',
            f"team := labels[{label}]",
            f"team != {_json(policy.platform_team)}",
        ]
    else:
        selected.append('object.get(root_one, ["metadata", "namespace"], "") == ""')
    one = [
        "default root_one := {}",
        "root_one := root_object if root_object != null",
        "root_one := root_oldObject if root_object == null",
    ]
    return [*one, _rule("in_scope", "true", selected)]


def _verdict(policy: Policy, *, conditions: t.Sequence[str], checks: t.Sequence[str]) -> list[str]:
    rules = ["default skipped := false"]
    rules += [_rule("skipped", "true", [f"{condition} == false"]) for condition in conditions]
    rules.append(_rule("judged", "true", ["in_scope", "not skipped"]))
    rules.append(_rule("decided", "true", ["judged", *(f"{condition} == true" for condition in conditions)]))
    rules.append(_violation(CONDITION_FAILED, ["judged", "not decided"]))
    for number, (check, message) in enumerate(zip(checks, policy.said, strict=True)):
        rules.append(_rule(f"passes_{number}", "true", [f"{check} == true"]))
        rules.append(_violation(message, ["decided", f"not passes_{number}"]))
    return rules


def _violation(message: str, body: t.Sequence[str]) -> str:
    return f'violation contains {{"msg": {_json(message)}}} if {_block(body)}'


def _rule(head: str, value: str, body: t.Sequence[str]) -> str:
    return f"{head} := {value} if {_block(body)}"


def _block(body: t.Sequence[str]) -> str:
    return "{\n" + "".join(f"\t{line}\n" for line in body) + "}"


def _json(value: t.Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class _Writer:
    """Writes the rules of expressions, each with a number of its own."""

    def __init__(self) -> None:
        self.rules: list[str] = []
        self._number = 0

    def term(self, node: Node, *, bound: tuple[str, ...] = ()) -> str:
        """The Rego term with the value of *node*; rules are added for what is more than a name or a literal."""
        match node:
            case Literal():
                return _json(node.value)
            case Ident():
                return f"v_{node.name}" if node.name in bound else f"root_{node.name}"
            case Call(name="dyn"):
                return self.term(node.arguments[0], bound=bound)
        self._number += 1
        arguments = ", ".join(f"v_{name}" for name in bound)
        head = f"e{self._number}({arguments})" if bound else f"e{self._number}"
        self.rules += self._rules(head, node, bound=bound)
        return head

    def _rules(self, head: str, node: Node, *, bound: tuple[str, ...]) -> list[str]:
        match node:
            case Operation():
                return self._operation(head, node, bound=bound)
            case Call():
                return self._call(head, node, bound=bound)
            case Select() | Index():
                return [self._access(head, node, bound=bound)]
            case Listing():
                terms = ", ".join(self.term(item, bound=bound) for item in node.items)
                return [_rule(head, "value", [f"value := [{terms}]"])]
            case Mapping():
                pairs = ", ".join(
                    f"{self.term(key, bound=bound)}: {self.term(value, bound=bound)}" for key, value in node.entries
                )
                return [_rule(head, "value", [f"value := {{{pairs}}}"])]
        raise TypeError(type(node).__name__)

    def _access(self, head: str, node: Select | Index, *, bound: tuple[str, ...]) -> str:
        key = _json(node.name) if isinstance(node, Select) else self.term(node.index, bound=bound)
        if is_optional(node.operand):
            function = "cel_chain"
        elif node.optional:
            function = "cel_optional"
        else:
            function = "cel_select" if isinstance(node, Select) else "cel_index"
        return _rule(head, "value", [f"value := {function}({self.term(node.operand, bound=bound)}, {key})"])

    def _operation(self, head: str, node: Operation, *, bound: tuple[str, ...]) -> list[str]:
        kind = _tested_type(node)
        if kind:
            subject = self.term(t.cast("Call", node.operands[0]).arguments[0], bound=bound)
            yes, no = ("==", "!=") if node.sign == "==" else ("!=", "==")
            return [
                _rule(head, "true", [f"cel_type({subject}) {yes} {_json(kind)}"]),
                _rule(head, "false", [f"cel_type({subject}) {no} {_json(kind)}"]),
            ]
        terms = [self.term(part, bound=bound) for part in node.operands]
        if node.sign in _ABSORBING:
            decisive, other = _ABSORBING[node.sign]
            return [
                *(_rule(head, decisive, [f"{term} == {decisive}"]) for term in terms),
                _rule(head, other, [f"{term} == {other}" for term in terms]),
            ]
        if node.sign == "!":
            return [_rule(head, "true", [f"{terms[0]} == false"]), _rule(head, "false", [f"{terms[0]} == true"])]
        if node.sign == "?:":
            test, then, otherwise = terms
            return [
                _rule(head, "value", [f"{test} == true", f"value := {then}"]),
                _rule(head, "value", [f"{test} == false", f"value := {otherwise}"]),
            ]
        if node.sign in _HELPERS:
            return [_rule(head, "value", [f"value := {_HELPERS[node.sign]}({', '.join(terms)})"])]
        return self._comparison(head, node.sign, terms)

    def _comparison(self, head: str, sign: str, terms: t.Sequence[str]) -> list[str]:
        opposite = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}[sign]
        values = [f"a := {terms[0]}", f"b := {terms[1]}"]
        if sign not in ("==", "!="):
            values.append("cel_comparable(a, b)")
        return [
            _rule(head, "true", [*values, f"a {sign} b"]),
            _rule(head, "false", [*values, f"a {opposite} b"]),
        ]

    def _call(self, head: str, node: Call, *, bound: tuple[str, ...]) -> list[str]:
        if node.target is None:
            return self._function(head, node, bound=bound)
        target = self.term(node.target, bound=bound)
        if node.name in MACROS:
            return self._macro(head, node, target=target, bound=bound)
        arguments = [self.term(argument, bound=bound) for argument in node.arguments]
        if node.name == "orValue":
            return [
                _rule(head, "value", [f"found := {target}", "count(found) == 1", "value := found[0]"]),
                _rule(head, "value", [f"found := {target}", "count(found) == 0", f"value := {arguments[0]}"]),
            ]
        if node.name == "hasValue":
            return [_rule(head, "value", [f"found := {target}", "value := count(found) == 1"])]
        if node.name == "matches":
            # The pattern is constant, and comes first in Rego.
            return [_rule(head, "value", [f"value := regex.match({arguments[0]}, {target})"])]
        return [_rule(head, "value", [f"value := {_METHODS[node.name]}({', '.join([target, *arguments])})"])]

    def _function(self, head: str, node: Call, *, bound: tuple[str, ...]) -> list[str]:
        if node.name == "has":
            field = t.cast("Select", node.arguments[0])
            holder = [f"o := {self.term(field.operand, bound=bound)}"]
            if is_optional(field.operand):
                found = f"value := count(cel_chain(o, {_json(field.name)})) == 1"
                return [_rule(head, "value", [*holder, found])]
            holder.append("is_object(o)")
            return [
                _rule(head, "true", [*holder, f"cel_has(o, {_json(field.name)})"]),
                _rule(head, "false", [*holder, f"not cel_has(o, {_json(field.name)})"]),
            ]
        argument = self.term(node.arguments[0], bound=bound)
        function = {"size": "cel_size", "type": "cel_type"}[node.name]
        return [_rule(head, "value", [f"value := {function}({argument})"])]

    def _macro(self, head: str, node: Call, *, target: str, bound: tuple[str, ...]) -> list[str]:
        name = t.cast("Ident", node.arguments[0]).name
        variable = f"v_{name}"
        body = self.term(node.arguments[1], bound=(*bound, name))
        items = f"items := cel_items({target})"
        match node.name:
            case "all":
                return [
                    _rule(head, "false", [items, f"some {variable} in items", f"{body} == false"]),
                    _rule(head, "true", [items, f"every {variable} in items {{ {body} == true }}"]),
                ]
            case "exists":
                return [
                    _rule(head, "true", [items, f"some {variable} in items", f"{body} == true"]),
                    _rule(head, "false", [items, f"every {variable} in items {{ {body} == false }}"]),
                ]
            case "filter":
                whole = f"every {variable} in items {{ is_boolean({body}) }}"
                found = f"value := [{variable} | some {variable} in items; {body} == true]"
                return [_rule(head, "value", [items, whole, found])]
        found = f"value := [item | some {variable} in items; item := {body}]"
        return [_rule(head, "value", [items, found, "count(value) == count(items)"])]


def _tested_type(node: Operation) -> str:
    """The name of the type that a comparison asks for; empty if it is another operation."""
    if node.sign not in ("==", "!="):
        return ""
    first, second = node.operands
    if isinstance(first, Call) and first.target is None and first.name == "type" and isinstance(second, Ident):
        return second.name
    return ""


# -- Gatekeeper -----------------------------------------------------------------------------------------------------


def gatekeeper_objects(policy: Policy) -> list[JsonObject]:
    """The ConstraintTemplate of a policy, and the Constraint that puts it into force."""
    kind = "Promfleet" + "".join(part.capitalize() for part in policy.id.split("-"))
    labels = common_labels("policy", team=policy.platform_team)
    source = {"version": "v1", "rego": rego_module(policy)}
    template = {
        "apiVersion": TEMPLATES,
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower(), "labels": labels},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}}},
            "targets": [{"target": TARGET, "code": [{"engine": "Rego", "source": source}]}],
        },
    }
    row = policy.row
    match: JsonObject = {
        "kinds": [{"apiGroups": sorted({kinds.group for kinds in row.kinds}), "kinds": ["*"]}],
        "scope": "Namespaced" if row.scope == "teams" else "Cluster",
    }
    if row.scope == "teams":
        match["namespaceSelector"] = team_selector(policy.platform_team)
    constraint = {
        "apiVersion": CONSTRAINTS,
        "kind": kind,
        "metadata": {"name": policy_name(policy.id), "labels": labels},
        "spec": {"enforcementAction": ENFORCEMENT_ACTIONS[policy.enforcement], "match": match},
    }
    return [template, constraint]
