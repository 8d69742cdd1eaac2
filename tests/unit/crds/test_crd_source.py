"""Where CRDs come from, and what of them is known before anything is fetched or parsed."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import source as crd_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

SPEC = """
  group: monitoring.coreos.com
  names: {kind: K, plural: k}
  scope: Namespaced
  versions: [{name: v1, schema: {}, served: true, storage: true}]
"""
CRD = f"""---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: b.monitoring.coreos.com}}
spec:{SPEC}  default: =
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: not-a-crd}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: a.monitoring.coreos.com}}
spec:{SPEC}"""
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
    assert loaded[1]["spec"]["default"] == "="
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


@pytest.fixture
def closed(tmp_path: Path) -> dict[str, str]:
    """A user whose home cannot be written, root included: it is a file."""
    (tmp_path / "home").write_text("")
    (tmp_path / "tmp").mkdir()
    return {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


def _load(environ: dict[str, str]) -> int:
    return len(open_source(version="1", source=ADDRESS, checksum=f"sha256:{SUM}", environ=environ).load())


def test_a_user_without_a_home_keeps_files_in_a_temporary_folder(closed: dict[str, str], network: list[str]) -> None:
    assert [_load(closed), _load(closed)] == [2, 2]
    assert len(network) == 1
    (folder,) = Path(closed["TMPDIR"]).iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open to all", "a link"])
def test_a_temporary_folder_that_others_could_change_is_not_used(
    tmp_path: Path, closed: dict[str, str], network: list[str], trap: str
) -> None:
    assert _load(closed) == 2
    (folder,) = Path(closed["TMPDIR"]).iterdir()
    if trap == "a link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.chmod(0o777)
    with pytest.raises(ClusterError, match="another user can write to it") as refused:
        _load(closed)
    assert "Set XDG_CACHE_HOME or TMPDIR" in str(refused.value)
    assert str(closed["HOME"]) in str(refused.value)
    assert len(network) == 1


def test_a_complete_cache_is_only_read(tmp_path: Path, network: list[str]) -> None:
    cache = tmp_path / "image/promfleet/crds"
    cache.mkdir(parents=True)
    (cache / f"sha256-{SUM}.yaml").write_text(CRD)
    assert _load({"XDG_CACHE_HOME": str(tmp_path / "image"), "TMPDIR": str(tmp_path)}) == 2
    assert [path.name for path in cache.iterdir()] == [f"sha256-{SUM}.yaml"]
    assert network == []


@pytest.mark.parametrize("kind", ["List", "CustomResourceDefinitionList"])
def test_lists_of_crds_are_unfolded(kind: str, tmp_path: Path, home: dict[str, str]) -> None:
    path = tmp_path / "crds.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": kind, "items": parse(CRD)}))
    source = open_source(version="0.1.0", source=str(path), environ=home)
    assert [crd["metadata"]["name"] for crd in source.load()] == ["a.monitoring.coreos.com", "b.monitoring.coreos.com"]


def told(path: Path, home: dict[str, str]) -> list[str]:
    with pytest.raises(InputError) as caught:
        open_source(version="0.1.0", source=str(path), environ=home).load()
    return [str(error) for error in caught.value.errors]


def test_the_templates_of_a_chart_are_told_file_by_file(tmp_path: Path, home: dict[str, str]) -> None:
    """As in prometheus-operator-crds of prometheus-community/helm-charts."""
    chart = "{{- if .Values.crds.probes.enabled }}\n---\n" + CRD + "{{- end }}\n"
    annotated = CRD.replace("spec:\n", "  annotations:\n{{- with .Values.crds.annotations }}\n{{- end }}\nspec:\n", 1)
    (tmp_path / "a.yaml").write_text(chart)
    (tmp_path / "b.yaml").write_text(annotated)
    (tmp_path / "c.yaml").write_text(CRD)
    found = told(tmp_path, home)
    assert [text.split(": ")[0] for text in found] == [f"{tmp_path}/a.yaml", f"{tmp_path}/b.yaml"]
    for text in found:
        assert re.search(
            r": line \d+: .*; this looks like a chart's template: render it first with helm template$", text
        )


def test_a_file_that_was_cut_is_told_wherever_it_was_cut(tmp_path: Path, home: dict[str, str]) -> None:
    """Most beginnings of a CRD are YAML. One that ends behind its last required field can be taken for whole."""
    whole = dump([parse(CRD)[2]])
    path = tmp_path / "cut.yaml"
    end = whole.index("storage: true")
    for size in range(whole.index("CustomResourceDefinition") + len("CustomResourceDefinition"), end):
        path.write_text(whole[:size])
        for text in told(path, home):
            assert text.startswith((f"{path}[0].", f"{path}: line ")), text


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nowhere")
    assert told(tmp_path, home) == [f"{tmp_path}/a.yaml: cannot be read: No such file or directory"]
