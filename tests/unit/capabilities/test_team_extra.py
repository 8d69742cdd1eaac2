"""``extra_spec``: fields by an allow-list, and why others are refused."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.extra import (
    ALLOWED,
    OWNED,
    REFUSED,
    REFUSED_INSIDE,
    parse_extra,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors

from tests.tools.team_fields import PAGE, page
from tests.unit.capabilities.builders import JsonObject, objects_of_team, only

KINDS = ("Prometheus", "PrometheusAgent", "Alertmanager")
ANY: dict[str, t.Any] = {"boolean": True, "integer": 5, "string": "any", "array": [], "object": {}}
OF_KIND = [(kind, name) for kind in KINDS for name, entry in ALLOWED.items() if kind in entry.kinds]


def problems(kind: str, **extra: t.Any) -> list[str]:
    errors = Errors()
    parse_extra(extra, kind=kind, path="extra_spec", errors=errors)
    return [str(error) for error in errors.sorted()]


def value_of(name: str) -> t.Any:
    entry = ALLOWED[name]
    return entry.choices[-1] if entry.choices else ANY[entry.type]


def test_the_shipped_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(("kind", "name"), OF_KIND)
def test_an_allowed_field_is_taken_with_its_type_and_with_no_other(kind: str, name: str) -> None:
    assert problems(kind, **{name: value_of(name)}) == []
    wrong = "text" if ALLOWED[name].type != "string" else 5
    (problem,) = problems(kind, **{name: wrong})
    assert problem.startswith(f"extra_spec.{name}: must be ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*OWNED, *REFUSED])
def test_every_other_field_is_refused_with_the_reason(kind: str, name: str) -> None:
    (problem,) = problems(kind, **{name: {}})
    reason = OWNED[name].by if name in OWNED else REFUSED[name].why
    assert problem.startswith(f"extra_spec.{name}: ")
    assert reason in problem


@pytest.mark.parametrize("place", REFUSED_INSIDE)
def test_what_is_refused_inside_of_a_field(place: str) -> None:
    name, _dot, key = place.partition(".")
    (problem,) = problems("Prometheus", **{name: {key: {}}})
    assert problem == f"extra_spec.{place}: is refused: {REFUSED_INSIDE[place]}"


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({"logLevl": "debug"}, "extra_spec.logLevl: is not a field that extra_spec may set; did you mean 'logLevel'?"),
        (
            {"logLevel": "loud"},
            "extra_spec.logLevel: must be one of '', 'debug', 'error', 'info', 'warn', found 'loud'",
        ),
        ({"sampleLimit": True}, "extra_spec.sampleLimit: must be a whole number"),
        ({"web": {"pageTitel": "a"}}, "extra_spec.web.pageTitel: unknown key; did you mean 'pageTitle'?"),
        ({"clusterLabel": "a"}, "extra_spec.clusterLabel: is not a field of a Prometheus"),
    ],
)
def test_slips_are_named(extra: JsonObject, problem: str) -> None:
    assert problems("Prometheus", **extra) == [problem]


def test_fields_are_laid_below_our_own() -> None:
    extra = {"podMetadata": {"annotations": {"a": "b"}}, "tsdb": {"outOfOrderTimeWindow": "10m"}}
    plain = only(objects_of_team({}), "Prometheus")["spec"]
    spec = only(objects_of_team({"prometheus": {"extra_spec": extra}}), "Prometheus")["spec"]
    assert spec == {
        **plain,
        "tsdb": extra["tsdb"],
        "podMetadata": {**plain["podMetadata"], "annotations": {"a": "b"}},
    }
    alertmanager = only(objects_of_team({"alertmanager": {"extra_spec": {"logFormat": "json"}}}), "Alertmanager")
    assert alertmanager["spec"]["logFormat"] == "json"
