# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges objects by policies without writing anything: those of files, and those that live in a cluster."""

from __future__ import annotations

import datetime as dt
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import Located, read_located
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import (
    FINDING_OPTIONS,
    Link,
    Report,
    make_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import admission_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import (
    POLICY_OPTIONS,
    Policy,
    PolicySet,
    parse_policies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.rego import gatekeeper_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.report import CHECK, Item, Judged, judged
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import (
    PEOPLE,
    PERSON,
    Request,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.stored import SCHEMA_OPTIONS, Schemas
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import earlier_result
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import tell
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run

LINT_OPTIONS: dict[str, dict[str, t.Any]] = {
    **POLICY_OPTIONS,
    **FINDING_OPTIONS,
    "files": {"type": "list", "elements": "path", "required": True},
    "namespace": {"type": "str", "default": "default"},
    "namespaces": {"type": "dict", "default": {}},
    **SCHEMA_OPTIONS,
}
AUDIT_OPTIONS: dict[str, dict[str, t.Any]] = {**POLICY_OPTIONS, **FINDING_OPTIONS}
FORMS: dict[str, t.Callable[[Policy], list[JsonObject]]] = {
    "admission": admission_objects,
    "gatekeeper": gatekeeper_objects,
}
RENDER_OPTIONS: dict[str, dict[str, t.Any]] = {
    **POLICY_OPTIONS,
    "form": {"type": "str", "choices": list(FORMS), "default": "gatekeeper"},
    "folder": {"type": "path", "required": True},
}
# What controllers of Kubernetes write, as the names of their field managers say.
CONTROLLER = "system:kube-controller-manager"
CONTROLLERS = frozenset({"kube-controller-manager", "endpointslice-controller", "endpoint-controller"})
FILES = "files"


def lint(run: Run) -> JsonObject:
    """Judge the objects of files; asks no cluster."""
    params = run.params
    policies = parse_policies(params)
    located, wrong = read_located(params["files"], path="files")
    run.progress.step("judging", total=len(located))
    cluster = params["cluster"] or FILES
    schemas = _schemas(params, located)
    namespace, namespaces = params["namespace"], params["namespaces"]
    items = (_item(one, schemas=schemas, namespace=namespace, namespaces=namespaces) for one in located)
    result = judged(items, policies.policies, over=policies.over, cluster=cluster)
    unread = [_unread(text, cluster=cluster) for text in wrong]
    return _told(result, unread, run, cluster=cluster, objects=len(located))


def _schemas(params: t.Mapping[str, t.Any], located: t.Sequence[Located]) -> Schemas:
    """The schemas of the operator's kinds, and of definitions that the files hold themselves."""
    own = [one.obj for one in located if one.obj["kind"] == "CustomResourceDefinition"]
    source = open_source(version=params["crds_version"], source=params["crds_source"])
    try:
        return Schemas([*source.load(), *own])
    except ClusterError:
        # Each object whose schema is missing is a finding.
        return Schemas(own)


def _item(one: Located, *, schemas: Schemas, namespace: str, namespaces: t.Mapping[str, t.Any]) -> Item:
    obj = one.obj
    given = obj.get("metadata")
    metadata: JsonObject = given if isinstance(given, dict) else {}
    if not schemas.is_cluster_wide(obj) and not metadata.get("namespace"):
        metadata = {**metadata, "namespace": namespace}
    obj = {"apiVersion": "", **obj, "metadata": metadata}
    stored = schemas.stored(obj)
    request = Request.of_person(obj if stored is None else stored, labels=_labels(metadata, namespaces))
    unknown = "" if stored is not None else f"the schema of {obj['apiVersion']} {obj['kind']} is not known"
    return Item(request=request, place=f"{one.file}:{one.line}", unknown=unknown)


def _labels(metadata: t.Mapping[str, t.Any], namespaces: t.Mapping[str, t.Any]) -> t.Mapping[str, str] | None:
    """The labels of an object's namespace: of a known team, none for another one, None where no team is known."""
    if not namespaces:
        return None
    team = namespaces.get(str(metadata.get("namespace")))
    return {} if team is None else {TEAM_LABEL: str(team)}


def _unread(text: str, *, cluster: str) -> Finding:
    subject = Subject(cluster=cluster, kind="File", name=text.partition(": ")[0])
    return found("PF405", subject, reason=text, checks="all policies")


def audit(run: Run) -> JsonObject:
    """Judge the objects that live in a cluster, as if a person of the team wrote them again; writes nothing.

    They are judged here and not by the server with a dry run: that would need the right to change all of them, would
    ask every admission webhook of others, and would let pass what did not change. The server gives its own stored form,
    so nothing has to be normalised. Where the library is missing, all of it is `not observed`.
    """
    policies = parse_policies(run.params)
    cluster = run.cluster
    run.progress.step("reading the namespaces")
    teams, unread = _namespaces(cluster, run.params["cluster"])
    items: list[Item] = []
    for resource in _resources(cluster, policies):
        run.progress.step(f"reading {resource.plural}")
        try:
            objects = cluster.list_objects(resource)
        except ApiError as error:
            subject = Subject(cluster=run.params["cluster"], kind=resource.kind, name="*")
            reason = error.server_message
            unread.append(found("PF404", subject, place="the cluster", reason=reason, checks="all policies"))
            continue
        items += [
            _live(obj, resource=resource, teams=teams, policies=policies) for obj in objects if _is_of(obj, teams)
        ]
    result = judged(items, policies.policies, over=policies.over, cluster=run.params["cluster"])
    return _told(result, unread, run, cluster=run.params["cluster"], objects=len(items))


def _namespaces(cluster: Cluster, name: str) -> tuple[dict[str, t.Mapping[str, str]], list[Finding]]:
    """The labels of the namespaces of teams; and a finding if they cannot be read."""
    namespaces = cluster.resource("v1", "Namespace")
    try:
        found_ones = cluster.list_objects(namespaces, selector=TEAM_LABEL) if namespaces is not None else []
    except ApiError as error:
        subject = Subject(cluster=name, kind="Namespace", name="*")
        place, reason = "the cluster", error.server_message
        return {}, [found("PF404", subject, place=place, reason=reason, checks="all policies")]
    return {obj["metadata"]["name"]: obj["metadata"].get("labels") or {} for obj in found_ones}, []


def _resources(cluster: Cluster, policies: PolicySet) -> list[Resource]:
    """The served resources in namespaces that policies are about."""
    wanted = {
        (f"{kinds.group}/{version}" if kinds.group else version, resource)
        for policy in policies.policies
        if policy.row.scope == "teams" and "CREATE" in policy.row.operations
        for kinds in policy.row.kinds
        for version in kinds.versions
        for resource in kinds.resources
        if "/" not in resource
    }
    served = {
        (api_version, resource.plural): resource
        for api_version in sorted({api_version for api_version, _resource in wanted})
        for resource in (cluster.resources(api_version) or {}).values()
    }
    return [served[key] for key in sorted(wanted) if key in served]


def _is_of(obj: JsonObject, teams: t.Container[str]) -> bool:
    return obj["metadata"].get("namespace") in teams


def _live(
    obj: JsonObject, *, resource: Resource, teams: t.Mapping[str, t.Mapping[str, str]], policies: PolicySet
) -> Item:
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    managers = {entry.get("manager") for entry in obj["metadata"].get("managedFields") or ()}
    username = PERSON
    groups: tuple[str, ...] = PEOPLE
    if FIELD_MANAGER in managers:
        # What the collection wrote, one of the platform's accounts wrote.
        username = next(iter(policies.accounts.users), PERSON)
        groups = (*PEOPLE, *policies.accounts.groups[:1])
    elif managers and managers <= CONTROLLERS:
        username = CONTROLLER
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    request = Request(
        operation="CREATE",
        obj={**obj, "metadata": metadata},
        username=username,
        groups=groups,
        labels=teams[metadata["namespace"]],
    )
    return Item(request=request, place="live")


def _told(result: Judged, unread: t.Sequence[Finding], run: Run, *, cluster: str, objects: int) -> JsonObject:
    params = run.params
    report: Report = make_report(
        cluster=cluster,
        links=[*result.links, *(Link(check=CHECK, object=one.object, finding=one) for one in unread)],
        findings=[*unread, *result.findings],
        suppressions=parse_suppressions(params["suppressions"]),
        today=dt.datetime.now(tz=dt.UTC).date(),
        whole_fleet=False,
        fail_on=params["fail_on"],
        show_from=params["show_from"],
    )
    earlier = earlier_result(params["compare_with"], cluster=cluster)
    by_team = {team: dict(counts) for team, counts in result.by_team.items()}
    return {**tell(report, params=params, earlier=earlier), "objects": objects, "by_team": by_team}


def render(run: Run) -> JsonObject:
    """Write the policies as manifests, one file each; returns the files that changed. Raises InputError."""
    params = run.params
    folder = Path(params["folder"])
    changed = []
    for policy in parse_policies(params).policies:
        path, text = folder / f"{policy.id}.yaml", dump(FORMS[params["form"]](policy))
        try:
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            if not run.check:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError("folder", f"{path} cannot be written: {error.strerror or error}") from error
        changed.append(str(path))
    return {"changed": bool(changed), "files": changed}
