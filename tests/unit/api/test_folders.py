"""Reading folders of manifests: what counts, what does not, and what is wrong with them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.folders import Described, read_folders
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.selecting import chosen
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]

KINDS = {("", "Service"): True, ("", "Namespace"): False}
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ns}\nspec: {type: ClusterIP}\n"


def read(folder: Path) -> list[JsonObject]:
    return read_folders([str(folder)], kinds=KINDS, path="files")


def names(objects: list[JsonObject]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_documents_lists_and_folders_are_read_and_neighbours_left_out(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/a.yaml").write_text(
        f"---\n{SERVICE}---\n---\nkind: Namespace\napiVersion: v1\nmetadata: {{name: ns}}\n"
    )
    (tmp_path / "list.json").write_text(
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service", "metadata": '
        '{"name": "b", "namespace": "ns"}}]}'
    )
    # None of these is an object of a kind that is asked for.
    (tmp_path / "kustomization.yaml").write_text("resources: [deep]\n")
    (tmp_path / "kustomize.yml").write_text("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: chart\n")
    (tmp_path / "values.yaml").write_text("- 1\n---\ntext\n---\n7\n")
    (tmp_path / "secret.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\nstringData: {a: b}\n"
    )
    (tmp_path / "generated.yaml").write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x-}\n")
    assert sorted(names(read(tmp_path))) == ["a", "b", "ns"]


def test_the_same_object_twice_counts_once_and_two_versions_of_it_are_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "b.yaml").write_text(f"x: 1\n---\n{SERVICE}")
    assert names(read(tmp_path)) == ["a"]
    (tmp_path / "c.yaml").write_text(f"---\n{SERVICE.replace('ClusterIP', 'NodePort')}")
    with pytest.raises(InputError) as refused:
        read(tmp_path)
    assert refused.value.path == f"{tmp_path}/c.yaml[0]"
    assert f"Service ns/a is in {tmp_path}/a.yaml[0] too" in str(refused.value)


def test_all_that_is_wrong_is_listed_with_file_and_document(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_text(
        f"{SERVICE}---\napiVersion: v1\nkind: Service\nmetadata: {{name: 7, namespace: ns}}\n"
    )
    (tmp_path / "c.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: c}\n")
    with pytest.raises(InputError) as refused:
        read_folders([str(tmp_path), "/nowhere"], kinds=KINDS, path="files")
    lines = [str(error) for error in refused.value.errors]
    assert [line.partition(": ")[0] for line in lines] == [
        f"{tmp_path}/a.yaml",
        f"{tmp_path}/b.yaml[1].metadata.name",
        f"{tmp_path}/c.yaml[0].metadata.namespace",
        "files[1]",
    ]
    assert "line 1" in lines[0]


@pytest.mark.parametrize("sources", [[], ["empty"]])
def test_nothing_to_read_is_an_error(tmp_path: Path, sources: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"files(\[0\])?: (is required|.* has no YAML)"):
        read_folders([str(tmp_path / name) for name in sources], kinds=KINDS, path="files")


def test_what_was_read_is_found_as_in_a_cluster() -> None:
    one = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "n", "labels": {"x": "1"}}}
    two = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", "namespace": "m"}}
    described = Described([one, two])
    resource = described.resource("v1", "Service")
    assert described.find("/api/v1/namespaces/n/services/a") == one
    assert described.find("/api/v1/namespaces/n/services/b") is None
    assert described.list_objects(resource) == [one, two]
    assert described.list_objects(resource, namespace="m") == [two]
    assert described.list_objects(resource, selector="x=1") == [one]
    assert described.list_objects(described.resource("v1", "Pod")) == []


@pytest.mark.parametrize(
    ("selector", "fields", "expected"),
    [
        (None, None, ["a", "b"]),
        ("x=1", None, ["a"]),
        ("x==1", None, ["a"]),
        ("x!=1", None, ["b"]),
        ("x=1,y=2", None, []),
        (None, "metadata.name=b", ["b"]),
        ("x!=1", "metadata.name=a", []),
    ],
)
def test_selectors(selector: str | None, fields: str | None, expected: list[str]) -> None:
    objects: list[JsonObject] = [{"metadata": {"name": "a", "labels": {"x": "1"}}}, {"metadata": {"name": "b"}}]
    assert names(chosen(objects, selector=selector, fields=fields)) == expected


@pytest.mark.parametrize(("selector", "fields"), [("x in (1)", None), ("x", None), (None, "spec.nodeName=n")])
def test_a_selector_that_is_not_known_is_never_taken_for_another(selector: str | None, fields: str | None) -> None:
    with pytest.raises(ValueError, match="is not known here"):
        chosen([], selector=selector, fields=fields)
