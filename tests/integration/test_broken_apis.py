"""An API whose server is gone, and a CRD whose conversion webhook is gone: named, and nothing else waits for them.

The control plane is this module's own: once it cannot read a kind, a change of its CRD can hang.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.direct import fates
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]
PLACES = ("broken-a", "broken-b")
API_GROUP = "metrics.example.com"
API: JsonObject = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": f"v1beta1.{API_GROUP}"},
    "spec": {
        "group": API_GROUP,
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "default", "name": "nobody"},
    },
}


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-broken") as (running,):
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Cluster:
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


class Objects:
    """The module `objects` for a ConfigMap in each of two namespaces."""

    def __init__(self, plane: ControlPlane, places: Sequence[str]) -> None:
        self.plane = plane
        self.manifests = [obj for place in places for obj in (namespace(place), config_map(place, "c", a="1"))]

    def apply(self) -> Outcome:
        return self._run(self.manifests)

    def remove(self, *, check: bool = False) -> Outcome:
        return self._run([], check=check)

    def _run(self, manifests: list[JsonObject], *, check: bool = False) -> Outcome:
        options: JsonObject = {"name": "broken", "manifests": manifests, "check": check}
        done = run_module("objects", kubeconfig=self.plane.kubeconfig, context=self.plane.context, **options)
        return t.cast("Outcome", done["outcome"])


def crd(group: str, *versions: str) -> JsonObject:
    """The last of *versions* is stored; the others are converted by a webhook that nobody serves."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    stored = versions[-1]
    spec: JsonObject = {
        "group": group,
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{"name": name, "served": True, "storage": name == stored, "schema": schema} for name in versions],
    }
    if len(versions) > 1:
        client = {"service": {"namespace": "default", "name": "nobody"}}
        spec["conversion"] = {
            "strategy": "Webhook",
            "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]},
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": spec,
    }


def make_unreadable(api: Cluster, *, group: str, place: str) -> None:
    """Give *place* an object that is stored in a version which a dead webhook converts."""
    api.apply(crd(group, "v1alpha1"))
    api.wait_until(lambda: is_served(api, f"{group}/v1alpha1"), "the kind is served")
    metadata = {"name": "theirs", "namespace": place}
    api.apply({"apiVersion": f"{group}/v1alpha1", "kind": "Widget", "metadata": metadata})
    api.apply(crd(group, "v1alpha1", "v1"))
    path = f"/apis/{group}/v1/namespaces/{place}/widgets"
    api.wait_until(lambda: is_served(api, f"{group}/v1") and is_broken(api, path), "the webhook is asked")


def is_served(api: Cluster, api_version: str) -> bool:
    try:
        return any(kind.kind == "Widget" for kind in api.kinds() if kind.api_version == api_version)
    except ApiError:
        return False


def is_broken(api: Cluster, path: str) -> bool:
    try:
        api.request("GET", path)
    except ApiError as error:
        # By release: the server cannot fill its cache of the kind, or cannot read this object.
        return error.status in (429, 500)
    return False


def is_down(api: Cluster) -> bool:
    live = api.get(API["apiVersion"], API["kind"], API["metadata"]["name"])
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Available" and item["status"] == "False" for item in conditions)


def test_an_api_without_a_server_is_named_and_everything_else_is_removed(plane: ControlPlane, api: Cluster) -> None:
    objects = Objects(plane, PLACES)
    assert fates(objects.apply()) == {"created": 5}
    api.apply(API)
    api.wait_until(lambda: is_down(api), "the API is known to be down")
    said = []
    for check in (True, False):
        with pytest.raises(Incomplete) as stopped:
            objects.remove(check=check)
        said.append(str(stopped.value))
        assert fates(stopped.value.outcome) == {"deleted": 2}
        assert [failure.key.name for failure in stopped.value.outcome.failures] == list(PLACES)
    assert said[0] == said[1]
    assert "metrics.example.com/v1beta1 does not answer" in said[0]
    assert 'service/nobody in "default" is not present' in said[0]
    assert said[0].count("kubectl delete apiservice v1beta1.metrics.example.com") == 1
    for place in PLACES:
        assert api.find("v1", "ConfigMap", "c", place) is None
        assert api.find("v1", "Namespace", place) is not None
    # Nothing is forgotten: the next run finds the namespaces by the record and by their labels.
    api.delete(API["apiVersion"], API["kind"], API["metadata"]["name"])
    assert fates(objects.remove()) == {"deleted": 3}


def test_the_crd_of_what_cannot_be_read_is_named(plane: ControlPlane, api: Cluster) -> None:
    objects = Objects(plane, ("unread-a", "unread-b"))
    assert fates(objects.apply()) == {"created": 5}
    make_unreadable(api, group="unread.example.com", place="unread-a")
    with pytest.raises(Incomplete, match=r": widgets\.unread\.example\.com cannot be listed") as stopped:
        objects.remove()
    # Once for all that wait for it: no namespace ends while the API server cannot read a kind.
    assert str(stopped.value).count("kubectl delete crd widgets.unread.example.com") == 1
    assert [failure.key.name for failure in stopped.value.outcome.failures] == ["unread-a", "unread-b"]
    assert fates(stopped.value.outcome) == {"deleted": 2}
    assert api.find("v1", "Namespace", "unread-a") is not None
