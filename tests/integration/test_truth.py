"""The engine tells the truth: for random histories what it says is what the API server does."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.atomic import ATOMIC_MAPS
from hypothesis import HealthCheck, given, settings

from tests.integration.support.cluster import Cluster
from tests.integration.support.transitions import History, Truth, histories


@pytest.fixture(scope="module")
def truth(api: Cluster) -> Truth:
    return Truth(api)


@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories())
def test_verdicts_and_predictions_are_what_the_server_does(truth: Truth, history: History) -> None:
    truth.live_through(history)


def maps_of(schema: t.Any, schemas: t.Mapping[str, t.Any], *, name: str = "") -> Iterator[tuple[str, bool]]:
    """Every map below a schema with its name, and whether it is merged as a whole. References are followed once."""
    if not isinstance(schema, dict):
        return
    references = [schema, *schema.get("allOf", ())]
    target = next((schemas[one["$ref"].rsplit("/", 1)[1]] for one in references if "$ref" in one), schema)
    if name and target.get("type") == "object":
        yield name, "atomic" in (schema.get("x-kubernetes-map-type"), target.get("x-kubernetes-map-type"))
    for field, part in schema.get("properties", {}).items():
        yield from maps_of(part, schemas, name=field)
    for part in (schema.get("items"), schema.get("additionalProperties")):
        yield from maps_of(part, schemas)


@pytest.mark.parametrize("group", sorted(ATOMIC_MAPS))
def test_maps_that_are_trusted_as_atomic_are_atomic_everywhere(api: Cluster, group: str) -> None:
    documents = api.request("GET", "/openapi/v3")["paths"]
    prefix = f"apis/{group}/" if group else "api/"
    found: dict[str, set[bool]] = {}
    for path in (path for path in documents if path.startswith(prefix)):
        schemas = api.request("GET", f"/openapi/v3/{path}")["components"]["schemas"]
        for schema in schemas.values():
            for name, atomic in maps_of(schema, schemas):
                found.setdefault(name, set()).add(atomic)
    assert found
    assert {name for name in ATOMIC_MAPS[group] if found.get(name, {True}) != {True}} == set()
