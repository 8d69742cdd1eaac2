"""Each fault is a finding of its own, what follows from it hangs on it, and what was not observed is never healthy."""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Facts,
    Unobserved,
    judge_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.federated import selected_too
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import NamespaceFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.instances import InstanceFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.leftovers import (
    LeftoverFacts,
    monitors_of_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operators import (
    OperatorFacts,
    met,
    unserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reach import ReachFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import Scraped, Stored
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, Holding
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import Owner
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import Quarrel
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    EVERYTHING,
    Instance,
)

from tests.unit.doctor import (
    test_changing,
    test_enforcement,
    test_lifecycle,
    test_preconditions,
    test_queried,
    test_surroundings,
    test_targets,
    test_written,
)
from tests.unit.doctor.healthy import (
    ACCESS,
    EXPOSING,
    FEDERATED,
    HERE,
    JOB,
    MONITOR,
    OBSERVED,
    PEER,
    POD,
    POLICY,
    POOL,
    PROMETHEUS,
    READY,
    REPLICA,
    SERVICE,
    SLICE,
    TARGETS,
    WAY,
    WAY_POLICY,
    target,
    target_set,
)
from tests.unit.doctor.healthy import changed as with_field
from tests.unit.operators.shapes import workload

JsonObject = dict[str, t.Any]


def resource(kind: str, *, generation: int = 1) -> JsonObject:
    return {
        "kind": kind,
        "metadata": {"name": "pay", "generation": generation},
        "spec": {"replicas": 1},
        "status": {
            "conditions": [
                {"type": name, "status": "True", "observedGeneration": 1} for name in ("Available", "Reconciled")
            ],
            "observedGeneration": 1,
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": 1,
        },
    }


def targets(*health: str, **labels: str) -> tuple[JsonObject, ...]:
    return tuple(
        {"labels": labels, "health": state, "scrapeUrl": f"http://192.0.2.{number}/federate", "lastError": "refused"}
        for number, state in enumerate(health, start=1)
    )


OPERATOR = OperatorFacts(
    cluster="hub",
    namespace="op",
    name="prometheus-operator",
    missing_kinds=(),
    deployment=resource("Deployment"),
    quarrels=(),
)
OTHER = FoundOperator(
    workload=workload(),
    scope=EVERYTHING,
    holding=Holding(namespaces=None, named=True),
    evidence="rights",
    owner=Owner(tool="Helm", text="Helm release monitoring/kps"),
)
OTHER_ID = dataclasses.replace(OTHER, scope=dataclasses.replace(EVERYTHING, controller_id="blue"))
THEIRS = Instance(kind="Prometheus", namespace="monitoring", name="k8s")
OURS = Instance(kind="Prometheus", namespace="monitoring-pay", name="pay")
(TEAM,) = parse_teams([{"name": "pay"}], clusters=["hub"])
DESIRED = prometheus_object(TEAM, cluster="hub")


def live(*, generation: int = 1, **spec: t.Any) -> JsonObject:
    """The live Prometheus, with other fields."""
    found = resource("Prometheus", generation=generation)
    return {**DESIRED, "status": found["status"], "metadata": {**DESIRED["metadata"], **found["metadata"]}} | {
        "spec": {**DESIRED["spec"], **spec}
    }


INSTANCE = InstanceFacts(
    cluster="hub",
    team="pay",
    namespace="monitoring-pay",
    prometheus=live(),
    desired=DESIRED,
    alertmanager=resource("Alertmanager"),
    routed=("monitoring-pay", "pay"),
    wants_prometheus=True,
    wants_alertmanager=True,
    reload_ok=True,
    targets=targets("up", namespace="monitoring-pay"),
)
REACH = ReachFacts(cluster="hub", asked=3, reached=3, reasons=())
LEFT = LeftoverFacts(
    cluster="hub",
    instance=FEDERATED.instance,
    namespace="monitoring-platform",
    name="platform",
    clusters=("edge", "hub"),
    monitors=(("ServiceMonitor", "federation-edge-pay", "edge", "pay"),),
)
ALL: tuple[Facts, ...] = (OPERATOR, REACH, INSTANCE, OBSERVED, REPLICA, ACCESS, FEDERATED, WAY, TARGETS, PEER, LEFT)
NO_ANSWER = Unobserved(code="PF003", object=INSTANCE.object, evidence={"reason": "Read timed out."})


def changed(facts: Facts, **change: t.Any) -> t.Any:
    return dataclasses.replace(t.cast("t.Any", facts), **change)


def findings_of(*facts: Facts) -> list[Finding]:
    return judge_all(facts)[1]


def test_nothing_is_found_where_all_is_well() -> None:
    links, findings = judge_all(ALL)
    assert findings == []
    assert [link.check for link in links] == [
        "crds", "operator", "other_operators", "owners", "prometheus_reached", "alertmanager_available", "receivers",
        "prometheus_available", "prometheus_as_described", "configuration_loaded", "own_target_up", "peer_observed",
        "exposed_service", "exposed_selection", "exposed_endpoint", "exposed_outside", "exposed_as_described",
        "exposed_series", "exposed_each_selector", "exposed_rules", "exposed_identity", "exposed_policy",
        "exposed_policy_as_described",
        "federation_address", "federation_service", "federation_slices", "federation_monitor", "federation_selection",
        "federation_selected_once", "federation_ports", "federation_selected", "federation_as_described",
        "federation_loaded", "federation_way",
        "federation_target", "federation_discovery", "federation_target_up", "federation_steady",
        "federation_elsewhere", "federation_once", "federation_labels", "federation_interval", "federation_answer",
        "federation_data", "federation_claims", "federation_fresh",
        "peer_clocks", "peer_replicas", "peer_identity", "federation_known",
    ]  # fmt: skip
    assert all(link.finding is None for link in links)


def with_managers(obj: JsonObject, field: str) -> JsonObject:
    """What the server says when another manager set one more field of the spec."""
    ours = {"manager": "promfleet.monitoring", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    theirs = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {f"f:{field}": {}}}}
    return {**obj, "metadata": {**obj["metadata"], "managedFields": [ours, theirs]}}


