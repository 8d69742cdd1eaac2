# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module render does: the input of one cluster becomes a folder of files."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import documents
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import read as read_block
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Offline,
    offline_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.controllers import (
    FLUX,
    FLUX_OPTIONS,
    Flux,
    render_flux,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import (
    CRDS,
    KUSTOMIZATION,
    has_teams,
    kustomization,
    render,
    render_crds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.kinds import RELEASE_KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import (
    INDEX,
    Plan,
    carry_out,
    make_plan,
    read_index,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import SET_OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rule_check import examine
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, shared_namespaces
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import (
    is_named_secret,
    names_a_secret,
    secret_values,
)

JsonObject = dict[str, t.Any]

OPTIONS: JsonObject = {
    "folder": {"type": "path", "required": True},
    "cluster": {"type": "str", "required": True},
    "clusters": {"type": "list", "elements": "str", "default": []},
    "capabilities": {"type": "dict", "required": True},
    "crds": {"type": "dict", "options": SET_OPTIONS["crds_to_come"]["options"]},
    "flux": {"type": "dict", "options": FLUX_OPTIONS},
    "overwrite_edited": {"type": "bool", "default": False},
    **{name: SET_OPTIONS[name] for name in ("fleet", "shared_namespaces")},
}
# The keys of a text of YAML in block style, and the texts behind ``name``. A line of a longer text may look like one.
_KEY = re.compile(r'^[ ?-]*(?:"((?:[^"\\\n]|\\.)*)"|([^\s"?-].*?))(?:(:)(?: |$)|$)', re.MULTILINE)
_NAME = re.compile(r'^[ -]*name: "?(.*?)"?$', re.MULTILINE)
_IN_ADDRESS = re.compile(r"://[^/@\s]*@")


@dataclass(kw_only=True)
class Rendered:
    """The files of a cluster by their paths, how many objects are in them, and what to warn of."""

    files: dict[str, str] = field(default_factory=dict)
    objects: int = 0
    warnings: list[str] = field(default_factory=list)


def render_cluster(params: Mapping[str, t.Any]) -> Rendered:
    """The files that the module's checked *params* ask for, the same for any order of the input.

    Raises InputError with all that is wrong, or that only a cluster would know; ClusterError for CRDs that cannot be
    had.
    """
    made = Rendered()
    folders: dict[str, dict[str, str]] = {}
    found_kinds: dict[str, set[str]] = {}
    kinds: tuple[str, ...] = RELEASE_KINDS
    given = params["crds"]
    crds = []
    if given is not None:
        crds = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load()
        kinds = tuple(to_come(crds).kinds)
        folders[CRDS] = render_crds(crds)
        found_kinds[CRDS] = set()
    shared = shared_namespaces(params["shared_namespaces"])
    seen: dict[Key, str] = {}
    with Collecting(None) as errors:
        require(grammar.label_value, params["cluster"], path="cluster", errors=errors)
        for number, capability, values in asked_for(params["capabilities"], errors=errors):
            path = f"capabilities.{capability.name}"
            own = Errors()
            parsed, model = read(capability, values, errors=own)
            if parsed.get("only"):
                own.add("only", "cannot be given here: the files of all other teams would be removed")
            if model is not None and not own.sorted():
                examine(capability, model, parsed, errors=own)
            offline = Offline(kinds=kinds, errors=own)
            objects = []
            if model is not None and not own.sorted():
                objects = in_shared(offline_objects(capability, model, offline), shared)
            for error in own.sorted():
                errors.add(f"{path}.{error.path}", *error.parts)
            made.warnings += [f"{capability.name}: {warning}" for warning in offline.warnings]
            _check_objects(objects, capability, seen=seen, path=path, errors=errors)
            if objects:
                folders[capability.name] = render(objects, number=number, by_team=has_teams(capability))
                found_kinds[capability.name] = {obj["kind"] for obj in objects}
                _check_secrets(folders[capability.name], path=path, errors=errors)
    made.objects = len(seen) + len(crds)
    made.files = {f"{folder}/{path}": text for folder, files in folders.items() for path, text in files.items()}
    if folders:
        made.files[KUSTOMIZATION] = kustomization(list(folders))
    if folders and params["flux"] is not None:
        flux = render_flux(found_kinds, Flux(**params["flux"]), cluster=params["cluster"])
        made.files |= {f"{FLUX}/{path}": text for path, text in flux.items()}
    return made


def read(capability: Capability[t.Any], values: JsonObject, *, errors: Errors) -> tuple[JsonObject, t.Any]:
    """The checked options of a capability, and its model, None where there is none; what is wrong is noted."""
    parsed = validate_mapping(values, capability.options, path="", errors=errors)
    return parsed, errors.attempt(lambda: capability.parse(parsed, errors))


def asked_for(given: Mapping[str, t.Any], *, errors: Errors) -> t.Iterator[tuple[int, Capability[t.Any], JsonObject]]:
    """The capabilities that are to be rendered, in the order of applying them, each with its place in it."""
    known = [capability.name for capability in CAPABILITIES]
    for name in sorted(set(given) - set(known)):
        errors.add(f"capabilities.{name}", f"unknown capability; {nearest(str(name), known)}")
    for number, capability in enumerate(CAPABILITIES, start=1):
        values = given.get(capability.name)
        if isinstance(values, dict):
            yield number, capability, values
        elif values is not None:
            errors.add(f"capabilities.{capability.name}", "must be a mapping of options to their values")


def _check_objects(
    objects: list[JsonObject], capability: Capability[t.Any], *, seen: dict[Key, str], path: str, errors: Errors
) -> None:
    """No object may be in two files, and none may be a Secret: controllers would take one or the other."""
    for obj in objects:
        key = key_of(obj)
        if key in seen:
            errors.add(path, f"{key} is wanted by {seen[key]} too")
        seen[key] = capability.name
        if obj["kind"] == "Secret":
            errors.add(path, f"{key} is a Secret; files hold references to Secrets only")


def _check_secrets(files: Mapping[str, str], *, path: str, errors: Errors) -> None:
    """Refuse values that are secrets by their name or in an address: files go into Git."""
    # A key is on one line, and most lines are in the files of each team.
    hints = _hints("\n".join({line for text in files.values() for line in text.split("\n")}))
    texts = [text for text in files.values() if any(hint in text for hint in hints)]
    objects = [read_block(one) for text in texts for one in documents(text)]
    found = [str(key_of(obj)) for obj in objects if secret_values(obj)]
    if found:
        errors.add(
            path,
            f"{first_of(found)} would hold a secret value; files hold references to Secrets only: give a Secret's name "
            "and key",
        )


def _hints(text: str) -> list[str]:
    """The parts of a text of YAML that may belong to a secret; a text without any has none."""
    keys = set(_KEY.findall(text))
    # With the colon behind it: as a word of its own, `authorization` is in each API group of rights.
    found = [
        f'"{quoted}"{colon}' if quoted else plain + colon
        for quoted, plain, colon in keys
        if is_named_secret(quoted or plain)
    ]
    addresses = _IN_ADDRESS.findall(text) if "@" in text else ()
    return [*found, *filter(names_a_secret, set(_NAME.findall(text))), *addresses]


def plan_of(params: Mapping[str, t.Any], made: Rendered) -> Plan:
    """What to do so that the cluster's folder has these files; raises InputError before anything is written."""
    return make_plan(
        Path(params["folder"]) / params["cluster"],
        {path: text.encode() for path, text in made.files.items()},
        about={"fleet": params["fleet"], "cluster": params["cluster"]},
        overwrite_edited=params["overwrite_edited"],
    )


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    run.progress.step("rendering")
    made = render_cluster(params)
    plan = plan_of(params, made)
    if not run.check:
        carry_out(plan)
    room = Room(RESULT_BYTES)
    files = room.take(change.result() for change in plan.changes)
    left_out = len(plan.changes) - len(files)
    return {
        "changed": plan.changed,
        "counts": plan.counts,
        "objects": made.objects,
        "folder": str(plan.root),
        "files": files,
        **({"truncated": left_out} if left_out else {}),
        "diff": lambda: room.take((change.diff() for change in plan.changes), printed=True),
        "warnings": [*made.warnings, *_left(plan), *_strangers(params)],
    }


def _left(plan: Plan) -> list[str]:
    if not plan.foreign:
        return []
    found = first_of(plan.foreign)
    about = f"{len(plan.foreign)} files were not made by this module and are left as they are"
    return [f"{plan.root}: {about}; no kustomization names them: {found}"]


def _strangers(params: Mapping[str, t.Any]) -> list[str]:
    """Folders of clusters of this fleet that are not among all clusters any more; nothing removes them by itself."""
    if not params["clusters"]:
        return []
    known = {*params["clusters"], params["cluster"]}
    found = sorted(place.parent for place in Path(params["folder"]).glob(f"*/{INDEX}"))
    others = [place for place in found if place.name not in known]
    gone = [str(place) for place in others if read_index(place)[0].get("fleet") == params["fleet"]]
    return (
        [f"no cluster of the fleet has these folders any more: {first_of(gone)}; remove them yourself"] if gone else []
    )


DEFINITION = Definition(name="render", options=OPTIONS, work=work, needs_cluster=False, needs_promql=True)
