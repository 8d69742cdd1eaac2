"""What an apply is computed to make of an object is what the API server makes of it in a dry run."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster as Ours
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.merged import merged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.support.cluster import ApiError as OtherError
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.planes import started

NAMESPACE = "default"
LABELS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]), min_size=1, max_size=3)
PORTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["web", "x", "y"]), "port": st.sampled_from([80, 81])},
        optional={"targetPort": st.sampled_from([80, "web"])},
    ),
    min_size=1,
    max_size=2,
    unique_by=(lambda port: port["port"], lambda port: port["name"]),
)
SERVICES = st.fixed_dictionaries(
    {}, optional={"selector": LABELS, "publishNotReadyAddresses": st.sampled_from([True])}
).flatmap(lambda spec: PORTS.map(lambda ports: {"spec": {**spec, "ports": ports}}))
DATA = st.fixed_dictionaries({"data": LABELS})
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "from": st.lists(
                st.sampled_from([{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"podSelector": {}}]), min_size=1, max_size=2
            )
        }
    ),
    min_size=1,
    max_size=2,
)
POLICIES = st.builds(
    lambda labels, rules: {
        "spec": {"podSelector": {"matchLabels": labels} if labels else {}, "policyTypes": ["Ingress"], "ingress": rules}
    },
    LABELS,
    RULES,
)
KINDS: dict[str, tuple[str, st.SearchStrategy[JsonObject]]] = {
    "ConfigMap": ("v1", DATA),
    "NetworkPolicy": ("networking.k8s.io/v1", POLICIES),
    "Service": ("v1", SERVICES),
}


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, Ours]]:
    with started(request, "test-merged") as (one,):
        admin = Cluster(kubeconfig=one.kubeconfig, context=one.context)
        yield admin, connect({"kubeconfig": str(one.kubeconfig), "context": one.context})


def made(kind: str, body: JsonObject, labels: dict[str, str]) -> JsonObject:
    metadata = {"name": "any", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": metadata, **body}


def applied(ours: Ours, obj: JsonObject, *, force: bool) -> tuple[JsonObject | None, int]:
    """What a dry run answers: the object, or None and the status of the refusal."""
    resource = ours.resource(obj["apiVersion"], obj["kind"])
    assert resource is not None
    try:
        return ours.apply(obj, resource=resource, dry_run=True, force=force)[1], 0
    except ApiError as error:
        return None, error.status


def content(obj: JsonObject) -> JsonObject:
    """What an apply decides: not what the server notes about it, and defaults as the server writes them."""
    metadata = obj["metadata"]
    kept = {name: metadata.get(name) or {} for name in ("labels", "annotations")}
    return {**{name: value for name, value in obj.items() if name not in ("metadata", "status")}, "metadata": kept}


@pytest.mark.parametrize("kind", KINDS)
def test_an_apply_is_foreseen_as_the_server_answers_it(plane: tuple[Cluster, Ours], kind: str) -> None:
    admin, ours = plane
    version, bodies = KINDS[kind]
    resource = ours.resource(version, kind)
    assert resource is not None
    seen: set[str] = set()

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        first, second, third = (made(kind, data.draw(bodies), data.draw(LABELS)) for _number in range(3))
        by_us = data.draw(st.booleans())
        forces = data.draw(st.booleans())
        admin.delete(version, kind, "any", NAMESPACE)
        if by_us:
            ours.apply(first, resource=resource, dry_run=False, force=False)
        try:
            admin.apply(second, force=forces)
        except OtherError:
            # A conflict with what was applied first: then there is one writer only.
            seen.add("one writer")
        live = admin.find(version, kind, "any", NAMESPACE)
        if live is None:
            return
        found = merged(third, live)
        answer, refusal = applied(ours, third, force=bool(found.conflicts))
        if answer is None:
            # Two ports may not have one name: nothing is foreseen of what is invalid.
            assert refusal == 422
            return
        if found.conflicts:
            seen.add("conflict")
            assert applied(ours, third, force=False) == (None, 409)
        else:
            seen.add("none")
        assert differences(content(found.object), content(answer)) == []

    run()
    assert {"conflict", "none"} <= seen


def differences(foreseen: t.Any, answer: t.Any, path: str = "") -> list[str]:
    """What the server's answer has other than foreseen; what it only adds as defaults is none."""
    if isinstance(foreseen, dict) and isinstance(answer, dict):
        found = [line for name in foreseen for line in differences(foreseen[name], answer.get(name), f"{path}.{name}")]
        if path.endswith((".labels", ".annotations", ".data", ".selector", ".matchLabels")):
            found += [f"{path}.{name} is there" for name in answer.keys() - foreseen.keys()]
        return found
    if isinstance(foreseen, list) and isinstance(answer, list) and len(foreseen) == len(answer):
        return [
            line
            for number, (one, other) in enumerate(zip(foreseen, answer, strict=True))
            for line in differences(one, other, f"{path}[{number}]")
        ]
    return (
        [] if foreseen == answer or (not foreseen and not answer) else [f"{path}: {foreseen!r}, the server: {answer!r}"]
    )
