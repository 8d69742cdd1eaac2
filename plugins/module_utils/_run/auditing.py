# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts what a module changed into the audit trail of its fleet."""

from __future__ import annotations

import datetime as dt
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.accounts import own_account
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import Author, Work, work_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import (
    SLOTS_MAX,
    SLOTS_MIN,
    Appended,
    Ring,
    append,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ship import (
    NotShippedError,
    to_folder,
    to_webhook,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run, fleet_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import find_place


def check_options(params: t.Mapping[str, t.Any]) -> None:
    """Raise InputError for wrong options of the audit trail."""
    given = params.get("audit") or {}
    slots, url = given.get("slots"), given.get("url")
    if slots is not None and not SLOTS_MIN <= slots <= SLOTS_MAX:
        raise InputError("audit.slots", f"must be from {SLOTS_MIN} to {SLOTS_MAX}, found {slots}")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise InputError("audit.url", f"must be a URL such as https://audit.example.org/entries, found {url!r}")
    if url and given.get("token_file") and urlsplit(url).scheme != "https":
        raise InputError(
            "audit.url", "must be an https URL where audit.token_file is given: the token would be readable"
        )


def is_audited(run: Run) -> bool:
    """Whether what this run changes goes into the audit trail."""
    return not run.check and bool((run.params.get("audit") or {}).get("enabled"))


def audit(run: Run, outcome: Outcome, *, module: str, started: float, failure: str) -> tuple[JsonObject, list[str]]:
    """Append what was changed to the trail, and send copies where these are wanted.

    Returns what the module's result has of it, and warnings for copies that could not be made. Raises ClusterError if
    the entry could not be written to the cluster.
    """
    given = run.params["audit"]
    cluster = run.cluster
    place = outcome.place or find_place(cluster, run.params["records_namespace"])
    ring = Ring(fleet=fleet_of(run.params), namespace=place, slots=given["slots"])
    account = own_account(cluster)
    author = Author(
        account="" if account is None else account.username,
        **{name: str(given[name] or "") for name in ("run", "job", "user", "template")},
    )
    work = work_of(
        outcome,
        fleet=ring.fleet,
        cluster=str(given["cluster"] or run.params.get("cluster") or cluster.host),
        module=module,
        times=(started, time.time()),
        failure=failure,
    )
    appended = append(cluster, ring, work, author)
    warnings = [*_event(run, ring, work, author, appended), *_copies(given, work, appended)]
    return {"audit": {"number": appended.number, "digest": appended.digest}}, warnings


def _copies(given: t.Mapping[str, t.Any], work: Work, appended: Appended) -> t.Iterator[str]:
    try:
        if given["folder"]:
            to_folder(Path(given["folder"]), appended, fleet=work.fleet, cluster=work.cluster)
    except NotShippedError as error:
        yield f"audit.folder: {error}"
    try:
        if given["url"]:
            token = Path(given["token_file"]) if given["token_file"] else None
            to_webhook(given["url"], appended, token_file=token)
    except NotShippedError as error:
        yield f"audit.url: {error}"


def _event(run: Run, ring: Ring, work: Work, author: Author, appended: Appended) -> t.Iterator[str]:
    """One Event for the entry, beside the trail's head; it is for people who look there, and may fail."""
    now = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    counts = ", ".join(f"{number} {action}" for action, number in sorted(work.counts.items()))
    by = author.account + (f" (AWX job {author.job}, {author.user})" if author.job else "")
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{ring.head}-", "namespace": ring.namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": ring.namespace, "name": ring.head},
        "reason": "Changed" if not work.failure else "PartlyChanged",
        "message": f"{work.module} of fleet {ring.fleet} by {by}: {counts}; audit entry {appended.number}"[:1000],
        "type": "Warning" if work.failure else "Normal",
        "source": {"component": "promfleet.monitoring"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        run.cluster.request("POST", url_path("v1", "events", namespace=ring.namespace), body=body)
    except (ApiError, ClusterError) as error:
        yield f"the Event about audit entry {appended.number} could not be written: {error}"
