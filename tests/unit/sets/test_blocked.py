"""What waits for a webhook that cannot be called is told once, and not tried object by object."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import FailingWebhook, Registration
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.blocked import (
    CREATE,
    UPDATE,
    Blocked,
    Untried,
    told_once,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Failure

JsonObject = dict[str, t.Any]
GONE, DOWN = 'service "h" not found', 'no endpoints available for service "h"'


class Kinds:
    """A cluster that serves the kinds of the core group only."""

    def resource(self, api_version: str, kind: str) -> Resource | None:
        if api_version != "v1":
            return None
        plural = f"{kind.lower()}s"
        return Resource(api_version="v1", kind=kind, plural=plural, namespaced=True, verbs=frozenset())


def obj(kind: str, namespace: str = "a", *, api_version: str = "v1") -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "n", "namespace": namespace}}


def failing(reason: str = GONE, *, resources: t.Sequence[str] = (), selective: bool = False) -> FailingWebhook:
    rule = {"apiGroups": [""], "resources": list(resources), "operations": ["CREATE"]}
    found = Registration(kind="K", name="c", owner="", rules=(rule,), selective=selective)
    return FailingWebhook(name="w", reason=reason, service="", registrations=(found,) if resources else ())


ONE = ["configmaps"]
CASES: dict[str, tuple[FailingWebhook, JsonObject, str, bool]] = {
    "the same kind": (failing(), obj("ConfigMap", "b"), CREATE, False),
    "another operation": (failing(), obj("ConfigMap"), UPDATE, True),
    "another kind": (failing(), obj("Service"), CREATE, True),
    "another kind that its rules speak of": (failing(resources=["*"]), obj("Service"), CREATE, False),
    "a kind that is not served": (failing(resources=["*"]), obj("Pod", api_version="x/v1"), CREATE, True),
    "another namespace, by selectors": (failing(resources=ONE, selective=True), obj("ConfigMap", "b"), CREATE, True),
    "the same namespace": (failing(resources=ONE, selective=True), obj("ConfigMap", "a"), CREATE, False),
    "selectors, and slow": (failing(DOWN, resources=ONE, selective=True), obj("ConfigMap", "b"), CREATE, False),
    "another kind, selectors": (failing(resources=["*"], selective=True), obj("Service"), CREATE, True),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_tried_after_a_refusal(name: str) -> None:
    webhook, second, operation, tried = CASES[name]
    blocked = Blocked(t.cast("t.Any", Kinds()))
    first = obj("ConfigMap")
    refused = Failure(key=key_of(first), message="no", webhook=webhook)
    assert blocked.tried(first, CREATE, attempt=lambda: refused) is refused
    result = blocked.tried(second, operation, attempt=lambda: "written")
    assert result == ("written" if tried else Untried(key=key_of(second), webhook="w"))


def test_another_failure_blocks_nothing() -> None:
    blocked = Blocked(t.cast("t.Any", Kinds()))
    blocked.tried(obj("ConfigMap"), CREATE, attempt=lambda: Failure(key=key_of(obj("ConfigMap")), message="no"))
    assert blocked.tried(obj("ConfigMap"), CREATE, attempt=lambda: "written") == "written"


def test_each_webhook_is_one_failure_that_names_the_rest() -> None:
    keys = [Key("", "ConfigMap", "a", f"c{number}") for number in range(9)]
    other = FailingWebhook(name="v", reason=DOWN, service="")
    failures = [
        Failure(key=keys[0], message="first", webhook=failing()),
        Failure(key=keys[1], message="plain"),
        Failure(key=keys[2], message="second", webhook=failing()),
        Failure(key=keys[3], message="alone", webhook=other),
    ]
    untried = [Untried(key=key, webhook="w") for key in keys[4:]]
    waiting = "ConfigMap a/c2, ConfigMap a/c4, ConfigMap a/c5, ConfigMap a/c6, ConfigMap a/c7 and 1 more"
    assert [(one.key, one.message) for one in told_once(failures, untried)] == [
        (keys[0], f"first. For the same reason 6 more objects wait: {waiting}"),
        (keys[1], "plain"),
        (keys[3], "alone"),
    ]
