"""Proves that each guard alone denies the attacks that name it, and that without any the attacks have their effect.

The guards are taken away together. Attacks are batched: for each guard one sending, one wait, one measurement.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster as Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect_as
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.accounts import review_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.attempt import Sender, clear
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.build import Builder, built
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.controls import CONTROLS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import ATTACKS, guards
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.measuring import Meter, Waiting, measure
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    INSTANCE_ACCOUNT,
    NETWORK,
    OPERATOR,
    OWNER,
    PEOPLE,
    POLICY,
    RIGHTS,
    Attack,
    Row,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import (
    MEASURED,
    Outcome,
    Sent,
    at_once,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import (
    OWNER_NAME,
    Stage,
    make_stage,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options

from tests.integration.support.cluster import JsonObject
from tests.prove import kept
from tests.prove.isolation.field import CLUSTER, WORKERS, Field, install
from tests.prove.isolation.guards import NAMESPACE_FIELD, Guards
from tests.prove.kubelets import nudge

NONE = "none"
# The flag of a Prometheus that takes what others write.
RECEIVES = "enable-remote-write-receiver"
# How long effects are waited for, and how long a guard may take to count: policies of the API server and of the network
# take effect with a delay.
SECONDS = 240.0
EFFECTIVE = 60.0
# kube-router writes its rules some seconds after a policy changed; nothing tells when.
ROUTER_SECONDS = 10.0
# What shows that each way of measuring works.
PROOFS = tuple(one for one in CONTROLS if one.id in ("may-scrape-service", "may-be-alerted", "may-run-pods"))
GROUPS = ("without", POLICY, RIGHTS, NETWORK, OPERATOR, "some")
# Of `some`: one attack for each kind of guard.
SOME = {
    "relabel-replace": ("policy:relabelings", "network:prometheus-egress"),
    "select-named": ("operator:ignoreNamespaceSelectors",),
    "scrapeconfig-static": ("rights:team-people",),
    "namespace-rule": ("operator:enforcedNamespaceLabel",),
    "webhook-url": ("policy:alertmanager-urls", "network:alertmanager-egress"),
    "pod-federate": ("network:instance-ingress",),
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one attack went with one guard alone, or with none."""

    guard: str
    attack: str
    proved: bool
    seen: str


