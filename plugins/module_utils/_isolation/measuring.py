# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the effects of attacks and controls: asks the instances of both teams, as the platform, what they see.

A batch of rows is measured together. Controls show that what was stored has come to the instances, and that the way of
measuring works; an attack whose effect is not there some intervals later did not have it.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    AIMED,
    ALERTED,
    ATTACKER,
    DELIVERED,
    OWN_POD,
    POD,
    REACHED,
    SERIES,
    VICTIM,
    Attack,
    Control,
    Row,
    filled,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import (
    MEASURED,
    Outcome,
    Sent,
    at_once,
    later,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import (
    APP_NAME,
    SCRAPE_SECONDS,
    Stage,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.alertmanager import Alertmanager
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS

JsonObject = dict[str, t.Any]

# After the controls are there an attack has so long: several scrapes, and as many notifications.
SETTLE = 5.0 * SCRAPE_SECONDS
INTERVAL = 2.0
_ANSWERED = "server returned HTTP status"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of one row: *effect* is None where the question got no answer."""

    effect: bool | None
    text: str
    target: JsonObject | None = None


@dataclass(kw_only=True)
class Meter:
    """Asks the instances on a stage. *before*: how many requests the victim had counted before the attacks."""

    cluster: Cluster
    stage: Stage
    places: t.Mapping[str, str]
    before: t.Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        attacker, victim = self.stage.actors
        self._prometheus = {
            ATTACKER: Prometheus(self.cluster, namespace=attacker.instance, service=attacker.service),
            VICTIM: Prometheus(self.cluster, namespace=victim.instance, service=victim.service),
            OWN_POD: Prometheus(self.cluster, namespace=attacker.own, service=APP_NAME),
        }
        self._alertmanager = {
            ATTACKER: Alertmanager(self.cluster, namespace=attacker.instance, service=attacker.alertmanager),
            VICTIM: Alertmanager(self.cluster, namespace=victim.instance, service=victim.alertmanager),
        }

    def start(self, *, timeout: float) -> None:
        """Count what the victim has been asked so far; raises ClusterError where it does not say within *timeout*.

        What enforces network policies lets the API server in some seconds after a pod is there.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.before = self._prometheus[VICTIM].counted_requests()
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(INTERVAL)
            else:
                return

    def look(self, rows: t.Sequence[Row]) -> dict[str, Seen]:
        """What is seen now of *rows*, by their ids."""
        targets = _Answer(self._targets)
        counted = _Answer(self._prometheus[VICTIM].counted_requests)

        def one(row: Row) -> Seen:
            try:
                return self._look(row, targets=targets, counted=counted)
            except ClusterError as error:
                return Seen(effect=None, text=str(error))

        # What all of them need is asked once.
        for shared in (targets, counted):
            shared.ask()
        return dict(zip((row.id for row in rows), side_by_side(one, rows, workers=WORKERS), strict=True))

    def _targets(self) -> dict[str, JsonObject]:
        """The targets of the attacker's Prometheus by the name of their monitor."""
        found: dict[str, JsonObject] = {}
        for target in self._prometheus[ATTACKER].active_targets():
            parts = str(target.get("scrapePool")).split("/")
            if len(parts) > 2 and parts[1] == self.stage.attacker.own:
                found[parts[2]] = target
        return found

    def _look(self, row: Row, *, targets: _Answer, counted: _Answer) -> Seen:
        effect = row.effect
        what = filled(effect.what, {**self.places, "id": row.id})
        if effect.kind == SERIES:
            found = self._prometheus[effect.at].query(f"count({what})")
            target = targets.get().get(row.id) if effect.at == ATTACKER else None
            if found:
                return Seen(effect=True, text=f"{found[0]['value'][1]} series: {what}", target=target)
            return Seen(effect=False, text=_told(target), target=target)
        if effect.kind in (AIMED, REACHED):
            target = targets.get().get(row.id)
            return Seen(effect=_is_hit(effect.kind, what, target), text=_told(target), target=target)
        if effect.kind == DELIVERED:
            more = counted.get().get(what, 0.0) - self.before.get(what, 0.0)
            return Seen(effect=more > 0, text=f"{more:g} requests for {what}")
        if effect.kind == ALERTED:
            alerts = self._alertmanager[VICTIM if effect.at != ATTACKER or row.credential == POD else ATTACKER]
            count = len(self._of_attacker(alerts.alerts(what)))
            return Seen(effect=count > 0, text=f"{count} alerts {what}")
        raise AssertionError(f"{row.id}: the effect {effect.kind} is not measured")

    def _of_attacker(self, alerts: t.Sequence[JsonObject]) -> list[JsonObject]:
        """Those that the attacker, or what is the attacker's, has raised."""
        own = {self.stage.attacker.team, self.stage.attacker.own}
        return [one for one in alerts if own & {*map(str, (one.get("labels") or {}).values())}]


def _is_hit(kind: str, what: str, target: JsonObject | None) -> bool:
    if target is None:
        return False
    if kind == REACHED:
        return target.get("health") == "up" or _ANSWERED in str(target.get("lastError"))
    return what in str(target.get("scrapeUrl")) or what in (target.get("scrapeInterval"), target.get("scrapeTimeout"))


def _told(target: JsonObject | None) -> str:
    if target is None:
        return "no target"
    error = target.get("lastError")
    return f"{target.get('scrapeUrl')}: {target.get('health')}" + (f": {error}" if error else "")


class _Answer:
    """The answer to a question that several rows need: asked once, and its error raised for each."""

    def __init__(self, question: t.Callable[[], dict[str, t.Any]]) -> None:
        self._question = question
        self._answer: dict[str, t.Any] = {}
        self._error: ClusterError | None = None

    def ask(self) -> None:
        """Ask."""
        try:
            self._answer = self._question()
        except ClusterError as error:
            self._error = error

    def get(self) -> dict[str, t.Any]:
        """The answer; raises what the question raised."""
        if self._error is not None:
            raise self._error
        return self._answer


# -- a batch ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How long to wait for effects: *timeout* in all, *settle* after the controls are there."""

    timeout: float
    settle: float = SETTLE
    progress: Progress = SILENT


def measure(meter: Meter, sent: t.Mapping[str, Sent], rows: t.Sequence[Row], *, waiting: Waiting) -> list[Outcome]:
    """The outcome of each of *rows*, which were sent as *sent* says."""
    open_rows = [row for row in rows if row.effect.kind in MEASURED and sent[row.id].is_taken]
    seen = _watch(meter, open_rows, waiting=waiting) if open_rows else {}
    proven = {_way(row) for row in open_rows if isinstance(row, Control) and seen[row.id].effect}
    outcomes = []
    for row in rows:
        if row.id not in seen:
            outcomes.append(at_once(row, sent[row.id]))
            continue
        one = seen[row.id]
        effect, text = one.effect, one.text
        if effect is False and isinstance(row, Attack) and _way(row) not in proven:
            # Nothing of this kind was seen to work, so nothing is known about an attack that did not.
            effect, text = None, f"{text}; no control of this kind worked either"
        outcomes.append(later(row, sent[row.id], effect=effect, target=one.target, seen=text))
    return outcomes


def _way(row: Row) -> str:
    """By which way the effect of a row shows: attacks and controls of one way prove each other's measuring."""
    if row.credential == POD:
        return "pod"
    notifies = isinstance(row, Attack) and row.door == "notifications"
    return "notifications" if row.effect.kind == ALERTED or notifies else "scrapes"


def _watch(meter: Meter, rows: t.Sequence[Row], *, waiting: Waiting) -> dict[str, Seen]:
    """Look until the controls are there and the attacks have had their time; what was an effect once stays one."""
    deadline = time.monotonic() + waiting.timeout
    seen: dict[str, Seen] = {}
    settled: float | None = None
    while True:
        left = [row for row in rows if row.id not in seen or seen[row.id].effect is not True]
        seen |= meter.look(left)
        now = time.monotonic()
        controls = [row for row in rows if isinstance(row, Control)]
        missing = [row for row in controls if seen[row.id].effect is not True]
        if not missing:
            settled = settled or now + waiting.settle
        attacks = [row for row in rows if isinstance(row, Attack) and seen[row.id].effect is not True]
        if (settled is not None and (now >= settled or not attacks)) or now >= deadline:
            return seen
        waiting.progress.step(f"waiting for effects: {len(missing)} controls and {len(attacks)} attacks without one")
        time.sleep(INTERVAL)
