# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the CRDs come from: a local path, the cache, the Go module cache, or a URL with known checksums.

They are never part of the collection. What was fetched and checked once is kept, so that a run over many clusters
downloads at most once; and where a cluster has them already, their digest alone says so.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import load, read_bytes, unfolded
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError

JsonObject = dict[str, t.Any]

GO_MODULE = "github.com/prometheus-operator/prometheus-operator"
MODULE_FOLDER = "example/prometheus-operator-crd"
# Where the project publishes the files of a release, one by one.
DEFAULT_URL = (
    "https://raw.githubusercontent.com/prometheus-operator/prometheus-operator/v{version}/" + MODULE_FOLDER + "/{file}"
)
TIMEOUT = 30
# CustomResourceDefinitionSpec of apiextensions.k8s.io/v1. In the order of the files, so that a cut one names its end.
_REQUIRED = {"metadata": ("name",), "spec": ("group", "names", "scope", "versions")}
_REQUIRED_OF_VERSION = ("name", "schema", "served", "storage")


@dataclass(frozen=True, kw_only=True)
class CrdSource:
    """CRDs that are known by their *digest* before anything is fetched or parsed; *load* does that, sorted by name."""

    digest: str
    load: t.Callable[[], list[JsonObject]]


def load_crds(
    *, version: str, source: str | None = None, environ: t.Mapping[str, str] | None = None
) -> list[JsonObject]:
    """The CRDs of an operator release, sorted by name; open_source says where they come from."""
    return open_source(version=version, source=source, environ=environ).load()


def open_source(
    *,
    version: str,
    source: str | None = None,
    checksum: str | None = None,
    environ: t.Mapping[str, str] | None = None,
) -> CrdSource:
    """Where the CRDs of an operator release come from.

    *source*: a folder or file of YAML; a URL with ``{version}`` and ``{file}``, for the pinned release; the URL of one
    file with its *checksum* (``sha256:`` and 64 digits). None looks in the cache, then in the Go module cache, then at
    the project's own address. Raises InputError for options that do not fit, ClusterError for what is not there.
    """
    env = os.environ if environ is None else environ
    known = _known_checksum(checksum)
    if source and source.startswith(("http://", "https://")):
        address = source.replace("{version}", version)
        if "{file}" not in source:
            return _one_file(address, checksum=known, env=env)
        return _release(version, url=source, env=env)
    if source:
        return _local(Path(source).expanduser(), checksum=known)
    if known:
        raise InputError("checksum", "is that of one file, and needs a source that names it")
    for folder in _go_module_folders(version, env):
        if _is_folder(folder):
            return CrdSource(digest=_pinned_digest(version) or _digest(_files(folder)), load=partial(_read, folder))
    return _release(version, url=DEFAULT_URL, env=env)


def _known_checksum(checksum: str | None) -> str | None:
    if not checksum:
        return None
    found = re.fullmatch(r"sha256:([0-9a-fA-F]{64})", checksum.strip())
    if not found:
        raise InputError("checksum", "must be sha256: and 64 hexadecimal digits")
    return found[1].lower()


def _local(path: Path, *, checksum: str | None) -> CrdSource:
    try:
        if not path.exists():
            raise ClusterError(f"the CRD source {path} does not exist")
        if checksum and path.is_dir():
            raise InputError("checksum", f"is that of one file, and the source {path} is a folder")
        found = _digest(_files(path)) if path.is_dir() else _sha256(path.read_bytes())
    except OSError as error:
        raise ClusterError(f"the CRD source {path} cannot be read: {error.strerror or error}") from error
    if checksum and checksum != found:
        raise ClusterError(f"{path}: the checksum is {found}, expected {checksum}: nothing was applied")
    return CrdSource(digest=found, load=partial(_read, path))


def _one_file(address: str, *, checksum: str | None, env: t.Mapping[str, str]) -> CrdSource:
    if not checksum:
        raise InputError("checksum", f"is required for a file from the network ({address})")
    name = f"sha256-{checksum}.yaml"

    def load() -> list[JsonObject]:
        return _read(_kept({name: checksum}, folder="", address=lambda _file: address, env=env) / name)

    return CrdSource(digest=checksum, load=load)


def _release(version: str, *, url: str, env: t.Mapping[str, str]) -> CrdSource:
    """The files of a release one by one, by the checksums that the collection knows."""
    known = _pinned_digest(version)
    if known is None:
        raise ClusterError(
            f"there are no checksums for the CRDs of operator {version} "
            f"(this collection knows those of {versions.PROMETHEUS_OPERATOR}); name a folder or file as the source, "
            "or the URL of one file of that release (stripped-down-crds.yaml) with its checksum"
        )

    def load() -> list[JsonObject]:
        def address(file: str) -> str:
            return url.format(version=version, file=file)

        return _read(_kept(versions.CRD_SHA256, folder=version, address=address, env=env))

    return CrdSource(digest=known, load=load)


def _pinned_digest(version: str) -> str | None:
    return _digest(versions.CRD_SHA256) if version == versions.PROMETHEUS_OPERATOR else None


def _files(folder: Path) -> dict[str, str]:
    """The SHA-256 of each YAML file of a folder."""
    return {path.name: _sha256(read_bytes(path)) for path in _yaml_files(folder)}


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml")) + sorted(folder.glob("*.yml"))


