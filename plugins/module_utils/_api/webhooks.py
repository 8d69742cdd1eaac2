# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Admission webhooks that the API server cannot call: what it says of them, whose they are, how long to ask again.

The API server words such a failure ``failed calling webhook "NAME": failed to call webhook: Post "URL": REASON``
(apiserver/pkg/util/webhook/error.go and apiserver/pkg/admission/plugin/webhook of kubernetes/kubernetes), with status
500. A webhook that answers and denies is worded in another way, and is not meant here.
"""

from __future__ import annotations

import re
import threading
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import whose
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

GROUP = "admissionregistration.k8s.io"
API = f"{GROUP}/v1"
KINDS = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
# Seconds for which the requests of one run, all together, wait for one webhook that may come back (a restart).
PATIENCE = 20.0
# Two failures further apart are two outages: a webhook may take 30 s to time out, and a pause is 5 s at most.
LONGEST_GAP = 40.0
_FAILED = re.compile(r'failed calling webhook "(?P<name>[^"]*)"(?:: (?P<reason>.*))?', re.DOTALL)
_SERVICE = re.compile(r'"https://(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc[.:/]')
# What the API server finds wrong with the registration itself before it connects to anything
# (apiserver/pkg/util/proxy/proxy.go, apiserver/pkg/util/webhook/client.go): asking again changes nothing.
_LASTING = re.compile(
    r'service "[^"]*" not found|no service port \d+ found for service|cannot route to service with ClusterIP'
    r"|unsupported service type|could not get REST client|unable to load root certificates"
)
_SELECTORS = ("matchConditions", "namespaceSelector", "objectSelector")


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A webhook as a configuration object has it; *more*: how many other webhooks that object has.

    *selective*: whether selectors or conditions of it may spare some of the objects that its rules speak of.
    """

    kind: str
    name: str
    owner: str
    rules: tuple[JsonObject, ...]
    selective: bool = False
    more: int = 0

    @property
    def command(self) -> str:
        """The configuration object as kubectl is given it."""
        return f"{self.kind.lower()} {self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" (of {self.owner})" if self.owner else "")


@dataclass(frozen=True, kw_only=True)
class FailingWebhook:
    """A webhook that the API server could not call. *service*: ``namespace/name``, empty if it is called by a URL.

    *registrations*: the configuration objects that have it, empty where they could not be listed.
    """

    name: str
    reason: str
    service: str
    registrations: tuple[Registration, ...] = field(default=(), compare=False)

    @property
    def is_lasting(self) -> bool:
        """Whether it cannot recover by itself: its registration leads nowhere."""
        return _LASTING.search(self.reason) is not None

    @property
    def is_selective(self) -> bool:
        """Whether it may be called for one object of a kind and not for another."""
        return any(one.selective for one in self.registrations)

    def refuses(self, group: str, plural: str, *, operation: str) -> bool:
        """Whether it is called for every *operation* (CREATE, UPDATE, DELETE) on a resource, for all objects alike."""
        rules = [rule for one in self.registrations if not one.selective for rule in one.rules]
        return any(rule_matches(rule, group, plural, operations=(operation,)) for rule in rules)


def failing_webhook(status: int, body: t.Mapping[str, t.Any] | None) -> FailingWebhook | None:
    """The webhook that an answer of the API server is about, if it says that it could not call one. Pure."""
    found = _FAILED.search(str((body or {}).get("message") or "")) if status >= 500 else None
    if found is None:
        return None
    reason = found["reason"] or "no further details"
    service = _SERVICE.search(reason)
    return FailingWebhook(
        name=found["name"], reason=reason, service=f"{service['namespace']}/{service['name']}" if service else ""
    )


def rule_matches(rule: t.Mapping[str, t.Any], group: str, plural: str, *, operations: t.Collection[str]) -> bool:
    """Whether a rule of a webhook speaks of one of *operations* on a resource (no subresource). Pure."""
    return (
        bool({"*", *operations} & set(rule.get("operations") or ()))
        and bool({"*", group} & set(rule.get("apiGroups") or ()))
        and bool({"*", "*/*", plural, f"{plural}/*"} & set(rule.get("resources") or ()))
    )