class Proof:
    """One stage on a cluster, for somebody who takes its guards away."""

    def __init__(self, field: Field, stage: Stage, builder: Builder, places: t.Mapping[str, str]) -> None:
        self.field, self.stage, self.builder, self.places = field, stage, builder, places
        self.cluster: Connection = field.connection
        self.guards = Guards(cluster=field.admin, stage=stage)
        self.people = connect_as(field.options, token=builder.token(stage.attacker))
        self._make_owner()
        self.owner = connect_as(field.options, token=builder.token(stage.attacker, OWNER_NAME))
        self._token = builder.token(stage.attacker)

    def _make_owner(self) -> None:
        people, own = self.stage.attacker.people, self.stage.attacker.own
        admin = self.field.admin
        account = {"name": OWNER_NAME, "namespace": people}
        admin.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}, force=True)
        roles = (("ClusterRole", "edit"), ("Role", f"team-{self.stage.attacker.team}-edit"))
        for kind, role in roles:
            admin.apply(
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "RoleBinding",
                    "metadata": {"name": f"{OWNER_NAME}-{kind.lower()}", "namespace": own},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
                    "subjects": [{"kind": "ServiceAccount", **account}],
                },
                force=True,
            )

    @property
    def meter(self) -> Meter:
        """What measures on the stage as it is now."""
        return Meter(cluster=self.cluster, stage=self.stage, places=self.places)

    def sender(self, reviews: t.Mapping[str, Sent] | None = None) -> Sender:
        """What sends with the people's credentials."""
        return Sender(
            clusters={PEOPLE: self.people, OWNER: self.owner},
            acting=lambda _credential, user, groups: connect_as(
                self.field.options, token=self._token, user=user, groups=groups
            ),
            places=self.places,
            own=self.stage.attacker.own,
            reviews=reviews or {},
        )

    # -- states -----------------------------------------------------------------------------------------------------

    def wait_ready(self) -> None:
        """Wait until the victim's pod has started again without its guard; its address is another one then."""
        actor, admin = self.stage.victim, self.field.admin

        def is_open() -> bool:
            pod = admin.find("v1", "Pod", f"{actor.service}-0", actor.instance)
            return pod is not None and RECEIVES in str(pod["spec"]["containers"]) and _is_ready(pod)

        admin.wait_until(is_open, "the victim's Prometheus takes what others write", timeout=SECONDS)
        self.places = {**self.places, **self.builder.later_places()}

    def forget(self) -> None:
        """Remove what earlier attacks stored, and let the attacker's instance start without it."""
        own = self.stage.attacker.own
        for cluster in (self.people, self.owner):
            clear(cluster, namespace=own)
        admin = self.field.admin
        for version, kind in (("v1", "Service"), ("v1", "Endpoints"), ("discovery.k8s.io/v1", "EndpointSlice")):
            found = admin.list_kind(admin.kind(version, kind), selector="promfleet.monitoring/isolation=true")
            for obj in found:
                admin.delete(version, kind, obj["metadata"]["name"], obj["metadata"]["namespace"])
        # Its series are gone with its pod: those that came with time stamps would be found for minutes.
        self.restart()

    def nudge(self) -> None:
        """Let kubelets look at the configurations now, instead of within a minute or two."""
        for actor in self.stage.actors:
            nudge(self.field.admin, actor.instance, f"{actor.service}-0", f"{actor.alertmanager}-0")

    def reconnect(self) -> None:
        """Let all of the attacker's pods connect again, so that the policies of the network count for them."""
        admin = self.field.admin
        pods = admin.list_kind(admin.kind("v1", "Pod"))
        places = {self.stage.attacker.own, self.stage.attacker.instance}
        addresses = [
            str(pod["status"]["podIP"])
            for pod in pods
            if pod["metadata"]["namespace"] in places and pod["status"].get("podIP")
        ]
        self.field.forget_connections(*addresses)

    def restart(self) -> None:
        """Let the attacker's Prometheus start again: it asks anew what its account may list."""
        actor, admin = self.stage.attacker, self.field.admin
        name = f"{actor.service}-0"
        before = admin.get("v1", "Pod", name, actor.instance)["metadata"]["uid"]
        admin.delete("v1", "Pod", name, actor.instance)

        def is_back() -> bool:
            pod = admin.find("v1", "Pod", name, actor.instance)
            return pod is not None and pod["metadata"]["uid"] != before and _is_ready(pod)

        admin.wait_until(is_back, "the attacker's Prometheus is back", timeout=SECONDS)

    def begin_again(self) -> None:
        """Let the pods that attack, and those that were attacked, start without what came through before."""
        admin, stage = self.field.admin, self.stage
        attacked = {stage.victim.instance, stage.attacker.own}
        kind = admin.kind("v1", "Pod")
        before = {one["metadata"]["uid"] for one in admin.list_kind(kind) if one["metadata"]["namespace"] in attacked}
        for one in admin.list_kind(kind):
            if one["metadata"]["uid"] in before:
                admin.delete("v1", "Pod", one["metadata"]["name"], one["metadata"]["namespace"])

        def are_back() -> bool:
            now = [one for one in admin.list_kind(kind) if one["metadata"]["namespace"] in attacked]
            fresh = [one for one in now if one["metadata"]["uid"] not in before]
            return len(now) == len(fresh) == len(before) and all(map(_is_ready, fresh))

        admin.wait_until(are_back, "the attacked instances are back", timeout=SECONDS)
        self.places = {**self.places, **self.builder.later_places()}
        self.reconnect()

    # -- attacks ------------------------------------------------------------------------------------------------------

    def try_all(self, attacks: Sequence[Attack]) -> list[Outcome]:
        """Send attacks, and measure what came of them."""
        reviews = review_all(self.cluster, attacks, stage=self.stage)
        sender = self.sender(reviews)
        meter = self.meter
        meter.start(timeout=SECONDS)
        sent = sender.send_all(attacks)
        sent |= sender.send_all(PROOFS)
        self.nudge()
        rows: list[Row] = [*attacks, *PROOFS]
        return measure(meter, sent, rows, waiting=Waiting(timeout=SECONDS))

    def ask_all(self, attacks: Sequence[Attack]) -> list[Outcome]:
        """Ask whether the API server would take attacks, until all are refused or the guard had its time."""
        deadline = time.monotonic() + EFFECTIVE
        while True:
            reviews = review_all(self.cluster, attacks, stage=self.stage)
            sent = self.sender(reviews).send_all(attacks, dry=True)
            if all(one.guard for one in sent.values()) or time.monotonic() > deadline:
                return [at_once(attack, sent[attack.id]) for attack in attacks]
            time.sleep(1)

    def without(self, attacks: Sequence[Attack]) -> Iterator[Result]:
        """Every attack has its effect where no guard is."""
        enforced = [one for one in attacks if f"{OPERATOR}:{NAMESPACE_FIELD}" in one.guards]
        others = [one for one in attacks if one not in enforced]
        self.wait_ready()
        self.forget()
        self.reconnect()
        outcomes = self.try_all(others) if others else []
        if enforced:
            self.forget()
            with self.guards.without_namespaces():
                outcomes += self.try_all(enforced)
        for outcome in outcomes:
            seen = outcome.seen or outcome.sent.said
            yield Result(guard=NONE, attack=outcome.row.id, proved=outcome.effect is True, seen=seen[:300])

    def alone(self, guard: str, attacks: Sequence[Attack]) -> Iterator[Result]:
        """One guard denies each of its attacks alone."""
        with self.guards.only(guard) as there:
            if not there:
                yield from (
                    Result(guard=guard, attack=one.id, proved=False, seen="this guard is not on the cluster")
                    for one in attacks
                )
                return
            for outcome in self._outcomes(guard, attacks):
                # Where the objects were taken this guard is the only one that can have stopped the attack.
                stopped = outcome.effect is False and (
                    outcome.sent.is_taken or outcome.sent.guard == guard or guard in outcome.stopped_by
                )
                seen = outcome.seen if stopped else f"effect {outcome.effect}, by {outcome.stopped_by}: {outcome.seen}"
                yield Result(guard=guard, attack=outcome.row.id, proved=stopped, seen=seen[:300])

    def _outcomes(self, guard: str, attacks: Sequence[Attack]) -> list[Outcome]:
        kind = guard.partition(":")[0]
        at_api = [one for one in attacks if kind in (POLICY, RIGHTS) and not _is_seen_later(one, guard)]
        measured = [one for one in attacks if one not in at_api]
        outcomes = self.ask_all(at_api) if at_api else []
        if measured:
            # For rights too: it asks what it may list when it starts.
            self.forget()
            if kind == NETWORK:
                time.sleep(ROUTER_SECONDS)
                self.begin_again()
            outcomes += [one for one in self.try_all(measured) if isinstance(one.row, Attack)]
            if guard == INSTANCE_ACCOUNT:
                self.restart()
        return outcomes


