# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evaluates expressions without a cluster; the only file that uses cel-expr-python.

The library is optional. Where it is missing, or cannot evaluate an expression on an object as the API server would,
that is said; it never counts as passed. The API server stays the authority.
"""

from __future__ import annotations

import functools
import traceback
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import names_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.subset import LARGEST

try:
    from cel_expr_python import cel
except ImportError:
    IMPORT_ERROR: str | None = traceback.format_exc()
else:
    IMPORT_ERROR = None

DISTRIBUTION = "cel-expr-python"
_CONFIG = """
name: policy
extensions:
  - name: strings
    version: 2
  - name: sets
  - name: lists
  - name: optional
"""
_VARIABLES = ("object", "oldObject", "request", "namespaceObject")


class CannotEvaluate(Exception):
    """An expression cannot be evaluated offline as the API server would; the message says why."""


class Failed:
    """The value of an expression that ended in an error, as on the server, too; *reason* is the library's."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


Outcome: t.TypeAlias = "bool | Failed"


def is_available() -> bool:
    """Whether the library is there."""
    return IMPORT_ERROR is None


def require_faithful(value: t.Any) -> None:
    """Raise CannotEvaluate for data that the library reads differently from the server: NUL, and huge numbers."""
    match value:
        case str():
            if "\0" in value:
                raise CannotEvaluate("a text has a NUL character, where the library stops reading")
        case bool() | None:
            return
        case int():
            if not -LARGEST <= value <= LARGEST:
                raise CannotEvaluate(f"the number {value} is too large")
        case dict():
            for name, item in value.items():
                require_faithful(name)
                require_faithful(item)
        case list():
            for item in value:
                require_faithful(item)


class Data:
    """The variables of one request, as the library takes them; what is not in *known* must not be used."""

    def __init__(self, known: t.Mapping[str, t.Any]) -> None:
        if not is_available():
            raise CannotEvaluate(f"the Python library {DISTRIBUTION} is missing")
        for value in known.values():
            require_faithful(value)
        self._known = set(known)
        self._data = _environment().Activation(dict(known))

    def evaluate(self, expression: str) -> Outcome:
        """The value of an expression that is true or false; raises CannotEvaluate if the library does not take it."""
        value = self._value(expression)
        kind = value.type()
        if kind == cel.Type.BOOL:
            return bool(value.value())
        if kind == cel.Type.ERROR:
            return Failed(str(value.value()))
        # The server refuses the policy, or the request, for an expression of another type.
        return Failed(f"is {kind.name()}, not true or false")

    def evaluate_each(self, expression: str) -> list[t.Any] | None:
        """The items of an expression that is a list; None if one of them is an error."""
        value = self._value(expression)
        return None if value.type() == cel.Type.ERROR else list(value.plain_value())

    def _value(self, expression: str) -> t.Any:
        compiled, roots = _compiled(expression)
        missing = roots - self._known
        if missing:
            raise CannotEvaluate(f"{', '.join(sorted(missing))} is not known here")
        return compiled.eval(self._data)


@functools.lru_cache(maxsize=1)
def _environment() -> t.Any:
    variables = dict.fromkeys(_VARIABLES, cel.Type.DYN)
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_CONFIG), variables=variables)


@functools.lru_cache(maxsize=4096)
def _compiled(expression: str) -> tuple[t.Any, frozenset[str]]:
    try:
        compiled = _environment().compile(expression)
    except RuntimeError as error:
        # What does not compile is said with this type (an example in the library's own tests).
        raise CannotEvaluate(f"the library does not compile it: {str(error).splitlines()[0]}") from None
    return compiled, frozenset(names_of(expression).intersection(_VARIABLES))