CASES: list[tuple[Facts, JsonObject, str, str]] = [
    (OPERATOR, {"missing_kinds": ("Prometheus",)}, "PF101", "does not serve Prometheus"),
    (OPERATOR, {"platform": "it is OpenShift"}, "PF109", "it is OpenShift"),
    (OPERATOR, {"deployment": None}, "PF102", "does not exist"),
    (OPERATOR, {"deployment": resource("Deployment", generation=2)}, "PF103", "has not seen this generation"),
    (OPERATOR, {"deployment": {**resource("Deployment"), "spec": {"replicas": 0}}}, "PF107", "is scaled to zero"),
    (
        REACH,
        {"reached": 1, "reasons": ("i/o timeout", "Read timed out.")},
        "PF007",
        "2 of 3 Prometheus instances cannot be reached",
    ),
    (
        OPERATOR,
        {"quarrels": (met(Quarrel(operator=OTHER, takes=(OURS,), loses=())),)},
        "PF104",
        "(Helm release monitoring/kps) reconciles Prometheus monitoring-pay/pay",
    ),
    (
        OPERATOR,
        {"quarrels": (met(Quarrel(operator=OTHER, takes=(), loses=(THEIRS,))),)},
        "PF105",
        "reconciles Prometheus monitoring/k8s of Deployment monitoring/prometheus-operator (Helm release",
    ),
    (
        OPERATOR,
        {"unserved": unserved([OURS], [OTHER_ID])},
        "PF108",
        "no running operator reconciles Prometheus monitoring-pay/pay (controller id: none)",
    ),
    (INSTANCE, {"prometheus": None}, "PF201", "does not exist"),
    (INSTANCE, {"alertmanager": None}, "PF201", "does not exist"),
    (INSTANCE, {"alertmanager": resource("Alertmanager", generation=2)}, "PF202", "generation 1, not 2"),
    (INSTANCE, {"routed": ()}, "PF236", "all alerts reach no receiver"),
    (INSTANCE, {"routed": ("pay",)}, "PF236", "such as Watchdog, reach no receiver"),
    (INSTANCE, {"reload_ok": False}, "PF203", "reload of the configuration failed"),
    (INSTANCE, {"targets": ()}, "PF204", "no target in its own namespace"),
    (INSTANCE, {"targets": targets("up", namespace="other")}, "PF204", "no target in its own namespace"),
    (INSTANCE, {"targets": targets("down", namespace="monitoring-pay")}, "PF205", "none of its 1 own targets is up"),
    (INSTANCE, {"prometheus": live(retention="1d")}, "PF230", 'spec.retention is "1d", not "'),
    (INSTANCE, {"prometheus": live(paused=True)}, "PF231", "its object is paused"),
    (
        INSTANCE,
        {"prometheus": live(externalLabels={"cluster": "x", "team": "pay"})},
        "PF232",
        'cluster is "x", not "hub"',
    ),
    (
        INSTANCE,
        {"prometheus": with_managers(live(overrideHonorLabels=True), "overrideHonorLabels")},
        "PF233",
        "spec.overrideHonorLabels is set by kubectl-edit",
    ),
    (
        INSTANCE,
        {"prometheus": with_managers(live(enforcedSampleLimit=1), "enforcedSampleLimit")},
        "PF234",
        "spec.enforcedSampleLimit is set by kubectl-edit",
    ),
    (
        INSTANCE,
        {"prometheus": live(serviceMonitorSelector={"matchLabels": {"a": "b"}})},
        "PF235",
        "serviceMonitorSelector",
    ),
    (
        INSTANCE,
        {"prometheus": with_managers(live(listenLocal=True), "listenLocal")},
        "PF240",
        "spec.listenLocal is set by kubectl-edit",
    ),
    (
        INSTANCE,
        {"prometheus": with_managers(live(scrapeClasses=[{"name": "x"}]), "scrapeClasses")},
        "PF241",
        "spec.scrapeClasses is set by kubectl-edit",
    ),
    (FEDERATED, {"wanted": target_set("(known after apply)")}, "PF324", "no address for replica 0"),
    (FEDERATED, {"services": ()}, "PF301", "it does not exist"),
    (FEDERATED, {"slices": ()}, "PF301", "it does not exist"),
    (FEDERATED, {"monitors": ()}, "PF301", "it does not exist"),
    (FEDERATED, {"services": (with_field(SERVICE, "spec|selector", {"a": "b"}),)}, "PF311", "has the selector a=b"),
    (
        FEDERATED,
        {"services": (with_field(SERVICE, "metadata|labels|app.kubernetes.io/instance", "x"),)},
        "PF302",
        "selects app.kubernetes.io/instance=federation-edge-pay",
    ),
    (
        FEDERATED,
        {"monitors": (with_field(MONITOR, "spec|namespaceSelector", {"matchNames": ["other"]}),)},
        "PF384",
        "selects Services of other only",
    ),
    (
        FEDERATED,
        {"slices": (with_field(SLICE, "metadata|labels|kubernetes.io/service-name", "other"),)},
        "PF312",
        "belongs to the Service 'other'",
    ),
    (
        FEDERATED,
        {"slices": (with_field(SLICE, "metadata|labels|kubernetes.io/service-name", None),)},
        "PF312",
        "belongs to no Service",
    ),
    (FEDERATED, {"slices": (with_field(SLICE, "ports|0|name", "http"),)}, "PF313", "scrapes the port web"),
    (
        FEDERATED,
        {"monitors": (with_field(MONITOR, "spec|endpoints|0|port", "http"),)},
        "PF313",
        "scrapes the port http",
    ),
    (FEDERATED, {"slices": (with_field(SLICE, "ports|0|port", 31091),)}, "PF314", "slice has 192.0.2.1:31091"),
    (FEDERATED, {"slices": (with_field(SLICE, "endpoints|0|addresses", ["192.0.2.9"]),)}, "PF314", "192.0.2.9:31090"),
    (FEDERATED, {"slices": (with_field(SLICE, "endpoints", []),)}, "PF314", "slice has no address"),
    (
        FEDERATED,
        {"slices": (SLICE, with_field(SLICE, "metadata|name", "federation-edge-pay-x7k2p"))},
        "PF316",
        "belongs to the Service federation-edge-pay, too, and has 192.0.2.1:31090",
    ),
    (
        LEFT,
        {"monitors": [["ServiceMonitor", "federation-old-pay", "old", "pay"]]},
        "PF318",
        "federation of old/pay: old is not in the inventory",
    ),
    (FEDERATED, {"selected_too": ("copy",)}, "PF317", "this Service has the labels by which"),
    (FEDERATED, {"slices": (with_field(SLICE, "addressType", "IPv6"),)}, "PF319", "is of family IPv6"),
    (
        FEDERATED,
        {"prometheus": with_field(PROMETHEUS, "spec|serviceMonitorSelector", {"matchLabels": {"a": "b"}})},
        "PF315",
        "selects a=b",
    ),
    (
        FEDERATED,
        {"monitors": (with_field(MONITOR, "spec|endpoints|0|path", "/metrics"),)},
        "PF310",
        'spec.endpoints[0].path is "/metrics", not "/federate"',
    ),
    (
        FEDERATED,
        {"monitors": (with_field(MONITOR, "metadata|labels|app.kubernetes.io/part-of", "x"),)},
        "PF385",
        "metadata.labels.app.kubernetes.io/part-of",
    ),
    (WAY, {"policies": (with_field(WAY_POLICY, "spec|egress", []),)}, "PF307", "connect to 192.0.2.1:31090"),
    (FEDERATED, {"jobs": {}}, "PF380", f"no job {POOL}"),
    (FEDERATED, {"jobs": {POOL: {**JOB, "honor_labels": False}}}, "PF381", "honor_labels is False, not True"),
    (TARGETS, {"targets": (), "discovered": {}}, "PF303", "0 of 1 targets"),
    (TARGETS, {"targets": (target("down", lastError="strange"),)}, "PF304", "federate?match%5B%5D=x: strange"),
    (TARGETS, {"scraped": Scraped(samples=0, kept=0)}, "PF305", "its answer is empty"),
    (TARGETS, {"stored": Stored(series=0, fresh=0, within=90.0)}, "PF306", "no series carries cluster='edge'"),
    (TARGETS, {"scraped": Scraped(samples=9, kept=0)}, "PF373", "dropped all of them"),
    (
        TARGETS,
        {"stored": Stored(series=7, fresh=0, within=90.0)},
        "PF375",
        "none of its 7 series has a sample of the last 90 s",
    ),
    (
        TARGETS,
        {"stored": Stored(series=1, fresh=1, within=90.0, claims=("team=x (3 series)",))},
        "PF386",
        "series of it claim team=x (3 series)",
    ),
    (TARGETS, {"targets": (target(scrapeInterval="5m"),)}, "PF376", "scraped every 5m"),
    (TARGETS, {"targets": (target(), target(scrapePool="other", labels={}))}, "PF377", "other scrapes 192.0.2.1:31090"),
    (
        TARGETS,
        {"targets": (target(labels={"job": "x", "cluster": "edge"}),)},
        "PF378",
        "job='x', not 'federation/edge/",
    ),
    (REPLICA, {"service": None}, "PF320", "it does not exist"),
    (REPLICA, {"service": with_field(EXPOSING, "spec|selector", {"a": "b"})}, "PF321", "selects a=b"),
    (REPLICA, {"service": with_field(EXPOSING, "spec|ports|0|targetPort", 1)}, "PF322", "leads to port 1"),
    (REPLICA, {"slices": ()}, "PF323", "no pod behind it is ready"),
    (
        REPLICA,
        {"slices": (with_field(READY, "endpoints|0|conditions|ready", value=False),)},
        "PF323",
        "no pod behind it",
    ),
    (REPLICA, {"labels": {"cluster": "core", "team": "pay"}}, "PF325", "cluster is 'core', not 'edge'"),
    (REPLICA, {"counts": {"a": 0}}, "PF327", "no series for any of a"),
    (TARGETS, {"flips": {"192.0.2.1:31090": 5}}, "PF389", "192.0.2.1:31090 went up or down 5 times in the last 300 s"),
    (REPLICA, {"failing": ("nodes", "base")}, "PF396", "failed in the last 120 s, of the groups base, nodes"),
    (REPLICA, {"counts": {"a": 3, "b": 0, "ALERTS": 0}}, "PF388", "no series for b, and has some"),
    (
        TARGETS,
        {"targets": (target(), target(scrapeUrl="http://10.9.9.9:9090/federate"))},
        "PF387",
        "10.9.9.9:9090 are read as the source, and are not its addresses",
    ),
    (REPLICA, {"service": with_field(EXPOSING, "spec|type", "ClusterIP")}, "PF328", "of type ClusterIP, not NodePort"),
    (
        REPLICA,
        {
            "desired": with_field(EXPOSING, "spec|type", "LoadBalancer"),
            "service": with_field(EXPOSING, "spec|type", "LoadBalancer"),
        },
        "PF329",
        "waits for an address",
    ),
    (
        REPLICA,
        {"service": with_field(EXPOSING, "spec|externalTrafficPolicy", "Cluster")},
        "PF310",
        'spec.externalTrafficPolicy is "Cluster", not "Local"',
    ),
    (ACCESS, {"policies": (with_field(POLICY, "spec|ingress", []),)}, "PF326", "keep out 10.0.0.0/8, fc00::/7"),
    (PEER, {"offset": 60.0}, "PF390", "differ by -60 s"),
    (PEER, {"labels": ({"cluster": "edge", "team": "pay"},) * 2}, "PF379", "replicas 0, 1"),
    (PEER, {"others": {"core/pay": ({"cluster": "edge", "team": "pay"},)}}, "PF391", "core/pay runs with the same"),
]


