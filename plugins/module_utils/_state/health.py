# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of readiness in the languages of GitOps controllers: Lua for Argo CD, CEL for Flux. Pure.

What is not ready by the table is not healthy there: a status that is missing, and one of an older generation. Neither
language knows more than the object.

Argo CD: operator-manual/health.md of argoproj/argo-cd; the script gets ``obj`` and returns a table with status and
message. Flux: the expressions of healthCheckExprs see the top level of the object as variables (runtime/cel of
fluxcd/pkg); one that cannot be evaluated, because there is no status yet, leaves the object unknown, for which Flux
waits.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PAUSED, STATE_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import (
    Counters,
    HasAddress,
    NotPaused,
    Phase,
    Reached,
    SeenGeneration,
    Step,
    TrueCondition,
)


@dataclass(frozen=True, kw_only=True)
class Expressions:
    """The expressions of CEL for one kind; one of them is empty where no condition says that an object has failed."""

    current: str
    failed: str = ""


# -- Lua ----------------------------------------------------------------------------------------------------------

_LUA_HEAD = """\
local spec, status = obj.spec or {}, obj.status or {}
local generation = obj.metadata.generation or 0
local function condition(name)
  for _, found in ipairs(status.conditions or {}) do
    if found.type == name then return found end
  end
end
local function answer(health, message)
  return {status = health, message = message}
end
"""
_LUA_END = 'return answer("Healthy", "")\n'
_WAITING, _FAILED, _STOPPED = "Progressing", "Degraded", "Suspended"


def lua(steps: Sequence[Step]) -> str:
    """The health check of Argo CD for a kind with these *steps*."""
    return _LUA_HEAD + "".join(_LUA[type(step)](step) for step in steps) + _LUA_END


def _lua_condition(step: TrueCondition) -> str:
    name = json.dumps(step.name)
    lines = [
        "do",
        f"  local found = condition({name})",
        f'  if found == nil then return answer("{_WAITING}", "no condition {step.name} yet") end',
    ]
    if step.generations:
        lines += [
            "  if (found.observedGeneration or 0) < generation then",
            f'    return answer("{_WAITING}", "condition {step.name} is of an older generation")',
            "  end",
        ]
    health = f'"{_WAITING}"'
    if step.failed_if_false:
        health = f'found.status == "False" and "{_FAILED}" or {health}'
    lines += [
        '  if found.status ~= "True" then',
        f'    local words = "{step.name} is " .. tostring(found.status) .. ": "',
        f'    return answer({health}, words .. (found.message or found.reason or ""))',
        "  end",
        "end",
    ]
    return _lines(lines)


def _lua_generation(step: SeenGeneration) -> str:
    return _lines(
        [
            "if (status.observedGeneration or 0) < generation then",
            f'  return answer("{_WAITING}", "{step.controller} has not seen this generation")',
            "end",
        ]
    )


def _lua_paused(_step: NotPaused) -> str:
    return _lines(
        [
            f"if (obj.metadata.labels or {{}})[{json.dumps(STATE_LABEL)}] == {json.dumps(PAUSED)} and spec.paused then",
            '  if status.paused then return answer("Healthy", "it is paused, as its mark asks") end',
            f'  return answer("{_WAITING}", "the operator has not paused it yet")',
            "end",
            f'if status.paused then return answer("{_STOPPED}", "it is paused") end',
        ]
    )


def _lua_counters(step: Counters) -> str:
    wanted = " * ".join(f"(spec.{factor} or 1)" for factor in step.factors)
    unless = "" if step.unless is None else f"spec.{step.unless[0]} ~= {json.dumps(step.unless[1])} and "
    lines = ["do", f"  local wanted = {wanted}"]
    for name in step.names:
        lines += [
            f"  if {unless}(status.{name} or 0) ~= wanted then",
            f'    return answer("{_WAITING}", "{name} is " .. (status.{name} or 0) .. " of " .. wanted)',
            "  end",
        ]
    return _lines([*lines, "end"])


