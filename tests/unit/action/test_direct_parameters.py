"""The parameters of a module that runs in the task's process are those that Ansible gives a module, or none at all."""

from __future__ import annotations

import copy
import importlib
import json
import random
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import direct

JsonObject = dict[str, t.Any]
FOLDER = Path(__file__).resolve().parents[3] / "plugins/modules"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if "DEFINITION" in path.read_text())
ROUNDS = 40


def definition(name: str) -> Definition:
    found: Definition = importlib.import_module(f"{direct.MODULES}.{name}").DEFINITION
    return replace(found, options=copy.deepcopy(found.options))


def value(option: JsonObject, chance: random.Random) -> t.Any:
    """Something that may be given for an option: mostly good, in every form that people write it in."""
    kind = option.get("type", "str")
    if kind == "list":
        item = {**option, "type": option.get("elements", "str")}
        return [value(item, chance) for _number in range(chance.randrange(3))]
    if kind == "dict" and "options" in option:
        return mapping(option["options"], chance)
    if option.get("choices"):
        return chance.choice(option["choices"])
    values: dict[str, list[t.Any]] = {
        "bool": [True, False, "yes", "False", "no", 1],
        "dict": [{}, {"a": {"b": [1]}}, "a=b"],
        "float": [1, 1.5, "2.5"],
        "int": [3, "4", 0],
        "path": ["~/file", "/file"],
        "raw": [1, "text", [{}], {"a": None}],
    }
    return chance.choice(values.get(kind, ["", "text", "012", 7, 1.5, True]))


def mapping(options: JsonObject, chance: random.Random) -> JsonObject:
    given = {}
    for name, option in options.items():
        if option.get("required") or chance.random() < 0.4:
            given[name] = None if chance.random() < 0.1 else value(option, chance)
    if chance.random() < 0.02:
        given["unheard_of"] = 1
    return given


def by_ansible(module: Definition, arguments: JsonObject) -> JsonObject | None:
    # It fills in the mappings that are the defaults of its specification.
    validated = ArgumentSpecValidator(copy.deepcopy(module.options), **module.rules).validate(arguments)
    return None if validated.error_messages else dict(validated.validated_parameters)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_of_ansible(name: str) -> None:
    module, chance = definition(name), random.Random(name)  # noqa: S311 - the same in each run
    good = 0
    for _round in range(ROUNDS):
        arguments = mapping(module.options, chance)
        ours = direct.checked_params(module, arguments)
        if ours is None:
            # Then Ansible runs the module its own way: it refuses them too, or takes what our validation does not.
            continue
        good += 1
        # As JSON, where True is not 1.
        assert json.dumps(ours, sort_keys=True) == json.dumps(by_ansible(module, arguments), sort_keys=True)
    assert good or not module.options


@pytest.mark.parametrize("name", NAMES)
def test_what_ansible_refuses_is_refused(name: str) -> None:
    module, chance = definition(name), random.Random(name[::-1])  # noqa: S311 - the same in each run
    for _round in range(ROUNDS):
        arguments = mapping(module.options, chance)
        if by_ansible(module, arguments) is None:
            assert direct.checked_params(module, arguments) is None


@pytest.mark.parametrize(
    ("given", "null"),
    [(None, True), ({"a": [{"b": None}]}, True), ([[], {}, "null", 0, False], False), ("", False)],
)
def test_null_is_found_at_any_depth(given: t.Any, *, null: bool) -> None:
    assert direct.has_null(given) is null


@pytest.mark.parametrize(
    ("option", "simple"),
    [
        ({"type": "int", "default": 1}, True),
        ({"type": "dict", "options": {"a": {"type": "str", "no_log": True}}}, True),
        ({"type": "dict", "options": {"a": {"type": "dict", "options": {"b": {"aliases": ["c"]}}}}}, False),
        ({"type": "dict", "options": {}, "required_together": [("a", "b")]}, False),
        ({"type": "dict", "options": {"a": {}}, "apply_defaults": True}, False),
    ],
)
def test_what_our_validation_does_not_know_ansible_judges(option: JsonObject, *, simple: bool) -> None:
    assert direct.is_simple(option) is simple