@pytest.mark.parametrize(("facts", "change", "code", "words"), CASES, ids=lambda value: str(value)[:40])
def test_one_fault_is_one_finding(facts: Facts, change: JsonObject, code: str, words: str) -> None:
    (finding,) = findings_of(*(changed(one, **change) if one is facts else one for one in ALL))
    assert finding.code == code
    assert words in finding.message
    assert finding.fix
    assert finding.observed


def test_every_code_of_a_check_has_a_case() -> None:
    # What a selector of match[] is, is judged before anything runs (PF33x to PF35x).
    judged = {code for code in CODES if code[2] in "123" and not "PF330" <= code < "PF360"} | {"PF007"}
    elsewhere = {code for _facts, code, _words in test_surroundings.CASES}
    elsewhere |= {code for _error, code in test_targets.ERRORS} | {code for _found, code in test_targets.DISCOVERED}
    elsewhere |= test_changing.CODES
    elsewhere |= test_enforcement.CODES
    elsewhere |= test_preconditions.CODES
    elsewhere |= test_lifecycle.CODES
    elsewhere |= {code for code, _prometheus, _seen, _words in test_written.CASES}
    elsewhere |= {code for _stores, code, _words in test_queried.CASES}
    assert {code for _facts, _change, code, _words in CASES} | elsewhere == judged


