"""The engine tells the truth: for random histories what it says is what the API server does."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.atomic import atomic_maps
from hypothesis import HealthCheck, given, settings

from tests.integration.support.cluster import Cluster
from tests.integration.support.releases import GROUP, crds_of
from tests.integration.support.transitions import History, Truth, histories

OLDEST, NEWEST = "0.60.0", "0.93.1"


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
    """Every map below a schema with its name, and whether it is merged as a whole or can at least not be empty.

    References are followed once.
    """
    if not isinstance(schema, dict):
        return
    references = [schema, *schema.get("allOf", ())]
    target = next((schemas[one["$ref"].rsplit("/", 1)[1]] for one in references if "$ref" in one), schema)
    if name and target.get("type") == "object":
        atomic = "atomic" in (schema.get("x-kubernetes-map-type"), target.get("x-kubernetes-map-type"))
        yield name, atomic or bool(target.get("required"))
    for field, part in schema.get("properties", {}).items():
        yield from maps_of(part, schemas, name=field)
    for part in (schema.get("items"), schema.get("additionalProperties")):
        yield from maps_of(part, schemas)


def merged_by_key(found: t.Iterable[tuple[str, bool]]) -> set[str]:
    return {name for name, atomic in found if not atomic}


BUILT_IN = (
    "v1",
    "apps/v1",
    "batch/v1",
    "discovery.k8s.io/v1",
    "networking.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
)


@pytest.mark.parametrize("version", BUILT_IN)
def test_maps_of_kubernetes_that_are_trusted_as_atomic_are_atomic(api: Cluster, version: str) -> None:
    path = f"apis/{version}" if "/" in version else f"api/{version}"
    schemas = api.request("GET", f"/openapi/v3/{path}")["components"]["schemas"]
    group = version.rpartition("/")[0]
    kinds = {
        mark["kind"]
        for schema in schemas.values()
        for mark in schema.get("x-kubernetes-group-version-kind", ())
        if mark["group"] == group
    }
    assert kinds
    # A kind's own schema refers to those of its parts: all of the document's parts count for each of its kinds.
    merged = merged_by_key(found for schema in schemas.values() for found in maps_of(schema, schemas))
    assert {(kind, name) for kind in kinds for name in atomic_maps(group, kind) & merged} == set()


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_maps_of_the_operator_that_are_trusted_as_atomic_are_atomic(release: str) -> None:
    wrong = {
        (spec["names"]["kind"], name)
        for spec in (crd["spec"] for crd in crds_of(release).values())
        for version in spec["versions"]
        for name in merged_by_key(maps_of(version["schema"]["openAPIV3Schema"], {}))
        if name in atomic_maps(GROUP, spec["names"]["kind"])
    }
    assert wrong == set()
