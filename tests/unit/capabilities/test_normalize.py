"""Labels that the central side changes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.normalize import (
    NORMALIZE_OPTIONS,
    Normalization,
    parse_normalize,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.unit.capabilities.builders import JsonObject, objects_of_endpoint, only

BY_ADDRESS: JsonObject = {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.1", "port": 9090}]}
FULL: JsonObject = {
    "drop": ["user", "pod_template_hash"],
    "rename": {"dc": "datacenter"},
    "map": {"datacenter": {"fra.1": "eu", "ams+3": "eu"}, "env": {"prd": "production"}},
}


def parse(raw: JsonObject) -> tuple[Normalization, list[str]]:
    errors = Errors()
    found = parse_normalize(
        validate_mapping(raw, NORMALIZE_OPTIONS, path="here", errors=errors), path="here", errors=errors
    )
    return found, [str(error) for error in errors.sorted()]


def test_nothing_given_changes_nothing() -> None:
    found, errors = parse({})
    assert (found.steps, errors) == ([], [])


def test_labels_are_dropped_then_renamed_then_mapped() -> None:
    found, errors = parse(FULL)
    assert errors == []
    assert found.steps == [
        {"action": "replace", "regex": "(.+)", "sourceLabels": ["dc"], "targetLabel": "datacenter"},
        {"action": "labeldrop", "regex": "dc|pod_template_hash|user"},
        *(
            {
                "action": "replace",
                "regex": regex,
                "replacement": value,
                "sourceLabels": [name],
                "targetLabel": name,
            }
            for name, regex, value in (
                ("datacenter", r"ams\+3", "eu"),
                ("datacenter", r"fra\.1", "eu"),
                ("env", "prd", "production"),
            )
        ),
    ]


@pytest.mark.parametrize("raw", [{}, FULL])
def test_what_is_handed_on_is_understood_there(raw: JsonObject) -> None:
    found, _errors = parse(raw)
    assert parse(found.given) == (found, [])


def test_the_identity_is_written_afterwards() -> None:
    objects = objects_of_endpoint({**BY_ADDRESS, "normalize": FULL})
    for endpoint in only(objects, "ServiceMonitor")["spec"]["endpoints"]:
        steps = endpoint["metricRelabelings"]
        (last,) = [number for number, step in enumerate(steps) if step.get("replacement") == "production"]
        assert all(number > last for number, step in enumerate(steps) if step.get("targetLabel") in ("cluster", "team"))


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        ({"drop": ["cluster"]}, ["here.drop[0]: 'cluster' tells series apart and cannot be changed"]),
        ({"rename": {"le": "bound"}}, ["here.rename.le: 'le' tells series apart and cannot be changed"]),
        ({"rename": {"dc": "team"}}, ["here.rename.dc: 'team' tells series apart and cannot be changed"]),
        ({"drop": ["__name__"]}, ["here.drop[0]: '__name__' is reserved"]),
        ({"rename": {"a": "b", "b": "c"}}, ["here.rename.a: 'b' is renamed itself"]),
        (
            {"rename": {"a": "c", "b": "c"}},
            ["here.rename.a: 'c' is the new name of several", "here.rename.b: 'c' is the new name of several"],
        ),
        ({"drop": ["a"], "rename": {"a": "b"}}, ["here.rename.a: is in drop too"]),
        ({"drop": ["b"], "rename": {"a": "b"}}, ["here.rename.a: 'b' is dropped"]),
        ({"map": {"env": {"a": "b", "b": "c"}}}, ["here.map.env.a: 'b' is mapped itself"]),
        ({"map": {"env": ["a"]}}, ["here.map.env: must be a mapping from old values to new ones"]),
        ({"map": {"env": {"a": "$1"}}}, ["here.map.env.a: '$1' must not contain '$'"]),
        (
            {"rename": {"dc": "datacenter"}, "map": {"dc": {"a": "b"}}},
            ["here.map.dc: is renamed; values are mapped under the new name, 'datacenter'"],
        ),
        ({"keep": []}, ["here.keep: unknown key"]),
    ],
)
def test_what_has_no_clear_result_is_refused(raw: JsonObject, errors: t.Sequence[str]) -> None:
    _found, told = parse(raw)
    assert len(told) == len(errors)
    assert all(one.startswith(start) for one, start in zip(told, errors, strict=True)), told