def registrations_of(webhook: FailingWebhook, configurations: t.Iterable[JsonObject]) -> tuple[Registration, ...]:
    """The configuration objects that have *webhook*: by its name and its Service, sorted. Pure.

    Names of webhooks are unique in one object only. One that ignores failures is not the one that refuses.
    """
    found = []
    for configuration in configurations:
        webhooks = configuration.get("webhooks") or ()
        own = [
            one
            for one in webhooks
            if one.get("name") == webhook.name
            and one.get("failurePolicy", "Fail") == "Fail"
            and (not webhook.service or service_of(one) == webhook.service)
        ]
        if own:
            found.append(
                Registration(
                    kind=str(configuration["kind"]),
                    name=str(configuration["metadata"]["name"]),
                    owner=whose(configuration),
                    rules=tuple(rule for one in own for rule in one.get("rules") or ()),
                    selective=any(one.get(name) for one in own for name in _SELECTORS),
                    more=len(webhooks) - len(own),
                )
            )
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


def service_of(webhook: t.Mapping[str, t.Any]) -> str:
    """``namespace/name`` of the Service that a webhook of a configuration calls, empty if it calls a URL. Pure."""
    service = (webhook.get("clientConfig") or {}).get("service") or {}
    return f"{service.get('namespace')}/{service.get('name')}" if service else ""


def advice(webhook: FailingWebhook) -> str:
    """What a message adds to the API server's words: where the webhook is registered, and how to repair it. Pure."""
    called = f"Service {webhook.service}" if webhook.service else "its server"
    if not webhook.registrations:
        return (
            f". Every such write is refused until the webhook answers: repair {called}, or, if what it belonged to was "
            f"removed, delete its configuration. This finds it: kubectl get {','.join(KINDS.values())} "
            f"-o custom-columns=KIND:.kind,NAME:.metadata.name,WEBHOOKS:.webhooks[*].name | grep -F {webhook.name}"
        )
    found = webhook.registrations
    owners = {one.owner for one in found if one.owner}
    belongs = f"It belongs to {' and '.join(sorted(owners))}: " if owners else "It is not ours: "
    more = sum(one.more for one in found)
    others = f" (which also removes {more} more webhooks of it)" if more else ""
    return (
        f". The webhook is registered by {first_of(found, separator=' and ')} and calls {called}. Every write that it "
        f"matches is refused until it answers. Repair {called} (kubectl get {found[0].command} -o yaml), or, if what "
        f"it belonged to was removed: {'; '.join(f'kubectl delete {one.command}' for one in found)}{others}. "
        f"{belongs}ask its owner before you delete it"
    )


@dataclass(kw_only=True)
class _Outage:
    """*since*: when the present outage began, None if there is none; *last*: its latest failure.

    *spent*: seconds of the outages before it.
    """

    spent: float = 0.0
    since: float | None = None
    last: float = 0.0

    def end(self, when: float) -> None:
        """The present outage ended at *when*."""
        if self.since is not None:
            self.spent += when - self.since
            self.since = None


class Outages:
    """How long the requests of one run have waited for each webhook that could not be called. Safe for threads.

    A webhook that restarts is waited for. That time is bounded for the whole run: a thousand objects do not wait
    a thousand times for a webhook that is gone.
    """

    def __init__(self, *, patience: float = PATIENCE, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, _Outage] = {}

    def follow(self) -> t.Callable[[FailingWebhook | None], bool]:
        """For one request: a function that gets the webhook that each of its answers is about, None if none is.

        It returns whether the webhook may recover in time, so that the request is worth repeating.
        """
        before: str | None = None

        def told(webhook: FailingWebhook | None) -> bool:
            nonlocal before
            if before is not None and (webhook is None or webhook.name != before):
                self._recovered(before)
            before = webhook.name if webhook is not None else None
            return webhook is None or self._may_recover(webhook)

        return told

    def _may_recover(self, webhook: FailingWebhook) -> bool:
        now = self._clock()
        with self._lock:
            outage = self._known.setdefault(webhook.name, _Outage())
            if now - outage.last > LONGEST_GAP:
                outage.end(outage.last)
            if outage.since is None:
                outage.since = now
            outage.last = now
            return not webhook.is_lasting and outage.spent + now - outage.since < self._patience

    def _recovered(self, name: str) -> None:
        with self._lock:
            self._known[name].end(self._clock())


def configuration_paths() -> dict[str, str]:
    """The URL path of each kind of webhook configuration. Pure."""
    return {kind: url_path(API, plural) for kind, plural in KINDS.items()}
