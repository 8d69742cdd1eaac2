"""What the doctor asks, and what it says where it may not ask: each right of the reading account is taken away alone.

A real Prometheus answers through the API server's proxy, so that all that is asked of it is in the audit log.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right, single_rights

from tests.integration.support.answering import answering_pod, own_address
from tests.integration.support.cluster import JsonObject
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import PrometheusProcess, lab_program
from tests.integration.support.rights import ACCOUNTS, TESTER, Bench, prepared
from tests.tools.rights import compact

READER = ACCOUNTS["promfleet-reader"]
PLACE = "monitoring-platform"
# The platform alone, with storage, so that volumes are looked at too; of its two sources one has a DNS name.
SHARED: JsonObject = {
    "clusters": ["hub", "edge", "far"],
    "teams": [],
    "platform": {"prometheus": {"storage": {"size": "1Gi"}}},
}
EXPOSED: list[JsonObject] = [{"team": "platform", "expose": "NodePort"}]
SOURCES: list[JsonObject] = [
    {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.7", "port": 31090}]},
    {"cluster": "far", "team": "platform", "targets": [{"address": "far.example.com", "port": 31091}]},
]
# Goals for one run and one cluster, and for one Prometheus.
MOST_REQUESTS, MOST_OF_PROMETHEUS = 40, 6
Check = tuple[str, str]


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("doctor-rights")
    prometheus = PrometheusProcess(
        program=lab_program(request, "prometheus"),
        folder=folder / "prometheus",
        host=own_address(),
        external_labels={"cluster": "hub", "team": "platform"},
    )
    prometheus.configure()
    prometheus.start()
    try:
        with started(request, "test-doctor-rights", audit=True) as (plane,):  # noqa: SIM117
            with prepared(plane, folder) as found:
                prepare(found, port=prometheus.port)
                yield found
    finally:
        prometheus.stop()


def prepare(bench: Bench, *, port: int) -> None:
    """The platform as runs leave it, and its pod, which answers."""
    plane = bench.plane

    def by_admin(name: str, **options: t.Any) -> None:
        run_module(name, kubeconfig=plane.kubeconfig, context=plane.context, wait=False, **options)

    for name in ("crds", "operator"):
        bench.call(name, by_admin=True)
    by_admin("team_monitoring", cluster="hub", **SHARED)
    bench.run_platform(pods=(PLACE,))
    by_admin("federation_source", cluster="hub", sources=EXPOSED, **SHARED)
    by_admin("federation_endpoints", cluster="hub", sources=SOURCES, **SHARED)
    services = ["prometheus-platform", "prometheus-platform-federation-0"]
    answering_pod(bench.admin, namespace=PLACE, name="prometheus-platform-0", services=services, port=port)
    another_operator(bench)


def another_operator(bench: Bench) -> None:
    """A running operator of others that looks after one namespace: instances are listed to see whether they meet."""
    place = "others"
    rbac = "rbac.authorization.k8s.io"
    account = {"name": "theirs", "namespace": place}
    pod = {
        "serviceAccountName": "theirs",
        "containers": [{"name": "operator", "image": "any", "args": [f"--namespaces={place}"]}],
    }
    labels = {"app": "theirs"}
    rules = [
        {"apiGroups": ["monitoring.coreos.com"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
    ]
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": "theirs"}
    deployed = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    for obj in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "theirs"}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "theirs"},
            "roleRef": reference, "subjects": [{"kind": "ServiceAccount", **account}],
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": account, "spec": deployed},
    ):  # fmt: skip
        bench.admin.apply(obj, force=True)


@pytest.fixture(scope="module")
def observations(bench: Bench) -> list[JsonObject]:
    """What workers told; they have all rights."""
    bench.give(READER.rules, in_kube_system=READER.record_rules)
    return [
        bench.module("federation_doctor", cluster=name, exposed=EXPOSED, wait_timeout=60, **SHARED)["observation"]
        for name in ("edge", "far")
    ]


class Looked(t.NamedTuple):
    """One run: the codes that each check of each object gave ("" for none), the same of what could not be observed.

    *excused*: whether a change that is going on explains all that could not be observed.
    """

    codes: dict[Check, frozenset[str]]
    unobserved: dict[Check, frozenset[str]]
    failure: str
    excused: bool


def look(bench: Bench, observations: list[JsonObject], rules: t.Sequence[JsonObject] = READER.rules) -> Looked:
    """One run of the doctor with these rights. Only what could not be observed makes it fail."""
    bench.give(list(rules), in_kube_system=READER.record_rules)
    options: JsonObject = {"cluster": "hub", "sources": SOURCES, "exposed": EXPOSED, "wait_timeout": 60, **SHARED}
    found = bench.module("federation_doctor", **options, peers=observations)
    seen = {one["code"] for one in found["findings"] if one["observed"] and one["severity"] == "error"}
    known = [{"code": code, "object": "*", "reason": "no pods run here"} for code in sorted(seen)]
    failure = bench.module("federation_doctor", **options, peers=observations, suppressions=known)["failure"]
    unseen = {one["fingerprint"] for one in found["findings"] if not one["observed"]}
    return Looked(
        codes=_by_check(found["checks"]),
        unobserved=_by_check(one for one in found["checks"] if one["fingerprint"] in unseen),
        failure=failure or "",
        excused=all(one["severity"] == "info" for one in found["findings"] if not one["observed"]),
    )


def _by_check(checks: t.Iterable[JsonObject]) -> dict[Check, frozenset[str]]:
    found: dict[Check, set[str]] = {}
    for one in checks:
        found.setdefault((one["check"], one["object"]), set()).add(one["code"])
    return {check: frozenset(codes) for check, codes in found.items()}


@pytest.fixture(scope="module")
def base(bench: Bench, observations: list[JsonObject]) -> Looked:
    """What is seen with all rights: everything."""
    found = look(bench, observations)
    assert found.unobserved == {}
    assert found.failure == ""
    return found


def name_of(right: Right) -> str:
    return f"{right.verb} {right.resource}" + (f".{right.group}" if right.group else "")


# By its name; of objects that are named one by one it has several.
RIGHTS: dict[str, list[Right]] = {}
for _right in (right for rule in READER.rules for right in single_rights(rule)):
    RIGHTS.setdefault(name_of(_right), []).append(_right)

# The checks of each right that a run takes on this cluster.
ON_OPERATORS = {"other_operators", "owners"}
NEEDED: dict[str, set[str]] = {
    "get alertmanagers.monitoring.coreos.com": {"alertmanager_available"},
    "get deployments.apps": {"operator", "operator_settled"},
    "get prometheuses.monitoring.coreos.com": {
        "federation_selected", "federation_settled", "prometheus_as_described", "prometheus_available",
    },
    "get services/proxy": {
        "configuration_loaded", "exposed_each_selector", "exposed_identity", "exposed_rules", "exposed_series",
        "federation_answer",
        "federation_claims", "federation_data", "federation_discovery", "federation_elsewhere", "federation_fresh",
        "federation_interval", "federation_labels", "federation_loaded", "federation_once", "federation_steady",
        "federation_target", "federation_target_up", "own_target_up", "peer_clocks",
    },
    "list alertmanagerconfigs.monitoring.coreos.com": {"receivers"},
    "list alertmanagers.monitoring.coreos.com": ON_OPERATORS,
    "list clusterrolebindings.rbac.authorization.k8s.io": ON_OPERATORS,
    "list clusterroles.rbac.authorization.k8s.io": ON_OPERATORS,
    "list deployments.apps": ON_OPERATORS,
    "list daemonsets.apps": {"policies_enforced"},
    "list endpointslices.discovery.k8s.io": {
        "exposed_endpoint", "federation_as_described", "federation_ports", "federation_settled", "federation_slices",
    },
    "list events": {"pods_made"},
    "list namespaces": {"namespace"},
    "list networkpolicies.networking.k8s.io": {"exposed_policy", "exposed_policy_as_described", "federation_way"},
    "list persistentvolumeclaims": {"volumes_grown"},
    "list pods": {
        "exposed_as_described", "exposed_policy", "exposed_policy_as_described", "exposed_selection",
        "instance_settled", "pods_run",
    },
    "list prometheusagents.monitoring.coreos.com": ON_OPERATORS,
    "list prometheuses.monitoring.coreos.com": ON_OPERATORS,
    "list rolebindings.rbac.authorization.k8s.io": ON_OPERATORS,
    "list roles.rbac.authorization.k8s.io": ON_OPERATORS,
    "list scrapeconfigs.monitoring.coreos.com": {
        "federation_as_described", "federation_known", "federation_monitor", "federation_ports", "federation_selected",
        "federation_selection", "federation_settled",
    },
    "list servicemonitors.monitoring.coreos.com": {
        "federation_as_described", "federation_known", "federation_monitor", "federation_ports", "federation_selected",
        "federation_selected_once", "federation_selection", "federation_settled",
    },
    "list services": {
        "exposed_as_described", "exposed_endpoint", "exposed_outside", "exposed_selection", "exposed_service",
        "federation_as_described", "federation_selected_once", "federation_selection", "federation_service",
        "federation_settled",
    },
    "list statefulsets.apps": ON_OPERATORS,
    "list storageclasses.storage.k8s.io": {"volumes_grown"},
    "list thanosrulers.monitoring.coreos.com": ON_OPERATORS,
}  # fmt: skip
# What is said without them is a finding that does not fail.
WEBHOOKS = {f"list {kind}webhookconfigurations.admissionregistration.k8s.io" for kind in ("mutating", "validating")}
# What the reader has for check mode, for the audit of policies, for where instances are exposed, and for what
# is not on this cluster: a webhook that is asked about our objects, and a CRD that is being deleted.
NOT_HERE = {
    "get customresourcedefinitions.apiextensions.k8s.io",
    "get namespaces",
    "get nodes",
    "get pods",
    "get prometheusagents.monitoring.coreos.com",
    "get services",
    "list endpoints",
    "list limitranges",
    "list poddisruptionbudgets.policy",
    "list podmonitors.monitoring.coreos.com",
    "list probes.monitoring.coreos.com",
    "list prometheusrules.monitoring.coreos.com",
    "list resourcequotas",
    "list serviceaccounts",
    "list validatingadmissionpolicies.admissionregistration.k8s.io",
    "list validatingadmissionpolicybindings.admissionregistration.k8s.io",
}
# Whether objects and pods are new depends on the time of the run.
OF_TIME = {"PF206", "PF207"}
# What an object that may not be read leaves without anything to judge.
FOLLOWING = {"pods_made", "pods_run", "volumes_grown"}


def without(*names: str) -> list[JsonObject]:
    """The reader's rules without some rights."""
    return compact(right for name, rights in RIGHTS.items() if name not in names for right in rights)


