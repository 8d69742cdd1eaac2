"""Where CRDs come from, and what of them is known before anything is fetched or parsed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import source as crd_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

CRD = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: b.monitoring.coreos.com}
spec: {default: =}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: not-a-crd}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: a.monitoring.coreos.com}
"""
SUM = hashlib.sha256(CRD.encode()).hexdigest()
ADDRESS = "https://example.com/v{version}/stripped-down-crds.yaml"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without any cache."""
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is fetched; every address has the same file."""
    asked: list[str] = []

    def download(address: str) -> bytes:
        asked.append(address)
        return CRD.encode()

    monkeypatch.setattr(crd_source, "_download", download)
    return asked


def test_a_file_is_read_and_checked(tmp_path: Path, home: dict[str, str]) -> None:
    path = tmp_path / "crds.yaml"
    path.write_text(CRD)
    source = open_source(version="0.1.0", source=str(path), checksum=f"sha256:{SUM}", environ=home)
    assert source.digest == SUM
    loaded = source.load()
    assert [crd["metadata"]["name"] for crd in loaded] == ["a.monitoring.coreos.com", "b.monitoring.coreos.com"]
    # YAML 1.1 has a type of its own for a bare equals sign.
    assert loaded[1]["spec"] == {"default": "="}
    with pytest.raises(ClusterError, match="the checksum is"):
        open_source(version="0.1.0", source=str(path), checksum="sha256:" + "0" * 64, environ=home)


def test_a_folder_has_the_digest_of_its_list_of_checksums(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "b.yaml").write_text(CRD)
    (tmp_path / "a.yml").write_text(CRD)
    (tmp_path / "README.md").write_text("")
    listed = f"{SUM}  a.yml\n{SUM}  b.yaml\n"
    found = open_source(version="0.1.0", source=str(tmp_path), environ=home).digest
    assert found == hashlib.sha256(listed.encode()).hexdigest()


def test_a_file_from_the_network_is_fetched_once_and_only_when_it_is_needed(
    home: dict[str, str], network: list[str]
) -> None:
    source = open_source(version="0.80.0", source=ADDRESS, checksum=f"sha256:{SUM.upper()}", environ=home)
    assert (source.digest, network) == (SUM, [])
    for _run in range(2):
        assert len(source.load()) == 2
    assert network == ["https://example.com/v0.80.0/stripped-down-crds.yaml"]


def test_a_file_with_another_checksum_is_not_kept(home: dict[str, str], network: list[str]) -> None:
    source = open_source(version="0.80.0", source=ADDRESS, checksum="sha256:" + "0" * 64, environ=home)
    for _run in range(2):
        with pytest.raises(ClusterError, match="nothing was applied"):
            source.load()
    assert len(network) == 2


def test_the_pinned_release_is_known_without_the_network(home: dict[str, str], network: list[str]) -> None:
    pinned = open_source(version=versions.PROMETHEUS_OPERATOR, environ=home)
    mirror = open_source(
        version=versions.PROMETHEUS_OPERATOR, source="https://mirror.example/{version}/{file}", environ=home
    )
    assert pinned.digest == mirror.digest
    assert network == []


def test_the_module_cache_of_go_has_any_release(tmp_path: Path) -> None:
    folder = tmp_path / "github.com/prometheus-operator/prometheus-operator@v0.42.0/example/prometheus-operator-crd"
    folder.mkdir(parents=True)
    (folder / "all.yaml").write_text(CRD)
    source = open_source(version="0.42.0", environ={"GOMODCACHE": str(tmp_path), "HOME": "/nonexistent"})
    assert len(source.load()) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"source": "/nonexistent/crds"}, ClusterError, "does not exist"),
        ({"source": "https://example.com/crds.yaml"}, InputError, "checksum: is required"),
        ({"checksum": f"sha256:{SUM}"}, InputError, "checksum: is that of one file"),
        ({"checksum": "md5:1"}, InputError, "checksum: must be sha256:"),
        ({"source": "/", "checksum": f"sha256:{SUM}"}, InputError, "is a folder"),
        ({"version": "0.42.0"}, ClusterError, "no checksums for the CRDs of operator 0.42.0"),
        ({"version": "0.42.0", "source": "https://example.com/{version}/{file}"}, ClusterError, "no checksums"),
    ],
)
def test_what_cannot_be_used(
    home: dict[str, str], arguments: dict[str, str], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        open_source(**{"version": "0.1.0", "environ": home, **arguments})  # type: ignore[arg-type]  # a table of calls
