# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects that a webhook blocks which cannot be called: one refusal is enough, and one failure tells it."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, guess_plural, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import FailingWebhook
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Failure

JsonObject = dict[str, t.Any]
Result = t.TypeVar("Result")

CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Untried:
    """An object that was not sent, because *webhook* refused one like it."""

    key: Key
    webhook: str


class _Sort(t.NamedTuple):
    """What the rules of a webhook tell apart."""

    group: str
    plural: str
    operation: str


class Blocked:
    """What the objects of one run learn of webhooks that cannot be called. Safe for threads."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._met: list[tuple[FailingWebhook, _Sort, str]] = []

    def tried(
        self, obj: JsonObject, operation: str, *, attempt: t.Callable[[], Result | Failure]
    ) -> Result | Failure | Untried:
        """What *attempt* gives for *obj*, unless it is known that a webhook refuses it which cannot be called."""
        resource = self._cluster.resource(obj["apiVersion"], obj["kind"])
        group = obj["apiVersion"].rpartition("/")[0]
        sort = _Sort(group, resource.plural if resource is not None else guess_plural(obj["kind"]), operation)
        namespace = str(obj["metadata"].get("namespace") or "")
        with self._lock:
            met = list(self._met)
        for webhook, refused, where in met:
            if _is_refused(webhook, sort, refused, same_place=namespace == where):
                return Untried(key=key_of(obj), webhook=webhook.name)
        result = attempt()
        if isinstance(result, Failure) and result.webhook is not None:
            with self._lock:
                self._met.append((result.webhook, sort, namespace))
        return result


def _is_refused(webhook: FailingWebhook, sort: _Sort, refused: _Sort, *, same_place: bool) -> bool:
    """Whether an object of *sort* need not be tried after *webhook* refused one of the sort *refused*. Pure.

    A webhook with selectors may spare the objects of other namespaces. It is asked for them where that costs nothing,
    because the API server finds at once that it leads nowhere.
    """
    if sort != refused:
        return webhook.refuses(sort.group, sort.plural, operation=sort.operation)
    return same_place or not (webhook.is_selective and webhook.is_lasting)


def told_once(failures: t.Sequence[Failure], untried: t.Sequence[Untried]) -> list[Failure]:
    """*failures* with one for each webhook that could not be called; it names what else waits for the webhook. Pure."""
    first: dict[str, Failure] = {}
    others: dict[str, list[Key]] = {}
    result: list[Failure] = []
    for failure in failures:
        webhook = failure.webhook.name if failure.webhook else ""
        if webhook in first:
            others[webhook].append(failure.key)
            continue
        if webhook:
            first[webhook] = failure
            others[webhook] = []
        result.append(failure)
    for one in untried:
        others[one.webhook].append(one.key)

    def with_others(failure: Failure) -> Failure:
        waiting = others[failure.webhook.name] if failure.webhook else []
        if not waiting:
            return failure
        note = f". For the same reason {len(waiting):,} more objects wait: {first_of(sorted(waiting), NAMED)}"
        return replace(failure, message=failure.message + note)

    return [with_others(failure) for failure in result]