def _digest(files: t.Mapping[str, str]) -> str:
    """One digest for several files: that of their list as ``sha256sum`` writes it."""
    return _sha256("".join(f"{found}  {name}\n" for name, found in sorted(files.items())).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _go_module_folders(version: str, env: t.Mapping[str, str]) -> list[Path]:
    """Where a Go toolchain keeps the module, without asking the toolchain. Its content was checked when it came in."""
    roots = [env["GOMODCACHE"]] if env.get("GOMODCACHE") else []
    roots += [f"{path}/pkg/mod" for path in (env.get("GOPATH") or "").split(os.pathsep) if path]
    roots.append(f"{env.get('HOME', '')}/go/pkg/mod")
    return [Path(root) / f"{GO_MODULE}@v{version}" / MODULE_FOLDER for root in roots]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # A home that this user may not look into holds no Go modules for it.
        return False


def _kept(
    files: t.Mapping[str, str], *, folder: str, address: t.Callable[[str], str], env: t.Mapping[str, str]
) -> Path:
    """The folder that has *files*, by name and SHA-256; what no cache has is fetched from its *address*.

    A cache that cannot be written serves as long as it is complete: it may be part of an image. A pod may run as a user
    without a home that it can write to, as on OpenShift; then a temporary folder of the user's own is the cache.
    """
    own = Path(env.get("TMPDIR") or tempfile.gettempdir()) / f"promfleet-{os.getuid()}"
    home = env.get("XDG_CACHE_HOME") or (f"{env['HOME']}/.cache" if env.get("HOME") else None)
    caches = [Path(home) / "promfleet" / "crds", own] if home else [own]
    for cache in caches:
        if _is_complete(cache / folder, files) and (cache != own or _is_private(own)):
            return cache / folder
    problems: list[str] = []
    for cache in caches:
        place = cache / folder
        try:
            if cache == own:
                _make_private(own)
            place.mkdir(parents=True, exist_ok=True)
            with _locked(place / ".lock"):
                for file, checksum in files.items():
                    _ensure(place / file, address=address(file), checksum=checksum)
        except OSError as error:
            problems.append(f"{place} ({error.strerror or error})")
        else:
            return place
    raise ClusterError(
        f"there is no folder to keep the CRDs in: {', '.join(problems)}. "
        "Set XDG_CACHE_HOME or TMPDIR to a folder that the user may write to, or name a local folder as the source"
    )


def _is_complete(place: Path, files: t.Mapping[str, str]) -> bool:
    try:
        return all(_sha256((place / file).read_bytes()) == checksum for file, checksum in files.items())
    except OSError:
        return False


def _is_private(path: Path) -> bool:
    """Whether no other user can exchange a file in *path* after it was checked."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(path):
        raise PermissionError(errno.EPERM, "another user can write to it")


def _ensure(target: Path, *, address: str, checksum: str) -> None:
    """Fetch a file unless the cache has it; what does not have the *checksum* is never kept."""
    if _is_complete(target.parent, {target.name: checksum}):
        return
    data = _download(address)
    found = _sha256(data)
    if found != checksum:
        raise ClusterError(f"{address}: the checksum is {found}, expected {checksum}: nothing was applied")
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(data)
    partial.replace(target)


def _download(address: str) -> bytes:
    try:
        # A tenth of a second to import, in every module that can read CRDs; few of their runs fetch any.
        from ansible.module_utils.urls import open_url  # noqa: PLC0415

        return bytes(open_url(address, timeout=TIMEOUT).read())
    except OSError as error:
        raise ClusterError(
            f"the CRDs cannot be fetched from {address}: {error}. Set source to a mirror or a local folder"
        ) from error


@contextmanager
def _locked(path: Path) -> t.Iterator[None]:
    """Forks of one run share the cache: the first fetches, the others wait for it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> list[JsonObject]:
    """The CRDs in a file, or in the files of a folder, sorted by name; raises InputError with all that is wrong."""
    crds: list[JsonObject] = []
    with Collecting(None) as errors:
        for file in _yaml_files(path) if path.is_dir() else [path]:
            for place, obj in unfolded(errors.attempt(partial(load, file)) or (), path=str(file), errors=errors):
                if obj.get("kind") == "CustomResourceDefinition":
                    crds.append(obj)
                    missing = _missing(obj)
                    if missing:
                        errors.add(
                            f"{place}.{missing}", "is required in a CustomResourceDefinition; is the file whole?"
                        )
    if not crds:
        raise ClusterError(f"{path} holds no CustomResourceDefinition")
    return sorted(crds, key=lambda crd: str(crd["metadata"]["name"]))


def _missing(crd: JsonObject) -> str | None:
    """The first field that the API requires of a CRD and *crd* lacks: a file that was cut may still be YAML."""
    for holder, names in _REQUIRED.items():
        found = crd.get(holder)
        for name in names:
            if not isinstance(found, dict) or not found.get(name):
                return f"{holder}.{name}"
    versions_ = crd["spec"]["versions"]
    for index, version in enumerate(versions_ if isinstance(versions_, list) else [None]):
        for name in _REQUIRED_OF_VERSION:
            if not isinstance(version, dict) or version.get(name) is None:
                return f"spec.versions[{index}].{name}"
    return None
