"""Small sets of objects for tests of the engine: which, how they differ, and what is live of a set."""

from __future__ import annotations

import random
import typing as t

from tests.integration.support.cluster import Cluster, Key, key_of

JsonObject = dict[str, t.Any]
RBAC = "rbac.authorization.k8s.io"
SET_LABEL = "promfleet.monitoring/set"
# Kinds that fleets have here; what a state is compared by.
KINDS = (("v1", "Namespace"), ("v1", "ConfigMap"), ("v1", "Service"), (f"{RBAC}/v1", "RoleBinding"))
COMPARED = ("data", "roleRef")


def namespace(name: str, **labels: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
    }


def config_map(place: str, name: str = "settings", **data: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": place}, "data": data}


def service(place: str, name: str = "web") -> JsonObject:
    ports = [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place, "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def binding(place: str, role: str, name: str = "readers") -> JsonObject:
    """Its roleRef is immutable: another *role* is a replacement."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": place},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "readers"}],
    }


def fleet_of(place: str, chance: random.Random) -> list[JsonObject]:
    """A namespace, and in it or in a second one objects that come, go, change and are replaced from draw to draw."""
    wanted = [namespace(place), binding(place, chance.choice(("view", "edit")))]
    if chance.random() < 0.3:  # a namespace takes five seconds to go
        wanted += [namespace(f"{place}-2"), config_map(f"{place}-2", "inside", v=str(chance.randrange(3)))]
    for number in range(8):
        if chance.random() < 0.6:
            wanted.append(config_map(place, f"c{number}", v=str(chance.randrange(3))))
    for number in range(2):
        if chance.random() < 0.5:
            wanted.append(service(place, f"s{number}"))
    return wanted


def states(api: Cluster, label: str) -> dict[Key, JsonObject]:
    """What is live of a set and made by us, without its record: by identity, with what fleets differ in."""
    found: dict[Key, JsonObject] = {}
    for api_version, kind in KINDS:
        for obj in api.list_kind(api.kind(api_version, kind), selector=f"{SET_LABEL}={label}"):
            if not obj["metadata"]["name"].startswith("promfleet-set-"):
                found[key_of(obj)] = {name: obj[name] for name in COMPARED if name in obj}
    return found


def wanted_states(wanted: t.Iterable[JsonObject]) -> dict[Key, JsonObject]:
    """What `states` must give once *wanted* is there."""
    return {key_of(obj): {name: obj[name] for name in COMPARED if name in obj} for obj in wanted}
