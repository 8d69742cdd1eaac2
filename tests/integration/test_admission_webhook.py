"""The admission webhook, its real program with a real API server: what it refuses, an outage, an expired certificate.

The API server runs without nodes and controllers. The program is a process at the address of its Service, and what the
Deployment controller and kubelets would do is done by the tests.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADMISSION_WEBHOOK_NAME,
    FIELD_MANAGER,
    INSTANCE_OF_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR_NAME,
    TEAM_LABEL,
    cluster_wide_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import (
    AUTHORITIES,
    AUTHORITY_KEY,
    serving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import EXPIRY_ALERT
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from cryptography import x509

from promlab.controlplane import ControlPlane
from tests.integration.support.account import provide
from tests.integration.support.admission_webhook import NAMESPACE, SERVICES_HERE, Pods
from tests.integration.support.audit import Audit
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.direct import fates
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

HOOK = ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", cluster_wide_name(ADMISSION_WEBHOOK_NAME))
HOST = f"{ADMISSION_WEBHOOK_NAME}.{NAMESPACE}.svc"
GROUPS = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
BAD, GOOD = "sum(", "sum(up)"
TEAM = "shop"
# Namespaces where it is not asked: of an instance, of the platform, of the operator, and of nobody.
ELSEWHERE = ("monitoring-shop", "platform-own", NAMESPACE, "nobody")
REFUSED, UNREACHED, EXPIRED = "Rules are not valid", "connection refused", "certificate has expired"
TEAMS: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub"],
    "platform": {"enabled": False},
    "teams": [
        {"name": TEAM, "namespaces": [TEAM], "rules": [{"name": "given", "namespace": TEAM, "groups": GROUPS}]},
    ],
}


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-admission", audit=True, controllers=False, services=SERVICES_HERE) as (running,):
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Cluster:
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


@pytest.fixture(scope="module")
def account(plane: ControlPlane, api: Cluster) -> Path:
    """An account with what is shipped, with which all runs are made."""
    serve_crds(api)
    return provide(plane.kubeconfig, contexts=[plane.context])


@pytest.fixture(scope="module")
def pods(
    plane: ControlPlane, api: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Pods:
    program = lab_program(request, "admission-webhook")
    return Pods(plane=plane, api=api, program=program, folder=tmp_path_factory.mktemp("certificate"))


Run = t.Callable[..., Outcome]


@pytest.fixture(scope="module")
def run(plane: ControlPlane, account: Path) -> Run:
    """The operator's module, with the webhook switched on."""

    def call(*, check: bool = False, state: str = "present", wait: int = 0, **webhook: t.Any) -> Outcome:
        options: JsonObject = {"wait": bool(wait), "wait_timeout": max(wait, 1)}
        given = {"state": state, "rules": GROUPS, "admission_webhook": {"enabled": True, **webhook}, **options}
        done = run_module("prometheus_operator", kubeconfig=account, context=plane.context, check=check, **given)
        return t.cast("Outcome", done["outcome"])

    return call


@pytest.fixture(scope="module")
def installed(run: Run, pods: Pods, api: Cluster) -> Run:
    """The same, once it is registered, and namespaces of all sorts are there."""
    run()
    pods.ready(OPERATOR_NAME, ADMISSION_WEBHOOK_NAME)
    run(wait=60)
    labels: dict[str, dict[str, str]] = {
        TEAM: {TEAM_LABEL: TEAM},
        "monitoring-shop": {TEAM_LABEL: TEAM, INSTANCE_OF_LABEL: "true"},
        "platform-own": {TEAM_LABEL: "platform"},
        "nobody": {},
    }
    for name, own in labels.items():
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": own}})
    return run


def changed(outcome: Outcome) -> set[tuple[str, str]]:
    return {(change.action, change.key.kind) for change in outcome.changes}


