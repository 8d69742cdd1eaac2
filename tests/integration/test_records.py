"""Where records and Leases are: on a cluster that lets nobody write to kube-system, and when two runs disagree."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api import client
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import stop as operators
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import place
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete

from promlab.controlplane import ControlPlane
from tests.integration.conftest import Playbook
from tests.integration.support.account import RIGHTS, documents, is_allowed, make_account, write_kubeconfig
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.direct import Direct, fates, told
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import single
from tests.integration.support.planes import started
from tests.integration.support.proxy import Fault, faulty
from tests.integration.support.releases import crd_folder, kubectl
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]

PLACE = "promfleet-records"
MARK = {"metadata": {"labels": {"promfleet.monitoring/records": "true"}}}
OURS = "app.kubernetes.io/name=promfleet,app.kubernetes.io/managed-by=promfleet.monitoring"
TEAM = {"name": "pay", "namespaces": ["pay"], "alertmanager": {"enabled": False}}
SHARED: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": [TEAM]}
# Name, module and options of the main job, in its order.
JOB: tuple[tuple[str, JsonObject], ...] = (
    ("crds", {}),
    ("prometheus_operator", {"wait": False}),
    ("team_monitoring", {**SHARED, "wait": False}),
)
SAID = "denied: kube-system is managed by the platform"


def closing_policy() -> list[JsonObject]:
    """What a platform does that manages kube-system: people and robots change nothing there."""
    api_version, name = "admissionregistration.k8s.io/v1", "close-kube-system"
    # The selector of a namespace lets cluster-scoped objects through to the policy, the scope does not.
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "scope": "Namespaced"}
    system = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    spec = {
        "matchConstraints": {
            "namespaceSelector": system,
            "resourceRules": [{**everything, "operations": ["CREATE", "UPDATE", "DELETE"]}],
        },
        "matchConditions": [
            {"name": "people", "expression": "!request.userInfo.username.startsWith('system:')"},
        ],
        "validations": [{"expression": "false", "message": SAID, "reason": "Forbidden"}],
    }
    policy = {"apiVersion": api_version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [policy, {**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding}]


@pytest.fixture(scope="module")
def closed(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane with kube-system closed, and nothing of ours."""
    with started(request, "test-records") as (plane,):
        admin = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        for obj in closing_policy():
            admin.apply(obj, force=True)
        admin.wait_until(lambda: is_closed(admin), "the policy counts")
        yield plane


def is_closed(admin: Cluster) -> bool:
    body = config_map("kube-system", "probe", a="1")
    try:
        admin.request("POST", "/api/v1/namespaces/kube-system/configmaps", query={"dryRun": "All"}, body=body)
    except ApiError as error:
        return SAID in str(error)
    return False


def admin_of(plane: ControlPlane) -> Cluster:
    return Cluster(kubeconfig=plane.kubeconfig, context=plane.context)


def run(plane: ControlPlane, name: str, **options: t.Any) -> JsonObject:
    return run_module(name, kubeconfig=plane.kubeconfig, context=plane.context, **options)


def ours_in(api: Cluster, place: str) -> list[str]:
    """The names of our ConfigMaps and Leases in a namespace."""
    kinds = [api.kind("v1", "ConfigMap"), api.kind("coordination.k8s.io/v1", "Lease")]
    found = (api.request("GET", kind.path(place), query={"labelSelector": OURS})["items"] for kind in kinds)
    return sorted(obj["metadata"]["name"] for items in found for obj in items)


# -- a closed kube-system: the tests are one story ---------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), JOB, ids=lambda value: value if isinstance(value, str) else "")
def test_without_the_option_a_run_names_it_and_writes_nothing(
    closed: ControlPlane, name: str, options: JsonObject
) -> None:
    before = admin_of(closed).snapshot()
    with pytest.raises(ClusterError) as refused:
        run(closed, name, **options)
    assert SAID in str(refused.value)
    assert "records_namespace" in str(refused.value)
    assert admin_of(closed).snapshot() == before


