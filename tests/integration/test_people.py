"""What the people of a team and its instance may do: the accounts ask the API server themselves, with tokens."""

from __future__ import annotations

import itertools
import json
import typing as t
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import serve_crds
from tests.integration.support.planes import started

JsonObject = dict[str, t.Any]
# Group and resource, with its subresource.
Resource = tuple[str, str]

MONITORING = "monitoring.coreos.com"
OPTIONS: JsonObject = {"cluster": "hub", "clusters": ["hub"], "wait": False}
TEAMS: list[JsonObject] = [
    {
        "name": "pay",
        "namespaces": ["pay"],
        "users": ["jane@example.com"],
        "groups": ["system:serviceaccounts:pay-ci"],
        "service_accounts": ["pay/deployer"],
    },
    {"name": "search", "namespaces": ["search"], "service_accounts": ["search/deployer"], "scrape_configs": True},
]
READ, WRITE = ("get", "list", "watch"), ("create", "update", "patch", "delete", "deletecollection")
VERBS = (*READ, *WRITE)
WRITTEN = ("alertmanagerconfigs", "podmonitors", "probes", "prometheusrules", "servicemonitors")
LOOKED_AT = (*WRITTEN, "alertmanagers", "prometheuses", "scrapeconfigs")
DISCOVERED: tuple[Resource, ...] = (
    ("", "endpoints"),
    ("", "pods"),
    ("", "services"),
    ("discovery.k8s.io", "endpointslices"),
)
RESOURCES: tuple[Resource, ...] = (
    *((MONITORING, name) for name in (*LOOKED_AT, "prometheusagents", "thanosrulers")),
    *((MONITORING, f"{name}/status") for name in ("prometheuses", "servicemonitors")),
    *DISCOVERED,
    ("", "configmaps"),
    ("", "limitranges"),
    ("", "pods/exec"),
    ("", "pods/ephemeralcontainers"),
    ("", "pods/log"),
    ("", "pods/portforward"),
    ("", "pods/proxy"),
    ("", "resourcequotas"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("", "services/proxy"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
)
NAMESPACES = ("pay", "search", "monitoring-pay", "monitoring-search", "monitoring-platform", "kube-system", "default")
CLUSTER_WIDE: tuple[Resource, ...] = (
    ("", "namespaces"),
    ("", "nodes"),
    ("", "nodes/metrics"),
    ("", "nodes/proxy"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    (MONITORING, "prometheuses"),
    ("", "secrets"),
)
URLS = ("/metrics", "/logs", "/debug/pprof/", "/configz")


@dataclass(frozen=True, kw_only=True)
class Who:
    """An account, and where it has which rights."""

    name: str
    namespace: str
    account: str
    team: str = ""
    scrape_configs: bool = False
    is_instance: bool = False

    def may(self, resource: Resource, verb: str, namespace: str) -> bool:
        """What it is to be allowed."""
        if self.is_instance:
            return namespace in (self.team, f"monitoring-{self.team}") and resource in DISCOVERED and verb in READ
        group, name = resource
        if group != MONITORING:
            return False
        written = (*WRITTEN, "scrapeconfigs") if self.scrape_configs else WRITTEN
        if namespace == self.team:
            return name in written
        return namespace == f"monitoring-{self.team}" and name in LOOKED_AT and verb in READ


ACCOUNTS = (
    Who(name="an account of the list", namespace="pay", account="deployer", team="pay"),
    Who(name="an account of a group", namespace="pay-ci", account="any", team="pay"),
    Who(
        name="an account that may write ScrapeConfigs",
        namespace="search",
        account="deployer",
        team="search",
        scrape_configs=True,
    ),
    Who(name="another account of a team's namespace", namespace="pay", account="default", team="none"),
    Who(
        name="the instance's account",
        namespace="monitoring-pay",
        account="prometheus-pay",
        team="pay",
        is_instance=True,
    ),
    Who(
        name="the platform's account",
        namespace="monitoring-platform",
        account="prometheus-platform",
        team="platform",
        is_instance=True,
    ),
)


class Caller:
    """Asks the API server with the token of one account."""

    def __init__(self, admin: Cluster, who: Who) -> None:
        path = f"/api/v1/namespaces/{who.namespace}/serviceaccounts/{who.account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        token = admin.request("POST", path, body=body)["status"]["token"]
        self._own = Cluster(kubeconfig=admin.kubeconfig, context=admin.context)
        self._own.bear(str(token))

    def review(self, spec: JsonObject) -> bool:
        """What the API server says that it may do."""
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(self._own.request("POST", path, body=body)["status"]["allowed"])

    def may(self, resource: Resource, verb: str, namespace: str) -> bool:
        """Whether it may do this."""
        group, name = resource
        main, _slash, subresource = name.partition("/")
        attributes = {"group": group, "resource": main, "verb": verb, "namespace": namespace}
        return self.review({"resourceAttributes": {**attributes, "subresource": subresource}})

    def status(self, method: str, path: str, body: JsonObject | None = None) -> int:
        """The status of a real request, which changes nothing."""
        query = None if method == "GET" else {"dryRun": "All"}
        try:
            self._own.send(method, path, query=query, body=body)
        except ApiError as error:
            return error.status
        return 200


@pytest.fixture(scope="module")
def admin(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A control plane with two teams and the platform, and their accounts."""
    with started(request, "people", controllers=False) as (plane,):
        yield _prepared(plane)


def _prepared(plane: ControlPlane) -> Cluster:
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    serve_crds(cluster)
    run_module("team_monitoring", kubeconfig=plane.kubeconfig, context=plane.context, teams=TEAMS, **OPTIONS)
    for who in ACCOUNTS:
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": who.namespace}})
        metadata = {"name": who.account, "namespace": who.namespace}
        cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    return cluster


@pytest.fixture(params=ACCOUNTS, ids=lambda who: who.name)
def who(request: pytest.FixtureRequest) -> Who:
    found: Who = request.param
    return found


@pytest.fixture
def caller(admin: Cluster, who: Who) -> Caller:
    return Caller(admin, who)


def differences(
    caller: Caller, who: Who, asked: Sequence[tuple[Resource, str, str]]
) -> dict[tuple[Resource, str, str], bool]:
    """What the API server answers otherwise than it is to, with its answer."""
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda one: caller.may(*one), asked)
        return {one: answer for one, answer in zip(asked, answers, strict=True) if answer is not who.may(*one)}


def test_every_verb_on_every_resource(caller: Caller, who: Who) -> None:
    asked = list(itertools.product(RESOURCES, VERBS, NAMESPACES))
    assert differences(caller, who, asked) == {}


def test_nothing_in_the_whole_cluster(caller: Caller, who: Who) -> None:
    assert differences(caller, who, list(itertools.product(CLUSTER_WIDE, VERBS, [""]))) == {}
    verbs = ("get", "post")
    attributes = [{"nonResourceAttributes": {"path": path, "verb": verb}} for path in URLS for verb in verbs]
    assert [one for one in attributes if caller.review(one)] == []


def _monitor(kind: str, namespace: str) -> JsonObject:
    spec: JsonObject = {"selector": {}, "endpoints": []} if kind == "ServiceMonitor" else {}
    version = "v1alpha1" if kind in ("AlertmanagerConfig", "ScrapeConfig") else "v1"
    metadata = {"name": "any", "namespace": namespace}
    return {"apiVersion": f"{MONITORING}/{version}", "kind": kind, "metadata": metadata, "spec": spec}


# Method, path below /apis or /api, kind of what is sent, and whether it is allowed to the account of the list.
REQUESTS = [
    ("POST", f"/apis/{MONITORING}/v1/namespaces/pay/servicemonitors", "ServiceMonitor", True),
    ("POST", f"/apis/{MONITORING}/v1/namespaces/pay/prometheusrules", "PrometheusRule", True),
    ("POST", f"/apis/{MONITORING}/v1alpha1/namespaces/pay/alertmanagerconfigs", "AlertmanagerConfig", True),
    ("POST", f"/apis/{MONITORING}/v1alpha1/namespaces/pay/scrapeconfigs", "ScrapeConfig", False),
    ("POST", f"/apis/{MONITORING}/v1/namespaces/pay/prometheuses", "Prometheus", False),
    ("POST", f"/apis/{MONITORING}/v1/namespaces/monitoring-pay/servicemonitors", "ServiceMonitor", False),
    ("POST", f"/apis/{MONITORING}/v1/namespaces/search/servicemonitors", "ServiceMonitor", False),
    ("GET", f"/apis/{MONITORING}/v1/namespaces/monitoring-pay/prometheuses/pay", "", True),
    ("DELETE", f"/apis/{MONITORING}/v1/namespaces/monitoring-pay/prometheuses/pay", "", False),
    ("GET", "/api/v1/namespaces/monitoring-pay/secrets", "", False),
    ("GET", "/api/v1/namespaces/monitoring-pay/services/prometheus-pay:web/proxy/-/healthy", "", False),
    ("POST", "/api/v1/namespaces/monitoring-pay/services/prometheus-pay:web/proxy/-/quit", "", False),
    ("GET", "/api/v1/namespaces/monitoring-pay/pods", "", False),
    ("DELETE", "/apis/networking.k8s.io/v1/namespaces/monitoring-pay/networkpolicies/pay", "", False),
    ("GET", "/metrics", "", False),
]


@pytest.mark.parametrize(("method", "path", "kind", "allowed"), REQUESTS)
def test_real_requests(admin: Cluster, method: str, path: str, kind: str, allowed: bool) -> None:
    caller = Caller(admin, ACCOUNTS[0])
    namespace = path.partition("/namespaces/")[2].partition("/")[0]
    status = caller.status(method, path, _monitor(kind, namespace) if kind else None)
    # A request that is allowed can be refused for what it says, but not for who says it.
    assert (status != 403) is allowed, json.dumps([method, path, status])


def test_a_user_has_the_same_rights(admin: Cluster) -> None:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

    def may(user: str, namespace: str) -> bool:
        attributes = {"group": MONITORING, "resource": "prometheusrules", "verb": "create", "namespace": namespace}
        spec = {"user": user, "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return bool(admin.request("POST", path, body=body)["status"]["allowed"])

    assert may("jane@example.com", "pay")
    assert not may("jane@example.com", "monitoring-pay")
    assert not may("jane@example.com", "search")
    assert not may("john@example.com", "pay")
