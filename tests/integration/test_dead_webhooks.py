"""An admission webhook that cannot be called is told once, with what to delete; one that restarts is waited for.

The control plane is this module's own: such a webhook is in the way of everybody.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.audit import Audit, Event
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.direct import fates
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.releases import crd_folder, crds_of
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]

ADMISSION = "admissionregistration.k8s.io/v1"
HELM = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"}
RULES = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
TEAMS = 20


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-webhooks", audit=True) as (running,):
        yield running


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Cluster:
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


def module(plane: ControlPlane, which: str, /, **options: t.Any) -> Outcome:
    return t.cast(
        "Outcome", run_module(which, kubeconfig=plane.kubeconfig, context=plane.context, **options)["outcome"]
    )


@contextmanager
def registered(
    api: Cluster, name: str, *, kind: str = "ValidatingWebhookConfiguration", rule: JsonObject, **client: t.Any
) -> Iterator[None]:
    """A webhook that every such write must pass, as a chart would register it."""
    webhook = {
        "name": f"{name}.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "failurePolicy": "Fail",
        "rules": [{"apiVersions": ["*"], "scope": "*", **rule}],
        "clientConfig": client or {"service": {"namespace": "monitoring", "name": "kps-operator", "path": "/admit"}},
    }
    metadata = {"name": name, "annotations": HELM}
    api.apply({"apiVersion": ADMISSION, "kind": kind, "metadata": metadata, "webhooks": [webhook]})
    try:
        yield
    finally:
        api.delete(ADMISSION, kind, name)


def in_force(api: Cluster, obj: JsonObject, *, message: str) -> None:
    """Wait until the API server calls the webhook for *obj*."""

    def is_refused() -> bool:
        metadata = obj["metadata"]
        path = api.kind(obj["apiVersion"], obj["kind"]).path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": "probe", "dryRun": "All", "force": "true"}
        try:
            api.request("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml")
        except ApiError as error:
            return message in str(error)
        return False

    api.wait_until(is_refused, "the webhook is called")


def writes(audit: Audit, resource: str) -> list[Event]:
    return [
        event for event in audit.events("admin") if event.resource == resource and event.verb in ("patch", "delete")
    ]


def test_a_webhook_whose_service_is_gone_is_told_once_with_what_to_delete(plane: ControlPlane, api: Cluster) -> None:
    for crd in crds_of(PROMETHEUS_OPERATOR).values():
        api.apply(crd, force=True)
    kinds = {"Prometheus", "PrometheusRule", "ServiceMonitor", "Alertmanager", "ScrapeConfig"}
    api.wait_until(lambda: kinds <= {kind.kind for kind in api.kinds()}, "the CRDs are served")

    def teams(*, check: bool = False) -> Outcome:
        return module(
            plane,
            "team_monitoring",
            check=check,
            wait=False,
            cluster="hub",
            clusters=["hub"],
            platform={"enabled": False},
            teams=[{"name": f"t{number:02}"} for number in range(TEAMS)],
            base_rules=RULES,
        )

    rule = {
        "apiGroups": ["monitoring.coreos.com"],
        "resources": ["prometheusrules"],
        "operations": ["CREATE", "UPDATE"],
    }
    api.apply(namespace("probe"))
    probe = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "probe", "namespace": "probe"},
        "spec": {"groups": RULES},
    }
    with registered(api, "prometheusrulemutate", kind="MutatingWebhookConfiguration", rule=rule):
        in_force(api, probe, message="failed calling webhook")
        audit = Audit(path=plane.audit_log).now()
        with pytest.raises(Incomplete) as stopped:
            teams()
        outcome = stopped.value.outcome
        (failure,) = outcome.failures
        for part in (
            'failed calling webhook "prometheusrulemutate.example.com"',
            'service "kps-operator" not found',
            "MutatingWebhookConfiguration prometheusrulemutate (of the Helm release monitoring/kps)",
            "Service monitoring/kps-operator",
            "kubectl delete mutatingwebhookconfiguration prometheusrulemutate.",
            "ask its owner before you delete it",
            f"For the same reason {TEAMS - 1} more objects wait: PrometheusRule monitoring-t",
        ):
            assert part in failure.message
        assert str(stopped.value).startswith(f"{TEAMS} objects could not be applied: PrometheusRule monitoring-t")
        assert str(stopped.value).count("kubectl delete") == 1
        # Those that were under way at the same time, each once.
        sent = writes(audit, "prometheusrules")
        assert len(sent) <= WORKERS
        assert len({event.namespace for event in sent}) == len(sent)
        # What the webhook does not concern is written.
        made = {change.key.kind for change in outcome.changes}
        assert {"Namespace", "Prometheus", "Alertmanager", "ServiceMonitor"} <= made
        with pytest.raises(Incomplete) as predicted:
            teams(check=True)
        (same,) = predicted.value.outcome.failures
        assert same.message.split("For the same reason")[0] == failure.message.split("For the same reason")[0]
    repaired = fates(teams())
    assert {**repaired, "unchanged": 0} == {"created": TEAMS, "unchanged": 0}


def test_crds_behind_such_a_webhook(plane: ControlPlane, api: Cluster) -> None:
    rule = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["*"], "operations": ["*"]}
    folder = str(crd_folder(PROMETHEUS_OPERATOR, only=("podmonitors", "probes")))
    with registered(api, "definitions", rule=rule):
        for check in (True, False):
            with pytest.raises(
                Incomplete, match="kubectl delete validatingwebhookconfiguration definitions"
            ) as stopped:
                module(plane, "crds", check=check, version=PROMETHEUS_OPERATOR, source=folder, wait=False)
            assert str(stopped.value).startswith("2 CRDs could not be applied: ")
            assert str(stopped.value).count("kubectl delete") == 1
    done = module(plane, "crds", version=PROMETHEUS_OPERATOR, source=folder, wait=False)
    assert fates(done)["updated"] == 2


def configured(plane: ControlPlane, number: int, place: str) -> Outcome:
    manifests = [namespace(place), *(config_map(place, f"c{index:02}", a="1") for index in range(number))]
    return module(plane, "objects", name=place, manifests=manifests, wait=False)


def config_maps(*operations: str) -> JsonObject:
    return {"apiGroups": [""], "resources": ["configmaps"], "operations": list(operations or ["CREATE", "UPDATE"])}


def test_what_a_webhook_keeps_from_being_deleted(plane: ControlPlane, api: Cluster) -> None:
    assert fates(configured(plane, 30, "kept")) == {"created": 32}
    with registered(api, "deletions", rule=config_maps("DELETE")):
        api.wait_until(lambda: not is_deletable(api, "kept"), "the webhook is called")
        audit = Audit(path=plane.audit_log).now()
        with pytest.raises(Incomplete, match=r"^30 objects could not be deleted: ConfigMap kept/c") as stopped:
            module(plane, "objects", name="kept", state="absent", manifests=[], wait=False)
        (failure,) = stopped.value.outcome.failures
        assert "kubectl delete validatingwebhookconfiguration deletions" in failure.message
        assert len(writes(audit, "configmaps")) <= WORKERS
    assert fates(module(plane, "objects", name="kept", state="absent", manifests=[], wait=False)) == {"deleted": 32}


def is_deletable(api: Cluster, place: str) -> bool:
    try:
        api.send("DELETE", f"/api/v1/namespaces/{place}/configmaps/c00", body={"dryRun": ["All"]})
    except ApiError:
        return False
    return True


class _Admits(BaseHTTPRequestHandler):
    """A webhook that allows everything."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {**review, "response": {"uid": review["request"]["uid"], "allowed": True}}
        answer.pop("request")
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: t.Any) -> None:
        pass