# What cannot be judged where something is not there, does not answer, or has no known address.
MASKED = {
    "PF301": frozenset({"PF302", "PF310", "PF311", "PF312", "PF313", "PF314", "PF315", "PF319", "PF384", "PF385"}),
    "PF303": frozenset({"PF304", "PF305", "PF373", "PF375", "PF376", "PF378", "PF389"}),
    "PF304": frozenset({"PF305", "PF373", "PF375", "PF389"}),
    "PF320": frozenset({"PF310", "PF321", "PF322", "PF323", "PF328", "PF329"}),
    "PF324": frozenset({"PF314"}),
    # An answer without samples has none that could be dropped.
    "PF305": frozenset({"PF373"}),
}


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(range(len(CASES)), 2)))
def test_two_faults_on_different_hops_are_both_found(first: int, second: int) -> None:
    """Whatever else follows: neither hides the other."""
    one, one_change, one_code = CASES[first][:3]
    two, two_change, two_code = CASES[second][:3]
    if one is two and one_change.keys() & two_change.keys():
        return
    given = list(ALL)
    given[given.index(one)] = changed(one, **one_change)
    where = ALL.index(two)
    given[where] = changed(given[where], **two_change)
    found = {finding.code for finding in findings_of(*given)}
    judged = {one_code, two_code}
    for code in (one_code, two_code):
        judged -= MASKED.get(code, frozenset())
    # Where monitor and slice were renamed alike, the port is found.
    assert judged <= found or one_code == two_code == "PF313"


