"""Which rights a plan takes, which rules cover them, and how people read what is missing."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import members, record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import (
    Missing,
    Right,
    bound_role,
    covers,
    described,
    kubectl_line,
    not_held,
    of_plan,
    verbs_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId, Write

JsonObject = dict[str, t.Any]
RBAC = "rbac.authorization.k8s.io/v1"


def obj(kind: str, name: str = "web", namespace: str = "a", api_version: str = "v1", **body: t.Any) -> JsonObject:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def right(text: str) -> Right:
    """`verb resource[.group] [namespace[/name]]`."""
    verb, what, place = (*text.split(" "), "")[:3]
    resource, _dot, group = what.partition(".")
    namespace, _slash, name = place.partition("/")
    return Right(verb=verb, resource=resource, group=group, namespace=namespace, name=name)


def rule(groups: str = "", resources: str = "pods", verbs: str = "get", names: str = "") -> JsonObject:
    found: JsonObject = {
        "apiGroups": groups.split(","),
        "resources": resources.split(","),
        "verbs": verbs.split(","),
    }
    return {**found, **({"resourceNames": names.split(",")} if names else {})}


# -- what a plan takes --------------------------------------------------------------------------------------------

SERVICE = obj("Service", spec={"ports": []})
BINDING: JsonObject = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"}}
OTHER: JsonObject = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "other"}}


@pytest.mark.parametrize(
    ("desired", "live", "verbs"),
    [
        # An apply that creates is a PATCH, for which the server wants to see `create` too.
        (SERVICE, None, {"create", "patch"}),
        (SERVICE, SERVICE, {"patch"}),
        # What cannot be changed is deleted, waited for, and made again.
        (obj("Service", spec={"clusterIP": "None"}), SERVICE, {"create", "delete", "get", "patch"}),
        (obj("RoleBinding", **OTHER), obj("RoleBinding", **BINDING), {"create", "delete", "get", "patch"}),
        (obj("RoleBinding", **BINDING), obj("RoleBinding", **BINDING), {"patch"}),
        # Not ours to say: a field that we leave out stays as it is.
        (SERVICE, obj("Service", spec={"clusterIP": "10.0.0.1"}), {"patch"}),
    ],
)
def test_verbs_of_a_write(desired: JsonObject, live: JsonObject | None, verbs: set[str]) -> None:
    assert verbs_of(Write(desired=desired, live=live)) == verbs


@pytest.mark.parametrize("waits", [False, True])
def test_rights_of_a_plan(*, waits: bool) -> None:
    plan = Plan(
        writes=(Write(desired=obj("Deployment", api_version="apps/v1"), live=None),),
        deletes=(obj("Namespace", "a", ""),),
        releases=(obj("Namespace", "b", ""),),
    )
    claim = obj("PersistentVolumeClaim", "data")
    found = of_plan(plan, extra_deletes=[claim], waits=waits, plural=lambda live: guess_plural(live["kind"]))
    expected = {
        "create deployments.apps a/web",
        "patch deployments.apps a/web",
        # A request for a namespace counts as one in it, so a RoleBinding there can allow it.
        "delete namespaces a/a",
        "patch namespaces b/b",
        "delete persistentvolumeclaims a/data",
        *(("get namespaces a/a", "get persistentvolumeclaims a/data") if waits else ()),
    }
    assert found == {right(text) for text in expected}


def test_the_role_of_a_binding_is_known() -> None:
    cluster_role: JsonObject = {"roleRef": {**BINDING["roleRef"], "kind": "ClusterRole"}}
    found = [bound_role(obj("RoleBinding", api_version=RBAC, **body)) for body in (BINDING, cluster_role)]
    assert [str(key) for key in found] == ["Role a/web", "ClusterRole web"]
    assert bound_role(obj("Role", api_version=RBAC)) is None
    assert bound_role(obj("RoleBinding", api_version="example.com/v1")) is None


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("NetworkPolicy", "networkpolicies"),
        ("Prometheus", "prometheuses"),
        ("Endpoints", "endpoints"),
        ("EndpointSlice", "endpointslices"),
    ],
)
def test_resources_of_kinds_that_are_not_served_yet(kind: str, plural: str) -> None:
    assert guess_plural(kind) == plural


# -- what covers what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "wanted", "covered"),
    [
        (rule(verbs="get,list"), "get pods", True),
        (rule(verbs="get,list"), "watch pods", False),
        (rule(verbs="*"), "deletecollection pods", True),
        (rule(groups="apps"), "get pods", False),
        (rule(groups="*", resources="*"), "get deployments.apps", True),
        # Names narrow what is held, never what is wanted of all.
        (rule(names="web"), "get pods", False),
        (rule(names="web"), "get pods a/web", True),
        (rule(), "get pods a/web", True),
        # A resource does not hold its subresources.
        (rule(resources="pods"), "get pods/log", False),
        (rule(resources="*/log"), "get pods/log", True),
        (rule(resources="*/log"), "get pods", False),
        (rule(resources="*"), "get pods/log", True),
    ],
)
def test_what_a_rule_covers(held: JsonObject, wanted: str, *, covered: bool) -> None:
    assert covers(held, right(wanted)) is covered
    assert (not_held([held], [as_rule(right(wanted))]) == []) is covered


def as_rule(wanted: Right) -> JsonObject:
    return rule(wanted.group, wanted.resource, wanted.verb, wanted.name)


def test_urls_are_covered_by_their_beginning() -> None:
    held = [{"nonResourceURLs": ["/metrics", "/debug/*"], "verbs": ["get"]}]
    wanted = [{"nonResourceURLs": ["/metrics", "/debug/pprof", "/metrics/cadvisor"], "verbs": ["get"]}]
    assert [item.resource for item in not_held(held, wanted)] == ["/metrics/cadvisor"]


def test_several_rules_together_cover_what_none_does_alone() -> None:
    held = [rule(verbs="get"), rule(verbs="list"), rule(resources="services", verbs="get")]
    assert not_held(held, [rule(resources="pods,services", verbs="get,list")]) == [right("list services")]


# -- how people read it -------------------------------------------------------------------------------------------


def missing(*texts: str, grants: str = "", unasked: int = 0) -> list[Missing]:
    return [Missing(right=right(text), grants=grants, unasked=unasked) for text in texts]


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (missing("list services"), ["list services"]),
        (
            missing("create deployments.apps a/web", "patch deployments.apps a/web"),
            ["create, patch deployments.apps/web (namespace a)"],
        ),
        # Names of many objects say nothing about the rule that is missing.
        (missing("create services a/x", "create services b/y"), ["create services (namespaces a, b)"]),
        (missing("get roles.x a/n", "get services a/n"), ["get roles.x/n, services/n (namespace a)"]),
        (
            missing("watch pods", grants="ClusterRole op"),
            ["watch pods (because an account cannot grant permissions that it does not have: ClusterRole op)"],
        ),
        (
            missing("create services a/x", unasked=980),
            ["create services/x (namespace a, perhaps also 980 that were not asked about)"],
        ),
        (missing("get services/proxy.example.com"), ["get services.example.com/proxy"]),
    ],
)
def test_what_is_missing_in_few_words(given: list[Missing], lines: list[str]) -> None:
    # The text form of these tests has no subresource of a group.
    given = [
        Missing(right=Right(group="example.com", resource="services/proxy", verb="get"))
        if item.right.resource == "services/proxy"
        else item
        for item in given
    ]
    assert described(given) == lines


def test_a_thousand_namespaces_do_not_fill_the_message() -> None:
    given = missing(*(f"create services n{number:04}/x" for number in range(1000)))
    (line,) = described(given)
    assert line.startswith("create services/x (namespaces n0000, n0001, ")
    assert line.endswith("n0019 and 980 more)")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("create deployments.apps a/web", "kubectl auth can-i create deployments.apps/web --namespace=a"),
        ("list nodes", "kubectl auth can-i list nodes --all-namespaces"),
        ("get services/proxy a", "kubectl auth can-i get services --subresource=proxy --namespace=a"),
    ],
)
def test_the_line_that_asks_the_cluster(text: str, line: str) -> None:
    assert kubectl_line(right(text)) == line


# -- the record and Secrets ---------------------------------------------------------------------------------------


class Cluster:
    """Answers with one record."""

    def __init__(self, live: JsonObject) -> None:
        self.live = live

    def find(self, path: str) -> JsonObject:
        assert path.endswith("/configmaps/promfleet-set-main.teams")
        return {name: value for name, value in self.live.items() if name not in ("apiVersion", "kind")}


def test_the_record_knows_where_secrets_are() -> None:
    owner = SetId(fleet="main", capability="teams")
    secrets = members.secret_namespaces([obj("Secret"), obj("Secret", "other"), obj("Secret", namespace="b"), SERVICE])
    written = record.manifest(owner=owner, namespace="kube-system", kinds=[("v1", "Secret")], secret_namespaces=secrets)
    found = record.read(t.cast("t.Any", Cluster(written)), owner=owner, namespace="kube-system")
    assert found.secret_namespaces == ("a", "b")
    assert found.kinds == (("v1", "Secret"),)
    assert found.live == written
    # A set without Secrets says nothing about them, and nobody's ConfigMaps are listed because of its record.
    bare = record.manifest(owner=owner, namespace="kube-system", kinds=[("v1", "Service")])
    assert bare["data"].keys() == {"kinds"}
    assert "ConfigMap" not in bare["data"]["kinds"]


def test_no_capability_makes_secrets_yet() -> None:
    """docs/rights ships no rule for them; the first capability that makes one must say where."""
    assert not [found.name for found in CAPABILITIES if ("v1", "Secret") in found.kinds]
