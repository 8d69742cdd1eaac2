# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request that a policy judges, and whether it is one that the policy is about. Pure."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import is_of_team
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy

JsonObject = dict[str, t.Any]

# Whom objects are judged as that are not on a cluster yet: somebody who is none of the platform's accounts.
PERSON = "promfleet:a-person-of-the-team"
PEOPLE = ("system:authenticated",)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to the API server, with the objects as the server has them after decoding and defaulting.

    *obj* is None for DELETE, *old* for CREATE. *labels* are those of the object's namespace, None where they are not
    known; what is in no namespace has none. *subresource* is empty for the object itself.
    """

    operation: str
    obj: JsonObject | None
    old: JsonObject | None = None
    subresource: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    labels: t.Mapping[str, str] | None = field(default=None)

    @classmethod
    def of_person(cls, obj: JsonObject, *, labels: t.Mapping[str, str] | None) -> Request:
        """A person of a team creates *obj* in a namespace with these *labels*."""
        return cls(operation="CREATE", obj=obj, username=PERSON, groups=PEOPLE, labels=labels)

    @property
    def one(self) -> JsonObject:
        """The object that the request is about."""
        found = self.obj if self.obj is not None else self.old
        if found is None:
            raise ValueError("a request is about an object")
        return found

    @property
    def group(self) -> str:
        """The API group of its kind."""
        return str(self.one["apiVersion"]).rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version of its kind."""
        return str(self.one["apiVersion"]).rpartition("/")[2]

    @property
    def resource(self) -> str:
        """The resource, with the subresource where it has one."""
        return resource_of(self.one["kind"], self.subresource)

    @property
    def namespace(self) -> str:
        """The namespace of the request, empty for what is in none. That of a Namespace is itself, as on the server."""
        metadata = self.one["metadata"]
        return str(metadata.get("name") if self.one["kind"] == "Namespace" else metadata.get("namespace") or "")

    def variables(self) -> JsonObject:
        """What expressions see, by its name."""
        metadata = self.one["metadata"]
        kind = {"group": self.group, "version": self.version, "kind": self.one["kind"]}
        texts = {"name": metadata.get("name"), "namespace": self.namespace, "subResource": self.subresource}
        request: JsonObject = {
            "operation": self.operation,
            "kind": kind,
            "userInfo": {"username": self.username, **({"groups": list(self.groups)} if self.groups else {})},
            # The server's form of a request leaves out what is empty.
            **{name: text for name, text in texts.items() if text},
        }
        known: JsonObject = {"object": self.obj, "oldObject": self.old, "request": request}
        namespaced = bool(metadata.get("namespace"))
        if not namespaced:
            known["namespaceObject"] = None
        elif self.labels is not None:
            name = metadata["namespace"]
            known["namespaceObject"] = {"metadata": {"name": name, "labels": dict(self.labels)}}
        return known


def all_about(policies: tuple[Policy, ...], request: Request) -> tuple[Policy, ...]:
    """The policies whose rules and namespaces select a request, before their conditions.

    Where the labels of the namespace are not known it counts as a team's: what is checked offline is written by teams.
    """
    one = request.one
    namespaced = bool(one["metadata"].get("namespace"))
    team = "" if request.labels is None else request.labels.get(TEAM_LABEL)
    what = (request.operation, str(one["apiVersion"]), str(one["kind"]), request.subresource)
    return _selecting(policies, what, namespaced, team)


@functools.lru_cache(maxsize=4096)
def _selecting(
    policies: tuple[Policy, ...],
    what: tuple[str, str, str, str],
    namespaced: bool,  # noqa: FBT001 - a key of the cache
    team: str | None,
) -> tuple[Policy, ...]:
    operation, api_version, kind, subresource = what
    group, _slash, version = api_version.rpartition("/")
    resource = resource_of(kind, subresource)
    found = []
    for policy in policies:
        row = policy.row
        if row.scope == "cluster":
            in_scope = not namespaced
        else:
            in_scope = (
                namespaced and team is not None and is_of_team({TEAM_LABEL: team}, platform_team=policy.platform_team)
            )
        if (
            in_scope
            and operation in row.operations
            and any(
                kinds.group == group and version in kinds.versions and resource in kinds.resources
                for kinds in row.kinds
            )
        ):
            found.append(policy)
    return tuple(found)


def resource_of(kind: str, subresource: str) -> str:
    """The resource of a kind, with the subresource where there is one."""
    plural = guess_plural(kind)
    return f"{plural}/{subresource}" if subresource else plural