@contextmanager
def serving(plane: ControlPlane, port: int) -> Iterator[None]:
    """The webhook's server, with the certificate that the API server has for this address."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Admits)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plane.certificate, plane.certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def by_url(plane: ControlPlane, port: int) -> JsonObject:
    bundle = base64.b64encode(plane.certificate.read_bytes()).decode()
    return {"url": f"https://127.0.0.1:{port}/admit", "caBundle": bundle}


def test_a_webhook_that_restarts_is_waited_for(plane: ControlPlane, api: Cluster, port: int) -> None:
    api.apply(namespace("restarts"))
    with registered(api, "restarts", rule=config_maps(), **by_url(plane, port)):
        in_force(api, config_map("restarts", "probe"), message="connection refused")
        audit = Audit(path=plane.audit_log).now()
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(configured, plane, 20, "restarts")
            # The record is a ConfigMap, too: nothing is written before the webhook answers.
            api.wait_until(lambda: any(one.status == 500 for one in writes(audit, "configmaps")), "a write failed")
            with serving(plane, port):
                assert fates(run.result()) == {"created": 21, "updated": 1}


def test_the_wait_for_a_webhook_that_stays_down_is_one_for_all_objects(
    plane: ControlPlane, api: Cluster, port: int
) -> None:
    with registered(api, "down", rule=config_maps(), **by_url(plane, port)):
        in_force(api, config_map("default", "probe"), message="connection refused")
        audit = Audit(path=plane.audit_log).now()
        with pytest.raises(Incomplete, match="kubectl delete validatingwebhookconfiguration down") as stopped:
            module(
                plane,
                "objects",
                name="down",
                wait=False,
                manifests=[service_account(f"a{index:02}") for index in range(2)]
                + [config_map("default", f"down{index:02}", a="1") for index in range(60)],
            )
        assert len(stopped.value.outcome.failures) == 1
        names = [event.name for event in writes(audit, "configmaps")]
        assert len(set(names)) <= WORKERS


def service_account(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}}


def is_of_a_run(event: Event) -> bool:
    """Whether a request is one of a run's: a review of rights, or for what the collection names."""
    return event.resource.endswith("reviews") or event.name.startswith("promfleet-") or event.name == "any"


def test_a_webhook_that_is_in_the_way_of_everything(plane: ControlPlane, api: Cluster) -> None:
    """Of reviews of rights and Leases, too, which come before any object of a set."""
    rule = {"apiGroups": ["*"], "resources": ["*"], "operations": ["*"]}
    with registered(api, "everything", rule=rule):
        in_force(api, config_map("default", "probe"), message="failed calling webhook")
        audit = Audit(path=plane.audit_log).now()
        with pytest.raises(ClusterError) as stopped:
            module(plane, "objects", name="any", manifests=[config_map("default", "any", a="1")], wait=False)
        assert str(stopped.value).count("kubectl delete validatingwebhookconfiguration everything") == 1
        # Controllers use this account too, and go on.
        refused = [event for event in audit.events("admin") if event.status == 500 and is_of_a_run(event)]
        assert refused
        # No request is repeated, and not each thread's next one is sent.
        assert len(refused) <= WORKERS
