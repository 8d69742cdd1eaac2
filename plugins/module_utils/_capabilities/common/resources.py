# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What containers ask for, as options and as canonical quantities. Pure."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass
from fractions import Fraction

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar, quantities
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values

RESOURCES_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "cpu": {"type": "str"},
        "cpu_limit": {"type": "str"},
        "memory": {"type": "str"},
    },
}


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one container asks for, as Kubernetes quantities; *cpu_limit* None for no limit of CPU."""

    cpu: str
    memory: str
    cpu_limit: str | None = None


# What the proxy in front of one exposed replica asks for. The quota of an instance's namespace has room for it.
# Measured: 48 MB at rest; it holds no body of an answer as a whole.
PROXY_RESOURCES = Resources(cpu="10m", memory="96Mi")

# What one Thanos Query asks for: it holds the answer to a query while it works on it.
QUERY_RESOURCES = Resources(cpu="100m", memory="512Mi")

# What one Grafana asks for. Not measured: its program could not be had here. The quota of the namespace of an instance
# has room for it.
GRAFANA_RESOURCES = Resources(cpu="50m", memory="512Mi")


def resources(values: Values | None, *, default: Resources, path: str, errors: Errors) -> Resources:
    """What a container asks for, in canonical quantities; what *values* leave open comes from *default*."""
    given = values or {}
    cpu = canonical_quantity(grammar.quantity, given.get("cpu") or default.cpu, path=f"{path}.cpu", errors=errors)
    limit = given.get("cpu_limit") or default.cpu_limit
    if limit is not None:
        limit = canonical_quantity(grammar.quantity, limit, path=f"{path}.cpu_limit", errors=errors)
        if errors.is_good(f"{path}.cpu_limit") and errors.is_good(f"{path}.cpu") and _value(limit) < _value(cpu):
            errors.add(f"{path}.cpu_limit", f"must be at least what the container asks for (cpu {cpu}), found {limit}")
    return Resources(
        cpu=cpu,
        cpu_limit=limit,
        memory=canonical_quantity(
            grammar.byte_quantity, given.get("memory") or default.memory, path=f"{path}.memory", errors=errors
        ),
    )


def _value(text: str) -> Fraction:
    found = quantities.parse(text)
    return found.value if found else Fraction(0)


def canonical_quantity(check: grammar.Check, text: str, *, path: str, errors: Errors) -> str:
    """*text* as the API server writes it; what *check* finds wrong is noted in *errors*."""
    problem, canonical = _canonical(check, text)
    if problem is not None:
        errors.add(path, problem)
    return canonical if errors.is_good(path) else text


@functools.cache
def _canonical(check: grammar.Check, text: str) -> tuple[str | None, str]:
    """What *check* finds wrong with *text*, and its canonical form; a fleet has few different quantities."""
    problem = check(text)
    found = quantities.parse(text) if problem is None else None
    # Pods get nothing finer than thousandths; a quota that calculates finer would be too small for them.
    return problem, str(found.rounded_up(quantities.MILLI)) if found else text
