# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parsing selectors for ``match[]`` of Prometheus' ``/federate``; the only file that uses promql-parser."""

from __future__ import annotations

import re
import traceback
import urllib.parse

try:
    import promql_parser
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None

_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

# The operator's config reloader replaces $(NAME) in the configuration by an environment variable, or fails.
_VARIABLE = re.compile(r"\$\([A-Za-z0-9_]+\)")


def check_selector(text: str) -> str | None:
    """The reason why Prometheus would refuse *text* in ``match[]``, or None where it is good.

    It must be one plain vector selector with a matcher that does not match the empty string (Prometheus'
    ``ParseMetricSelectors``). Needs promql-parser: where IMPORT_ERROR is set, raises RuntimeError.
    """
    if IMPORT_ERROR:
        raise RuntimeError("the Python library promql-parser is missing")
    if not text.strip():
        return 'is empty; write a selector such as {__name__=~"job:.*"}'
    if _VARIABLE.search(text):
        return f"{text!r} holds $(…), which the operator's config reloader takes for an environment variable"
    problem = _problem(text)
    if problem is not None and _ENCODED.search(text):
        decoded = urllib.parse.unquote_plus(text)
        if _problem(decoded) is None:
            return f"{text!r} is URL-encoded; write it plainly: {decoded}"
    return problem


def _problem(text: str) -> str | None:
    try:
        expression = promql_parser.parse(text)
    except ValueError as error:
        if "non-empty matcher" in str(error):
            return (
                f"{text!r} would select every series; at least one matcher must not match the empty string"
                ' (as =~".*" and !="x" do)'
            )
        return f"{text!r} is no PromQL: {error}"
    if not isinstance(expression, promql_parser.VectorSelector):
        return f'{text!r} is an expression, not a selector; /federate takes only selectors such as up{{job="node"}}'
    if expression.offset is not None or expression.at is not None:
        return f"{text!r} has an offset or @ modifier; /federate gives only the newest samples"
    if expression.matchers.or_matchers:
        return f"{text!r} joins matchers with 'or', which Prometheus does not know; write two selectors"
    return None