def rule(namespace: str, expression: str, *, ours: bool = False) -> JsonObject:
    labels = {MANAGED_BY_LABEL: FIELD_MANAGER} if ours else {"any": "label"}
    metadata = {"name": "written", "namespace": namespace, "labels": labels}
    spec = {"groups": [{"name": "any", "rules": [{"record": "any:sum", "expr": expression}]}]}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": metadata, "spec": spec}


def route(receiver: str) -> JsonObject:
    metadata = {"name": "written", "namespace": TEAM}
    spec = {"route": {"receiver": receiver}, "receivers": [{"name": "pager"}]}
    api_version = "monitoring.coreos.com/v1alpha1"
    return {"apiVersion": api_version, "kind": "AlertmanagerConfig", "metadata": metadata, "spec": spec}


def refusal(api: Cluster, obj: JsonObject) -> str:
    """What the API server says to a dry run that writes *obj*; empty if it is accepted."""
    metadata = obj["metadata"]
    path = api.kind(obj["apiVersion"], obj["kind"]).path(metadata["namespace"], metadata["name"])
    query = {"fieldManager": "probe", "dryRun": "All", "force": "true"}
    try:
        api.request("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml")
    except ApiError as error:
        return str(error)
    return ""


def until_told(api: Cluster, obj: JsonObject, text: str) -> None:
    """Wait until writing *obj* is refused with *text*: the API server learns of a registration a moment later."""
    api.wait_until(lambda: text in refusal(api, obj), f"refused: {text}")


@contextmanager
def policy(installed: Run, name: str) -> Iterator[None]:
    """Another failure policy for the time of a with block."""
    installed(failure_policy=name)
    try:
        yield
    finally:
        installed()


# -- installing ---------------------------------------------------------------------------------------------------


def test_it_is_not_registered_before_its_pods_are_ready(run: Run, pods: Pods, api: Cluster) -> None:
    predicted = run(check=True)
    assert ("created", HOOK[1]) in changed(predicted)
    with pytest.raises(Incomplete, match=f"{HOOK[1]} {HOOK[2]} is not created before all else is ready: not ready"):
        run(wait=1)
    assert api.find(*HOOK) is None
    left = run()
    assert [text for text in left.warnings if "is left out until all else is ready; run again" in text]
    assert (left.changes, api.find(*HOOK)) == ([], None)
    # The operator itself is not enough.
    pods.ready(OPERATOR_NAME)
    assert run().changes == []
    pods.ready(ADMISSION_WEBHOOK_NAME)
    assert changed(run(check=True)) == changed(run(wait=60)) == {("created", HOOK[1])}
    assert run(check=True).changes == run(wait=60).changes == run().changes == []


# -- what is judged -----------------------------------------------------------------------------------------------


def test_a_mistake_is_refused_where_a_team_writes_it(installed: Run, pods: Pods, api: Cluster) -> None:
    with pods.running():
        until_told(api, rule(TEAM, BAD), REFUSED)
        assert "denied the request" in refusal(api, rule(TEAM, BAD))
        assert refusal(api, rule(TEAM, GOOD)) == ""
        # What the operator accepts for a Prometheus 3, and with experimental functions.
        assert refusal(api, rule(TEAM, 'sum({"with.dots"})')) == ""
        assert refusal(api, rule(TEAM, "mad_over_time(up[5m])")) == ""
        assert "AlertmanagerConfig is invalid" in refusal(api, route("nobody"))
        assert refusal(api, route("pager")) == ""
        for namespace in ELSEWHERE:
            assert refusal(api, rule(namespace, BAD)) == "", namespace
        # The run has judged it, and the operator does once more.
        assert refusal(api, rule(TEAM, BAD, ours=True)) == ""
        assert changed(installed()) == set()


# -- an outage ----------------------------------------------------------------------------------------------------


