# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module state_record does: what a fleet has in a cluster is kept as a state. And what such modules share."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import live_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import VERSION_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    RECORDS_OPTION,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run, records_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_place import (
    PLACE_OPTIONS,
    Place,
    place_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import find_place
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.recorded import (
    LiveSet,
    State,
    cluster_uid,
    live_set,
    parse_state,
    state_text,
)

OPTIONS: JsonObject = cluster_options({**PLACE_OPTIONS, "fleet": SET_OPTIONS["fleet"], **RECORDS_OPTION})


def place_of_records(run: Run) -> str:
    """The namespace of the cluster's records."""
    return find_place(run.cluster, records_namespace(run.params["records_namespace"]))


def live_sets(run: Run, *, place: str) -> Iterator[tuple[Capability[t.Any], LiveSet | None]]:
    """Each capability with its set in the cluster, None where there is none, in the order of applying them."""
    for capability in CAPABILITIES:
        run.progress.step(f"reading {capability.name}")
        owner = set_of(str(run.params["fleet"]), capability=capability.name)
        found = live_set(run.cluster, owner, kinds=capability.kinds, namespace=place, progress=run.progress)
        yield capability, found


def crd_releases(run: Run) -> dict[str, str]:
    """The release that each of the operator's CRDs in the cluster says it is of, empty where it says none."""
    run.progress.step("reading the CRDs")
    found = live_crds(run.cluster)
    return {
        crd["metadata"]["name"]: (crd["metadata"].get("annotations") or {}).get(VERSION_ANNOTATION, "") for crd in found
    }


def identified(run: Run) -> str:
    """The uid of the cluster; raises Refused where the account may not know it."""
    uid = cluster_uid(run.cluster)
    if not uid:
        raise Refused("the namespace kube-system cannot be read, by whose uid a cluster is known. Nothing was done")
    return uid


def read_state(run: Run, *, uid: str, namespace: str) -> State:
    """The state that the options name; raises InputError if there is none of this fleet in this cluster.

    *uid* is that of the cluster, *namespace* holds its records.
    """
    place = place_of(run, namespace=namespace)
    option, _colon, name = place.text.partition(": ")
    data = place.read()
    if data is None:
        raise InputError(option, f"{name} does not exist: record the cluster first")
    state = parse_state(data, path=place.text)
    fleet = str(run.params["fleet"])
    if state.fleet != fleet:
        raise InputError(option, f"{name} is of the fleet {state.fleet!r}, this run is of {fleet!r}")
    if state.uid != uid:
        raise InputError(option, f"{name} is of another cluster: its kube-system has the uid {state.uid}, here {uid}")
    return state


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    namespace = place_of_records(run)
    place = place_of(run, namespace=namespace)
    before = _before(place)
    uid = identified(run)
    found = live_sets(run, place=namespace)
    sets = {capability.name: live.applied() for capability, live in found if live is not None}
    state = State(uid=uid, fleet=str(run.params["fleet"]), sets=sets, crds=crd_releases(run))
    text = state_text(state).encode()
    if text != before and not run.check:
        place.write(text)
    return {
        "changed": text != before,
        **place.result,
        "sets": {name: len(objects) for name, objects in sets.items()},
        "crds": sorted(set(state.crds.values()) - {""}),
    }


def _before(place: Place) -> bytes | None:
    """What is kept there, None if nothing is; raises InputError for something else than a state."""
    data = place.read()
    if data is not None:
        parse_state(data, path=place.text)
    return data


DEFINITION = Definition(name="state_record", options=OPTIONS, work=work, needs_promql=True)