def test_what_follows_hangs_on_its_root() -> None:
    found = findings_of(
        changed(OPERATOR, deployment=None),
        changed(INSTANCE, prometheus=live(generation=2), targets=NO_ANSWER, reload_ok=NO_ANSWER),
        changed(TARGETS, targets=NO_ANSWER, stored=NO_ANSWER, scraped=NO_ANSWER),
    )
    (root,) = [finding for finding in found if not finding.caused_by]
    assert root.code == "PF102"
    assert {finding.code for finding in found} == {"PF003", "PF102", "PF202"}
    assert all(finding.caused_by == (root.fingerprint,) for finding in found if finding is not root)


def test_the_fault_of_one_instance_explains_nothing_of_another() -> None:
    other = changed(INSTANCE, team="web", namespace="monitoring-web", targets=(), routed=("monitoring-web",))
    found = findings_of(changed(INSTANCE, prometheus=live(generation=2)), other)
    assert [(finding.code, finding.caused_by) for finding in found] == [("PF202", ()), ("PF204", ())]


CENTRAL_INSTANCE = dataclasses.replace(
    INSTANCE, team="platform", namespace="monitoring-platform", routed=("monitoring-platform", "platform")
)
CENTRAL_INSTANCE = dataclasses.replace(
    CENTRAL_INSTANCE, targets=targets("up", namespace="monitoring-platform"), desired=None
)
# The worker's side of the source, as the central side knows it.
AT_SOURCE = dataclasses.replace(INSTANCE, cluster="edge", place=HERE, desired=None)
CLOSED = changed(TARGETS, targets=(target("down"),))


def roots_of(*facts: Facts) -> set[tuple[str, str]]:
    """The codes of the roots, each with its cluster."""
    return {(one.code, one.object.cluster) for one in findings_of(*facts) if not one.caused_by}