def goes_on(api: Cluster, plane: ControlPlane, account: Path) -> None:
    """What must not depend on the webhook: other namespaces, runs, what the operator writes, and deletions."""
    for namespace in ELSEWHERE:
        assert refusal(api, rule(namespace, GOOD)) == "", namespace
    assert refusal(api, rule(TEAM, GOOD, ours=True)) == ""
    path = f"/apis/monitoring.coreos.com/v1/namespaces/{TEAM}/prometheusrules/there"
    status: JsonObject = {"status": {"bindings": []}}
    query = {"dryRun": "All"}
    api.request("PATCH", f"{path}/status", query=query, body=status, content_type="application/merge-patch+json")
    api.send("DELETE", path, body={"dryRun": ["All"]})
    for check in (True, False):
        run_module("team_monitoring", kubeconfig=account, context=plane.context, check=check, wait=False, **TEAMS)


@pytest.fixture
def there(api: Cluster, installed: Run) -> None:
    """A rule of the team that was there before."""
    with policy(installed, "Ignore"):
        obj = rule(TEAM, GOOD)
        api.apply({**obj, "metadata": {**obj["metadata"], "name": "there"}})


@pytest.mark.usefixtures("there")
def test_an_outage(installed: Run, plane: ControlPlane, api: Cluster, account: Path) -> None:
    # Nothing listens: accepted, and within the time that a refused connection takes.
    assert refusal(api, rule(TEAM, BAD)) == ""
    goes_on(api, plane, account)
    with policy(installed, "Fail"):
        until_told(api, rule(TEAM, GOOD), UNREACHED)
        assert f"https://{HOST}:443" in refusal(api, rule(TEAM, GOOD))
        goes_on(api, plane, account)
        # A run changes it back without the webhook's help.
    api.wait_until(lambda: refusal(api, rule(TEAM, GOOD)) == "", "accepted again")


@pytest.mark.usefixtures("there")
def test_the_operator_goes_on_in_an_outage(
    installed: Run, plane: ControlPlane, api: Cluster, account: Path, request: pytest.FixtureRequest
) -> None:
    """A rule that is written during the outage reaches Prometheus, in namespaces of teams, too."""

    def teams(name: str) -> None:
        groups = [{"name": "any", "rules": [{"record": name, "expr": "up"}]}]
        team = {**TEAMS["teams"][0], "rules": [{"name": "given", "namespace": TEAM, "groups": groups}]}
        options = {**TEAMS, "teams": [team], "wait": False}
        run_module("team_monitoring", kubeconfig=account, context=plane.context, **options)

    def reaches(name: str) -> bool:
        found = api.find("v1", "ConfigMap", f"prometheus-{TEAM}-rulefiles-0", f"monitoring-{TEAM}") or {}
        return any(name in text for text in (found.get("data") or {}).values())

    with policy(installed, "Fail"):
        until_told(api, rule(TEAM, GOOD), UNREACHED)
        with operator(plane, lab_program(request, "operator")):
            for name in ("before:up", "after:up"):
                teams(name)
                api.wait_until(functools.partial(reaches, name), "the operator hands the rule on")


# -- certificates -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("there")
def test_an_expired_certificate_and_its_renewal(
    installed: Run, pods: Pods, plane: ControlPlane, api: Cluster, account: Path
) -> None:
    before = pods.secret()
    now = dt.datetime.now(tz=dt.UTC)
    # As the same authority signed it, long ago.
    kept = {name: before[name] for name in (AUTHORITIES, AUTHORITY_KEY)}
    expired = serving(kept, name=HOST, now=now - dt.timedelta(days=400), renew=dt.timedelta(days=60))
    assert expired.expires < now
    as_a_run_wrote(api, {**api.get("v1", "Secret", ADMISSION_WEBHOOK_NAME, NAMESPACE), "data": dict(expired.data)})
    with pods.running():
        assert refusal(api, rule(TEAM, BAD)) == "", "Ignore"
        goes_on(api, plane, account)
        live = api.get(*HOOK)
        as_a_run_wrote(api, {**live, "webhooks": [{**hook, "failurePolicy": "Fail"} for hook in live["webhooks"]]})
        until_told(api, rule(TEAM, GOOD), EXPIRED)
        goes_on(api, plane, account)
        bundles = [hook["clientConfig"]["caBundle"] for hook in api.get(*HOOK)["webhooks"]]
        told = installed(check=True, failure_policy="Fail")
        done = installed(failure_policy="Fail")
        assert changed(told) == changed(done) == {("updated", "Secret"), ("updated", "PrometheusRule")}
        # The authority is the same, so that it makes no difference when a pod has the new certificate.
        assert [hook["clientConfig"]["caBundle"] for hook in api.get(*HOOK)["webhooks"]] == bundles
        assert f"vector({int((now + dt.timedelta(days=364)).timestamp())}" < expiry_of(api)
        pods.mount()
        until_told(api, rule(TEAM, BAD), REFUSED)
        assert refusal(api, rule(TEAM, GOOD)) == ""
        assert installed(failure_policy="Fail").changes == []
    installed()


