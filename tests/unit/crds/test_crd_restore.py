"""What a restore gives back, and what it leaves as it is."""

from __future__ import annotations

import copy
import gzip
import json
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import snapshot as crd_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.restore import (
    merge_back,
    restore_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]


def obj(**spec: t.Any) -> JsonObject:
    metadata = {"name": "web", "namespace": "team-a", "resourceVersion": "1"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Probe", "metadata": metadata, "spec": spec}


# The snapshot, what older CRDs stored of it, what is there now, what is there after the restore, and what is lost.
CASES: dict[str, tuple[JsonObject, JsonObject, JsonObject, JsonObject, list[str]]] = {
    "a lost field comes back": ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}, {"a": 1, "b": 2}, []),
    "an edit in between stays": ({"a": 1, "b": 2}, {"a": 1}, {"a": 5}, {"a": 5, "b": 2}, []),
    "a new field stays": ({"b": 2}, {}, {"c": 3}, {"c": 3, "b": 2}, []),
    "a removal stays": ({"a": 1, "b": 2}, {"a": 1}, {}, {"b": 2}, []),
    "what was set anew stays": ({"b": 2}, {}, {"b": 7}, {"b": 7}, []),
    "nothing was written": ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, []),
    "inside an object": ({"o": {"a": 1, "b": 2}}, {"o": {"a": 1}}, {"o": {"a": 3}}, {"o": {"a": 3, "b": 2}}, []),
    "inside items": (
        {"l": [{"a": 1, "b": 2}, {"a": 3}]},
        {"l": [{"a": 1}, {"a": 3}]},
        {"l": [{"a": 1}, {"a": 4}]},
        {"l": [{"a": 1, "b": 2}, {"a": 4}]},
        [],
    ),
    "a list with other items": (
        {"l": [{"a": 1, "b": 2}]},
        {"l": [{"a": 1}]},
        {"l": [{"a": 0}, {"a": 1}]},
        {"l": [{"a": 0}, {"a": 1}]},
        ["spec.l"],
    ),
    "an item whose lost part no longer fits": (
        {"l": [{"o": {"a": 1, "b": 2}}]},
        {"l": [{"o": {"a": 1}}]},
        {"l": [{"o": "text"}]},
        {"l": [{"o": "text"}]},
        ["spec.l[0].o"],
    ),
    "the whole around it is gone": ({"o": {"a": 1, "b": 2}}, {"o": {"a": 1}}, {}, {}, ["spec.o"]),
}


@pytest.mark.parametrize("name", CASES)
def test_merging_back(name: str) -> None:
    snapshot, base, now, expected, conflicts = CASES[name]
    live = obj(**now)
    merged, found = merge_back(live, snapshot=obj(**snapshot), base=obj(**base))
    assert merged["spec"] == expected
    assert found == conflicts
    assert live == obj(**now), "the live object is left alone"
    again, _found = merge_back(merged, snapshot=obj(**snapshot), base=obj(**base))
    assert again == merged


def test_metadata_and_status_are_not_restored() -> None:
    snapshot = obj(b=1) | {"status": {"x": 1}}
    snapshot["metadata"] = {**snapshot["metadata"], "labels": {"old": "1"}, "resourceVersion": "0"}
    merged, _conflicts = merge_back(obj(), snapshot=snapshot, base=obj())
    assert merged == obj(b=1)


SPECS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2)), max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SPECS, st.data())
def test_without_a_write_in_between_all_is_back(snapshot: JsonObject, data: st.DataObject) -> None:
    base = copy.deepcopy(snapshot)
    for name in data.draw(st.sets(st.sampled_from("abc"))):
        base.pop(name, None)
    for value in base.values():
        value.pop("x", None)
    merged, conflicts = merge_back(obj(**base), snapshot=obj(**snapshot), base=obj(**base))
    assert merged["spec"] == snapshot
    assert conflicts == []


LOSSY: JsonObject = {
    "spec": {
        "names": {"kind": "Probe"},
        "versions": [
            {
                "name": "v1",
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"a": {"type": "integer"}}}},
                    }
                },
            }
        ],
    }
}


class Server:
    """An API server with one object at most, that must not be written to."""

    def __init__(self, live: JsonObject | None) -> None:
        self._live = live

    def resource(self, api_version: str, kind: str) -> Resource:
        return Resource(api_version=api_version, kind=kind, plural="probes", namespaced=True, verbs=frozenset())

    def find(self, _path: str) -> JsonObject | None:
        return self._live


def written(spec: JsonObject) -> JsonObject:
    live = obj(**spec)
    live["metadata"]["resourceVersion"] = "2"
    return live


# What is there when check mode looks, whether objects may be made again, what is predicted, and what is missing.
PREDICTIONS: dict[str, tuple[JsonObject | None, bool, list[str], int]] = {
    "written since, without the field": (written({"a": 1}), False, ["updated"], 0),
    # The field is not shown now, and is there again as soon as the CRDs are.
    "not written since": (obj(a=1), False, [], 0),
    "written since, with the field again": (written({"a": 1, "b": 2}), False, [], 0),
    "gone": (None, False, [], 1),
    "gone, and to be made again": (None, True, ["created"], 0),
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_check_mode_of_a_restore(name: str) -> None:
    live, create, actions, missing = PREDICTIONS[name]
    server: t.Any = Server(live)
    found = restore_objects(server, [obj(a=1, b=2)], lossy=[LOSSY], create_missing=create, options=Options(check=True))
    assert [change.action for change in found.outcome.changes] == actions
    assert all(change.local for change in found.outcome.changes)
    assert len(found.missing) == missing


def test_a_file_is_its_owners_only_and_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    found = crd_snapshot.save_objects(
        folder, cluster_uid="u-1", taken="20260101-000000", live=[], changed_to=[], objects=[obj(a=1)]
    )
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["crds-u-1-20260101-000000.json.gz"]
    snapshot = crd_snapshot.read_file(found)
    assert (snapshot.cluster_uid, snapshot.objects) == ("u-1", [obj(a=1)])


def test_a_folder_that_cannot_be_written_is_an_error_before_any_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="The CRDs are unchanged"):
        crd_snapshot.save_objects(tmp_path / "file", cluster_uid="u", taken="t", live=[], changed_to=[], objects=[])


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"[]"), gzip.compress(json.dumps({"format": 9}).encode())],
    ids=["empty", "text", "a list", "another format"],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ClusterError, match="is not a snapshot"):
        crd_snapshot.read_file(path)


def test_crds_are_kept_as_a_source_would_have_them() -> None:
    live = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "probes.monitoring.coreos.com",
            "uid": "1",
            "annotations": {"operator.prometheus.io/version": "0.80.0", "promfleet.monitoring/crds": "{}", "x": "y"},
        },
        "spec": {"group": "monitoring.coreos.com", "conversion": {"strategy": "Webhook"}, "versions": []},
        "status": {},
    }
    config_map = crd_snapshot.manifest([live], namespace="kube-system", taken="20260101-000000")
    assert config_map["data"] == {"taken": "20260101-000000", "release": "0.80.0"}
    assert crd_snapshot.manifest([live], namespace="kube-system", taken="20260101-000000") == config_map
    [crd] = crd_snapshot.unpack(config_map)
    assert crd["metadata"] == {
        "name": "probes.monitoring.coreos.com",
        "annotations": {"operator.prometheus.io/version": "0.80.0"},
    }
    assert crd["spec"] == {"group": "monitoring.coreos.com", "versions": []}
