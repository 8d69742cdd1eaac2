"""Receivers of a team become Alertmanager's configuration: the operator writes it, and each alert takes its route."""

from __future__ import annotations

import base64
import copy
import gzip
import re
import typing as t
from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

NAMESPACE = "monitoring-payments"
MONITORING = "monitoring.coreos.com/v1"
SECRET = {"secret": "receivers", "key": "any"}
CLEAR = "https://canary.example.com/in-clear"
PAYMENTS: JsonObject = {
    "name": "payments",
    "namespaces": ["payments", "payments-batch"],
    "alertmanager": {
        "receivers": [
            {"name": "all", "webhook": {"url": "https://alerts.example.com/{team}", "bearer_token": SECRET}},
            {"name": "pager", "pagerduty": {"routing_key": SECRET}, "opsgenie": {"api_key": SECRET}},
            {
                "name": "chat",
                "slack": {"api_url": SECRET, "channel": "#{team}-{cluster}"},
                "proxy_url": "http://proxy:3128",
            },
            {"name": "team-chat", "msteams": {"webhook_url": SECRET}},
            {
                "name": "mail",
                "email": {
                    "to": "a@example.com",
                    "from": "b@example.com",
                    "smarthost": "mail.example.com:587",
                    "auth_username": "c",
                    "auth_password": SECRET,
                },
            },
        ],
        "route": {
            "receiver": "all",
            "routes": [
                {"receiver": "chat", "matchers": ['alertname="Watchdog"'], "repeat_interval": "1m"},
                {"receiver": "pager", "matchers": ['severity="critical"'], "continue": True},
                {"receiver": "mail", "matchers": ['namespace=~"payments-b.*"', 'severity!="none"']},
                {"receiver": "team-chat", "matchers": ['pod!~"prometheus-.*"', 'namespace=""']},
            ],
        },
    },
}
# A team's own catch-all route, in one of its namespaces.
OWN: JsonObject = {
    "apiVersion": "monitoring.coreos.com/v1alpha1",
    "kind": "AlertmanagerConfig",
    "metadata": {"name": "own", "namespace": "payments"},
    "spec": {
        "receivers": [{"name": "own", "webhookConfigs": [{"url": "https://own.example.com/"}]}],
        "route": {"receiver": "own"},
    },
}
OPTIONS: JsonObject = {"cluster": "hub", "clusters": ["hub"], "wait": False}


def teams(plane: ControlPlane, *given: JsonObject, check: bool = False) -> JsonObject:
    """A run of the module."""
    place: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context, "check": check}
    return run_module("team_monitoring", teams=list(given), **place, **OPTIONS)


@pytest.fixture(scope="module")
def plane_of_teams(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "receivers", controllers=False) as (plane,):
        cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(cluster)
        yield plane


@pytest.fixture(scope="module")
def configuration(request: pytest.FixtureRequest, plane_of_teams: ControlPlane) -> JsonObject:
    """The configuration that the operator writes for the Alertmanager of the team."""
    program = lab_program(request, "operator")
    cluster = Cluster(kubeconfig=plane_of_teams.kubeconfig, context=plane_of_teams.context)
    teams(plane_of_teams, PAYMENTS)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "receivers", "namespace": NAMESPACE}}
    cluster.apply({**secret, "stringData": {"any": CLEAR}})
    cluster.apply(OWN)
    found: JsonObject = {}

    def is_whole() -> bool:
        live = cluster.find("v1", "Secret", "alertmanager-payments-generated", NAMESPACE)
        if live is None:
            return False
        text = gzip.decompress(base64.b64decode(live["data"]["alertmanager.yaml.gz"]))
        found.clear()
        found.update(yaml.load(text, yaml.CSafeLoader))
        return len(found["route"].get("routes") or ()) == 2

    with operator(plane_of_teams, program):
        cluster.wait_until(is_whole, "the operator has written the routes of both objects")
    return found


def fits(matcher: str, labels: t.Mapping[str, str]) -> bool:
    """Whether an alert fits a matcher as the operator writes it."""
    found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher)
    assert found is not None, matcher
    name, how, value = found.groups()
    is_so = bool(re.fullmatch(value, labels.get(name, ""))) if "~" in how else labels.get(name, "") == value
    return is_so is not how.startswith("!")