def as_a_run_wrote(api: Cluster, obj: JsonObject) -> None:
    """Applies a live object, with what was changed in it, as if a run had written it so."""
    metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "labels") if name in obj["metadata"]}
    api.apply({**obj, "metadata": metadata}, manager=FIELD_MANAGER, force=True)


def expiry_of(api: Cluster) -> str:
    """The expression of the alert about the certificate."""
    groups = api.get("monitoring.coreos.com/v1", "PrometheusRule", OPERATOR_NAME, NAMESPACE)["spec"]["groups"]
    (found,) = [one for group in groups for one in group["rules"] if one.get("alert") == EXPIRY_ALERT]
    return str(found["expr"])


def test_a_secret_that_is_gone_is_made_again_with_those_who_trust_it(installed: Run, pods: Pods, api: Cluster) -> None:
    api.delete("v1", "Secret", ADMISSION_WEBHOOK_NAME, NAMESPACE)
    # The alert changes with the end of the certificate: two that were made in one second end at once.
    assert changed(installed()) - {("updated", "PrometheusRule")} == {("created", "Secret"), ("updated", HOOK[1])}
    certificate = x509.load_pem_x509_certificate(base64.b64decode(pods.secret()["tls.crt"]))
    assert f"vector({int(certificate.not_valid_after_utc.timestamp())})" in expiry_of(api)
    with pods.running():
        until_told(api, rule(TEAM, BAD), REFUSED)
    authority = base64.b64decode(pods.secret()[AUTHORITIES])
    assert all(base64.b64decode(hook["clientConfig"]["caBundle"]) == authority for hook in api.get(*HOOK)["webhooks"])
    assert installed().changes == []


def test_no_result_shows_a_key(installed: Run, pods: Pods, api: Cluster) -> None:
    api.delete("v1", "Secret", ADMISSION_WEBHOOK_NAME, NAMESPACE)
    done = installed()
    keys = [pods.secret()[name] for name in ("tls.key", AUTHORITY_KEY)]
    shown = repr([(change.before, change.after, change.result()) for change in done.changes])
    assert not [key for key in keys if key in shown or base64.b64decode(key).decode() in shown]


# -- removal ------------------------------------------------------------------------------------------------------


def test_switched_off_its_registration_goes_first(installed: Run, plane: ControlPlane, api: Cluster) -> None:
    assert installed().failures == []
    audit = Audit(path=plane.audit_log).now()
    done = installed(enabled=False)
    assert {kind for action, kind in changed(done) if action == "deleted"} == {
        HOOK[1], "Deployment", "PodDisruptionBudget", "Secret", "Service", "ServiceAccount", "ServiceMonitor",
    }  # fmt: skip
    deleted = [event.resource for event in audit.events("promfleet") if event.verb == "delete"]
    assert deleted.index("validatingwebhookconfigurations") < min(
        deleted.index(name) for name in ("deployments", "secrets", "services")
    )
    assert api.find(*HOOK) is None
    assert api.find("apps/v1", "Deployment", OPERATOR_NAME, NAMESPACE) is not None
    assert installed(enabled=False).changes == []
    assert fates(installed(state="absent"))["deleted"] > 0