def test_each_right_of_the_reader_is_in_one_of_these_groups() -> None:
    assert RIGHTS.keys() == NEEDED.keys() | WEBHOOKS | NOT_HERE
    assert len(RIGHTS) == len(NEEDED) + len(WEBHOOKS) + len(NOT_HERE)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_without_a_right_exactly_the_checks_that_need_it_are_not_made(
    bench: Bench, base: Looked, observations: list[JsonObject], name: str
) -> None:
    found = look(bench, observations, without(name))
    assert {check for check, _object in found.unobserved} == NEEDED[name]
    assert set().union(*found.unobserved.values()) == {"PF002"}
    # Of what may not be read nothing is well, and all else is as before.
    assert not [check for check in found.unobserved if "" in found.codes[check]]
    assert not [check for check, codes in found.codes.items() if changed(codes, base.codes.get(check), found, check)]
    lost = base.codes.keys() - found.codes.keys()
    assert {check for check, _object in lost} <= FOLLOWING
    # The one thing that makes it fail; nothing excuses a right that is missing.
    assert "not observed" in found.failure
    assert not found.excused


def changed(codes: frozenset[str], before: frozenset[str] | None, found: Looked, check: Check) -> bool:
    """Whether a check that was made says something else than with all rights."""
    if check in found.unobserved:
        return False
    return before is None or bool((codes ^ before) - OF_TIME - {""}) or ("" in codes and bool(before - OF_TIME - {""}))


