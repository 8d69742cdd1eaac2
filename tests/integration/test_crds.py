"""The CRD guard against real operator releases on a real API server.

The tests are one story on one control plane: each begins with the release that the one before left.
"""

from __future__ import annotations

import base64
import copy
import json
import stat
import typing as t
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import apply_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import OptIns
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import execute
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.modules.crds import DEFINITION as CRDS

from tests.integration.conftest import Module
from tests.integration.support.guarded import CRD, LEASE, LEASES, OPERATORS, Guarded, guarded
from tests.integration.support.inventory import single
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.proxy import Fault, Request, faulty
from tests.integration.support.releases import GROUP, crds_of, differences

JsonObject = dict[str, t.Any]
# The first release with its mark at the CRDs is 0.69; the first with all ten kinds 0.65.
FIRST, MARKED, OLDER, NEWEST = "0.60.0", "0.72.0", "0.80.1", "0.93.1"
# What is small, and one kind that the first release does not have; the last test is about all.
SMALL = ("podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors")
WEBHOOKED = "probes"
V1 = "monitoring.coreos.com/v1"
TEAM = "team-a"
HOOK = {
    "strategy": "Webhook",
    "webhook": {
        "clientConfig": {"service": {"name": "admission", "namespace": OPERATORS, "path": "/convert"}},
        "conversionReviewVersions": ["v1beta1", "v1alpha1"],
    },
}


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """A control plane of its own: no other test has CRDs on it."""
    with started(request, "test-crds") as (plane,):
        found = guarded(plane, only=SMALL)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}
        found.api.apply(namespace)
        yield found


@pytest.fixture
def crds(cluster: Guarded, playbook: Callable[..., Run]) -> Module:
    """The module, in a play of its own."""
    return Module(playbook, "crds", inventory=lambda: single(name="test-crds", kubeconfig=cluster.plane.kubeconfig))


def name_of(plural: str) -> str:
    return f"{plural}.{GROUP}"


def actions(outcome: t.Any) -> list[JsonObject]:
    return [change.result() for change in outcome.outcome.sorted_changes()]


def unwanted() -> list[JsonObject]:
    pytest.fail("nothing has to be read")


def monitor(**endpoint: t.Any) -> JsonObject:
    """A ServiceMonitor with fields of every age."""
    return {
        "apiVersion": V1,
        "kind": "ServiceMonitor",
        "metadata": {"name": "web", "namespace": TEAM},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "endpoints": [{"port": "web", "interval": "30s", **endpoint}],
        },
    }


# Since 0.86: the monitor's own kind of discovery.
MODERN = monitor()
MODERN["spec"]["serviceDiscoveryRole"] = "EndpointSlice"


def web(cluster: Guarded) -> JsonObject:
    """What the monitor is, as it is served now."""
    return dict(cluster.api.get(V1, "ServiceMonitor", "web", TEAM)["spec"])


def test_an_upgrade_over_kubectl_create_is_exact_and_restarts_the_operator(cluster: Guarded) -> None:
    cluster.kubectl_create(FIRST)
    cluster.served(FIRST)
    cluster.run_operator("chart", version=FIRST)
    cluster.run_operator("at-zero", version=FIRST, replicas=0)
    predicted = cluster.apply(MARKED, check=True)
    assert cluster.differences(FIRST) == []
    done = cluster.apply(MARKED)
    assert actions(done) == actions(predicted)
    # The restarted operator is one of those that were updated.
    assert done.outcome.counts() | {"created": 1, "updated": 5} == done.outcome.counts()
    assert cluster.differences(MARKED) == []
    # ScrapeConfig is new: whoever runs must look again, whoever does not will when it starts.
    assert done.restarted == predicted.restarted == [f"Deployment {OPERATORS}/chart"]
    template = cluster.operator("chart")["spec"]["template"]["metadata"]
    assert "kubectl.kubernetes.io/restartedAt" in template["annotations"]
    assert "annotations" not in cluster.operator("at-zero")["spec"]["template"]["metadata"]
    # The CRDs of before are kept in the cluster.
    snapshot = cluster.api.get("v1", "ConfigMap", str(done.snapshot), "kube-system")
    assert snapshot["binaryData"].keys() == {f"{name}.json.gz" for name in crds_of(FIRST, only=SMALL)}


