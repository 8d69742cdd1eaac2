# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The support bundle: what each cluster's look leaves as files, and the one archive of a run that they go into.

The archive takes the files that are named here and nothing else. It has the same bytes for the same facts.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
import typing as t
from pathlib import Path

from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.bundle import (
    FACTS_FILE,
    SCHEMA_VERSION,
    VERSIONS_FILE,
    as_text,
    facts_text,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.compare import parse_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import FINDINGS_FILE
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import COMPARISON_FILE

JsonObject = dict[str, t.Any]

# The files of one cluster, and those of them that a bundle cannot do without.
REQUIRED = (FINDINGS_FILE, FACTS_FILE, VERSIONS_FILE)
FILES = (*REQUIRED, COMPARISON_FILE)
INDEX = "index.json"


def bundle_files(cluster: Cluster | None, facts: t.Iterable[Facts], *, name: str) -> dict[str, str]:
    """What a bundle has of the cluster *name* beside the findings; *cluster* is None where it was not asked."""
    return {FACTS_FILE: facts_text(name, facts), VERSIONS_FILE: as_text(_versions(cluster))}


def _versions(cluster: Cluster | None) -> JsonObject:
    """Versions of what judged, and of what was judged; the objects of instances have theirs."""
    served = ""
    try:
        if cluster is not None:
            served = str(cluster.request("GET", "/version", patience=BRIEF)[1].get("gitVersion", ""))
    except ClusterError:
        # The findings say why nothing of it is known.
        served = ""
    return {
        "collection": versions.COLLECTION,
        "ansible_core": ansible_version,
        "python": platform.python_version(),
        "kubernetes": served,
        "described": {
            "prometheus_operator": versions.PROMETHEUS_OPERATOR,
            "prometheus": versions.PROMETHEUS,
            "alertmanager": versions.ALERTMANAGER,
        },
    }


def pack(folders: t.Sequence[str], path: Path, *, check: bool) -> JsonObject:
    """Write the files of *folders*, one for each cluster, as an archive to *path*, which only its owner can read.

    Raises InputError with all that is wrong with the folders, or where the archive cannot be written.
    """
    with Collecting(None) as errors:
        files = dict(_files(folders, errors=errors))
    index = {"schema_version": SCHEMA_VERSION, "files": {name: _digest(data) for name, data in sorted(files.items())}}
    data = archive({**files, INDEX: as_text(index).encode()})
    changed = not path.exists() or path.read_bytes() != data
    if changed and not check:
        try:
            write_private(path, data)
        except OSError as error:
            raise InputError("path", f"{path} could not be written: {error.strerror or error}") from error
    clusters = sorted({name.partition("/")[0] for name in files})
    return {"changed": changed, "path": str(path), "clusters": clusters, "bytes": len(data), "sha256": _digest(data)}


def archive(files: t.Mapping[str, bytes]) -> bytes:
    """A tar file, compressed, with nothing in it but names and contents. Pure."""
    packed = io.BytesIO()
    # Neither a name nor a time of the file itself.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _files(folders: t.Sequence[str], *, errors: Errors) -> t.Iterator[tuple[str, bytes]]:
    """The files of all folders by their names in the archive, which are made of the clusters' names."""
    places: dict[str, str] = {}
    for number, folder in enumerate(folders):
        path = f"folders[{number}]"
        found = errors.attempt(lambda folder=folder, path=path: _of_folder(Path(folder), path=path))  # type: ignore[misc]
        if found is None:
            continue
        cluster, files = found
        if cluster in places:
            errors.add(path, f"{folder} is about the cluster {cluster!r}, as {places[cluster]} is")
            continue
        places[cluster] = folder
        yield from ((f"{cluster}/{name}", data) for name, data in files.items())
    if not folders:
        errors.add("folders", "is empty: no cluster left anything to pack")


def _of_folder(folder: Path, *, path: str) -> tuple[str, dict[str, bytes]]:
    files: dict[str, bytes] = {}
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise InputError(path, f"{folder} lacks {', '.join(missing)}: federation_doctor writes them with bundle=true")
    try:
        for name in FILES:
            if (folder / name).is_file():
                files[name] = (folder / name).read_bytes()
        report = parse_report(json.loads(files[FINDINGS_FILE]), place=str(folder / FINDINGS_FILE))
        facts_of = json.loads(files[FACTS_FILE])["cluster"]
    except OSError as error:
        raise InputError(path, f"{folder} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise InputError(path, str(error)) from error
        raise InputError(path, f"{folder} has a file that federation_doctor did not write: {error!r}") from error
    if facts_of != report.cluster:
        raise InputError(path, f"{folder} has findings about {report.cluster!r} and facts about {facts_of!r}")
    return report.cluster, files


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