@pytest.mark.parametrize(("name", "options"), JOB, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("check", [True, False])
def test_a_namespace_that_is_not_there_is_refused_with_the_command(
    closed: ControlPlane, name: str, options: JsonObject, *, check: bool
) -> None:
    before = admin_of(closed).snapshot()
    with pytest.raises(Refused) as refused:
        run(closed, name, check=check, records_namespace=PLACE, **options)
    assert f"kubectl create namespace {PLACE}" in str(refused.value)
    assert f"kubectl label namespace {PLACE} promfleet.monitoring/records=true" in str(refused.value)
    assert admin_of(closed).snapshot() == before


def test_the_main_job_works_in_another_namespace(closed: ControlPlane) -> None:
    admin = admin_of(closed)
    kubectl(closed.kubeconfig, "create", "namespace", PLACE)
    with pytest.raises(Refused, match=r"lacks the label .*kubectl label namespace"):
        run(closed, "team_monitoring", records_namespace=PLACE, **SHARED)
    kubectl(closed.kubeconfig, "label", "namespace", PLACE, "promfleet.monitoring/records=true")
    for name, options in JOB:
        assert fates(run(closed, name, records_namespace=PLACE, **options)["outcome"]).keys() == {"created"}
    before = admin.snapshot()
    for name, options in JOB:
        for check in (True, False):
            again = run(closed, name, check=check, records_namespace=PLACE, **options)["outcome"]
            assert fates(again).keys() == {"unchanged"}, name
    assert admin.snapshot() == before
    sets = ["promfleet-set-default.operator", "promfleet-set-default.teams"]
    # A record and a Lease each; the Lease for CRDs stays only while they are changed.
    assert ours_in(admin, PLACE) == sorted([*sets, *sets])
    assert ours_in(admin, "kube-system") == []


@pytest.mark.parametrize(("name", "options"), JOB, ids=lambda value: value if isinstance(value, str) else "")
def test_a_later_run_finds_it_without_the_option(closed: ControlPlane, name: str, options: JsonObject) -> None:
    before = admin_of(closed).snapshot()
    for check in (True, False):
        assert fates(run(closed, name, check=check, **options)["outcome"]).keys() == {"unchanged"}
    assert admin_of(closed).snapshot() == before


@pytest.mark.parametrize(
    ("name", "options"), [*JOB, ("crds_info", {})], ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_run_that_is_told_another_place_is_refused_with_the_right_one(
    closed: ControlPlane, name: str, options: JsonObject
) -> None:
    for wrong in ("kube-system", "default"):
        with pytest.raises(Refused, match=f"records_namespace {wrong}: .*set records_namespace to {PLACE}, or leave"):
            run(closed, name, records_namespace=wrong, **options)


def test_snapshots_of_crds_are_kept_and_found_there(closed: ControlPlane) -> None:
    newest, older = versions.PROMETHEUS_OPERATOR, "0.89.0"
    back = run(closed, "crds", version=older, source=str(crd_folder(older)), allow_downgrade=True)
    assert "updated" in fates(back["outcome"])
    assert back["snapshot"]["crds"] in ours_in(admin_of(closed), PLACE)
    assert [saved["name"] for saved in run(closed, "crds_info")["snapshots"]] == [back["snapshot"]["crds"]]
    assert "updated" in fates(run(closed, "crds", state="restored", snapshot=back["snapshot"]["crds"])["outcome"])
    assert run(closed, "crds_info")["release"] == newest
    assert ours_in(admin_of(closed), "kube-system") == []


def test_a_refused_snapshot_of_crds_names_the_option(closed: ControlPlane, tmp_path: Path) -> None:
    """The same of what is kept about CRDs."""
    denied = {"kind": "Status", "reason": "Forbidden", "message": SAID, "code": 403}

    def rule(asked: t.Any) -> t.Any:
        return Fault(status=403, body=denied) if asked.method == "PATCH" and "/configmaps/" in asked.path else None

    older: JsonObject = {"version": "0.89.0", "source": str(crd_folder("0.89.0")), "allow_downgrade": True}
    with faulty(closed, tmp_path, rule) as proxy, pytest.raises(ClusterError) as refused:
        run_module("crds", kubeconfig=proxy.kubeconfig, context=proxy.context, **older)
    assert SAID in str(refused.value)
    assert f"in {PLACE} (records_namespace)" in str(refused.value)


def test_an_operator_that_an_interrupted_run_left_stopped_is_started_without_the_option(closed: ControlPlane) -> None:
    """The CRDs are as they should be: only what is noted in the namespace with the label tells of it."""
    admin = admin_of(closed)
    kubectl(closed.kubeconfig, "create", "namespace", "elsewhere")
    image = "--image=mirror.example/prometheus-operator/prometheus-operator:v0.93.1"
    kubectl(closed.kubeconfig, "create", "deployment", "chart", "-n", "elsewhere", image, "--replicas=0")
    noted = [{"namespace": "elsewhere", "name": "chart", "replicas": 1}]
    note = config_map(PLACE, operators.STOPPED_NOTE, operators=json.dumps(noted))
    admin.apply(note, manager="promfleet.monitoring")
    assert run(closed, "crds_info")["stopped"] == ["Deployment elsewhere/chart"]
    run(closed, "crds")
    assert admin.get("apps/v1", "Deployment", "chart", "elsewhere")["spec"]["replicas"] == 1
    assert admin.find("v1", "ConfigMap", operators.STOPPED_NOTE, PLACE) is None


def test_the_role_gives_the_variable_to_every_module(closed: ControlPlane, playbook: Playbook) -> None:
    teams = {"team_monitoring_teams": [TEAM], "promfleet_wait": False, "promfleet_cluster": "hub"}
    inventory = single(name=closed.name, kubeconfig=closed.kubeconfig, promfleet_records_namespace=PLACE, **teams)
    for name in ("operator", "teams"):
        assert playbook(name, inventory=inventory).require_success().recap
    without = {name: value for name, value in inventory["all"]["vars"].items() if name != "promfleet_records_namespace"}
    for given, found in (({}, PLACE), ({"promfleet_records_namespace": ""}, PLACE)):
        inventory["all"]["vars"] = {**without, **given}
        assert playbook("teams", inventory=inventory).require_success().recap, found
    inventory["all"]["vars"] = {**without, "promfleet_records_namespace": "kube-system"}
    refused = playbook("teams", inventory=inventory).require_failure()
    assert f"set records_namespace to {PLACE}" in refused.output.replace("\n", " ")


def test_an_account_whose_rights_are_only_there_is_enough(closed: ControlPlane, tmp_path: Path) -> None:
    """As docs/rights.md says: the same files, with another namespace in them."""
    # The ClusterRole for the operator may write every ConfigMap, because the operator may; the one for teams may not.
    for name in ("promfleet-teams", "account"):
        shipped = [obj for obj in documents(RIGHTS / f"{name}.yml") if obj["metadata"]["name"] != "promfleet-operator"]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": shipped})
        assert "kube-system" in text
        kubectl(closed.kubeconfig, "apply", "--filename=-", text=text.replace("kube-system", PLACE))
    token = kubectl(closed.kubeconfig, "create", "token", "promfleet", "--namespace=promfleet").strip()
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(closed.kubeconfig, tokens={closed.context: token}, output=kubeconfig)
    account = Cluster(kubeconfig=kubeconfig, context=closed.context)
    record = {"resource": "configmaps", "verb": "patch", "name": "promfleet-set-default.teams"}
    account.wait_until(
        lambda: (
            is_allowed(account, namespace=PLACE, **record)
            and is_allowed(account, group="discovery.k8s.io", resource="endpointslices", verb="patch")
        ),
        "the account has its rights",
    )
    assert not is_allowed(account, namespace="kube-system", **{**record, "verb": "get"})
    # The roles added to the set; what is asked here is about the modules' own options.
    run(closed, "team_monitoring", wait=False, **SHARED)
    more = {**SHARED, "teams": [TEAM, {**TEAM, "name": "search", "namespaces": ["search"]}]}
    for options, expected in ((SHARED, {"unchanged"}), (more, {"created", "unchanged", "updated"})):
        asked: JsonObject = {**options, "wait": False, "kubeconfig": kubeconfig, "context": closed.context}
        told_or_not = [
            fates(run_module("team_monitoring", check=True, records_namespace=given, **asked)["outcome"])
            for given in (PLACE, None)
        ]
        done = fates(run_module("team_monitoring", **asked)["outcome"])
        assert told_or_not == [done, done]
        assert done.keys() <= expected
    assert admin_of(closed).find("v1", "Namespace", "monitoring-search") is not None


def test_uninstall_works_and_leaves_only_the_namespace(closed: ControlPlane, playbook: Playbook) -> None:
    admin = admin_of(closed)
    variables = {"team_monitoring_teams": [TEAM], "promfleet_cluster": "hub", "prometheus_operator_remove_crds": True}
    inventory = single(name=closed.name, kubeconfig=closed.kubeconfig, promfleet_records_namespace=PLACE, **variables)
    assert playbook("uninstall", inventory=inventory).require_success().recap
    assert ours_in(admin, PLACE) == ours_in(admin, "kube-system") == []
    assert admin.find("v1", "Namespace", PLACE) is not None
    assert admin.find("v1", "Namespace", "monitoring-pay") is None
    assert admin.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "probes.monitoring.coreos.com") is None


# -- two places --------------------------------------------------------------------------------------------------------


@pytest.fixture
def marked(api: Cluster) -> Iterator[str]:
    """A namespace with the mark; afterwards there is none."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE, **MARK["metadata"]}}, force=True)
    yield PLACE
    api.edit("v1", "Namespace", PLACE, {"metadata": {"labels": {"promfleet.monitoring/records": None}}})
    for kind in ("ConfigMap", "Lease"):
        version = {"ConfigMap": "v1", "Lease": "coordination.k8s.io/v1"}[kind]
        for name in set(ours_in(api, PLACE)):
            api.delete(version, kind, name, PLACE)


@pytest.fixture
def direct(plane: ControlPlane, api: Cluster, request: pytest.FixtureRequest) -> Iterator[Direct]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    yield Direct(kubeconfig=plane.kubeconfig, context=plane.context, name=name)
    api.delete("v1", "Namespace", name)
    for where in ("kube-system", PLACE):
        for version, kind in (("v1", "ConfigMap"), ("coordination.k8s.io/v1", "Lease")):
            api.delete(version, kind, f"promfleet-set-default.objects-{name}", where)


def test_a_record_that_was_made_before_is_moved_as_the_guide_says(
    plane: ControlPlane, api: Cluster, direct: Direct, request: pytest.FixtureRequest
) -> None:
    wanted = [namespace(direct.name), config_map(direct.name, "one", a="1"), config_map(direct.name, "two", a="1")]
    direct.run(*wanted)
    request.getfixturevalue("marked")
    before = api.snapshot()
    for check in (True, False):
        with pytest.raises(Refused) as refused:
            direct.run(*wanted[:-1], records_namespace=PLACE, check=check)
        assert refused.value.objects == (f"ConfigMap kube-system/{direct.record}",)
    assert api.snapshot() == before
    # Without the option nothing is lost: the record is where it was.
    assert fates(direct.run(*wanted)) == {"unchanged": 4}
    found = json.loads(kubectl(plane.kubeconfig, "get", "configmap", "-n", "kube-system", "-l", OURS, "-o", "json"))
    for obj in found["items"]:
        metadata = {"name": obj["metadata"]["name"], "namespace": PLACE, "labels": obj["metadata"]["labels"]}
        moved = {name: obj[name] for name in ("apiVersion", "kind", "data", "binaryData") if name in obj}
        text = json.dumps({**moved, "metadata": metadata})
        words = ("apply", "--server-side", "--field-manager=promfleet.monitoring", "--filename=-")
        kubectl(plane.kubeconfig, *words, text=text)
    kubectl(plane.kubeconfig, "delete", "configmap,lease", "-n", "kube-system", "-l", OURS)
    assert fates(direct.run(*wanted, records_namespace=PLACE)) == {"unchanged": 4}
    # The kind that only the record knows is still pruned.
    assert told(direct.run(namespace(direct.name), records_namespace=PLACE)) == [
        f"deleted ConfigMap {direct.name}/one",
        f"deleted ConfigMap {direct.name}/two",
    ]
    assert fates(direct.run(records_namespace=PLACE)) == {"deleted": 2}


def test_who_writes_from_the_other_place_is_waited_for(api: Cluster, direct: Direct, marked: str) -> None:
    metadata = {"name": direct.record, "namespace": "kube-system"}
    spec = {"holderIdentity": "alice@ci-7", "leaseDurationSeconds": 15}
    api.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})
    with pytest.raises(Refused, match=r"alice@ci-7 writes this set, and has its Lease in kube-system"):
        direct.run(namespace(direct.name), records_namespace=marked)
    assert api.find("v1", "Namespace", direct.name) is None


def test_a_mark_that_comes_while_a_first_run_takes_its_lease_is_seen(
    api: Cluster, plane: ControlPlane, direct: Direct, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two first runs with two places: the one that looked before the mark came looks again, and begins anew there."""

    def rule(asked: t.Any) -> None:
        if asked.method == "POST" and asked.path.endswith("/kube-system/leases"):
            request.getfixturevalue("marked")

    with faulty(plane, tmp_path, rule) as proxy:
        assert fates(direct.through(proxy).run(namespace(direct.name))) == {"created": 2}
    assert api.find("v1", "ConfigMap", direct.record, "kube-system") is None
    assert api.find("v1", "ConfigMap", direct.record, PLACE) is not None


def test_two_marks_are_refused(api: Cluster, direct: Direct, marked: str) -> None:
    other = f"{PLACE}-too"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other, **MARK["metadata"]}}, force=True)
    try:
        for place_of_records in (None, "kube-system", marked, other):
            with pytest.raises(Refused, match="only the one that holds records"):
                direct.run(namespace(direct.name), records_namespace=place_of_records)
    finally:
        api.delete_namespaces(other)


