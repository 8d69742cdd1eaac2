"""Check mode judges custom resources by the CRDs that the same run installs first."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import KNOWN_AFTER_APPLY
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.apply import attempt
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Failure
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write

JsonObject = dict[str, t.Any]
V1 = "monitoring.coreos.com/v1"
STRING = {"type": "string"}
SPEC = {"type": "object", "properties": {"interval": STRING, "port": {"type": "integer"}}}
SCHEMA = {"type": "object", "properties": {"apiVersion": STRING, "kind": STRING, "spec": SPEC}}
VERSIONS = [
    {"name": "v1", "served": True, "schema": {"openAPIV3Schema": SCHEMA}},
    {"name": "v1beta1", "served": False, "schema": {"openAPIV3Schema": SCHEMA}},
]
CRD = {"spec": {"group": "monitoring.coreos.com", "names": {"kind": "Probe"}, "versions": VERSIONS}}
COMING = to_come([CRD])
UNKNOWN_FIELD = {"message": ".spec.interval: field not declared in schema"}
CONFLICT = {"message": "conflict", "details": {"causes": [{"reason": "FieldManagerConflict", "field": ".spec"}]}}


class Server:
    """An API server that serves some kinds and refuses every write in one way."""

    def __init__(self, *, serves: bool, status: int, body: JsonObject) -> None:
        self._serves = serves
        self._error = ApiError(method="PATCH", path="/", status=status, body=body, text="")

    def resource(self, api_version: str, kind: str) -> Resource | None:
        if not self._serves:
            return None
        return Resource(
            api_version=api_version, kind=kind, plural=f"{kind.lower()}s", namespaced=True, verbs=frozenset()
        )

    def apply(self, *_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise self._error


def probe(kind: str = "Probe", **spec: t.Any) -> JsonObject:
    return {"apiVersion": V1, "kind": kind, "metadata": {"name": "one", "namespace": "a"}, "spec": spec}


# The object, whether its kind is served, the server's answer, and whether it is predicted by us (else an error).
CASES: dict[str, tuple[JsonObject, bool, int, JsonObject, bool]] = {
    "a field that the CRD in the cluster does not know": (probe(interval="1m"), True, 500, UNKNOWN_FIELD, True),
    "a value that it refuses": (probe(interval="1m"), True, 422, {"message": "invalid"}, True),
    "a kind that is not served yet": (probe(interval="1m"), False, 404, {}, True),
    "a field that the CRDs to come do not know either": (probe(other=1), True, 500, UNKNOWN_FIELD, False),
    "nor for a kind that is not served yet": (probe(other=1), False, 404, {}, False),
    "what only the run can know is not judged": (probe(port=KNOWN_AFTER_APPLY), False, 404, {}, True),
    "a conflict with another manager": (probe(interval="1m"), True, 409, CONFLICT, False),
    "a right that is missing": (probe(interval="1m"), True, 403, {"message": "forbidden"}, False),
    "a kind that the run brings no CRD for": (probe("Thing"), True, 500, UNKNOWN_FIELD, False),
}


@pytest.mark.parametrize("name", CASES)
def test_prediction(name: str) -> None:
    obj, serves, status, body, predicted = CASES[name]
    server: t.Any = Server(serves=serves, status=status, body=body)
    options = Options(check=True, to_come=COMING)
    result = attempt(server, Write(desired=obj, live=None), absent_namespaces=frozenset(), options=options)
    if predicted:
        assert isinstance(result, Change)
        assert (result.action, result.local) == ("created", True)
    else:
        assert isinstance(result, Failure)


def test_outside_check_mode_the_server_has_the_word() -> None:
    server: t.Any = Server(serves=True, status=500, body=UNKNOWN_FIELD)
    write = Write(desired=probe(interval="1m"), live=None)
    result = attempt(server, write, absent_namespaces=frozenset(), options=Options(to_come=COMING))
    assert isinstance(result, Failure)
    assert "field not declared in schema" in result.message


def test_only_served_versions_count() -> None:
    assert COMING.kinds == ["Probe"]
    assert COMING.problems(probe(interval=1)) == ["spec.interval: must be of type string"]
    assert COMING.problems({**probe(interval=1), "apiVersion": "monitoring.coreos.com/v1beta1"}) is None