@pytest.mark.parametrize("where", [CENTRAL_INSTANCE, AT_SOURCE], ids=["central", "worker"])
def test_an_alertmanager_explains_nothing_of_the_federation(where: InstanceFacts) -> None:
    broken = changed(where, alertmanager=resource("Alertmanager", generation=2))
    assert roots_of(broken, CLOSED) == {("PF202", where.cluster), ("PF360", "hub")}


def test_only_the_sources_own_side_closes_the_way_to_it() -> None:
    """The instance that reads it has faults of its own: a second replica that waits closes nothing."""
    waiting = resource("Prometheus", generation=2)
    assert roots_of(changed(CENTRAL_INSTANCE, prometheus=waiting), CLOSED) == {("PF202", "hub"), ("PF360", "hub")}
    assert roots_of(changed(AT_SOURCE, prometheus=waiting), CLOSED) == {("PF202", "edge")}
    # And the other way round.
    without_endpoint = changed(REPLICA, slices=())
    assert roots_of(changed(CENTRAL_INSTANCE, prometheus=waiting), without_endpoint) == {
        ("PF202", "hub"),
        ("PF323", "edge"),
    }


def test_what_happens_on_the_worker_does_not_keep_the_central_side_from_its_own_work() -> None:
    paused = changed(AT_SOURCE, prometheus=live(paused=True), desired=DESIRED)
    not_loaded = changed(FEDERATED, jobs={})
    assert ("PF380", "hub") in roots_of(paused, not_loaded)
    assert ("PF380", "hub") not in roots_of(changed(CENTRAL_INSTANCE, prometheus=waiting_paused()), not_loaded)


def waiting_paused() -> JsonObject:
    """A central Prometheus that somebody paused."""
    found = resource("Prometheus", generation=2)
    return {**found, "status": {**found["status"], "paused": True}}


def test_a_changed_field_comes_before_what_it_breaks() -> None:
    """Where and how an instance answers, and how it scrapes, break other links of the chain."""
    served = changed(AT_SOURCE, prometheus=with_managers(live(listenLocal=True), "listenLocal"), desired=DESIRED)
    no_port = changed(REPLICA, pod={**POD, "spec": {"containers": []}}, slices=())
    assert roots_of(served, no_port, CLOSED) == {("PF240", "edge")}
    sharded = changed(CENTRAL_INSTANCE, prometheus=with_managers(live(shards=2), "shards"), desired=DESIRED)
    lost = changed(TARGETS, targets=(), discovered={POOL: 4}, stored=Stored(series=0, fresh=0, within=90.0))
    assert roots_of(sharded, lost) == {("PF241", "hub")}
    # How a source scrapes others is another matter than whether it is reached.
    limited = with_managers(live(sampleLimit=1), "sampleLimit")
    assert ("PF360", "hub") in roots_of(changed(AT_SOURCE, prometheus=limited, desired=DESIRED), CLOSED)


@pytest.mark.parametrize(
    ("flips", "health", "roots"),
    [
        # One outage that is over.
        (2, "up", set()),
        (3, "up", {("PF389", "hub")}),
        # What is down now says why itself.
        (5, "down", {("PF360", "hub")}),
    ],
)
def test_a_target_that_is_up_now_and_then_is_no_healthy_one(
    flips: int, health: str, roots: set[tuple[str, str]]
) -> None:
    labels = {**target()["labels"], "instance": "192.0.2.1:31090"}
    facts = changed(TARGETS, targets=(target(health, labels=labels),), flips={"192.0.2.1:31090": flips})
    assert roots_of(facts) == roots
    # Of two replicas only the other one is up.
    second = target(labels={**labels, "instance": "192.0.2.1:31090 too"})
    assert roots_of(changed(facts, targets=(*facts.targets, second))) == roots


@pytest.mark.parametrize("is_own", [False, True])
def test_the_label_of_the_instances_namespace_explains_what_is_not_selected(*, is_own: bool) -> None:
    """Without it Prometheus selects no monitor there; another namespace of the team is another matter."""
    namespace = NamespaceFacts(
        cluster="hub",
        team="platform",
        instance=FEDERATED.instance,
        name="monitoring-platform",
        is_own=is_own,
        live={"metadata": {"name": "monitoring-platform"}},
    )
    lost = (changed(FEDERATED, jobs={}), changed(TARGETS, targets=(), discovered={}))
    assert roots_of(namespace, *lost) == {("PF212", "hub"), *([("PF380", "hub")] if is_own else [])}


