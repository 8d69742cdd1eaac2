# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every error in a role's input at once, each with its path."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability, option_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    image_registry,
    team_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import fleet, grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.connection import resolve
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    require_each,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rule_check import examine
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.everywhere import pattern_problem

Capabilities = t.Sequence[Capability[t.Any]]

# The options of the module input_check, which the action plugin of this name needs too.
OPTIONS: dict[str, dict[str, t.Any]] = {
    "role": {"type": "str", "required": True},
    "options": {"type": "raw"},
    "variables": {"type": "raw"},
    "found": {"type": "list", "elements": "str", "default": []},
    "libraries": {"type": "bool", "default": False},
    "fleet": {"type": "dict", "options": fleet.OPTIONS},
    "connection": {"type": "dict"},
    "capabilities": {"type": "dict", "default": {}},
    # Its own check reports what is wrong with it.
    "policies": {"type": "dict"},
    "capacity": {"type": "dict"},
}
LONGEST_CAPABILITY = max((capability.name for capability in CAPABILITIES), key=len)
# Variables that are no option of a capability and become parts of the names of objects: what such a value must be.
NAMES: dict[str, grammar.Check] = {
    "promfleet_image_registry": image_registry,
    "promfleet_fleet": functools.partial(fleet.fleet_name, capability=LONGEST_CAPABILITY),
    "promfleet_platform_team": team_name,
}
# The same for the items of lists.
LISTED: dict[str, grammar.Check] = {
    "promfleet_disposable_objects": pattern_problem,
    "promfleet_image_pull_secrets": grammar.dns_subdomain,
    "promfleet_shared_namespaces": grammar.dns_label,
}
# What the check of the fleet is about: it reports wrong names of clusters.
_OF_THE_FLEET = ("cluster", "clusters")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is wrong with an input, and the models of its capabilities by their names, of those that have one."""

    errors: list[str]
    models: dict[str, t.Any] = field(default_factory=dict)


def look_at(
    params: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str], capabilities: Capabilities = CAPABILITIES
) -> Found:
    """What is wrong with the parameters of the module ``input_check``, and what they mean."""
    role, options = params["role"], t.cast("t.Mapping[str, t.Any]", params["options"] or {})
    told = [
        f"{name}: unknown variable of the role {role}; {nearest(name, options)}"
        for name in sorted(set(params["found"]) - set(options))
    ]
    if params["fleet"] is not None:
        told += fleet.fleet_errors(params["fleet"])
    errors = Errors()
    _check_variables(params["variables"] or {}, options=options, errors=errors)
    if params["connection"] is not None:
        errors.attempt(lambda: resolve(params["connection"], environ=environ, spec=AUTH_ARG_SPEC))
    models: dict[str, t.Any] = {}
    for capability, given in _asked_for(params["capabilities"], capabilities=capabilities, errors=errors):
        wrong, models[capability.name] = parsed(capability, given)
        for error in wrong:
            errors.add(error.path, *error.parts)
    return Found(errors=[*told, *(str(error) for error in errors.sorted())], models=models)


def _check_variables(given: t.Mapping[str, t.Any], *, options: t.Mapping[str, t.Any], errors: Errors) -> None:
    """Note which of the variables *given* are not what the role's *options* say, or no good names."""
    documented = {name: options[name] for name in given if name in options}
    validate_mapping({name: given[name] for name in documented}, documented, path="", errors=errors)
    for name, check in NAMES.items():
        if name in given and errors.is_good(name):
            require(check, str(given[name]), path=name, errors=errors)
    for name, check in LISTED.items():
        if isinstance(given.get(name), list) and errors.is_good(name):
            require_each(check, [str(item) for item in given[name]], path=name, errors=errors)


def needs_promql(params: t.Mapping[str, t.Any], *, capabilities: Capabilities = CAPABILITIES) -> bool:
    """Whether the check of these parameters needs promql-parser."""
    asked_for = _asked_for(params["capabilities"], capabilities=capabilities, errors=Errors())
    return any(capability.needs_promql for capability, _given in asked_for)


def parsed(capability: Capability[t.Any], given: t.Mapping[str, t.Any]) -> tuple[list[InputError], t.Any]:
    """All that is wrong with the options *given* to the module of *capability*, by the variables of its role.

    And the model that they make, None if they make none.
    """
    errors = Errors()
    params = validate_mapping(given, capability.options, path="", errors=errors)
    model = errors.attempt(lambda: capability.parse(params, errors))
    if model is not None:
        examine(capability, model, params, errors=errors)
    wrong = [error for error in errors.sorted() if option_of(error.path) not in _OF_THE_FLEET]
    return [error.renamed(capability.variable) for error in wrong], model


def _asked_for(
    given: object, *, capabilities: Capabilities, errors: Errors
) -> t.Iterator[tuple[Capability[t.Any], t.Mapping[str, t.Any]]]:
    """The capabilities that are to be checked, each with what was given for it."""
    known = {capability.name: capability for capability in capabilities}
    if given is not None and not isinstance(given, t.Mapping):
        errors.add("capabilities", "must be a mapping of capabilities to the options of their modules")
        return
    for name, options in (given or {}).items():
        if name not in known:
            errors.add(f"capabilities.{name}", f"unknown capability; {nearest(str(name), known)}")
        elif isinstance(options, t.Mapping):
            yield known[name], options
        else:
            errors.add(f"capabilities.{name}", "must be a mapping of options to their values")
