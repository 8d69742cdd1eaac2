# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the CRDs come from: a local path, the cache, the Go module cache, or a URL with known checksums.

They are never part of the collection. What was fetched and checked once is kept, so that a run over many clusters
downloads at most once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import traceback
import typing as t
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.urls import open_url
from ansible_collections.promfleet.monitoring.plugins.module_utils import _versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import ClusterError

try:
    import yaml

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]

GO_MODULE = "github.com/prometheus-operator/prometheus-operator"
MODULE_FOLDER = "example/prometheus-operator-crd"
# Where the project publishes the files of a release, one by one.
DEFAULT_URL = (
    "https://raw.githubusercontent.com/prometheus-operator/prometheus-operator/v{version}/" + MODULE_FOLDER + "/{file}"
)
TIMEOUT = 30


def load_crds(
    *, version: str, source: str | None = None, environ: t.Mapping[str, str] | None = None
) -> list[JsonObject]:
    """The CRDs of an operator release, sorted by name.

    *source*: a folder or file of YAML, or a URL with ``{version}`` and ``{file}``; None looks in the cache, then in the
    Go module cache, then at the project's own address. Raises ClusterError where none of them has what was asked for.
    """
    env = os.environ if environ is None else environ
    if source and not source.startswith(("http://", "https://")):
        path = Path(source).expanduser()
        if not path.exists():
            raise ClusterError(f"the CRD source {source} does not exist")
        return _read(path)
    if not source:
        for folder in _go_module_folders(version, env):
            if folder.is_dir():
                return _read(folder)
    return _read(_fetched(version, url=source or DEFAULT_URL, env=env))


def _go_module_folders(version: str, env: t.Mapping[str, str]) -> list[Path]:
    """Where a Go toolchain keeps the module, without asking the toolchain. Its content was checked when it came in."""
    roots = [env["GOMODCACHE"]] if env.get("GOMODCACHE") else []
    roots += [f"{path}/pkg/mod" for path in (env.get("GOPATH") or "").split(os.pathsep) if path]
    roots.append(f"{env.get('HOME', '')}/go/pkg/mod")
    return [Path(root) / f"{GO_MODULE}@v{version}" / MODULE_FOLDER for root in roots]


def _cache(env: t.Mapping[str, str]) -> Path:
    base = env.get("XDG_CACHE_HOME") or f"{env.get('HOME') or tempfile.gettempdir()}/.cache"
    return Path(base) / "promfleet" / "crds"


def _fetched(version: str, *, url: str, env: t.Mapping[str, str]) -> Path:
    checksums = _versions.CRD_SHA256 if version == _versions.PROMETHEUS_OPERATOR else None
    if checksums is None:
        raise ClusterError(
            f"there are no checksums for the CRDs of operator {version} "
            f"(this collection knows those of {_versions.PROMETHEUS_OPERATOR}); "
            "download them yourself and name the folder as the source"
        )
    folder = _cache(env) / version
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        for file, wanted in checksums.items():
            target = folder / file
            if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == wanted:
                continue
            address = url.format(version=version, file=file)
            data = _download(address)
            found = hashlib.sha256(data).hexdigest()
            if found != wanted:
                raise ClusterError(f"{address}: the checksum is {found}, expected {wanted}: nothing was applied")
            partial = folder / f".{file}.partial"
            partial.write_bytes(data)
            partial.replace(target)
    return folder


def _download(address: str) -> bytes:
    try:
        return bytes(open_url(address, timeout=TIMEOUT).read())
    except OSError as error:
        raise ClusterError(
            f"the CRDs cannot be fetched from {address}: {error}. "
            "Name a mirror or a local folder as the source (prometheus_operator_crds_source)"
        ) from error


@contextmanager
def _locked(path: Path) -> t.Iterator[None]:
    """Forks of one run share the cache: the first fetches, the others wait for it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> list[JsonObject]:
    files = sorted(path.glob("*.yaml")) + sorted(path.glob("*.yml")) if path.is_dir() else [path]
    loaded = [obj for file in files for obj in parse(file.read_text(encoding="utf-8"))]
    crds = [obj for obj in loaded if obj.get("kind") == "CustomResourceDefinition"]
    if not crds:
        raise ClusterError(f"{path} holds no CustomResourceDefinition")
    return sorted(crds, key=lambda crd: str(crd["metadata"]["name"]))


def parse(text: str) -> list[JsonObject]:
    """All documents of a YAML text, with PyYAML's fast loader where there is one.

    The AlertmanagerConfig CRD holds a bare ``=``, which YAML 1.1 reads as a type of its own and PyYAML refuses
    (yaml/pyyaml issue 89): here it is the string that was meant.
    """
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc, valid-type]  # the base is chosen at run time
        pass

    Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)
    return [document for document in yaml.load_all(text, Loader=Loader) if document]
