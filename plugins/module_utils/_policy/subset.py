# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of CEL a policy may use: what the API server, the offline library and Rego were seen to judge alike. Pure.

All else is refused when a row is read. docs/policy.md lists the subset, and says why the rest is not in it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    Call,
    CelError,
    Ident,
    Index,
    Literal,
    Mapping,
    Node,
    Operation,
    Select,
    parts,
    rebuilt,
    walk,
)

# Names that an expression begins with. Of `request` only these fields: the library takes any.
ROOTS = frozenset({"object", "oldObject", "request", "namespaceObject", "params", "variables"})
REQUEST_FIELDS: dict[str, frozenset[str]] = {
    "name": frozenset(),
    "namespace": frozenset(),
    "operation": frozenset(),
    "subResource": frozenset(),
    "kind": frozenset({"group", "version", "kind"}),
    "userInfo": frozenset({"username", "groups"}),
}
# Functions on a value, and how many arguments they have.
METHODS = {
    "contains": 1,
    "endsWith": 1,
    "hasValue": 0,
    "lowerAscii": 0,
    "matches": 1,
    "orValue": 1,
    "size": 0,
    "split": 1,
    "startsWith": 1,
}
FUNCTIONS = {"dyn": 1, "has": 1, "size": 1, "type": 1}
# Functions with a variable of their own.
MACROS = {"all": 2, "exists": 2, "filter": 2, "map": 2}
TYPES = frozenset({"bool", "int", "list", "map", "string"})
SIGNS = frozenset({"||", "&&", "!", "==", "!=", "<", "<=", ">", ">=", "in", "+", "?:"})
# Whole numbers that every engine has exactly.
LARGEST = 2**53 - 1
_GROUP = re.compile(r"\(\?(?!:|i\))")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ALLOWED_ESCAPES = frozenset(".-/\\[](){}+*?|^$dwsbDWS_~:@#%&=")
_REPETITION = re.compile(r"\{(\d*)(?:,(\d*))?\}")
REPETITIONS = 1000


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of the parameters and the variables that an expression may use."""

    parameters: t.Collection[str] = ()
    variables: t.Collection[str] = ()


def problems(node: Node, *, names: Names) -> list[str]:
    """What in an expression a policy may not use, each with what to write instead."""
    return list(_problems(node, names=names, bound=frozenset()))


def _problems(node: Node, *, names: Names, bound: frozenset[str]) -> t.Iterator[str]:
    match node:
        case Literal():
            if isinstance(node.value, int) and node.value > LARGEST:
                yield f"the number {node.value} is larger than {LARGEST}"
        case Ident():
            yield from _unknown_name(node.name, bound=bound)
        case Select(operand=Ident(name=root)) if root in ROOTS - bound:
            yield from _unknown_field(root, node.name, names=names)
        case Select(operand=Select(operand=Ident(name="request"), name=field)):
            yield from _unknown_field("request", field, names=names)
            known = REQUEST_FIELDS.get(field, frozenset())
            if node.name not in known:
                yield f"request.{field}.{node.name} is not in the subset; {nearest(node.name, known)}"
        case Call():
            yield from _wrong_call(node, bound=bound)
            yield from _inside_call(node, names=names, bound=bound)
        case _:
            yield from _wrong_shape(node)
            for part in parts(node):
                if not (isinstance(part, Ident) and part.name in TYPES and _is_type_test(node)):
                    yield from _problems(part, names=names, bound=bound)


def _wrong_shape(node: Node) -> t.Iterator[str]:
    if isinstance(node, Operation) and node.sign not in SIGNS:
        yield f"the operator {node.sign!r} is not in the subset; possible: {' '.join(sorted(SIGNS))}"
    if isinstance(node, Mapping):
        keys = (key for key, _value in node.entries)
        if not all(isinstance(key, Literal) and isinstance(key.value, str) for key in keys):
            yield "the keys of a map must be constant text"


def _inside_call(node: Call, *, names: Names, bound: frozenset[str]) -> t.Iterator[str]:
    inside = parts(node)
    if node.name in MACROS and node.target is not None and len(node.arguments) == MACROS[node.name]:
        variable, body = node.arguments
        inside = (node.target,)
        if isinstance(variable, Ident):
            yield from _problems(body, names=names, bound=bound | {variable.name})
    for part in inside:
        yield from _problems(part, names=names, bound=bound)


def _is_type_test(node: Node) -> bool:
    """Whether *node* compares the type of a value: ``type(x) == string``."""
    return (
        isinstance(node, Operation)
        and node.sign in ("==", "!=")
        and isinstance(node.operands[0], Call)
        and node.operands[0].target is None
        and node.operands[0].name == "type"
        and isinstance(node.operands[1], Ident)
    )


def _unknown_name(name: str, *, bound: t.Collection[str]) -> t.Iterator[str]:
    if name in ("params", "variables", "request") and name not in bound:
        yield f"{name!r} alone is not in the subset; write {name} and a field"
    elif name not in ROOTS and name not in bound:
        yield f"the name {name!r} is not known; {nearest(name, [*ROOTS, *bound])}"


def _unknown_field(root: str, name: str, *, names: Names) -> t.Iterator[str]:
    known: t.Collection[str] | None = {
        "params": names.parameters,
        "variables": names.variables,
        "request": REQUEST_FIELDS,
    }.get(root)
    if known is not None and name not in known:
        yield f"{root}.{name} is not known; {nearest(name, known)}"


def _wrong_call(node: Call, *, bound: t.Collection[str]) -> t.Iterator[str]:
    name, number = node.name, len(node.arguments)
    if node.target is None:
        expected, kind = FUNCTIONS.get(name), "function"
    elif name in MACROS:
        expected, kind = MACROS[name], "macro"
    else:
        expected, kind = METHODS.get(name), "method"
    if expected is None:
        known = FUNCTIONS if node.target is None else {**METHODS, **MACROS}
        yield f"the {kind} {name}() is not in the subset; {nearest(name, known)}"
        return
    if number != expected:
        yield f"{name}() has {number} arguments, where the subset has the form with {expected}"
        return
    if kind == "macro":
        yield from _wrong_variable(name, node.arguments[0], bound=bound)
    if name == "has" and not (isinstance(node.arguments[0], Select) and not node.arguments[0].optional):
        yield "has() needs a field: has(object.spec.name)"
    if kind == "method" and name in ("matches", "split"):
        yield from _wrong_constant(name, node.arguments[0])
    # Only an optional has a value: the engines say different things of others.
    if name in ("orValue", "hasValue") and not is_optional(node.target):
        yield f"{name}() needs an optional value before it, x.?field or x[?key]"


def is_optional(node: Node | None) -> bool:
    """Whether an expression is an optional value: a chain of fields that has ``.?`` or ``[?]``."""
    while isinstance(node, (Select, Index)):
        if node.optional:
            return True
        node = node.operand
    return False


def _wrong_variable(macro: str, variable: Node, *, bound: t.Collection[str]) -> t.Iterator[str]:
    if not isinstance(variable, Ident):
        yield f"{macro}() needs a variable as its first argument"
    elif variable.name in ROOTS or variable.name in TYPES or variable.name in bound:
        yield f"the variable {variable.name!r} of {macro}() hides another name; choose a new one"


def _wrong_constant(name: str, argument: Node) -> t.Iterator[str]:
    if isinstance(argument, Select) and argument.operand == Ident("params"):
        return  # looked at again with its value
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        yield f"{name}() needs a constant text"
        return
    if name == "split":
        if not argument.value:
            yield "split() needs a separator"
        return
    problem = regex_problem(argument.value)
    if problem is not None:
        yield f"{name}(): the regular expression {argument.value!r} {problem}"


def regex_problem(regex: str) -> str | None:
    """What keeps a regular expression from meaning the same in every engine; None if nothing does."""
    problem = next(_regex_problems(regex), None)
    if problem is None:
        try:
            re.compile(regex)
        except re.error as error:
            problem = f"is wrong: {error}"
    return problem


def _regex_problems(regex: str) -> t.Iterator[str]:
    if _GROUP.search(regex):
        yield "has a group that RE2 lacks, or flags; possible are (...), (?:...) and (?i)"
    if "(?i)" in regex[1:]:
        yield "has (?i) elsewhere than at its beginning"
    if "[[:" in regex:
        yield "has a class such as [[:alpha:]]; write its characters"
    for escape in _ESCAPED.findall(regex):
        if escape not in _ALLOWED_ESCAPES:
            yield f"has the escape \\{escape}, which is not in the subset"
    for least, most in _REPETITION.findall(regex):
        if any(number and int(number) > REPETITIONS for number in (least, most)):
            yield f"repeats more than {REPETITIONS} times"


# -- parameters and variables ---------------------------------------------------------------------------------------


def with_values(node: Node, values: t.Mapping[str, Node]) -> Node:
    """The same expression with a value for each parameter: ``params.x`` is replaced."""
    return _replaced(node, "params", values)


def inlined(node: Node, variables: t.Mapping[str, Node]) -> Node:
    """The same expression with each ``variables.x`` replaced by its own expression."""
    return _replaced(node, "variables", variables)


def _replaced(node: Node, root: str, values: t.Mapping[str, Node]) -> Node:
    if isinstance(node, Select) and node.operand == Ident(root):
        if node.name not in values:
            raise CelError(f"{root}.{node.name} is not known; {nearest(node.name, values)}")
        return values[node.name]
    return rebuilt(node, lambda part: _replaced(part, root, values))


def used(node: Node, root: str) -> set[str]:
    """The fields of *root* that an expression names: the parameters or the variables that it uses."""
    return {part.name for part in walk(node) if isinstance(part, Select) and part.operand == Ident(root)}
