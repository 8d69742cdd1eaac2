"""Container images as `docker save` archives, made with the standard library and byte-for-byte reproducible.

`docker load`, `podman load`, `ctr images import` and `kind load image-archive` all read them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

EPOCH = "1970-01-01T00:00:00Z"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def with_parents(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries, sorted by path without its leading slash, and every folder that a path goes through."""
    found: dict[str, Entry] = {path.strip("/"): entry for path, entry in entries.items()}
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            if parent.name:
                found.setdefault(str(parent), Folder())
    return dict(sorted(found.items()))


def write_layer(out: Path, entries: Mapping[str, Entry]) -> None:
    """Write the file system of an image: sorted, owned by root, without times."""
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        for path, entry in with_parents(entries).items():
            entry.add(archive, path)


def image_config(image: ImageConfig, *, architecture: str, layer_digest: str) -> bytes:
    """The configuration of an image with one layer."""
    runtime: dict[str, object] = {
        "Env": [*([] if any(one.startswith("PATH=") for one in image.env) else [SEARCH_PATH]), *image.env],
        "Entrypoint": list(image.entrypoint) or None,
        "WorkingDir": image.workdir,
        "User": image.user,
    }
    if image.stop_signal:
        runtime["StopSignal"] = image.stop_signal
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": EPOCH,
        "config": runtime,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": EPOCH, "created_by": "promfleet lab"}],
    }
    return json.dumps(document, sort_keys=True).encode()


def write_archive(out: Path, layer: Path, *, reference: str, image: ImageConfig, architecture: str) -> None:
    """Wrap a layer into an image archive that loads under the name `reference`."""
    with layer.open("rb") as source:
        layer_digest = hashlib.file_digest(source, "sha256").hexdigest()
    config = image_config(image, architecture=architecture, layer_digest=layer_digest)
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [reference], "Layers": [layer_name]}]
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in (("manifest.json", json.dumps(manifest).encode()), (config_name, config)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
        Folder().add(archive, layer_digest)
        File(source=layer, mode=0o644).add(archive, layer_name)


def build_archive(
    out: Path, entries: Mapping[str, Entry], *, reference: str, image: ImageConfig, architecture: str
) -> None:
    """Write an image with these files."""
    layer = out.with_name(f"{out.name}.layer")
    try:
        write_layer(layer, entries)
        write_archive(out, layer, reference=reference, image=image, architecture=architecture)
    finally:
        layer.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """How a container of the image starts."""

    entrypoint: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"
    env: tuple[str, ...] = field(default=())
    stop_signal: str = ""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder in the image."""

    mode: int = 0o755

    def add(self, archive: tarfile.TarFile, path: str) -> None:
        """Write it."""
        member = tarfile.TarInfo(f"{path}/")
        member.type, member.mode = tarfile.DIRTYPE, self.mode
        archive.addfile(member)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A symbolic link in the image."""

    target: str

    def add(self, archive: tarfile.TarFile, path: str) -> None:
        """Write it."""
        member = tarfile.TarInfo(path)
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, self.target, 0o777
        archive.addfile(member)


@dataclass(frozen=True, kw_only=True)
class File:
    """A copy of a file."""

    source: Path
    mode: int = 0o755

    def add(self, archive: tarfile.TarFile, path: str) -> None:
        """Write it."""
        with self.source.open("rb") as content:
            member = tarfile.TarInfo(path)
            member.size, member.mode = os.fstat(content.fileno()).st_size, self.mode
            archive.addfile(member, content)


Entry = File | Link | Folder