def test_the_second_run_writes_and_fetches_nothing(cluster: Guarded, crds: Module) -> None:
    before = cluster.api.snapshot()
    again = cluster.apply(MARKED)
    assert (actions(again), again.outcome.unchanged, again.snapshot) == ([], 5, None)
    assert cluster.api.snapshot() == before
    # The digest alone says so: neither a download nor a file is needed.
    source = cluster.source(MARKED).digest
    known = apply_crds(cluster.cluster, source=source, load=unwanted, opt_ins=OptIns(), options=Options())
    assert (actions(known), known.outcome.unchanged) == ([], 5)
    # Through the module, with a folder: the same.
    result = crds("--check", source=str(cluster.folder(MARKED)))
    assert not result.changed
    assert result.data["counts"]["unchanged"] == 5


def _installed_in_every_way(cluster: Guarded) -> None:
    """CRDs as Helm, client-side apply, server-side apply and people left them, with a webhook of cert-manager's."""
    marked = crds_of(MARKED, only=SMALL)
    cluster.kubectl_apply(crds_of(FIRST, only=SMALL)[name_of("prometheusrules")])
    helm = copy.deepcopy(marked[name_of("servicemonitors")])
    helm["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    helm["spec"]["names"]["shortNames"] = ["smon", "left-by-helm"]
    cluster.replace(helm, manager="helm")
    cluster.api.apply(marked[name_of("podmonitors")], manager="argocd-controller", force=True)
    # As AlertmanagerConfig is where the operator's webhook runs; a small CRD shows the same in less time.
    hooked = copy.deepcopy(marked[name_of(WEBHOOKED)])
    hooked["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] = "operators/admission"
    hooked["spec"]["conversion"] = HOOK
    hooked["spec"]["versions"].append({**hooked["spec"]["versions"][0], "name": "v1beta1", "storage": False})
    cluster.replace(hooked, manager="kubectl-replace")
    cluster.api.edit(*CRD, name_of(WEBHOOKED), bundle(cluster, number=1))


def bundle(cluster: Guarded, *, number: int) -> JsonObject:
    """A change of the webhook's certificates. Any will do: nobody calls the webhook."""
    text = base64.b64encode(cluster.plane.certificate.read_bytes() * number).decode()
    return {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": text}}}}}


def test_nothing_of_other_installers_is_left_but_what_is_theirs(cluster: Guarded) -> None:
    _installed_in_every_way(cluster)
    rules = cluster.live()[name_of("prometheusrules")]
    assert "kubectl.kubernetes.io/last-applied-configuration" in rules["metadata"]["annotations"]
    # v1beta1 is served there, and clients may use it.
    with pytest.raises(Refused, match="served version v1beta1"):
        cluster.apply(NEWEST)
    done = cluster.apply(NEWEST, allow_data_loss=True)
    assert done.outcome.counts()["updated"] == 5
    assert cluster.differences(NEWEST) == []
    live = cluster.live()
    hook = live[name_of(WEBHOOKED)]
    certificates = bundle(cluster, number=1)["spec"]["conversion"]["webhook"]["clientConfig"]
    assert hook["spec"]["conversion"]["webhook"]["clientConfig"].items() >= certificates.items()
    assert hook["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "operators/admission"
    assert live[name_of("servicemonitors")]["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert live[name_of("prometheusrules")]["metadata"]["annotations"].keys() == {
        *crds_of(NEWEST, only=SMALL)[name_of("prometheusrules")]["metadata"]["annotations"],
        "promfleet.monitoring/crds",
    }
    # The webhook's own changes are no difference.
    cluster.api.edit(*CRD, name_of(WEBHOOKED), bundle(cluster, number=2))
    assert actions(cluster.apply(NEWEST)) == []


def test_a_change_that_loses_fields_in_use_is_refused_with_the_whole_list(cluster: Guarded, crds: Module) -> None:
    cluster.api.apply(MODERN, manager="gitops")
    plain = {**monitor(), "metadata": {"name": "plain", "namespace": TEAM}}
    cluster.api.apply(plain)
    before = cluster.api.snapshot()
    refused = crds.fails(source=str(cluster.folder(OLDER)))
    assert "0.93.1 -> 0.80.1" in refused.message
    assert "allow_downgrade" in refused.message
    assert "ServiceMonitor team-a/web: spec.serviceDiscoveryRole" in refused.data["refused"]
    assert len([line for line in refused.data["refused"] if " -> " in line]) == 5
    assert not [line for line in refused.data["refused"] if "plain" in line]
    with pytest.raises(Refused, match="allow_data_loss"):
        cluster.apply(OLDER, allow_downgrade=True)
    with pytest.raises(Refused, match="snapshot_dir"):
        cluster.apply(OLDER, allow_downgrade=True, allow_data_loss=True)
    assert cluster.api.snapshot() == before


def test_a_loss_that_was_allowed_is_undone_by_a_restore(cluster: Guarded, crds: Module, tmp_path: Path) -> None:
    cluster.run_operator("chart", version=NEWEST)
    pods = cluster.pods("chart")
    done = cluster.apply(OLDER, allow_downgrade=True, allow_data_loss=True, snapshot_dir=str(tmp_path / "saved"))
    assert cluster.differences(OLDER) == []
    # The operator slept meanwhile: its pods are others.
    assert done.stopped == [f"Deployment {OPERATORS}/chart"]
    cluster.api.wait_until(lambda: len(cluster.pods("chart") - pods) == 1, "the operator runs again")
    assert cluster.api.find("v1", "ConfigMap", "promfleet-held-operators", "kube-system") is None
    saved = done.objects_file
    assert saved is not None
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    # A write in between, by whomever: now the field is gone for good.
    cluster.api.edit(V1, "ServiceMonitor", "web", {"metadata": {"labels": {"edited": "yes"}}}, namespace=TEAM)
    endpoint = [{"port": "web", "interval": "60s"}]
    cluster.api.edit(V1, "ServiceMonitor", "web", {"spec": {"endpoints": endpoint}}, namespace=TEAM)
    predicted = crds("--check", state="restored", snapshot=str(saved))
    restored = crds(state="restored", snapshot=str(saved))
    assert restored.objects == predicted.objects
    assert f"updated ServiceMonitor {TEAM}/web" in restored.objects
    assert restored.data["conflicts"] == restored.data["missing"] == []
    assert cluster.differences(NEWEST) == []
    live = cluster.api.get(V1, "ServiceMonitor", "web", TEAM)
    assert live["spec"]["serviceDiscoveryRole"] == "EndpointSlice"
    assert live["spec"]["endpoints"] == endpoint
    assert live["metadata"]["labels"] == {"edited": "yes"}
    # Whoever had set the field owns it again: without it in the next apply it goes.
    fields = {entry["manager"]: entry["fieldsV1"] for entry in live["metadata"]["managedFields"]}
    assert "f:serviceDiscoveryRole" in fields["gitops"]["f:spec"]
    assert "promfleet.monitoring" not in fields
    assert not crds(state="restored", snapshot=str(saved)).changed


def test_a_restore_that_fails_says_what_it_had_restored(cluster: Guarded, tmp_path: Path) -> None:
    done = cluster.apply(OLDER, allow_downgrade=True, allow_data_loss=True, snapshot_dir=str(tmp_path / "saved"))
    cluster.api.edit(V1, "ServiceMonitor", "web", {"metadata": {"labels": {"edited": "again"}}}, namespace=TEAM)

    def refused(request: Request) -> Fault | None:
        is_restore = request.method == "PUT" and request.path.endswith("/servicemonitors/web")
        return Fault(status=422, message="a webhook does not like it") if is_restore else None

    def restore(kubeconfig: Path, context: str) -> JsonObject:
        given = {"kubeconfig": str(kubeconfig), "context": context, "state": "restored"}
        params = ArgumentSpecValidator(CRDS.options, **CRDS.rules).validate(
            {**given, "snapshot": str(done.objects_file)}
        )
        return execute(CRDS, params.validated_parameters, check=False, diff=False).result

    with faulty(cluster.plane, tmp_path, refused) as proxy:
        result = restore(proxy.kubeconfig, proxy.context)
    assert result["failed"]
    told = f"ServiceMonitor {TEAM}/web: a webhook does not like it"
    assert result["msg"] == f"1 objects could not be restored: {told}"
    assert result["failures"] == [
        {"kind": "ServiceMonitor", "namespace": TEAM, "name": "web", "message": "a webhook does not like it"}
    ]
    # The CRDs are those of before, and said to be.
    assert cluster.differences(NEWEST) == []
    assert [entry["name"] for entry in result["objects"]] == sorted(crds_of(NEWEST, only=SMALL))
    assert result["snapshot"]["crds"]
    again = restore(cluster.plane.kubeconfig, cluster.plane.context)
    assert [(entry["kind"], entry["name"]) for entry in again["objects"]] == [("ServiceMonitor", "web")]
    assert web(cluster)["serviceDiscoveryRole"] == "EndpointSlice"


def test_an_old_set_that_was_forced_over_a_newer_one_is_told_and_put_right(cluster: Guarded) -> None:
    """Before a rollback kube-prometheus-stack forces its old CRDs over whatever there is."""
    told = cluster.report(OLDER)
    assert told["losing"] == [
        {"kind": "ServiceMonitor", "namespace": TEAM, "name": "web", "fields": ["spec.serviceDiscoveryRole"]}
    ]
    assert len(told["downgrades"]) == 5
    cluster.force(OLDER)
    # The server takes in a CRD after it has answered.
    cluster.api.wait_until(lambda: "serviceDiscoveryRole" not in web(cluster), "the older schema is served")
    told = cluster.report(NEWEST)
    assert (told["release"], told["wanted"], len(told["differs"])) == (OLDER, NEWEST, 5)
    assert told["skew"] == [
        f"Deployment {OPERATORS}/{name} is of release {version}, the CRDs are of {OLDER}"
        for name, version in (("at-zero", FIRST), ("chart", NEWEST))
    ]
    assert "kubectl" in told["installed"][0]["managers"]
    cluster.apply(NEWEST)
    assert cluster.differences(NEWEST) == []
    # Nobody wrote in between, so that it comes back by itself.
    cluster.api.wait_until(lambda: "serviceDiscoveryRole" in web(cluster), "the newer schema is served")
    assert web(cluster)["serviceDiscoveryRole"] == "EndpointSlice"
    assert len(cluster.report(NEWEST)["snapshots"]) == 3


def test_an_operator_that_an_interrupted_run_left_stopped_is_started(cluster: Guarded) -> None:
    noted = [{"namespace": OPERATORS, "name": "chart", "replicas": 1}]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "promfleet-held-operators", "namespace": "kube-system"},
        "data": {"operators": json.dumps(noted)},
    }
    cluster.api.apply(config_map)
    cluster.run_operator("chart", version=NEWEST, replicas=0)
    assert cluster.report(NEWEST)["stopped"] == [f"Deployment {OPERATORS}/chart"]
    expected = [
        {
            "action": "updated",
            "kind": "Deployment",
            "name": "chart",
            "namespace": OPERATORS,
            "fields": ["spec.replicas"],
        }
    ]
    assert actions(cluster.apply(NEWEST, check=True)) == expected
    assert actions(cluster.apply(NEWEST)) == expected
    assert cluster.operator("chart")["spec"]["replicas"] == 1
    assert actions(cluster.apply(NEWEST)) == []


def test_going_back_leaves_no_mixture_of_releases(cluster: Guarded) -> None:
    cluster.api.delete(V1, "ServiceMonitor", "web", TEAM)
    # Release 0.60 says nowhere which it is: the schemas tell.
    with pytest.raises(Refused, match="allow_downgrade"):
        cluster.apply(FIRST)
    done = cluster.apply(FIRST, allow_downgrade=True)
    assert done.outcome.counts()["deleted"] == 1
    assert cluster.differences(FIRST) == []


def test_two_releases_at_once_end_as_one_of_them(cluster: Guarded) -> None:
    """One writes after the other, and what it finds then is what the other left."""
    for _round in range(3):
        others = [guarded(cluster.plane, only=SMALL) for _release in (OLDER, NEWEST)]
        with ThreadPoolExecutor(2) as pool:
            runs = [
                pool.submit(other.apply, release, allow_downgrade=True)
                for other, release in zip(others, (OLDER, NEWEST), strict=True)
            ]
        assert all(run.result() for run in runs)
        assert [] in (cluster.differences(OLDER), cluster.differences(NEWEST))
        assert cluster.lease() is None


def test_who_changes_the_crds_now_is_named(cluster: Guarded) -> None:
    spec = {"holderIdentity": "alice@ci-7", "leaseDurationSeconds": 3600}
    metadata = {"name": LEASE, "namespace": "kube-system"}
    cluster.api.apply({"apiVersion": LEASES, "kind": "Lease", "metadata": metadata, "spec": spec})
    before = cluster.live()
    with pytest.raises(Refused, match="alice@ci-7 holds the Lease kube-system/promfleet-set-crds"):
        cluster.apply(FIRST, allow_downgrade=True, lock_timeout=0.0)
    assert cluster.live() == before
    cluster.api.delete(LEASES, "Lease", LEASE, "kube-system")
    cluster.apply(FIRST, allow_downgrade=True)


ROLES: JsonObject = {
    "promfleet_wait": False,
    "promfleet_force_conflicts": True,
    "team_monitoring_teams": [{"name": "payments", "namespaces": ["payments"]}],
}


def test_check_mode_is_right_about_an_upgrade_and_the_instances_that_need_it(
    cluster: Guarded, playbook: Callable[..., Run]
) -> None:
    """Roles in one play: the operator with its CRDs, then teams with fields that the CRDs of before do not know."""
    roles = [f"promfleet.monitoring.{name}" for name in ("prometheus_operator", "team_monitoring")]
    play = [{"hosts": "all", "gather_facts": False, "roles": roles}]
    # The chart's operator would meet ours.
    replaces = {"prometheus_operator_replaces": ["operators/chart"]}
    inventory = single(name="test-crds", kubeconfig=cluster.plane.kubeconfig, **ROLES, **replaces)
    # A monitor that the old CRDs have already: an update with a field that they do not know.
    known = {
        "apiVersion": V1,
        "kind": "ServiceMonitor",
        "metadata": {"name": "prometheus-operator", "namespace": "prometheus-operator"},
        "spec": {"selector": {"matchLabels": {"app": "other"}}, "endpoints": []},
    }
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prometheus-operator"}})
    cluster.api.apply(known)
    before = cluster.api.snapshot()
    predicted = playbook(play, inventory=inventory, arguments=["--check"]).require_success()
    assert cluster.api.snapshot() == before
    local = {
        f"{entry['action']} {entry['kind']}"
        for result in predicted.results
        for entry in result.data.get("objects") or ()
        if entry.get("local")
    }
    assert {"created Prometheus", "created ServiceMonitor"} <= local
    done = playbook(play, inventory=inventory).require_success()
    assert done.objects() == predicted.objects()
    assert differences(cluster.live(), NEWEST) == []
    again = playbook(play, inventory=inventory).require_success()
    assert again.changed() == {"test-crds": 0}
