# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One writer at a time for each set: a ``coordination.k8s.io/v1`` Lease in the namespace of the records.

A run reads the Lease before it reads the objects, and takes it only when it has something to write. Every step is a
PUT with the resourceVersion that was read, so that two runs never both succeed. A release leaves the Lease without a
holder, because that keeps its resourceVersion moving: a run that takes it at the resourceVersion that it read first
knows that no other run wrote in between, and that its plan is still right.

Clocks of two machines are never compared: a holder counts as gone when this process has seen no sign of life from it
for the whole of the Lease's duration (client-go's leader election does the same).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import os
import socket
import threading
import time
import typing as t
import uuid
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ApiError,
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import ONCE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import way_out

JsonObject = dict[str, t.Any]

GROUP = "coordination.k8s.io"
API_VERSION = f"{GROUP}/v1"
# Seconds after which a holder that gives no sign of life has lost the Lease.
DURATION = 15
# Seconds between two looks at a Lease that another run holds.
INTERVAL = 0.5
# Of the duration: when the holder renews by the way, and when it does not write before it has renewed.
RENEW_PART = 0.25
STOP_PART = 0.7


class LeaseLost(ClusterError):
    """This run may no longer write: its Lease expired or another run took it."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Where one Lease is."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """The URL path of the Lease."""
        return url_path(API_VERSION, "leases", namespace=self.namespace, name=self.name)

    @property
    def collection(self) -> str:
        """The URL path of the Leases beside it."""
        return url_path(API_VERSION, "leases", namespace=self.namespace)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A Lease as it was read: None if there was none."""

    live: JsonObject | None

    @property
    def spec(self) -> JsonObject:
        """What it says."""
        return dict((self.live or {}).get("spec") or {})

    @property
    def holder(self) -> str:
        """The holder's identity; empty if the Lease is free."""
        return str(self.spec.get("holderIdentity") or "")

    @property
    def version(self) -> str:
        """Its resourceVersion, empty if there is no Lease."""
        return str((self.live or {}).get("metadata", {}).get("resourceVersion") or "")

    @property
    def duration(self) -> float:
        """Seconds that its holder may be silent."""
        return float(self.spec.get("leaseDurationSeconds") or DURATION)


def name_of(what: str) -> str:
    """The name of the Lease for *what*: the label of a set, or another name for what has one writer at a time."""
    return f"promfleet-set-{what}"


def needed_rights(lock: Lock) -> tuple[Right, ...]:
    """What holding a Lease takes. A POST has no name to be judged by. Pure."""
    lease = Right(group=GROUP, resource="leases", verb="create", namespace=lock.namespace)
    return (lease, *(replace(lease, verb=verb, name=lock.name) for verb in ("delete", "get", "update")))


def identity(environ: t.Mapping[str, str] | None = None) -> str:
    """The identity of this run, which other runs show to users; it ends with random text, so that it is unique."""
    source = os.environ if environ is None else environ
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())  # a container's user has no name
    # AWX and Automation Controller set it for every job.
    job = f", job {source['JOB_ID']}" if source.get("JOB_ID") else ""
    return f"{user}@{socket.gethostname()}, pid {os.getpid()}{job} ({uuid.uuid4().hex[:8]})"


def look(cluster: Cluster, lock: Lock) -> Seen:
    """The Lease as it is now; to be asked before the objects are read. Raises ApiError if that is forbidden."""
    try:
        return Seen(live=cluster.find(lock.path))
    except ApiError as error:
        if error.status == 403:
            raise  # told with all else that the account may not do
        raise _failed("read", lock, error) from error


@contextlib.contextmanager
def hold(cluster: Cluster, lock: Lock, *, seen: Seen, timeout: float) -> t.Iterator[KeptLease]:
    """Hold the Lease for this block; inside it every write of *cluster* fails once the Lease is lost.

    *seen* is what `look` gave before the plan was made. Waits up to *timeout* seconds for another run to end, then
    raises Refused with its name. `KeptLease.fresh` tells whether the plan still holds.
    """
    kept = KeptLease(cluster, lock)
    kept.take(seen, timeout=timeout)
    try:
        with cluster.fenced(kept.require):
            yield kept
    finally:
        kept.release()