def test_only_what_federation_made_is_a_leftover() -> None:
    ours = {"app.kubernetes.io/managed-by": "promfleet.monitoring", "promfleet.monitoring/source-cluster": "old"}
    plain = {"kind": "ServiceMonitor", "metadata": {"name": "x"}}
    marked = {"kind": "ScrapeConfig", "metadata": {"name": "y", "labels": ours}}
    assert monitors_of_sources([plain], [marked]) == (("ScrapeConfig", "y", "old", ""),)
    assert monitors_of_sources([plain], NO_ANSWER) is NO_ANSWER


def test_another_service_with_the_labels_of_the_source_is_the_root() -> None:
    copy = with_field(SERVICE, "metadata|name", "copy")
    other = with_field(copy, "metadata|labels", {"app.kubernetes.io/instance": "other"})
    assert selected_too(FEDERATED.wanted, [SERVICE, copy, other], [MONITOR]) == ("copy",)
    # Without its monitor nothing is selected.
    assert selected_too(FEDERATED.wanted, [SERVICE, copy], []) == ()
    read = target("down", scrapeUrl="http://10.9.9.9:9090/federate")
    facts = (changed(FEDERATED, selected_too=("copy",)), changed(TARGETS, targets=(target(), read)))
    assert roots_of(*facts) == {("PF317", "hub")}


def test_a_target_at_an_address_of_nobody_says_nothing_of_the_source() -> None:
    copied = target("down", scrapeUrl="http://10.9.9.9:9090/federate")
    assert roots_of(changed(TARGETS, targets=(target(), copied))) == {("PF387", "hub")}
    assert roots_of(changed(TARGETS, targets=(target("down"), copied))) == {("PF387", "hub"), ("PF360", "hub")}
    # Without its port an address has that of its scheme.
    plain = target_set(targets=[{"address": "192.0.2.1", "port": 80}])
    assert roots_of(changed(TARGETS, wanted=plain, targets=(target(scrapeUrl="http://192.0.2.1/federate"),))) == set()


def test_a_prometheus_that_does_not_answer_is_one_finding_and_the_rest_goes_on() -> None:
    links, found = judge_all(
        (
            OPERATOR,
            changed(INSTANCE, targets=NO_ANSWER, reload_ok=NO_ANSWER),
            changed(TARGETS, targets=NO_ANSWER, stored=NO_ANSWER, scraped=NO_ANSWER),
        )
    )
    (finding,) = found
    assert not finding.observed
    assert finding.message == (
        "Prometheus cannot be reached through the API server (network policy?): Read timed out.; not checked: "
        "configuration_loaded, own_target_up, federation_target, federation_discovery, federation_target_up, "
        "federation_steady, federation_elsewhere, federation_once, federation_labels, federation_interval, "
        "federation_answer, federation_data, "
        "federation_claims, "
        "federation_fresh"
    )
    assert [link.check for link in links if link.finding is None] == [
        "crds", "operator", "other_operators", "owners", "alertmanager_available", "receivers", "prometheus_available",
        "prometheus_as_described",
    ]  # fmt: skip


REFUSED = "dial tcp 10.0.0.{0}:9090: connect: connection refused (GET /api/v1/namespaces/monitoring-{0}/proxy)"
NO_PODS = 'no endpoints available for service "prometheus-{}:web"'


@pytest.mark.parametrize(
    ("reasons", "asked", "unreached"),
    [
        # Dropped packets: two of them are no coincidence, however they are told.
        (["dial tcp 10.0.0.1:9090: i/o timeout", "no complete answer within 5 s"], 50, 2),
        (["context deadline exceeded", "Read timed out. (read timeout=5)", REFUSED.format(1)], 50, 2),
        (["i/o timeout"], 50, 0),
        # Anything else is the cluster's only if all have it.
        ([REFUSED.format(1), REFUSED.format(2)], 2, 2),
        ([REFUSED.format(1), REFUSED.format(2)], 3, 0),
        ([REFUSED.format(1), "no route to host"], 2, 0),
        (["No agent available", "No agent available"], 2, 2),
        ([REFUSED.format(1)], 1, 0),
        # No pods: nothing is known about the way to them.
        ([NO_PODS.format("a"), NO_PODS.format("b")], 2, 0),
        ([], 2, 0),
    ],
)
def test_one_reason_of_many_instances_is_one_finding(reasons: list[str], asked: int, unreached: int) -> None:
    found = findings_of(changed(REACH, asked=asked, reached=asked - len(reasons), reasons=tuple(reasons)))
    assert [finding.evidence["unreached"] for finding in found] == ([unreached] if unreached else [])


