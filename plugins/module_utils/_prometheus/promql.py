# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parsing PromQL, selectors for ``match[]`` of ``/federate`` among it; the only file that uses promql-parser."""

from __future__ import annotations

import datetime as dt
import json
import re
import traceback
import typing as t
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

try:
    import promql_parser
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None

# The label that holds the name of a metric.
METRIC_NAME = "__name__"

_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

# The operator's config reloader replaces $(NAME) in the configuration by an environment variable, or fails.
_VARIABLE = re.compile(r"\$\([A-Za-z0-9_]+\)")


# What to write instead of a selector that the parser does not take.
_EMPTY = 'is empty; write a selector such as {__name__=~"job:.*"}'


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """One condition of a selector; *operator* is ``=``, ``!=``, ``=~`` or ``!~``."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, kw_only=True)
class Selector:
    """A selector that was read; the name of a metric before the braces is a matcher like all others."""

    text: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, kw_only=True)
class Subquery:
    """A subquery: its *text*, its *range* and its *step* in seconds, None where the step is that of the server."""

    text: str
    range: float
    step: float | None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a text is not a selector for ``match[]``: the *code* of the finding, and the *reason* as a whole sentence.

    PF330: the parser does not understand it; Prometheus might.
    """

    code: str
    reason: str


def check_selector(text: str) -> str | None:
    """The reason why Prometheus would refuse *text* in ``match[]``, or None if it is good; see `read_selector`."""
    read = read_selector(text)
    return read.reason if isinstance(read, Fault) else None


def read_selector(text: str) -> Selector | Fault:
    """The selector *text*, or what is wrong with it.

    It must be one plain vector selector with a matcher that does not match the empty string (Prometheus'
    ``ParseMetricSelectors``). Needs promql-parser: where IMPORT_ERROR is set, raises RuntimeError.
    """
    if IMPORT_ERROR:
        raise RuntimeError("the Python library promql-parser is missing")
    if not text.strip():
        return Fault(code="PF330", reason=_EMPTY)
    if _VARIABLE.search(text):
        reason = f"{text!r} holds $(…), which the operator's config reloader takes for an environment variable"
        return Fault(code="PF334", reason=reason)
    read = _read(text)
    if isinstance(read, Fault) and _ENCODED.search(text):
        decoded = urllib.parse.unquote_plus(text)
        if isinstance(_read(decoded), Selector):
            return Fault(code="PF331", reason=f"{text!r} is URL-encoded; write it plainly: {decoded}")
    return read


def check_expression(text: str) -> str | None:
    """The reason why promql-parser does not understand an expression of PromQL, or None if it does.

    Prometheus may understand it all the same, where it is newer than the parser. Needs promql-parser, as
    `read_selector` does.
    """
    if IMPORT_ERROR:
        raise RuntimeError("the Python library promql-parser is missing")
    try:
        promql_parser.parse(text)
    except ValueError as error:
        return f"{text!r} is not understood as PromQL: {error}"
    return None


def selectors_in(text: str) -> tuple[Selector, ...]:
    """All selectors of an expression of PromQL, in their order, without offsets and ranges.

    Raises ValueError where promql-parser does not understand it. Needs promql-parser, as `read_selector` does.
    """
    if IMPORT_ERROR:
        raise RuntimeError("the Python library promql-parser is missing")
    nodes = (node for node in _nodes(text) if isinstance(node, promql_parser.VectorSelector))
    return tuple(Selector(text=node.prettify(), matchers=_matchers(node)) for node in nodes)


def subqueries_in(text: str) -> tuple[Subquery, ...]:
    """All subqueries of an expression of PromQL, in their order.

    Raises ValueError where promql-parser does not understand it. Needs promql-parser, as `read_selector` does.
    """
    if IMPORT_ERROR:
        raise RuntimeError("the Python library promql-parser is missing")
    nodes = (node for node in _nodes(text) if isinstance(node, promql_parser.SubqueryExpr))
    return tuple(
        Subquery(text=node.prettify(), range=_seconds(node.range) or 0.0, step=_seconds(node.step)) for node in nodes
    )


def _seconds(length: dt.timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _nodes(text: str) -> Iterator[t.Any]:
    """The nodes of an expression, in their order; a selector's own parts are not among them."""
    rest = [promql_parser.parse(text)]
    while rest:
        node = rest.pop()
        yield node
        if isinstance(node, promql_parser.VectorSelector):
            continue
        inner = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
        inner += getattr(node, "args", None) or ()
        rest += [one for one in reversed(inner) if one is not None]


def _read(text: str) -> Selector | Fault:
    try:
        expression = promql_parser.parse(text)
    except ValueError as error:
        if "non-empty matcher" in str(error):
            reason = (
                f"{text!r} would select every series; at least one matcher must not match the empty string"
                ' (as =~".*" and !="x" do)'
            )
            return Fault(code="PF333", reason=reason)
        return Fault(code="PF330", reason=f"{text!r} is not understood as PromQL: {error}")
    if not isinstance(expression, promql_parser.VectorSelector):
        reason = f'{text!r} is an expression, not a selector; /federate takes only selectors such as up{{job="node"}}'
        return Fault(code="PF332", reason=reason)
    if expression.offset is not None or expression.at is not None:
        reason = f"{text!r} has an offset or @ modifier; /federate gives only the newest samples"
        return Fault(code="PF332", reason=reason)
    if expression.matchers.or_matchers:
        reason = f"{text!r} joins matchers with 'or', which Prometheus does not know; write two selectors"
        return Fault(code="PF332", reason=reason)
    return Selector(text=text, matchers=_matchers(expression))


def _matchers(selector: promql_parser.VectorSelector) -> tuple[Matcher, ...]:
    """The matchers of a selector, the name of its metric first."""
    matchers = [
        Matcher(label=matcher.name, operator=_operator(matcher.op), value=matcher.value)
        for matcher in selector.matchers.matchers
    ]
    if selector.name is not None:
        matchers.insert(0, Matcher(label=METRIC_NAME, operator="=", value=selector.name))
    return tuple(matchers)


def _operator(found: promql_parser.MatchOp) -> str:
    # They can be compared, but not hashed.
    known = (
        (promql_parser.MatchOp.Equal, "="),
        (promql_parser.MatchOp.NotEqual, "!="),
        (promql_parser.MatchOp.Re, "=~"),
    )
    return next((sign for operator, sign in known if found == operator), "!~")