def receivers_of(route: JsonObject, labels: t.Mapping[str, str]) -> list[str]:
    """The receivers of an alert, as Alertmanager finds them: dispatch/route.go, Route.Match."""
    if not all(fits(matcher, labels) for matcher in route.get("matchers") or ()):
        return []
    found: list[str] = []
    for below in route.get("routes") or ():
        matched = receivers_of(below, labels)
        found += matched
        if matched and not below.get("continue"):
            break
    return found or [route["receiver"]]


BESIDE = f"{NAMESPACE}/payments/"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, [f"{BESIDE}chat"]),
        ({"alertname": "TargetDown", "severity": "warning", "namespace": "payments-batch"}, [f"{BESIDE}mail"]),
        (
            {"alertname": "TargetDown", "severity": "warning", "namespace": "payments"},
            [f"{BESIDE}all", "payments/own/own"],
        ),
        ({"alertname": "PrometheusRuleFailures", "pod": "prometheus-payments-0"}, [f"{BESIDE}all"]),
        ({"alertname": "Other"}, [f"{BESIDE}team-chat"]),
        (
            {"alertname": "Own", "severity": "critical", "namespace": "payments"},
            [f"{BESIDE}pager", "payments/own/own"],
        ),
    ],
)
def test_an_alert_reaches_the_receivers_of_its_team_and_of_its_namespace(
    configuration: JsonObject, labels: JsonObject, expected: list[str]
) -> None:
    assert receivers_of(configuration["route"], labels) == expected


def test_each_receiver_has_what_its_secret_holds(configuration: JsonObject) -> None:
    by_name = {one["name"].rpartition("/")[2]: one for one in configuration["receivers"]}
    assert by_name["pager"]["pagerduty_configs"][0]["routing_key"] == CLEAR
    assert by_name["pager"]["opsgenie_configs"][0]["api_key"] == CLEAR
    assert by_name["chat"]["slack_configs"][0]["api_url"] == CLEAR
    assert by_name["chat"]["slack_configs"][0]["channel"] == "#payments-hub"
    assert by_name["chat"]["slack_configs"][0]["http_config"]["proxy_url"] == "http://proxy:3128"
    assert by_name["team-chat"]["msteamsv2_configs"][0]["webhook_url"] == CLEAR
    assert by_name["mail"]["email_configs"][0]["auth_password"] == CLEAR
    (hook,) = by_name["all"]["webhook_configs"]
    assert hook["url"] == "https://alerts.example.com/payments"
    assert hook["http_config"]["authorization"]["credentials"] == CLEAR
    assert hook["send_resolved"] is True


def test_a_second_run_changes_nothing(plane_of_teams: ControlPlane, configuration: JsonObject) -> None:
    assert configuration
    outcome = teams(plane_of_teams, PAYMENTS)["outcome"]
    assert [str(change) for change in outcome.changes] == []


def test_without_receivers_the_object_is_deleted_and_the_teams_own_stays(
    plane_of_teams: ControlPlane, configuration: JsonObject
) -> None:
    assert configuration
    cluster = Cluster(kubeconfig=plane_of_teams.kubeconfig, context=plane_of_teams.context)
    teams(plane_of_teams, {**PAYMENTS, "alertmanager": {"receivers": []}})
    kind = OWN["apiVersion"], OWN["kind"]
    assert cluster.find(*kind, "payments", NAMESPACE) is None
    assert cluster.find(*kind, "own", "payments") is not None


def test_an_older_crd_is_refused_before_the_first_write(
    plane_of_teams: ControlPlane, configuration: JsonObject
) -> None:
    assert configuration
    cluster = Cluster(kubeconfig=plane_of_teams.kubeconfig, context=plane_of_teams.context)
    crd = cluster.get(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", f"alertmanagers.{MONITORING.partition('/')[0]}"
    )
    old = copy.deepcopy(crd)
    del old["metadata"]["managedFields"]
    for version in old["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        spec["alertmanagerConfigMatcherStrategy"]["properties"]["type"]["enum"] = ["OnNamespace", "None"]
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crd["metadata"]["name"]
    cluster.request("PUT", path, body=old)
    try:
        before = cluster.snapshot()
        for check in (False, True):
            with pytest.raises(Refused, match="does not know alertmanagerConfigMatcherStrategy"):
                teams(plane_of_teams, PAYMENTS, {"name": "search"}, check=check)
        assert cluster.snapshot() == before
    finally:
        live = cluster.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd["metadata"]["name"])
        del crd["metadata"]["managedFields"]
        crd["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        cluster.request("PUT", path, body=crd)
