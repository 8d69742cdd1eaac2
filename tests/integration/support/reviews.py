"""What an account may do, as the API server's access reviews say: at one moment, or all through a block of code."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from tests.integration.support.cluster import Cluster

JsonObject = dict[str, t.Any]
# Group, resource with its subresource, verb.
Asked = tuple[str, str, str]

PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def account(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


def asked_of(rules: Sequence[Mapping[str, t.Any]]) -> list[Asked]:
    """Everything that these rules of a role allow."""
    return [
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def may(cluster: Cluster, user: str, asked: Asked, *, namespace: str = "") -> bool:
    """Whether *user* may do this in *namespace*, or everywhere."""
    group, resource, verb = asked
    name, _slash, subresource = resource.partition("/")
    attributes = {"group": group, "resource": name, "subresource": subresource, "verb": verb, "namespace": namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    return bool(cluster.request("POST", PATH, body=body)["status"]["allowed"])


@dataclass(kw_only=True)
class Polled:
    """What was asked while a block ran."""

    asked: int = 0
    denied: list[Asked] = field(default_factory=list)
    error: Exception | None = None


@contextmanager
def polled(cluster: Cluster, user: str, rights: Sequence[Asked]) -> Iterator[Polled]:
    """Asks for one right after the other, all the time that the block runs, and at least once for each."""
    # A connection of its own: the block may use the other one.
    own = Cluster(kubeconfig=cluster.kubeconfig, context=cluster.context)
    found = Polled()
    end = threading.Event()

    def ask() -> None:
        try:
            for right in cycle(rights):
                if end.is_set() and found.asked >= len(rights):
                    return
                found.asked += 1
                if not may(own, user, right):
                    found.denied.append(right)
        except Exception as error:  # noqa: BLE001 - it is raised in the test's own thread
            found.error = error

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()
        if found.error is not None:
            raise found.error
