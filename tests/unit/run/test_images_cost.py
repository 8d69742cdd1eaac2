"""Two folders of rendered objects: what each cluster needs for them, and what of it is in the registry."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import named
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import (
    render,
    with_kustomizations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import Reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import Registries
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_cost import work
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import objects_of_cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import carry_out, make_plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]
TEAMS: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "pay", "namespaces": ["pay"]}]}


def write(root: Path, **given: JsonObject) -> Path:
    """The folder that render makes of capabilities and their options."""
    wanted: dict[str, bytes] = {}
    for name, options in given.items():
        objects = objects_of_cluster({name: options})
        files = render(objects, number=1, by_team=named(name).name == "teams")
        wanted |= {f"{name}/{path}": text.encode() for path, text in files.items()}
    about = {"fleet": "default", "cluster": "hub"}
    whole = with_kustomizations({path: text.decode() for path, text in wanted.items()})
    plan = make_plan(root / "hub", {path: text.encode() for path, text in whole.items()}, about=about,
                     overwrite_edited=False)  # fmt: skip
    carry_out(plan)
    return root


def cost(before: Path, after: Path, **options: t.Any) -> JsonObject:
    given = {"before": str(before), "after": str(after), "nodes": 1, "architecture": "amd64", "mirrors": {},
             "ask": "nothing", "credentials_file": None, "plain_http": [], "ca_cert": None, **options}  # fmt: skip
    return work(Run(params=given, check=False))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_exporters_cost_an_image_and_a_pod_for_each_node(tmp_path: Path) -> None:
    before = write(tmp_path / "before", operator={}, teams=TEAMS)
    exporters = {"node_exporter": {"enabled": True}}
    after = write(tmp_path / "after", operator={}, teams=TEAMS, exporters=exporters)
    (row,) = cost(before, after, nodes=3)["clusters"]
    assert [image.rpartition(":")[0] for image in row["added"]] == ["quay.io/prometheus/node-exporter"]
    assert row["removed"] == []
    assert row["after"]["pods"] - row["before"]["pods"] == 3
    assert row["after"]["memory_requests"] - row["before"]["memory_requests"] == 3 * 64
    assert "image_megabytes" not in row["after"]


def test_all_that_a_fleet_needs_is_what_is_more_than_nothing(tmp_path: Path, empty: Path) -> None:
    after = write(tmp_path / "after", operator={}, teams=TEAMS)
    found = cost(empty, after)
    (row,) = found["clusters"]
    # The operator, and an instance and an Alertmanager of the platform and of the team, each with its reloader.
    assert (row["before"]["containers"], row["after"]["pods"], row["after"]["containers"]) == (0, 5, 9)
    assert "  containers: 0 -> 9 (+9)" in found["text"].splitlines()
    assert cost(empty, empty)["clusters"] == []


def test_parts_that_images_share_count_once(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(_self: Registries, image: Reference, *, architecture: str) -> dict[str, int]:
        assert architecture == "arm64"
        assert image.registry == "mirror.example.com"
        return {"shared": 1 << 20, str(image): 2 << 20}

    monkeypatch.setattr(Registries, "sizes", sizes)
    after = write(tmp_path / "after", operator={}, teams=TEAMS)
    asked = {"ask": "target", "architecture": "arm64", "mirrors": {"quay.io": "mirror.example.com"}}
    (row,) = cost(empty, after, **asked)["clusters"]
    assert (row["after"]["images"], row["after"]["image_megabytes"]) == (4, 1 + 4 * 2)


def test_an_image_that_the_registry_lacks_is_named(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registries, "sizes", lambda *_arguments, **_options: None)
    with pytest.raises(InputError, match=r"ask: quay.io/prometheus-operator/.*: quay.io does not have this image"):
        cost(empty, write(tmp_path / "after", operator={}), ask="source")


def test_wrong_input_is_named(empty: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nodes: must be at least 1"):
        cost(empty, empty, nodes=0)
    with pytest.raises(InputError, match=r"after: .*is not a folder"):
        cost(empty, tmp_path / "absent")
