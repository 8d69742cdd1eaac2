"""What the audit trail costs the creation of a fleet, and how soon it says who changed an object.

1,000 teams are created by the module `team_monitoring` in this process, and the time that the trail takes of it is
taken. Then each of some fleets gets a trail of 1,000 entries, as that many runs on one cluster leave it, and the module
`audit_info` looks for one object in all of them, one after the other.
"""

from __future__ import annotations

import base64
import time
import typing as t
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import (
    BEGINNING,
    Author,
    Work,
    digest_of,
    entry_of,
    packed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Ring, labels_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import execute as running
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.modules import audit_info, team_monitoring

from promlab.controlplane import ControlPlane
from tests.bench.peers import install_crds
from tests.bench.project import HOST, base_rules, teams
from tests.integration.support.cluster import Cluster

JsonObject = dict[str, t.Any]

TEAMS = 1000
ENTRIES = 1000
OBJECT = "Prometheus/monitoring-team-0007/team-0007"
# Which entries changed that object.
CHANGED = (17, 500, 983)
# The part of a creation that the trail may take, and the seconds that a question to all clusters may.
COST, ANSWER = 0.05, 2.0
NAMESPACE = "kube-system"


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """The cost, and the seconds of a question to *rounds* clusters; AssertionError where a goal is missed."""
    cluster = install_crds(plane)
    facts = {"teams": TEAMS, **_creation(cluster)}
    names = [f"cluster-{number:02d}" for number in range(rounds)]
    for name in names:
        _trail(cluster, name)
    began = time.monotonic()
    answers = [_run(cluster, audit_info, fleet=name, cluster=name, object=OBJECT) for name in names]
    facts |= {"clusters": rounds, "entries": ENTRIES, "answer_s": round(time.monotonic() - began, 2)}
    for answer in answers:
        assert [entry["number"] for entry in answer["entries"]] == list(CHANGED), answer["entries"]
        assert not answer["findings"], answer["findings"]
    assert facts["cost"] <= COST, f"the trail takes too much of a creation: {facts}"
    assert facts["answer_s"] <= ANSWER, f"the answer takes too long: {facts}"
    return facts


def _run(api: Cluster, module: t.Any, /, **options: t.Any) -> JsonObject:
    """What a module returns, run in this process."""
    given = {"kubeconfig": str(api.kubeconfig), "context": api.context, **options}
    validated = ArgumentSpecValidator(module.DEFINITION.options, **module.DEFINITION.rules).validate(given)
    assert not validated.error_messages, validated.error_messages
    answer = running.execute(module.DEFINITION, validated.validated_parameters, check=False, diff=False)
    assert not answer.result.get("failed"), answer.result
    return answer.result


def _creation(cluster: Cluster) -> JsonObject:
    """The seconds of a creation, and which part of them is the trail's."""
    spent = []
    real = t.cast("t.Any", running).audit

    def timed(*arguments: t.Any, **named: t.Any) -> t.Any:
        began = time.monotonic()
        try:
            return real(*arguments, **named)
        finally:
            spent.append(time.monotonic() - began)

    began = time.monotonic()
    with mock.patch.object(running, "audit", timed):
        made = _run(
            cluster,
            team_monitoring,
            teams=teams(TEAMS),
            cluster=HOST,
            clusters=[HOST],
            base_rules=base_rules(),
            wait=False,
        )
    took = time.monotonic() - began
    (own,) = spent
    return {
        "objects": made["counts"]["created"],
        "creation_s": round(took, 1),
        "trail_s": round(own, 2),
        "cost": round(own / (took - own), 3),
    }


def _trail(cluster: Cluster, name: str) -> None:
    """Write a trail of many entries for the fleet *name*, as its runs would have left it."""
    ring = Ring(fleet=name, namespace=NAMESPACE)
    author = Author(account="system:serviceaccount:promfleet:promfleet", run="r1", job="17", user="alice")
    previous, data, first = BEGINNING, {}, 1_764_417_600.0
    for number in range(1, ENTRIES + 1):
        own = "team-0007" if number in CHANGED else f"team-{100 + number % 800:04d}"
        changes = tuple(
            Change(
                action="updated",
                key=Key("monitoring.coreos.com", "Prometheus", f"monitoring-{team}", team),
                before={"spec": {"retention": f"{number}d", "replicas": 1}},
                after={"spec": {"retention": f"{number + 1}d", "replicas": 1}},
                uid=f"{number:08d}-0000-0000-0000-000000000000",
            )
            for team in (own, "team-0900", "team-0901")
        )
        work = Work(
            fleet=name,
            cluster=name,
            module="team_monitoring",
            started=first + 60 * number,
            ended=first + 60 * number + 5,
            changes=changes,
            counts={"updated": len(changes)},
        )
        whole, small = packed(entry_of(work, author, number=number, previous=previous))
        previous = digest_of(whole)
        data[f"{number:012d}"] = base64.b64encode(small).decode()
    end = {"slot": "0", "number": str(ENTRIES), "digest": previous, "first": "1"}
    for called, content in (
        (ring.slot(0), {"binaryData": data, "data": {"digest": previous}}),
        (ring.head, {"data": end}),
    ):
        metadata = {"name": called, "namespace": NAMESPACE, "labels": labels_of(name)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}
        cluster.request("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", body=body)