def test_an_account_that_cannot_read_kube_system_does_not_begin_a_second_record(
    api: Cluster, plane: ControlPlane, direct: Direct, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wanted = [namespace(direct.name), config_map(direct.name, "one", a="1")]
    direct.run(*wanted)
    name = "records-narrow"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    verbs = ["create", "delete", "get", "list", "patch", "update"]
    everywhere = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": verbs}]
    inside = [{"apiGroups": ["", "coordination.k8s.io"], "resources": ["configmaps", "leases"], "verbs": verbs}]
    listing = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    request.getfixturevalue("marked")
    api.apply({**role, "rules": [*everywhere, *listing]}, force=True)
    token = make_account(api, name, roles=[name])
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "promfleet"}
    for where in (PLACE, direct.name):
        place_role = {**role, "kind": "Role", "metadata": {"name": name, "namespace": where}, "rules": inside}
        api.apply(place_role, force=True)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        bound = {key: value for key, value in place_role.items() if key != "rules"}
        api.apply({**bound, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}, force=True)
    output = tmp_path / "kubeconfig"
    write_kubeconfig(plane.kubeconfig, tokens={plane.context: token}, output=output)
    narrow = replace(direct, kubeconfig=output)
    account = Cluster(kubeconfig=output, context=plane.context)
    account.wait_until(lambda: can_list(account), "the account has its rights")
    with pytest.raises(Refused, match=r"may not read whether it is in kube-system"):
        narrow.run(*wanted, records_namespace=PLACE)
    assert ours_in(api, PLACE) == []
    # Where nothing of the set is there, nothing can be lost.
    other = replace(narrow, name=f"{direct.name}-new")
    assert fates(other.run(config_map(direct.name, "new", a="1"), records_namespace=PLACE)) == {"created": 2}
    assert fates(other.run(records_namespace=PLACE)) == {"deleted": 2}


