"""Files and inline objects: lists are unfolded, and all that is wrong is told with its place."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import (
    parse_documents,
    read_documents,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]


def config(name: t.Any, **metadata: t.Any) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def refused(documents: list[t.Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_documents(documents, path="manifests")
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize("kind", ["List", "ConfigMapList", "RoleList", "PrometheusRuleList"])
def test_a_list_is_unfolded_whatever_its_kind(kind: str) -> None:
    holder = {"apiVersion": "v1", "kind": kind, "items": [config("a"), config("b")]}
    assert parse_documents([holder, config("c")], path="manifests") == [config("a"), config("b"), config("c")]


def test_items_take_the_kind_of_their_list() -> None:
    """As kubectl has it (UnstructuredJSONScheme of k8s.io/apimachinery); raw answers of a server leave it out."""
    bare = {"metadata": {"name": "a"}}
    rbac = "rbac.authorization.k8s.io/v1"
    holder = {
        "apiVersion": rbac,
        "kind": "RoleList",
        "metadata": {"resourceVersion": "5"},
        "items": [bare, config("b")],
    }
    assert parse_documents([holder], path="manifests") == [
        {"apiVersion": rbac, "kind": "Role", **bare},
        config("b"),
    ]
    assert refused([{"apiVersion": "v1", "kind": "List", "items": [bare]}]) == [
        "manifests[0].items[0].apiVersion: is required"
    ]


def test_lists_in_lists_and_empty_ones() -> None:
    inner = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [config("a")]}
    given = [{"apiVersion": "v1", "kind": "List", "items": [inner]}, {"kind": "RoleList", "items": None}]
    assert parse_documents([*given, {"kind": "List"}], path="manifests") == [config("a")]


def test_an_object_whose_kind_ends_in_list_without_items_is_an_object() -> None:
    given = {"apiVersion": "example.com/v1", "kind": "AllowList", "metadata": {"name": "a"}, "spec": {"items": [1]}}
    assert parse_documents([given], path="manifests") == [given]


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    given = [
        "text",
        {"kind": "RoleList", "items": {"a": 1}},
        config("a", annotations={"reviewed": "2024-05-01", "on": True, "port": 80, "gone": None}),
        config(17),
        config("b", namespace=1.5),
        config("c", labels=["x"]),
        {**config("d"), "kind": True},
        {"apiVersion": "v1", "kind": "List", "items": [None, config("")]},
        config("fine"),
    ]
    assert refused(given) == [
        "manifests[0]: must be a Kubernetes object, found text",
        "manifests[1].items: must be a list of objects, found a mapping",
        "manifests[2].metadata.annotations.on: must be text, found the boolean true; put it in quotes",
        "manifests[3].metadata.name: must be text, found the number 17; put it in quotes",
        "manifests[4].metadata.namespace: must be text, found the number 1.5; put it in quotes",
        "manifests[5].metadata.labels: must be a mapping, found a list",
        "manifests[6].kind: must be text, found the boolean true; put it in quotes",
        "manifests[7].items[0]: must be a Kubernetes object, found nothing",
        "manifests[7].items[1].metadata.name: is required (generateName cannot be applied)",
    ]


DATE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: dated
  annotations: {reviewed: 2024-05-01}
data:
  since: 2024-05-01T10:00:00Z
"""


def test_a_date_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(DATE)
    (found,) = read_documents([str(tmp_path)])
    assert found["metadata"]["annotations"] == {"reviewed": "2024-05-01"}
    assert found["data"] == {"since": "2024-05-01T10:00:00Z"}


def test_every_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "folder.yaml").mkdir()
    (folder / "fine.yaml").write_text(DATE)
    (folder / "chart.yaml").write_text("{{- if .Values.enabled }}\nkind: ConfigMap\n{{- end }}\n")
    (folder / "colon.yml").write_text("kind: ConfigMap\nmetadata: name: a\n")
    (folder / "cut.json").write_text('{"kind": "ConfigMap",\n "metadata": {')
    (folder / "latin.yaml").write_bytes("kind: ConfigMap\ndata: {a: é}\n".encode("latin-1"))
    (folder / "link.yaml").symlink_to(folder / "nowhere")
    (folder / "unnamed.yaml").write_text(DATE + "---\nkind: ConfigMap\n")
    (folder / "vault.yaml").write_text("kind: ConfigMap\ndata:\n  a: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n")
    with pytest.raises(InputError) as caught:
        read_documents([str(folder), str(tmp_path / "missing")])
    told = [str(error).removeprefix(f"{folder}/") for error in caught.value.errors]
    beginnings = (
        "chart.yaml: line 1: ",
        "colon.yml: line 2: mapping values are not allowed in this context",
        "cut.json: line 2: ",
        "latin.yaml: line 2: is not UTF-8 text",
        "link.yaml: cannot be read: No such file or directory",
        "unnamed.yaml[1].apiVersion: is required",
        "vault.yaml: line 3: the tag !vault means nothing to Kubernetes",
        f"src[1]: {tmp_path / 'missing'} does not exist",
    )
    assert len(told) == len(beginnings), told
    for text, beginning in zip(told, beginnings, strict=True):
        assert text.startswith(beginning), told
    assert "this looks like a chart's template: render it first with helm template" in told[0]
