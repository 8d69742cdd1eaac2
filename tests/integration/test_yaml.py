"""Files are read as kubectl reads them: kubectl itself is asked, about the table of the unit tests."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import load, read_documents
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from promlab.shell import capture
from tests.integration.support.releases import kubectl
from tests.unit.api.scalars import KEYS, REFUSED_VALUES, TEXTS, VALUES, VALUES_IN_C

JsonObject = dict[str, t.Any]
VALUES_ALL = {**VALUES, **VALUES_IN_C, **TEXTS}


@pytest.fixture
def created(plane: ControlPlane) -> Callable[[Path], list[JsonObject]]:
    """What kubectl would create of a file: with several objects it prints a List."""

    def run(path: Path) -> list[JsonObject]:
        printed = kubectl(
            plane.kubeconfig, "create", "--dry-run=client", "--validate=false", "--output=json", f"--filename={path}"
        )
        found: list[JsonObject] = []
        for document in _documents(printed):
            found += document["items"] if document["kind"] == "List" else [document]
        return found

    return run


def _documents(printed: str) -> t.Iterator[JsonObject]:
    decoder = json.JSONDecoder()
    while printed.strip():
        document, end = decoder.raw_decode(printed.lstrip())
        printed = printed.lstrip()[end:]
        yield document


def exact(value: t.Any) -> str:
    """JSON tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def config(number: int, body: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}, namespace: default}}\n{body}"


def test_values_and_keys(created: Callable[[Path], list[JsonObject]], tmp_path: Path) -> None:
    bodies = [f"v: {text}\n" for text in VALUES_ALL] + [f"v:\n  ? {text}\n  : 1\n" for text in KEYS]
    meant = [*VALUES_ALL.values(), *({key: 1} for key in KEYS.values())]
    path = tmp_path / "table.yaml"
    path.write_text("---\n".join(config(number, body) for number, body in enumerate(bodies)), newline="")
    theirs, ours = created(path), load(path)
    assert len(theirs) == len(ours) == len(bodies)
    differing = [
        (body, other["v"], found["v"], wanted)
        for body, other, found, wanted in zip(bodies, theirs, ours, meant, strict=True)
        if not exact(other["v"]) == exact(found["v"]) == exact(wanted)
    ]
    assert differing == []


@pytest.mark.parametrize("text", REFUSED_VALUES)
def test_what_is_refused(plane: ControlPlane, tmp_path: Path, text: str) -> None:
    path = tmp_path / "refused.yaml"
    path.write_text(config(0, f"v: {text}\n"))
    program = str(from_environment().bin / "kubectl")
    given = ["--dry-run=client", "--validate=false", "--output=json", f"--filename={path}"]
    done = capture([program, f"--kubeconfig={plane.kubeconfig}", "create", *given])
    assert done.returncode != 0, done.stdout


FILES = {
    "annotations.yaml": """apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: default
  annotations: &both
    reviewed: 2024-05-01
    017: octal
    1.10: version
    yes: word
  labels: {on: "off"}
data:
  <<: *both
  since: 2024-05-01T10:00:00Z
  text: |
    {{ $labels.instance }}
  text: |-
    the last one
""",
    "windows.yaml": "\ufeff---\n# first\n---\n"
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  namespace: default\n"
    "data:\n  a: |\n    x\n    y\n---\n# nothing\n---\n".replace("\n", "\r\n"),
    "roles.yaml": """apiVersion: rbac.authorization.k8s.io/v1
kind: RoleList
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: one, namespace: default}
  rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
- metadata: {name: two, namespace: default}
""",
    "several.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d", "namespace": "default"}}\n'
    '{"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "e", "namespace": "default"}}]}\n',
    "crd.yaml": """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
  - name: v1
    served: yes
    storage: on
    schema:
      openAPIV3Schema:
        type: object
        properties:
          mode: {type: string, default: =, enum: [=, "on", 2024-05-01, 10:20, 0o8]}
          size: {type: integer, default: 1_000, enum: [1e3, 0x1f, 017, 0o17]}
          part: {type: number, default: .5, maximum: 1e21, enum: [1.0, 1.5e3, 123456789012345678901234567890]}
""",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file(created: Callable[[Path], list[JsonObject]], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], newline="")
    assert exact(read_documents([str(path)])) == exact(created(path))


def test_crds(created: Callable[[Path], list[JsonObject]], tmp_path: Path) -> None:
    path = tmp_path / "crd.yaml"
    path.write_text(FILES["crd.yaml"])
    assert exact(load_crds(version="0.1.0", source=str(path))) == exact(created(path))
