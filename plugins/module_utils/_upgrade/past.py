# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fleet has in a cluster before an upgrade, and how that comes back: the fields that we own, and the CRDs."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import apply_crds, live_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    SOURCE_ANNOTATION,
    OptIns,
    digest,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.snapshot import bare_crd
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import find_place
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.recorded import live_set
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

KEPT = "a rollback deletes no namespace"


# -- what there is -------------------------------------------------------------------------------------------------


def read_objects(cluster: Cluster, *, fleet: str, records_namespace: str | None, progress: Progress) -> JsonObject:
    """What a rollback brings back: ``crds``, the ``source`` of their marks, and by capability the objects of ``sets``.

    Of an object that is what we own of it, as we applied it. A capability without a record has no set.
    """
    place = find_place(cluster, records_namespace)
    live = live_crds(cluster)
    crds = [bare_crd(crd) for crd in live]
    sets = {}
    for capability in CAPABILITIES:
        owner = SetId(fleet=fleet, capability=capability.name)
        found = live_set(cluster, owner, kinds=capability.kinds, namespace=place, progress=progress)
        if found is not None:
            sets[capability.name] = list(found.applied())
    return {"crds": crds, "source": _source(live) or digest(crds), "sets": sets}


def _source(live: Sequence[JsonObject]) -> str:
    """The digest of the source that all CRDs were applied from; empty where our marks do not name one."""
    found = set()
    for crd in live:
        text = (crd["metadata"].get("annotations") or {}).get(SOURCE_ANNOTATION) or "{}"
        try:
            mark = json.loads(text)
        except ValueError:
            mark = {}
        found.add(str(mark.get("source") or "") if isinstance(mark, dict) else "")
    return found.pop() if len(found) == 1 else ""


# -- how it comes back ---------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Restored:
    """What a rollback did. *crds*: why the CRDs stay as they are, empty where they are those of before."""

    outcome: Outcome = field(default_factory=Outcome)
    crds: str = ""


def restore(cluster: Cluster, past: JsonObject, *, fleet: str, options: Options) -> Restored:
    """Bring back what `read_objects` read: first the CRDs, then the sets in the order of applying them.

    CRDs that live objects need stay. What the upgrade made and was not there before is deleted, but no namespace.
    A set that was there already is brought back although another one fails; the first error is raised at the end.
    """
    done = Restored()
    _restore_crds(cluster, past, done, options=options)
    first: Exception | None = None
    for capability in CAPABILITIES:
        objects = past["sets"].get(capability.name)
        owner = SetId(fleet=fleet, capability=capability.name)
        if objects is None and not _has_record(cluster, owner, options=options):
            continue
        options.progress.step(f"bringing back {capability.name}")
        request = Request(
            owner=owner,
            desired=tuple(objects or ()),
            kinds=capability.kinds,
            neighbours=capability.neighbours,
            keep=lambda obj: bool(obj["kind"] == "Namespace"),
            keep_reason=KEPT,
        )
        try:
            _add(done.outcome, converge(cluster, request, options=options))
        except Incomplete as error:
            _add(done.outcome, error.outcome)
            first = first or error
        except Refused as error:
            first = first or error
    if done.crds:
        # What needed the newer CRDs may be gone now.
        _restore_crds(cluster, past, done, options=options)
    if first is not None:
        raise Incomplete(str(first), outcome=done.outcome) from first
    return done


def _restore_crds(cluster: Cluster, past: JsonObject, done: Restored, *, options: Options) -> None:
    if not past["crds"]:
        return
    options.progress.step("bringing back the CRDs")
    opt_ins = OptIns(allow_downgrade=True)
    try:
        found = apply_crds(
            cluster, source=past["source"], load=lambda: list(past["crds"]), opt_ins=opt_ins, options=options
        )
    except Refused as error:
        done.crds = str(error)
        return
    done.crds = ""
    _add(done.outcome, found.outcome)


def _has_record(cluster: Cluster, owner: SetId, *, options: Options) -> bool:
    place = find_place(cluster, options.records_namespace)
    return record.read(cluster, owner=owner, namespace=place).live is not None


def _add(whole: Outcome, part: Outcome) -> None:
    whole.changes.extend(part.changes)
    whole.failures.extend(part.failures)
    whole.warnings.extend(part.warnings)
    whole.unchanged += part.unchanged
    whole.place = part.place or whole.place
