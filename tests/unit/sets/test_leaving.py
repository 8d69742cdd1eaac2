"""A CRD that is being deleted is told with what holds it, and with the commands that end it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import (
    CLEANUP,
    leaving_crd,
    require_lasting_kinds,
)

JsonObject = dict[str, t.Any]

GROUP = "monitoring.coreos.com"
NAME = f"prometheuses.{GROUP}"
KIND = (f"{GROUP}/v1", "Prometheus")
CREATED = frozenset({"create", "get", "list", "patch"})
TERMINATING = frozenset({"delete", "get", "list"})


def crd(*finalizers: str, leaves: bool = True, served: bool = True) -> JsonObject:
    metadata: JsonObject = {"name": NAME, "uid": "u", "finalizers": [CLEANUP, *finalizers]}
    if leaves:
        metadata["deletionTimestamp"] = "2026-11-25T09:00:00Z"
    versions = [{"name": "v1", "served": served, "storage": True}]
    names = {"kind": "Prometheus", "plural": "prometheuses"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}
    return {"metadata": metadata, "spec": spec}


def left(name: str, *finalizers: str) -> JsonObject:
    metadata = {"name": name, "namespace": "team", "finalizers": list(finalizers)}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Prometheus", "metadata": metadata}


class Server:
    """A cluster with one CRD and objects of its kind; *denied*: the status of a read that is refused."""

    def __init__(
        self, live: JsonObject | None, *objects: JsonObject, verbs: frozenset[str] = TERMINATING, denied: int = 0
    ) -> None:
        self.live = live
        self.objects = list(objects)
        self.verbs = verbs
        self.denied = denied

    def resource(self, api_version: str, kind: str) -> Resource | None:
        if api_version == "v1":
            return Resource(api_version="v1", kind=kind, plural="x", namespaced=True, verbs=frozenset({"get"}))
        if (api_version, kind) != KIND:
            return None
        plural = "prometheuses"
        return Resource(api_version=api_version, kind=kind, plural=plural, namespaced=True, verbs=self.verbs)

    def find(self, path: str) -> JsonObject | None:
        assert path == f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}"
        self._refuse()
        return self.live

    def list_metadata(self, resource: Resource) -> list[JsonObject]:
        assert resource.path() == f"/apis/{GROUP}/v1/prometheuses"
        self._refuse()
        return self.objects

    def _refuse(self) -> None:
        if self.denied:
            raise ApiError(method="GET", path="/", status=self.denied, body={"message": "no"}, text="")


def told(*arguments: t.Any, **options: t.Any) -> str:
    server = Server(*arguments, **options)
    return str(leaving_crd(t.cast("t.Any", server), arguments[0]))


PATCH = "--type merge -p '" + '{"metadata":{"finalizers":null}}' + "'"


def test_objects_with_finalizers_are_named_first_with_the_command() -> None:
    text = told(crd(), left("a"), left("b", "x.example/hold"), left("c", "x.example/hold"))
    assert text.startswith(f"the CRD {NAME} is being deleted since 2026-11-25T09:00:00Z")
    assert (
        "it is held by Prometheus team/b (finalizers: x.example/hold), Prometheus team/c (finalizers: x.example/hold), "
        "Prometheus team/a (finalizers: none)"
    ) in text
    assert f"kubectl -n team patch {NAME} b {PATCH} (and so for each of them)" in text


def test_the_list_is_bounded_and_its_number_is_not() -> None:
    objects = [left(f"p{number:03}", "x.example/hold") for number in range(500)]
    found = leaving_crd(t.cast("t.Any", Server(crd(), *objects)), crd())
    assert "and 490 more" in str(found)
    result = found.result()
    assert (len(result["holders"]), result["number"]) == (10, 500)
    assert result["holders"][0] == {
        "kind": "Prometheus", "namespace": "team", "name": "p000", "finalizers": ["x.example/hold"],
    }  # fmt: skip


OWN = (
    "it has finalizers of its own: x.example/own. To end that, remove the CRD's own finalizers likewise: "
    f"kubectl patch crd {NAME} {PATCH}"
)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((crd("x.example/own"),), {}, OWN),
        ((crd(),), {}, "no object holds it any more, so it should be gone soon"),
        ((crd(),), {"denied": 403}, "its objects could not be listed: no"),
        # The API server takes the kind away before the CRD.
        ((crd(),), {"denied": 404}, "no object holds it any more"),
        ((crd(served=False),), {"denied": 403}, "no object holds it any more"),
    ],
)
def test_what_else_holds_it(arguments: t.Any, options: t.Any, words: str) -> None:
    assert words in told(*arguments, **options)


def refusal(server: Server) -> str:
    try:
        require_lasting_kinds(t.cast("t.Any", server), [KIND, ("v1", "ComponentStatus"), ("other/v1", "Other")])
    except Refused as error:
        return str(error)
    return ""


def test_a_kind_that_is_being_deleted_is_refused() -> None:
    text = refusal(Server(crd(), left("b", "x.example/hold")))
    assert "held by Prometheus team/b" in text
    assert text.endswith("Nothing was written")


def test_an_account_that_may_not_read_the_crd_is_told_what_to_look_at() -> None:
    text = refusal(Server(crd(), denied=403))
    assert f"the API server takes no new objects of {NAME}" in text
    assert f"kubectl get crd {NAME} -o yaml" in text


@pytest.mark.parametrize(
    "server",
    [
        Server(None, verbs=CREATED, denied=403),  # no request is made
        Server(None),  # not a CRD: an aggregated API that nobody can write to
        Server(crd(leaves=False)),
    ],
)
def test_other_kinds_are_not_refused(server: Server) -> None:
    assert refusal(server) == ""
