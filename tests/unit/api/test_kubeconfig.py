"""Kubeconfig files: joined, one context picked, and an error that names the path as the user wrote it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kubeconfig import read

JsonObject = dict[str, t.Any]


def document(name: str, **user: t.Any) -> JsonObject:
    cluster = {"server": f"https://{name}:6443", "certificate-authority": "ca.crt"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": name, "context": {"cluster": f"{name}-cluster", "user": f"{name}-user"}}],
        "clusters": [{"name": f"{name}-cluster", "cluster": cluster}],
        "users": [{"name": f"{name}-user", "user": user}],
    }


def write(path: Path, content: t.Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_paths_in_it_begin_at_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "kube/config", document("edge", tokenFile="token", **{"client-key": "/abs/key"}))
    found = read(str(path), context="edge")
    assert found.cluster["certificate-authority"] == str(tmp_path / "kube/ca.crt")
    assert found.user == {"tokenFile": str(tmp_path / "kube/token"), "client-key": "/abs/key"}
    assert found.folder == tmp_path / "kube"


def test_several_are_joined_and_the_first_that_has_a_name_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "a/config", document("edge", token="first"))
    second = write(tmp_path / "b/config", document("edge", token="second"))
    third = write(tmp_path / "c/config", document("hub", token="hub"))
    joined = os.pathsep.join([str(tmp_path / "missing"), str(first), "", str(second), str(third)])
    assert read(joined, context="edge").user["token"] == "first"
    assert read(joined, context="hub").user["token"] == "hub"


def test_a_home_folder_is_found_and_shown_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".kube/config", document("edge", token="x"))
    assert read("~/.kube/config", context="edge").cluster["server"] == "https://edge:6443"
    with pytest.raises(Unreachable, match=r"the kubeconfig ~/\.kube/other does not exist"):
        read("~/.kube/other", context="edge")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (document("hub"), "has no context 'edge'; its contexts: hub"),
        ("a: [", r"is not YAML \(line"),
        ("token: {{ x }}\n\tbad", "is not YAML"),
        ("", "must be one mapping"),
        ("- a", "must be one mapping"),
        ({"contexts": {"edge": {}}}, "contexts must be a list of mappings with a name"),
        ({"contexts": [{"name": "edge", "context": "x"}]}, "must be a mapping"),
        ({**document("edge"), "clusters": []}, "has no cluster 'edge-cluster' with a server"),
        ({**document("edge"), "users": None}, "has no user 'edge-user'"),
    ],
)
def test_what_is_wrong_is_told_with_the_path(tmp_path: Path, content: t.Any, words: str) -> None:
    path = write(tmp_path / "config", content)
    with pytest.raises(Unreachable, match=words) as caught:
        read(str(path), context="edge")
    assert str(path) in str(caught.value)


def test_a_folder_and_text_that_is_no_utf8_are_told_too(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be read: Is a directory"):
        read(str(tmp_path), context="edge")
    path = tmp_path / "config"
    path.write_bytes(b"\xfftoken: a")
    with pytest.raises(Unreachable, match="is not YAML"):
        read(str(path), context="edge")