def test_the_way_is_well_only_if_all_instances_were_reached() -> None:
    links, _found = judge_all([changed(REACH, reached=2)])
    assert links == []
    (link,) = judge_all([REACH])[0]
    assert (link.check, link.finding) == ("prometheus_reached", None)


def test_instances_that_cannot_be_reached_hang_on_the_one_cause() -> None:
    found = findings_of(
        changed(REACH, reached=1, reasons=("i/o timeout", "i/o timeout")),
        changed(INSTANCE, targets=NO_ANSWER, reload_ok=NO_ANSWER),
    )
    causes = {finding.code: finding for finding in found}
    assert causes["PF003"].caused_by == (causes["PF007"].fingerprint,)
    assert causes["PF007"].caused_by == ()


@pytest.mark.parametrize("facts", ALL, ids=lambda facts: type(facts).__name__)
def test_a_fact_that_was_not_observed_is_never_healthy(facts: Facts) -> None:
    for name in fact_names(facts):
        links, found = judge_all([changed(facts, **{name: NO_ANSWER})])
        (finding,) = found
        assert finding.code == NO_ANSWER.code
        named = {link.check for link in links if link.finding == finding}
        assert named, f"no check needs {name}"
        assert sorted(named) == sorted(t.cast("tuple[str, ...]", finding.evidence["checks"]))


@pytest.mark.parametrize("strange", [3, "x", [1], {"spec": 3, "status": []}, ({"labels": 7},), (3,)], ids=repr)
@pytest.mark.parametrize("facts", ALL, ids=lambda facts: type(facts).__name__)
def test_a_strange_object_costs_only_its_own_checks(facts: Facts, strange: object) -> None:
    for name in fact_names(facts):
        links, _found = judge_all([changed(facts, **{name: strange}), OPERATOR])
        assert [link.check for link in links][-4:] == ["crds", "operator", "other_operators", "owners"]


def test_what_is_not_wanted_is_not_looked_for() -> None:
    unwanted = changed(INSTANCE, wants_prometheus=False, prometheus=None, wants_alertmanager=False, alertmanager=None)
    assert judge_all([unwanted]) == ([], [])


# -- declared facts ---------------------------------------------------------------------------------------------------


def fact_names(facts: Facts) -> list[str]:
    return [field.name for field in dataclasses.fields(t.cast("t.Any", facts)) if str(field.type).startswith("Fact[")]


class Watched:
    """Facts that note which of them are read."""

    def __init__(self, facts: Facts, read: set[str]) -> None:
        self._facts = facts
        self._read = read

    def __getattr__(self, name: str) -> t.Any:
        if name in fact_names(self._facts):
            self._read.add(name)
        return getattr(self._facts, name)


ALL_CHECKS: list[tuple[Check[t.Any], Facts]] = [(check, facts) for facts in ALL for check in facts.checks]


@pytest.mark.parametrize(("check", "facts"), ALL_CHECKS, ids=lambda value: getattr(value, "name", ""))
def test_a_check_declares_the_facts_that_it_reads(check: Check[t.Any], facts: Facts) -> None:
    """Over all cases: none that it does not declare, and each that it declares."""
    read: set[str] = set()
    for given in (facts, *(changed(one, **change) for one, change, _code, _words in CASES if one is facts)):
        check.judge(Watched(given, read))
    assert read == set(check.reads)


def test_names_of_checks_are_unique() -> None:
    names = [check.name for check, _facts in ALL_CHECKS]
    assert len(names) == len(set(names))


def test_an_instance_is_served_only_by_a_running_operator_with_its_id() -> None:
    marked = dataclasses.replace(OURS, annotations={CONTROLLER_ID: "blue"})
    stopped = dataclasses.replace(OTHER_ID, workload=workload(replicas=0))
    assert unserved([marked], [OTHER_ID]) == unserved([OURS], [OTHER]) == ()
    ((gone,), (lost,)) = unserved([marked], [OTHER, stopped]), unserved([OURS, THEIRS], [OTHER_ID])
    assert (gone.controller_id, gone.instances) == ("blue", ("Prometheus monitoring-pay/pay",))
    assert (lost.controller_id, len(lost.instances)) == ("", 2)


def test_of_several_operators_the_first_is_asked_about_the_cluster() -> None:
    second = changed(OPERATOR, name="prometheus-operator-2", first=False, deployment=None)
    links, findings = judge_all([OPERATOR, second])
    assert [link.check for link in links].count("owners") == 1
    ((code, name),) = [(finding.code, finding.object.name) for finding in findings]
    assert (code, name) == ("PF102", "prometheus-operator-2")