def can_list(account: Cluster) -> bool:
    try:
        account.request("GET", f"/api/v1/namespaces/{PLACE}/configmaps/none")
    except ApiError as error:
        return error.status == 404
    return True


def test_stopped_operators_and_snapshots_in_the_old_place_are_not_forgotten(
    plane: ControlPlane, api: Cluster, marked: str
) -> None:
    metadata = {"name": operators.STOPPED_NOTE, "namespace": "kube-system"}
    labels = dict(pair.split("=") for pair in OURS.split(","))
    note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": labels}}
    api.apply({**note, "data": {"operators": "[]"}})
    try:
        for name in ("crds", "crds_info"):
            with pytest.raises(Refused, match=f"left in kube-system .*{operators.STOPPED_NOTE}"):
                run(plane, name, records_namespace=marked)
    finally:
        api.delete("v1", "ConfigMap", operators.STOPPED_NOTE, "kube-system")


def test_an_unchanged_run_does_not_look_for_the_label(
    plane: ControlPlane, api: Cluster, direct: Direct, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Neither where the record is in kube-system, as ever, nor where the option says where it is."""
    wanted = [namespace(direct.name), config_map(direct.name, "one", a="1")]
    for given in (None, PLACE):
        if given:
            request.getfixturevalue("marked")
            api.delete("v1", "ConfigMap", direct.record, "kube-system")
        direct.run(*wanted, records_namespace=given)
        with faulty(plane, tmp_path) as proxy:
            assert fates(direct.through(proxy).run(*wanted, records_namespace=given)) == {"unchanged": 3}
            asked = Counter(request.path for request, _fault in proxy.requests)
        where = given or "kube-system"
        other = {"kube-system", PLACE} - {where}
        assert asked[f"/api/v1/namespaces/{where}/configmaps/{direct.record}"] == 1
        assert not [path for path in asked if any(f"/namespaces/{name}/" in path for name in other)]
        # The members of the set are listed by its own label; nothing is asked twice.
        assert set(asked.values()) == {1}


def test_a_look_for_the_label_is_one_request(plane: ControlPlane, tmp_path: Path, marked: str) -> None:
    with faulty(plane, tmp_path) as proxy:
        cluster = client.connect({"kubeconfig": str(proxy.kubeconfig), "context": proxy.context})
        assert place.find_place(cluster, None) == marked
        assert [asked.path for asked, _fault in proxy.requests] == ["/api/v1/namespaces"]


def test_a_refused_record_names_the_option(plane: ControlPlane, direct: Direct, tmp_path: Path) -> None:
    """A policy that lets Leases through, and no ConfigMap."""
    denied = {"kind": "Status", "reason": "Forbidden", "message": SAID, "code": 403}

    def rule(asked: t.Any) -> t.Any:
        return Fault(status=403, body=denied) if asked.method == "PATCH" and "/kube-system/" in asked.path else None

    with faulty(plane, tmp_path, rule) as proxy, pytest.raises(Incomplete, match=f"{SAID}.*records_namespace"):
        direct.through(proxy).run(namespace(direct.name))