def _is_ready(pod: JsonObject) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())


def _is_seen_later(attack: Attack, guard: str) -> bool:
    """Whether a guard does not refuse the attack's objects, but what the instance does with them."""
    return guard == INSTANCE_ACCOUNT and attack.effect.kind in MEASURED


def plan(group: str) -> list[tuple[str, list[Attack]]]:
    """The guards of a group with their attacks; none for the attacks without guards."""
    if group == "without":
        return [(NONE, list(ATTACKS))]
    if group == "some":
        some = [attack for attack in ATTACKS if attack.id in SOME]
        named = sorted({guard for found in SOME.values() for guard in found})
        return [(NONE, some), *((guard, [one for one in some if guard in SOME[one.id]]) for guard in named)]
    found = sorted(guard for guard in guards() if guard.partition(":")[0] == group)
    return [(guard, [attack for attack in ATTACKS if guard in attack.guards]) for guard in found]


@contextlib.contextmanager
def staged(field: Field, *, name: str) -> Iterator[Proof]:
    """The two throwaway teams, for the time of a with block."""
    stage = make_stage(name=name, prefix="monitoring-", operator_namespace="prometheus-operator")
    builder = Builder(
        cluster=field.connection,
        stage=stage,
        fleet="default",
        teams={"cluster": field.name, "clusters": [field.name], "platform_team": "platform",
               "namespace_prefix": "monitoring-", "api_server_sources": field.api_server_sources},
        options=Options(wait_timeout=SECONDS),
    )  # fmt: skip
    problems: list[str] = []
    with built(builder, problems=problems) as places:
        yield Proof(field, stage, builder, places)
    if problems:
        raise ClusterError("; ".join(problems))


def prove(proof: Proof, group: str, *, done: t.Container[tuple[str, str]]) -> Iterator[Result]:
    """All results of a group but those that are done."""
    with proof.guards.none():
        for guard, attacks in plan(group):
            left = [one for one in attacks if (guard, one.id) not in done]
            if left:
                yield from proof.without(left) if guard == NONE else proof.alone(guard, left)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where an attack is not denied by its guard, or has no effect without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=GROUPS, help="which guards are alone, or without any")
    parser.add_argument("--output", type=Path, help="where the results are kept; what it has proved is not done again")
    parser.add_argument("--cluster", default=CLUSTER)
    parser.add_argument("--workers", type=int, default=WORKERS, help="nodes of the cluster beside the control plane")
    parser.add_argument("--installed", action="store_true", help="the cluster is as it is to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        install(options.cluster, workers=options.workers)
    field = Field(name=options.cluster, workers=options.workers)
    rows: list[dict[str, t.Any]] = kept.read(options.output, otherwise=[])
    done = {(row["guard"], row["attack"]) for row in rows if row["proved"]}
    with field.enforcing(), staged(field, name="isolation") as proof:
        for result in prove(proof, options.group, done=done):
            rows = [row for row in rows if (row["guard"], row["attack"]) != (result.guard, result.attack)]
            rows.append(asdict(result))
            kept.write(rows, options.output)
            mark = "proved" if result.proved else "NOT PROVED"
            print(f"{mark} {result.guard} {result.attack}: {' '.join(result.seen.split())[:200]}", flush=True)
    wanted = {(guard, one.id) for guard, attacks in plan(options.group) for one in attacks}
    proved = {(row["guard"], row["attack"]) for row in rows if row["proved"]}
    print(f"{len(wanted & proved)} of {len(wanted)}", flush=True)
    return 0 if wanted <= proved else 1


if __name__ == "__main__":
    sys.exit(main())
