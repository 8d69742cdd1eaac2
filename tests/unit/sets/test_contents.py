"""What in a namespace is the property of others, and what is only a trace of ours."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress, read_line
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import contents_of, foreign

JsonObject = dict[str, t.Any]


def obj(kind: str, name: str, *, owner: tuple[str, str] | None = None, **metadata: t.Any) -> JsonObject:
    references = [{"kind": owner[0], "uid": owner[1], "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "a", "uid": name, "ownerReferences": references, **metadata},
    }


OURS = obj("Service", "web")


@pytest.mark.parametrize(
    ("other", "is_foreign"),
    [
        (obj("ConfigMap", "theirs"), True),
        (obj("ConfigMap", "kube-root-ca.crt"), False),
        (obj("EndpointSlice", "of-ours", owner=("Service", "web")), False),
        (obj("EndpointSlice", "of-theirs", owner=("Service", "theirs")), True),
        (obj("Pod", "of-a-node", owner=("Node", "elsewhere")), True),
        # What an interrupted run leaves to Kubernetes' own controllers.
        (obj("StatefulSet", "of-a-gone-prometheus", owner=("Prometheus", "gone")), False),
        (obj("ConfigMap", "on-its-way", deletionTimestamp="2026-01-01T00:00:00Z"), False),
        (
            obj("Endpoints", "of-a-gone-service", labels={"endpoints.kubernetes.io/managed-by": "endpoint-controller"}),
            False,
        ),
        (obj("Endpoints", "by-hand"), True),
    ],
    ids=lambda value: value["metadata"]["name"] if isinstance(value, dict) else None,
)
def test_only_what_others_made_is_foreign(other: JsonObject, is_foreign: bool) -> None:
    there = [OURS, obj("Service", "theirs"), other]
    found = foreign(there, ours={key_of(OURS)}, fleet_sets=())
    assert (other in found) is is_foreign
    assert OURS not in found


def test_what_a_trace_owns_is_a_trace_too() -> None:
    stateful_set = obj("StatefulSet", "s", owner=("Prometheus", "gone"))
    pod = obj("Pod", "p", owner=("StatefulSet", "s"))
    assert foreign([pod, stateful_set], ours=(), fleet_sets=()) == []


VERBS = frozenset({"list", "delete"})
KINDS = {
    name: Resource(api_version="v1", kind=name, plural=f"{name.lower()}s", namespaced=True, verbs=VERBS)
    for name in ("ConfigMap", "Secret")
}


class Served:
    """As much of a cluster as is looked at: two kinds, and in each namespace one object of either."""

    def __init__(self, *, forbidden: str = "") -> None:
        self.forbidden = forbidden
        self.asked: list[str] = []

    def api_versions(self) -> list[str]:
        self.asked.append("api versions")
        return ["v1"]

    def resources(self, _api_version: str, *, patience: Patience) -> dict[str, Resource]:
        assert patience is BRIEF
        return KINDS

    def list_metadata(self, resource: Resource, *, namespace: str, patience: Patience) -> list[JsonObject]:
        assert patience is BRIEF
        if namespace == self.forbidden and resource.kind == "Secret":
            raise ApiError(method="GET", path="", status=403, body=None, text="", attempts=1)
        return [{"kind": resource.kind, "metadata": {"name": namespace}}]


def looked_at(served: Served) -> Cluster:
    return t.cast("Cluster", served)


def test_each_namespace_has_its_own_contents_and_what_was_not_seen_of_it() -> None:
    served = Served(forbidden="b")
    found = list(contents_of(looked_at(served), ["c", "b", "a"], progress=SILENT))
    assert [[(one["kind"], one["metadata"]["name"]) for one in contents.objects] for contents in found] == [
        [("ConfigMap", "c"), ("Secret", "c")],
        [("ConfigMap", "b")],
        [("ConfigMap", "a"), ("Secret", "a")],
    ]
    assert [contents.lacking for contents in found] == [
        [],
        [Right(group="", resource="secrets", verb="list", namespace="b")],
        [],
    ]
    assert served.asked == ["api versions"]


def test_what_is_broken_is_named_with_what_mends_it() -> None:
    widgets = Resource(api_version="example.com/v1", kind="Widget", plural="widgets", namespaced=True, verbs=VERBS)

    class Broken(Served):
        def api_versions(self) -> list[str]:
            return ["v1", "example.com/v1", "metrics.example.com/v1beta1"]

        def resources(self, api_version: str, *, patience: Patience) -> dict[str, Resource]:
            if api_version == "metrics.example.com/v1beta1":
                raise ApiError(method="GET", path="", status=503, body=None, text="no backend", attempts=3)
            if api_version == "example.com/v1":
                return {"Widget": widgets}
            return super().resources(api_version, patience=patience)

        def find(self, path: str) -> JsonObject:
            assert path == "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.example.com"
            return {"status": {"conditions": [{"type": "Available", "status": "False", "message": "no Service"}]}}

        def list_metadata(self, resource: Resource, *, namespace: str, patience: Patience) -> list[JsonObject]:
            if resource is widgets:
                said = "conversion webhook for example.com/v1, Kind=Widget failed"
                raise ApiError(method="GET", path="", status=429, body=None, text=said, attempts=1)
            return super().list_metadata(resource, namespace=namespace, patience=patience)

    (contents,) = contents_of(looked_at(Broken()), ["a"], progress=SILENT)
    assert [obj["kind"] for obj in contents.objects] == ["ConfigMap", "Secret"]
    api, crd = contents.unseen
    assert api.startswith("the API metrics.example.com/v1beta1 does not answer (no Service)")
    assert api.endswith("kubectl delete apiservice v1beta1.metrics.example.com")
    assert crd.startswith("widgets.example.com cannot be listed (conversion webhook for example.com/v1")
    assert crd.endswith("kubectl delete crd widgets.example.com")


def test_no_namespace_is_no_request() -> None:
    served = Served()
    assert list(contents_of(looked_at(served), [], progress=SILENT)) == []
    assert served.asked == []


def test_whoever_waits_is_told_of_how_many(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    path.touch()
    looked = contents_of(looked_at(Served()), ["a"] * 1000, progress=Progress(path=str(path)))
    next(looked)
    line = read_line(str(path))
    assert line.startswith("looking through 1,000 namespaces, ")
    assert " of 2,000 lists" in line
    assert len(list(looked)) == 999