class KeptLease:
    """A Lease that this run holds, renewed by a thread of its own."""

    def __init__(self, cluster: Cluster, lock: Lock) -> None:
        self._cluster = cluster
        self._lease = lock
        self._identity = identity()
        self._live: JsonObject = {}
        self._since = 0.0
        self._lost = ""
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {lock.name}", daemon=True)
        self.fresh = False
        # Whether the Lease is deleted at the end: a set that was removed as a whole needs none.
        self.remove = False

    def take(self, seen: Seen, *, timeout: float) -> None:
        """Take the Lease, or raise Refused when another run holds it for all of *timeout*."""
        start = changed = time.monotonic()
        first = seen
        while not self._try(seen, silent=time.monotonic() - changed):
            waited = time.monotonic() - start
            if seen.holder and waited >= timeout:
                raise Refused(self._refusal(seen, waited=waited))
            time.sleep(min(INTERVAL, max(timeout - waited, 0.0)) if seen.holder else 0.05)
            asked = time.monotonic()
            now = look(self._cluster, self._lease)
            if now.version != seen.version:
                changed = asked
            seen = now
        # No run wrote since the first read, if the Lease was free then and its version is the same.
        self.fresh = seen is first and bool(first.version) and not first.holder
        self._thread.start()

    def _try(self, seen: Seen, *, silent: float) -> bool:
        """One attempt, for a Lease that did not move for *silent* seconds."""
        if seen.holder == self._identity:
            # The answer to our own write was lost, what it did was not.
            return self._write(seen)
        if seen.holder and silent <= seen.duration:
            return False
        return self._write(seen)

    def _refusal(self, seen: Seen, *, waited: float) -> str:
        since = seen.spec.get("acquireTime") or "an unknown time"
        return (
            f"another run writes the same objects: {seen.holder} holds the Lease {self._lease} "
            f"since {since}; waited {waited:.0f} s for it. Run again when it is done, or wait longer (lock_timeout)"
        )

    def require(self) -> None:
        """Raise LeaseLost unless this run surely still holds the Lease."""
        if not self._lost and self._is_stale(STOP_PART):
            # A slow machine, or a server that was away: a renewal that succeeds proves that no run took it meanwhile.
            try:
                self._renew(patient=True)
            except ClusterError as error:
                self._lost = f"it could not be renewed ({error})"
        if self._lost:
            raise LeaseLost(f"stopped writing, because the Lease {self._lease} was lost: {self._lost}. Run again")

    def _is_stale(self, part: float) -> bool:
        return time.monotonic() - self._since > DURATION * part

    def _write(self, seen: Seen, *, holder: str | None = None, patient: bool = True) -> bool:
        """Write the Lease at the version that was seen; False if somebody else wrote it first."""
        holder = self._identity if holder is None else holder
        started = time.monotonic()
        body = _body(self._lease, seen=seen, holder=holder)
        query = {"fieldManager": FIELD_MANAGER}
        patience = None if patient else ONCE
        try:
            if seen.live is None:
                answer = self._cluster.request(
                    "POST", self._lease.collection, query=query, body=body, patience=patience, fenced=False
                )[1]
            else:
                answer = self._cluster.request(
                    "PUT", self._lease.path, query=query, body=body, patience=patience, fenced=False
                )[1]
        except ApiError as error:
            if error.status in (404, 409):
                return False  # deleted, made or written by another; maybe by ourselves, when an answer was lost
            raise _failed("written", self._lease, error) from error
        self._live, self._since = answer, started
        return True

    def _renew(self, *, patient: bool) -> None:
        """Renew the Lease unless that was just done; find out whether another run has it."""
        with self._lock:
            if self._lost or not self._is_stale(RENEW_PART / 2):
                return
            if self._write(Seen(live=self._live), patient=patient):
                return
            now = look(self._cluster, self._lease)
            # It is ours where the answer to our own write was lost.
            if now.holder != self._identity or not self._write(now, patient=patient):
                self._lost = f"{now.holder or 'no run'} holds it now"

    def _keep(self) -> None:
        while not self._end.wait(DURATION * RENEW_PART):
            # Whether it failed for too long is for `require` to say.
            with contextlib.suppress(ClusterError):
                self._renew(patient=False)

    def release(self) -> None:
        """Release the Lease; if that fails, it expires."""
        self._end.set()
        self._thread.join()
        if self._lost:
            return
        # The work is done or has failed with a reason of its own, which this must not hide.
        with contextlib.suppress(ClusterError):
            if self.remove:
                meta = self._live["metadata"]
                conditions = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
                self._cluster.request("DELETE", self._lease.path, body={"preconditions": conditions}, fenced=False)
            else:
                self._write(Seen(live=self._live), holder="")


def _failed(what: str, lock: Lock, error: ApiError) -> ClusterError:
    hint = way_out(error, lock.namespace)
    return ClusterError(f"Lease {lock} could not be {what}: {error.server_message}{hint}")


def _body(lock: Lock, *, seen: Seen, holder: str) -> JsonObject:
    """The Lease for *holder*; an empty one frees it. Times are for users."""
    now = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    kept = holder and holder == seen.holder
    transitions = int(seen.spec.get("leaseTransitions") or 0)
    return {
        "apiVersion": API_VERSION,
        "kind": "Lease",
        "metadata": {
            "name": lock.name,
            "namespace": lock.namespace,
            "labels": common_labels("promfleet"),
            **({"resourceVersion": seen.version} if seen.version else {}),
        },
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION,
            "acquireTime": seen.spec.get("acquireTime") if kept else now,
            "renewTime": now,
            "leaseTransitions": transitions if kept or not holder else transitions + 1,
        },
    }