@pytest.mark.parametrize("name", sorted(WEBHOOKS))
def test_without_webhook_configurations_that_is_told_and_does_not_fail(
    bench: Bench, base: Looked, observations: list[JsonObject], name: str
) -> None:
    found = look(bench, observations, without(name))
    assert found.codes["webhooks", "hub/Cluster/hub"] == {"PF112"}
    assert base.codes["webhooks", "hub/Cluster/hub"] == {""}
    assert (found.unobserved, found.failure) == ({}, "")


def test_the_other_rights_are_not_taken_here(bench: Bench, base: Looked, observations: list[JsonObject]) -> None:
    found = look(bench, observations, without(*NOT_HERE))
    assert found.unobserved == {}
    assert not [check for check, codes in found.codes.items() if changed(codes, base.codes.get(check), found, check)]
    assert base.codes.keys() == found.codes.keys()


def test_without_any_right_nothing_is_well(bench: Bench, observations: list[JsonObject]) -> None:
    found = look(bench, observations, [])
    well = {check for (check, obj), codes in found.codes.items() if "" in codes and obj.startswith("hub/")}
    # What the workers told is known, and which kinds are served every account may ask.
    assert well <= {"crds", "crds_lasting", "federation_address", "peer_identity", "peer_replicas"}
    assert found.failure


def test_a_run_asks_little_and_nothing_for_secrets_or_config_maps(bench: Bench, observations: list[JsonObject]) -> None:
    bench.give(READER.rules, in_kube_system=READER.record_rules)
    audit = bench.audit.now()
    options: JsonObject = {"cluster": "hub", "sources": SOURCES, "exposed": EXPOSED, "wait_timeout": 60, **SHARED}
    bench.module("federation_doctor", **options, peers=observations)
    asked = audit.addresses(TESTER)
    of_prometheus = Counter(uri.partition("/proxy/")[0] for uri in asked if "/proxy/" in uri)
    own = [uri for uri in asked if "/proxy/" not in uri]
    assert 10 < len(own) <= MOST_REQUESTS, own
    # The one that federates, and its replica through the Service that exposes it.
    assert len(of_prometheus) == 2
    assert max(of_prometheus.values()) <= MOST_OF_PROMETHEUS, of_prometheus
    assert not [event for event in audit.events(TESTER) if event.resource in ("configmaps", "secrets")]
    assert not [event for event in audit.events(TESTER) if event.is_write]