def _lua_reached(step: Reached) -> str:
    lines = ["do", f"  local wanted = status.{step.wanted} or 0"]
    for name in step.names:
        lines += [
            f"  if (status.{name} or 0) < wanted then",
            f'    return answer("{_WAITING}", "{name} is " .. (status.{name} or 0) .. " of " .. wanted)',
            "  end",
        ]
    return _lines([*lines, "end"])


def _lua_address(_step: HasAddress) -> str:
    return _lines(
        [
            'if spec.type == "LoadBalancer" and #((status.loadBalancer or {}).ingress or {}) == 0 then',
            f'  return answer("{_WAITING}", "no load-balancer address yet")',
            "end",
        ]
    )


def _lua_phase(step: Phase) -> str:
    return _lines(
        [
            f"if status.phase ~= nil and status.phase ~= {json.dumps(step.name)} then",
            f'  return answer("{_WAITING}", "phase is " .. tostring(status.phase))',
            "end",
        ]
    )


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


_LUA: dict[type[t.Any], Callable[[t.Any], str]] = {
    TrueCondition: _lua_condition,
    SeenGeneration: _lua_generation,
    NotPaused: _lua_paused,
    Counters: _lua_counters,
    Reached: _lua_reached,
    HasAddress: _lua_address,
    Phase: _lua_phase,
}


# -- CEL ----------------------------------------------------------------------------------------------------------

_GENERATION = "metadata.?generation.orValue(0)"


def cel(steps: Sequence[Step]) -> Expressions:
    """The health check of Flux for a kind with these *steps*."""
    current = "\n&& ".join(_CEL[type(step)](step) for step in steps)
    if any(isinstance(step, NotPaused) for step in steps):
        current = f"{_CEL_ASKED} ? {_CEL_SAYS_PAUSED} :\n({current})"
    failed = " || ".join(
        _cel_failed(step) for step in steps if isinstance(step, TrueCondition) and step.failed_if_false
    )
    return Expressions(current=current, failed=failed)


def _cel_condition(step: TrueCondition) -> str:
    return _cel_with(step, value="True")


def _cel_failed(step: TrueCondition) -> str:
    return _cel_with(step, value="False")


def _cel_with(step: TrueCondition, *, value: str) -> str:
    seen = f"\n  && c.?observedGeneration.orValue(0) >= {_GENERATION}" if step.generations else ""
    return f"status.?conditions.orValue([]).exists(c, c.type == '{step.name}' && c.status == '{value}'{seen})"


def _cel_generation(_step: SeenGeneration) -> str:
    return f"status.?observedGeneration.orValue(0) >= {_GENERATION}"


_CEL_SAYS_PAUSED = "status.?paused.orValue(false)"
_CEL_ASKED = (
    f"(metadata.?labels[?{json.dumps(STATE_LABEL)}].orValue('') == {json.dumps(PAUSED)} && spec.?paused.orValue(false))"
)


def _cel_paused(_step: NotPaused) -> str:
    return f"!{_CEL_SAYS_PAUSED}"


def _cel_counters(step: Counters) -> str:
    wanted = " * ".join(f"spec.?{factor}.orValue(1)" for factor in step.factors)
    equal = "\n&& ".join(f"status.?{name}.orValue(0) == {wanted}" for name in step.names)
    if step.unless is None:
        return equal
    return f"(spec.?{step.unless[0]}.orValue('') == '{step.unless[1]}' || ({equal}))"


def _cel_reached(step: Reached) -> str:
    wanted = f"status.?{step.wanted}.orValue(0)"
    return "\n&& ".join(f"status.?{name}.orValue(0) >= {wanted}" for name in step.names)


def _cel_address(_step: HasAddress) -> str:
    return "(spec.?type.orValue('') != 'LoadBalancer' || size(status.?loadBalancer.?ingress.orValue([])) > 0)"


def _cel_phase(step: Phase) -> str:
    return f"status.?phase.orValue('{step.name}') == '{step.name}'"


_CEL: dict[type[t.Any], Callable[[t.Any], str]] = {
    TrueCondition: _cel_condition,
    SeenGeneration: _cel_generation,
    NotPaused: _cel_paused,
    Counters: _cel_counters,
    Reached: _cel_reached,
    HasAddress: _cel_address,
    Phase: _cel_phase,
}
