# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the recorded state of a cluster is kept: in a file, or in a Secret of the cluster, beside its records."""

from __future__ import annotations

import base64
import gzip
import typing as t
import zlib
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import keep

PLACE_OPTIONS: JsonObject = {"path": {"type": "path"}, "secret": {"type": "bool", "default": False}}
PREFIX = "promfleet-state-"
LABEL = f"{FIELD_MANAGER}/state"
KEY = "state.json.gz"
# What a Secret can hold at most (Kubernetes, MaxSecretSize).
LARGEST = 1024 * 1024


class Place(t.Protocol):
    """Where one state is kept."""

    @property
    def text(self) -> str:
        """The place as messages call it, with the option that names it."""

    @property
    def result(self) -> JsonObject:
        """The place in a module's result."""

    def read(self) -> bytes | None:
        """The text of the state, None if there is none; raises InputError for what cannot be read."""

    def write(self, data: bytes) -> None:
        """Keep the text of a state, in one step; raises InputError or ClusterError if that is refused."""


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """A file that only its owner can read."""

    path: Path

    @property
    def text(self) -> str:
        """The place as messages call it."""
        return f"path: {self.path}"

    @property
    def result(self) -> JsonObject:
        """The place in a module's result."""
        return {"path": str(self.path)}

    def read(self) -> bytes | None:
        """The file's content, None if there is none."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError("path", f"{self.path} cannot be read: {error.strerror or error}") from error

    def write(self, data: bytes) -> None:
        """Write the file."""
        try:
            write_private(self.path, data)
        except OSError as error:
            raise InputError("path", f"{self.path} could not be written: {error.strerror or error}") from error


@dataclass(frozen=True, kw_only=True)
class StateSecret:
    """A Secret of a fleet in the namespace of the records, with the state compressed."""

    cluster: Cluster
    namespace: str
    fleet: str

    @property
    def name(self) -> str:
        """The name of the Secret."""
        return PREFIX + self.fleet

    @property
    def text(self) -> str:
        """The place as messages call it."""
        return f"secret: Secret {self.namespace}/{self.name}"

    @property
    def result(self) -> JsonObject:
        """The place in a module's result."""
        return {"secret": f"{self.namespace}/{self.name}"}

    def read(self) -> bytes | None:
        """What the Secret holds, None if there is none; raises InputError for a Secret that a run did not make."""
        found = self.cluster.find(url_path("v1", "secrets", namespace=self.namespace, name=self.name))
        if found is None:
            return None
        if LABEL not in (found["metadata"].get("labels") or {}):
            raise InputError("secret", f"the Secret {self.namespace}/{self.name} was not made by this collection")
        try:
            return gzip.decompress(base64.b64decode((found.get("data") or {})[KEY], validate=True))
        except (KeyError, ValueError, EOFError, OSError, zlib.error) as error:
            raise InputError(
                "secret",
                f"the Secret {self.namespace}/{self.name} holds no state ({error!r}): somebody changed it. Delete it, "
                "and record the cluster again",
            ) from error

    def write(self, data: bytes) -> None:
        """Apply the Secret."""
        packed = gzip.compress(data, mtime=0)
        if len(packed) > LARGEST:
            raise Refused(
                f"the state is too large for a Secret: {len(packed)} bytes when compressed, and {LARGEST} fit. Keep it "
                "in a file: path"
            )
        metadata = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": {**common_labels("promfleet"), LABEL: "true"},
        }
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}
        keep(self.cluster, {**secret, "data": {KEY: base64.b64encode(packed).decode()}})


def place_of(run: Run, *, namespace: str) -> Place:
    """The place that the options name; *namespace* holds the cluster's records. Raises InputError for none or two."""
    path, secret = run.params["path"], run.params["secret"]
    if path and secret:
        raise InputError("path", "cannot be given with secret: a state is kept in one place")
    if not path and not secret:
        raise InputError("path", "is missing: give the file of the state, or secret: true")
    if secret:
        return StateSecret(cluster=run.cluster, namespace=namespace, fleet=str(run.params["fleet"]))
    return StateFile(path=Path(path))
