# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The views of the doctor that a module's options ask for."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.folders import Described, read_folders
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.laid_over import LaidOver
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    model_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    family_of_services,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
    Exposed,
    handed_over,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import LIVE
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import (
    CANDIDATE,
    FILES,
    MODES,
    PRE,
    View,
    known_later,
    live_view,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import NEEDED_KINDS, Wanted
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import SET_OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.preconditions import preconditions
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, shared_namespaces
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.foreseen import Foreseen
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical

JsonObject = dict[str, t.Any]

# What files are read for, with whether it has a namespace.
READ_KINDS = {
    ("", "Namespace"): False,
    ("", "Service"): True,
    ("apps", "Deployment"): True,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): False,
    ("discovery.k8s.io", "EndpointSlice"): True,
    ("networking.k8s.io", "NetworkPolicy"): True,
    **{(MONITORING_GROUP, kind): True for kinds in NEEDED_KINDS.values() for kind in kinds},
}
# In the order in which a run applies them.
APPLIED: tuple[Capability[t.Any], ...] = (OPERATOR, TEAMS, FEDERATION_SOURCE, FEDERATION)


MODE_OPTIONS: JsonObject = {
    "mode": {"type": "str", "default": LIVE, "choices": list(MODES)},
    "files": {"type": "list", "elements": "path", "default": []},
    "below": FEDERATION_SOURCE.options["below"],
    **{name: FEDERATION.options[name] for name in ("target_form", "static_above")},
    **{
        name: SET_OPTIONS[name]
        for name in ("fleet", "force_conflicts", "adopt_managers", "claim_managers", "shared_namespaces")
    },
}


def view_of(run: Run, wanted: Wanted) -> View:
    """What a run's option ``mode`` asks to look at; raises InputError where its other options do not fit."""
    mode = run.params["mode"]
    if run.params["files"] and mode != FILES:
        raise InputError("files", f"counts only for mode={FILES}, and the mode is {mode!r}")
    if mode == CANDIDATE:
        return candidate_view(run, wanted)
    if mode == PRE:
        return pre_view(run, wanted)
    if mode == FILES:
        return files_view(run.params["files"], wanted)
    return live_view(run.cluster)


def params_of(capability: Capability[t.Any], params: t.Mapping[str, t.Any]) -> JsonObject:
    """The parameters of a capability's own module, from those of the doctor, and its defaults for the rest."""
    defaults = {name: option.get("default") for name, option in capability.options.items()}
    shared = {name: params[name] for name in defaults if name in params}
    own: dict[str, JsonObject] = {
        OPERATOR.name: {"namespace": params["operator_namespace"]},
        FEDERATION_SOURCE.name: {"sources": params["exposed"]},
    }
    return {**defaults, **shared, **own.get(capability.name, {})}


def _receiving(wanted: Wanted) -> list[str]:
    """The teams whose Prometheus takes what sources write."""
    return [team.name for team, sources in wanted.federating if any(source.is_written for source in sources)]


def _querying(wanted: Wanted) -> list[str]:
    """The teams that have a Thanos Query."""
    return [team.name for team, sources in wanted.federating if any(source.is_queried for source in sources)]


def desired_of(params: t.Mapping[str, t.Any], wanted: Wanted, *, cluster: Cluster) -> list[tuple[JsonObject, SetId]]:
    """Every object that a run with this input wants, with its set; *cluster* gives its family of addresses."""
    shared = shared_namespaces(params["shared_namespaces"])
    found: list[tuple[JsonObject, SetId]] = []
    for capability in APPLIED:
        owner = set_of(params["fleet"], capability=capability.name)
        given = params_of(capability, params)
        if capability is TEAMS:
            given["receiving"] = _receiving(wanted)
            given["querying"] = _querying(wanted)
            given["writes"] = [
                {"team": source.team, "remote_write": [], "sidecar": source.sidecar.given}
                for source, _team in wanted.exposed
                if source.sidecar is not None
            ]
        model = model_of(capability, given)
        if isinstance(model, Exposed) and model.depends_on_family:
            model = dataclasses.replace(model, family=_family(cluster))
        found += [(obj, owner) for obj in in_shared(capability.desired(model), shared)]
    return found


def _family(cluster: Cluster) -> str | None:
    try:
        return family_of_services(cluster)
    except ApiError:
        return None


def files_view(files: t.Sequence[str], wanted: Wanted) -> View:
    """The manifests in *files* and folders; raises InputError with all that is wrong with them."""
    objects = [canonical(obj) for obj in read_folders(files, kinds=READ_KINDS, path="files")]
    return View(objects=Described(objects), cluster=None, later=known_later(wanted.cluster), mode=FILES)


def sources_of(params: t.Mapping[str, t.Any], view: View) -> list[JsonObject]:
    """What the central side will be given of the sources that a cluster exposes, as far as that is known."""
    exposed = model_of(FEDERATION_SOURCE, params_of(FEDERATION_SOURCE, params))
    return handed_over(exposed, view.objects, check=True)


def candidate_view(run: Run, wanted: Wanted) -> View:
    """The cluster of a run as it will be once this input is applied."""
    params = run.params
    desired = desired_of(params, wanted, cluster=run.cluster)
    foreseen = Foreseen(
        wanted={key_of(obj): (obj, owner) for obj, owner in desired},
        labels=frozenset(set_of(params["fleet"], capability=one.name).label for one in APPLIED),
        teams=frozenset(team["name"] for team in params["teams"]) | {params["platform_team"]},
        force_conflicts=params["force_conflicts"],
        adopt_managers=tuple(params["adopt_managers"]),
        claim_managers=frozenset(params["claim_managers"]),
    )
    after = LaidOver(run.cluster, wanted=[obj for obj, _owner in desired], after=foreseen.after)
    return View(
        objects=after,
        cluster=after,
        later=known_later(wanted.cluster),
        mode=CANDIDATE,
        settled=lambda obj: key_of(obj) not in after.changed,
    )


def pre_view(run: Run, wanted: Wanted) -> View:
    """The same, and what a run needs before it writes."""

    def given(capability: Capability[t.Any]) -> JsonObject:
        # Groups of rules are the roles' own; what they take is a right for their kind.
        rules: JsonObject = {name: [_ANY_RULES] for name in ("base_rules", "rules") if name in capability.options}
        receiving = {"receiving": _receiving(wanted)} if capability is TEAMS else {}
        return {**params_of(capability, run.params), **rules, **receiving}

    def more(reader: Reader) -> list[Facts]:
        desired = [obj for obj, _owner in desired_of(run.params, wanted, cluster=run.cluster)]
        return preconditions(run, wanted, reader, params_of=given, desired=desired)

    return dataclasses.replace(candidate_view(run, wanted), mode=PRE, more=more)


_ANY_RULES = {"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}
