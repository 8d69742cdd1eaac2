"""Roles and bindings of other tools: never taken, by no option; and the cluster-wide names of ours are our own."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import typing as t
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
    cluster_wide_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator import capability as operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    operator_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import engine, plan, takeover
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import former_owners, taken_over

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.reviews import account, asked_of, may, polled

JsonObject = dict[str, t.Any]
Make = Callable[[JsonObject], None]

RBAC = "rbac.authorization.k8s.io"
SPACE = "foreign-rights"
OPERATOR = "prometheus-operator"
OWN = cluster_wide_name(OPERATOR)
THEIRS = account("monitoring", OPERATOR)
OURS = account(OPERATOR, OPERATOR)
# What kube-prometheus' operator does all the time, and may by no other right.
LIST: tuple[str, str, str] = ("monitoring.coreos.com", "prometheuses", "list")
MANAGERS = ("kubectl-client-side-apply", "kubectl-create", "kubectl", "helm", "argocd-controller", "operator")
OWNER = SetId(fleet="foreign", capability="operator")


def role(name: str, *, kind: str = "ClusterRole", **fields: t.Any) -> JsonObject:
    """As kube-prometheus has it, shortened (prometheus-operator/kube-prometheus, manifests)."""
    rules = [{"apiGroups": ["monitoring.coreos.com"], "resources": ["prometheuses"], "verbs": ["*"]}]
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "kube-prometheus"}}
    if kind == "Role":
        metadata["namespace"] = SPACE
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules, **fields}


def binding(name: str, *, to: str = "", kind: str = "ClusterRole", subjects: t.Any = None) -> JsonObject:
    who = [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": "monitoring"}] if subjects is None else subjects
    made = role(name, kind=kind)
    del made["rules"]
    reference = {"apiGroup": RBAC, "kind": kind, "name": to or name}
    return {**made, "kind": f"{kind}Binding", "roleRef": reference, "subjects": who}


def kubectl(plane: ControlPlane, *arguments: str, given: JsonObject | None = None) -> None:
    program = from_environment().bin / "kubectl"
    words = [str(program), "--kubeconfig", str(plane.kubeconfig), *arguments]
    if given is not None:
        words += ["-f", "-"]
    subprocess.run(words, input=json.dumps(given), text=True, check=True, capture_output=True)


def post(api: Cluster, obj: JsonObject, *, manager: str, **annotations: str) -> None:
    """As a program makes an object: POST by a manager, whose operation is Update."""
    made = copy.deepcopy(obj)
    made["metadata"]["annotations"] = annotations
    path = api.kind(obj["apiVersion"], obj["kind"]).path(obj["metadata"].get("namespace", ""))
    api.request("POST", path, body=made, query={"fieldManager": manager})


# How others make objects, and by which words a message shows whose they are.
MAKERS: dict[str, str] = {
    "kubectl apply": "the field manager kubectl-client-side-apply",
    "kubectl create": "the field manager kubectl-create",
    "kubectl apply --server-side": "the field manager kubectl",
    "helm": "Helm release monitoring/kps",
    "argocd": "Argo CD application platform",
    "openshift": "the field manager operator",
}


@pytest.fixture
def make(api: Cluster, plane: ControlPlane, request: pytest.FixtureRequest) -> Make:
    """Makes an object as one of MAKERS does."""
    how: str = request.param

    def one(obj: JsonObject) -> None:
        if how.startswith("kubectl"):
            kubectl(plane, *how.split()[1:], given=obj)
        elif how == "helm":
            marks = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"}
            post(api, obj, manager="helm", **marks)
        elif how == "argocd":
            tracked = f"platform:{RBAC}/{obj['kind']}:/{obj['metadata']['name']}"
            made = copy.deepcopy(obj)
            made["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": tracked}
            api.apply(made, manager="argocd-controller")
        else:
            # The platform's operators write with the name of their program.
            post(api, obj, manager="operator")

    return one


@pytest.fixture(scope="module", autouse=True)
def _space(api: Cluster) -> Iterator[None]:
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}, force=True)
    yield
    api.delete_namespaces(SPACE)


@pytest.fixture(autouse=True)
def _clean(api: Cluster) -> Iterator[None]:
    yield
    for kind in ("ClusterRoleBinding", "ClusterRole"):
        for name in (OWN, OPERATOR, "theirs"):
            api.delete(f"{RBAC}/v1", kind, name)
    for version, kind, name in (
        (f"{RBAC}/v1", "RoleBinding", "theirs"),
        (f"{RBAC}/v1", "Role", "theirs"),
        ("apps/v1", "Deployment", "c"),
        ("v1", "ConfigMap", "c"),
    ):
        api.delete(version, kind, name, SPACE)
    # Only some tests install an operator: a namespace takes seconds to go.
    if api.find("v1", "Namespace", OPERATOR) is not None:
        api.delete_namespaces(OPERATOR)
    for obj in api.list_kind(api.kind("v1", "ConfigMap"), selector=SET_LABEL):
        api.delete("v1", "ConfigMap", obj["metadata"]["name"], obj["metadata"]["namespace"])


def refused(plane: ControlPlane, module: str, **options: t.Any) -> str:
    """The refusal of a run, which is the same in check mode and by every option that takes over."""
    messages = set()
    for more in ({}, {"force_conflicts": True}, {"adopt_managers": list(MANAGERS)}):
        for check in (True, False):
            with pytest.raises(Refused) as found:
                run_module(module, kubeconfig=plane.kubeconfig, context=plane.context, check=check, **options, **more)
            messages.add(str(found.value))
    (message,) = messages
    for option in ("force_conflicts", "adopt_managers"):
        assert option not in message
    return message


def objects(plane: ControlPlane, *manifests: JsonObject, check: bool = False, **options: t.Any) -> t.Any:
    """A run of the module `objects`: its outcome, or its refusal raised."""
    given = {"name": "foreign", "manifests": list(manifests), "wait": False, **options}
    return run_module("objects", kubeconfig=plane.kubeconfig, context=plane.context, check=check, **given)["outcome"]


def wait_until_it_may(api: Cluster, user: str) -> None:
    api.wait_until(lambda: may(api, user, LIST), f"{user} has its rights")


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_the_operator_of_others_keeps_its_rights_under_our_own_name(
    api: Cluster, plane: ControlPlane, make: Make, request: pytest.FixtureRequest
) -> None:
    """Somebody else has even the name that is ours: the run is refused before any write."""
    for obj in (role(OWN), binding(OWN)):
        make(obj)
    wait_until_it_may(api, THEIRS)
    before = api.snapshot()
    message = refused(plane, "prometheus_operator", wait=False)
    how = request.node.callspec.params["make"]
    assert message.startswith("2 objects of this set belong to others, and nothing was written: ")
    for part in (
        f"ClusterRole {OWN} exists already",
        f"ClusterRoleBinding {OWN} exists already",
        "gives ServiceAccount monitoring/prometheus-operator the rights of ClusterRole",
        MAKERS[how],
        f"kubectl delete clusterrolebinding {OWN}",
        "docs/moving.md",
    ):
        assert part in message
    assert api.snapshot() == before
    assert may(api, THEIRS, LIST)


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_the_names_of_kube_prometheus_are_not_ours(api: Cluster, plane: ControlPlane, make: Make) -> None:
    theirs = [role(OPERATOR), binding(OPERATOR)]
    for obj in theirs:
        make(obj)
    wait_until_it_may(api, THEIRS)
    prints = [api.snapshot()[item] for item in (("ClusterRole", "", OPERATOR), ("ClusterRoleBinding", "", OPERATOR))]
    options: JsonObject = {"wait": False, "force_conflicts": True, "adopt_managers": list(MANAGERS)}
    for state in ("present", "absent"):
        run_module("prometheus_operator", kubeconfig=plane.kubeconfig, context=plane.context, state=state, **options)
        after = api.snapshot()
        assert prints == [after[item] for item in (("ClusterRole", "", OPERATOR), ("ClusterRoleBinding", "", OPERATOR))]
        assert may(api, THEIRS, LIST)


PEOPLE = {"apiGroup": RBAC, "kind": "Group", "name": "people"}
AGGREGATED = {"clusterRoleSelectors": [{"matchLabels": {"example.com/aggregate-to-theirs": "true"}}]}
OTHER_RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]


def labelled(obj: JsonObject, **labels: str) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


DIFFERENT: dict[str, tuple[JsonObject, JsonObject, str]] = {
    "a binding with another subject": (
        binding("theirs", subjects=[PEOPLE]),
        binding("theirs"),
        "gives Group people the rights of ClusterRole theirs, which would be lost",
    ),
    "a binding with one subject more": (
        binding("theirs", subjects=[PEOPLE, {**PEOPLE, "name": "more"}]),
        binding("theirs", subjects=[PEOPLE]),
        "gives Group more the rights",
    ),
    "a binding to another role": (
        binding("theirs", to="view", subjects=[PEOPLE]),
        binding("theirs", to="edit", subjects=[PEOPLE]),
        "gives the rights of ClusterRole view, and not those of ClusterRole edit",
    ),
    "a binding in a namespace": (
        binding("theirs", kind="Role", subjects=[PEOPLE]),
        binding("theirs", kind="Role"),
        f"kubectl delete rolebinding theirs --namespace {SPACE}",
    ),
    "fewer rules": (role("theirs"), role("theirs", rules=[]), "its rules would change"),
    "more rules": (
        role("theirs"),
        role("theirs", rules=[*role("theirs")["rules"], *OTHER_RULES]),
        "its rules would change",
    ),
    "a role in a namespace": (
        role("theirs", kind="Role"),
        role("theirs", kind="Role", rules=OTHER_RULES),
        f"Role {SPACE}/theirs exists already",
    ),
    "an aggregated role": (
        role("theirs", rules=[], aggregationRule=AGGREGATED),
        role("theirs"),
        "its aggregationRule",
    ),
    "a role that others aggregate": (
        labelled(role("theirs"), **{"rbac.authorization.k8s.io/aggregate-to-view": "true"}),
        role("theirs"),
        "its labels (aggregate-to)",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("make", ["kubectl apply", "kubectl create", "kubectl apply --server-side"], indirect=True)
def test_grants_of_others_are_not_changed_by_sets_of_users(
    api: Cluster, plane: ControlPlane, make: Make, name: str
) -> None:
    live, wanted, reason = DIFFERENT[name]
    make(live)
    before = api.snapshot()
    also = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "also", "namespace": SPACE}}
    message = refused(plane, "objects", name="foreign", manifests=[also, wanted])
    assert reason in message
    assert api.snapshot() == before


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_grants_that_stay_as_they_are_can_be_adopted(api: Cluster, plane: ControlPlane, make: Make) -> None:
    """A user's own roles, made before by another tool from the same files; a binding may get more subjects."""
    live = [role("theirs"), binding("theirs", subjects=[PEOPLE])]
    for obj in live:
        make(obj)
    again = objects(plane, *live)
    assert [change.action for change in again.changes if change.key.name == "theirs"] == ["updated"] * 2
    assert objects(plane, *live).changes == []
    more = [{**PEOPLE, "name": "more"}, PEOPLE]
    objects(plane, live[0], binding("theirs", subjects=more), force_conflicts=True, adopt_managers=list(MANAGERS))
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")["subjects"] == more
    # Released with what grants the rights: the accounts keep them.
    gone = objects(plane, state="absent")
    assert [change.action for change in gone.changes if change.key.name == "theirs"] == ["released"] * 2
    assert api.get(f"{RBAC}/v1", "ClusterRole", "theirs")["rules"] == live[0]["rules"]
    bound = api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")
    assert [subject["name"] for subject in bound["subjects"]] == ["more", "people"]
    assert ADOPTED_ANNOTATION not in bound["metadata"].get("annotations", {})


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_a_binding_of_others_gets_more_subjects_by_force_alone(api: Cluster, plane: ControlPlane, make: Make) -> None:
    """And a role the same rules in another order: no rights are lost, so the option does what it says."""
    one, two = OTHER_RULES[0], role("theirs")["rules"][0]
    make(role("theirs", rules=[one, two]))
    make(binding("theirs", subjects=[PEOPLE]))
    more = [{**PEOPLE, "name": "more"}, PEOPLE]
    wanted = [role("theirs", rules=[two, one]), binding("theirs", subjects=more)]
    checked = objects(plane, *wanted, force_conflicts=True, check=True)
    done = objects(plane, *wanted, force_conflicts=True)
    predicted, made = ([(change.action, change.key) for change in run.changes] for run in (checked, done))
    assert predicted == made
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")["subjects"] == more
    assert api.get(f"{RBAC}/v1", "ClusterRole", "theirs")["rules"] == [two, one]
    assert objects(plane, *wanted).changes == []


def test_a_binding_that_changes_before_a_forced_apply_is_not_taken(
    api: Cluster, plane: ControlPlane, connection: t.Any
) -> None:
    kubectl(plane, "create", given=binding("theirs", subjects=[PEOPLE]))
    theirs = [PEOPLE, {**PEOPLE, "name": "theirs"}]
    act = functools.partial(api.edit, f"{RBAC}/v1", "ClusterRoleBinding", "theirs", {"subjects": theirs})
    racing = Meanwhile(connection, before="apply", act=act)
    more = [{**PEOPLE, "name": "more"}, PEOPLE]
    with pytest.raises(Incomplete, match="the object has been modified"):
        converge(racing, binding("theirs", subjects=more), force_conflicts=True)
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")["subjects"] == theirs


def test_what_others_change_in_an_adopted_role_is_theirs(api: Cluster, plane: ControlPlane) -> None:
    kubectl(plane, "create", given=role("theirs"))
    objects(plane, role("theirs"))
    changed = role("theirs", rules=OTHER_RULES)
    api.edit(f"{RBAC}/v1", "ClusterRole", "theirs", {"rules": OTHER_RULES})
    message = refused(plane, "objects", name="foreign", manifests=[role("theirs")])
    assert "ClusterRole theirs exists already" in message
    assert api.get(f"{RBAC}/v1", "ClusterRole", "theirs")["rules"] == changed["rules"]


def test_a_change_of_our_own_binding_can_be_undone(api: Cluster, plane: ControlPlane) -> None:
    """Somebody who adds a subject to a binding that we made is no reason to leave it there."""
    ours = binding("theirs", subjects=[PEOPLE])
    objects(plane, ours)
    api.edit(f"{RBAC}/v1", "ClusterRoleBinding", "theirs", {"subjects": [{**PEOPLE, "name": "intruders"}]})
    with pytest.raises(Incomplete, match="Set force_conflicts to take them over"):
        objects(plane, ours)
    objects(plane, ours, force_conflicts=True)
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")["subjects"] == [PEOPLE]


def deployment(replicas: int) -> JsonObject:
    labels = {"app": "theirs"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "c", "namespace": SPACE}, "spec": spec}


def config_map(value: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": SPACE},
        "data": {"k": value},
    }


@pytest.mark.parametrize(
    ("one", "other", "offered"), [(deployment(1), deployment(2), False), (config_map("a"), config_map("b"), True)]
)
def test_the_switch_is_offered_only_where_it_does_no_harm(
    plane: ControlPlane, one: JsonObject, other: JsonObject, offered: bool
) -> None:
    kubectl(plane, "create", given=one)
    with pytest.raises(Incomplete) as found:
        objects(plane, other)
    message = str(found.value)
    assert "kubectl-create" in message
    assert ("force_conflicts" in message) is offered
    assert ("was not made by this collection" in message) is not offered
    # What is ours can be set back, whatever its kind.
    kubectl(plane, "delete", one["kind"], "c", "--namespace", SPACE)
    objects(plane, one)
    kubectl(plane, "apply", "--server-side", "--force-conflicts", given=other)
    with pytest.raises(Incomplete, match="Set force_conflicts to take them over"):
        objects(plane, one)


# -- other tools that write at the same time ----------------------------------------------------------------------


class Meanwhile:
    """A connection on which another tool acts just before the first request for one object."""

    def __init__(self, connection: t.Any, *, before: str, act: Callable[[], object]) -> None:
        self._connection = connection
        self._before = before
        self._act: Callable[[], object] | None = act

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def _now(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()

    def apply(self, obj: JsonObject, **arguments: t.Any) -> t.Any:
        # The preflight asks with dry runs; only the write itself counts.
        if self._before == "apply" and obj["metadata"]["name"] == "theirs" and not arguments["dry_run"]:
            self._now()
        return self._connection.apply(obj, **arguments)

    def request(self, method: str, path: str, **arguments: t.Any) -> t.Any:
        if self._before == "takeover" and "json-patch" in arguments.get("content_type", ""):
            self._now()
        return self._connection.request(method, path, **arguments)


def converge(connection: t.Any, *desired: JsonObject, **options: t.Any) -> Outcome:
    request = Request(owner=OWNER, desired=tuple(desired), kinds=operator.KINDS)
    return engine.converge(connection, request, options=Options(**options))


@pytest.fixture
def connection(plane: ControlPlane) -> t.Any:
    return connect({"kubeconfig": str(plane.kubeconfig), "context": plane.context})


def test_a_binding_that_another_tool_makes_meanwhile_is_not_taken(
    api: Cluster, plane: ControlPlane, connection: t.Any
) -> None:
    live = binding("theirs")
    racing = Meanwhile(connection, before="apply", act=lambda: kubectl(plane, "create", given=live))
    with pytest.raises(Incomplete) as found:
        converge(racing, binding("theirs", subjects=[PEOPLE]), force_conflicts=True)
    assert "ClusterRoleBinding theirs" in str(found.value)
    assert "force_conflicts" not in str(found.value)
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")["subjects"] == live["subjects"]


def test_a_binding_that_changes_during_its_takeover_is_not_taken(
    api: Cluster, plane: ControlPlane, connection: t.Any
) -> None:
    wanted = binding("theirs", subjects=[PEOPLE])
    kubectl(plane, "apply", given=wanted)
    racing = Meanwhile(connection, before="takeover", act=lambda: kubectl(plane, "apply", given=binding("theirs")))
    with pytest.raises(Incomplete, match="gives ServiceAccount monitoring/prometheus-operator the rights"):
        converge(racing, wanted)
    after = api.get(f"{RBAC}/v1", "ClusterRoleBinding", "theirs")
    assert after["subjects"] == binding("theirs")["subjects"]
    assert [entry["manager"] for entry in after["metadata"]["managedFields"]] == ["kubectl-client-side-apply"]


def test_a_takeover_that_an_earlier_release_began_is_not_finished(
    api: Cluster, plane: ControlPlane, connection: t.Any
) -> None:
    """It was killed between its two requests: the fields are ours, and the content is still theirs."""
    kubectl(plane, "apply", given=binding(OWN))
    live = api.get(f"{RBAC}/v1", "ClusterRoleBinding", OWN)
    resource = connection.resource(live["apiVersion"], live["kind"])
    owners = former_owners(live)
    takeover.rewrite(connection, live, change=lambda state: taken_over(state, owners=owners), resource=resource)
    entries = api.get(f"{RBAC}/v1", "ClusterRoleBinding", OWN)["metadata"]["managedFields"]
    assert [entry["manager"] for entry in entries] == [FIELD_MANAGER]
    message = refused(plane, "prometheus_operator", wait=False)
    assert "gives ServiceAccount monitoring/prometheus-operator the rights" in message


# -- names of earlier releases ------------------------------------------------------------------------------------


def desired(name: str = OWN) -> list[JsonObject]:
    """The operator's objects, with one or the other cluster-wide name."""
    model = parse_operator({"monitor": False, "alert_rules": False})
    return list(json.loads(json.dumps(operator_objects(model, alert_rules=[])).replace(f'"{OWN}"', f'"{name}"')))


def rights(objects_of_a_set: t.Iterable[JsonObject]) -> list[tuple[str, str, str]]:
    (found,) = [obj for obj in objects_of_a_set if obj["kind"] == "ClusterRole"]
    return asked_of(found["rules"])


class Killed(BaseException):
    """The end of a run that is killed."""


class UntilRequest:
    """A connection that ends the run before one request."""

    def __init__(self, connection: t.Any, number: int) -> None:
        self._connection = connection
        self._left = number

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def _count(self) -> None:
        if not self._left:
            raise Killed
        self._left -= 1

    def apply(self, obj: JsonObject, **arguments: t.Any) -> t.Any:
        if obj["kind"].startswith("ClusterRole") and not arguments["dry_run"]:
            self._count()
        return self._connection.apply(obj, **arguments)

    def delete(self, live: JsonObject, **arguments: t.Any) -> t.Any:
        self._count()
        return self._connection.delete(live, **arguments)


def wait_until_all_may(api: Cluster, asked: t.Iterable[tuple[str, str, str]]) -> None:
    api.wait_until(lambda: all(may(api, OURS, one) for one in asked), "the operator has its rights")


def test_a_migration_that_is_killed_at_any_request_leaves_the_operator_its_rights(
    api: Cluster, connection: t.Any
) -> None:
    for number in range(5):
        converge(connection, *desired(OPERATOR))
        asked = rights(desired())
        wait_until_all_may(api, asked)
        with polled(api, OURS, asked) as found:
            # Role and binding are made, binding and role are deleted: the fifth request is never needed.
            if number < 4:
                with pytest.raises(Killed):
                    converge(UntilRequest(connection, number), *desired())
            done = converge(connection, *desired())
        assert (found.denied, done.failures) == ([], []), number
        assert api.find(f"{RBAC}/v1", "ClusterRoleBinding", OPERATOR) is None
        assert api.find(f"{RBAC}/v1", "ClusterRole", OPERATOR) is None
        assert converge(connection, *desired()).changes == []
        converge(connection)


def test_what_an_earlier_release_took_from_another_operator_is_released_and_named(
    api: Cluster, plane: ControlPlane, connection: t.Any
) -> None:
    """Case 3 of the field reports has happened already: our account is in kube-prometheus' binding."""
    theirs = [role(OPERATOR), binding(OPERATOR)]
    for obj in theirs:
        kubectl(plane, "apply", given=obj)
    with (
        mock.patch.object(plan, "takes_rights", return_value=None),
        mock.patch.object(takeover, "takes_rights", return_value=None),
    ):
        converge(connection, *desired(OPERATOR))
    api.wait_until(lambda: not may(api, THEIRS, LIST), "the other operator lost its rights")
    wait_until_it_may(api, OURS)
    generation = api.get("apps/v1", "Deployment", OPERATOR, OPERATOR)["metadata"]["generation"]

    checked = converge(connection, *desired(), check=True)
    with polled(api, OURS, rights(desired())) as found:
        done = converge(connection, *desired())
    assert found.denied == []
    assert [change.result() for change in checked.sorted_changes()] != []
    released = sorted(str(change.key) for change in done.changes if change.action == "released")
    assert released == [f"ClusterRole {OPERATOR}", f"ClusterRoleBinding {OPERATOR}"]
    assert [change for change in done.changes if change.action == "deleted"] == []
    assert checked.warnings == done.warnings
    assert len(done.warnings) == 2
    for warning, kind in zip(done.warnings, ("ClusterRole", "ClusterRoleBinding"), strict=True):
        assert warning.startswith(f"{kind} {OPERATOR} existed before this set and stays as it is, with ")
        assert "apply that tool's own manifest of it again" in warning
    assert f"ServiceAccount {OPERATOR}/{OPERATOR}, which this set makes, as its subject" in done.warnings[1]
    assert api.get("apps/v1", "Deployment", OPERATOR, OPERATOR)["metadata"]["generation"] == generation
    # As the warning says: its tool makes it what it was, and no run of ours changes that.
    for obj in theirs:
        kubectl(plane, "apply", "--server-side", "--force-conflicts", given=obj)
    wait_until_it_may(api, THEIRS)
    assert converge(connection, *desired()).changes == []
    converge(connection)
    assert may(api, THEIRS, LIST)
    assert api.find(f"{RBAC}/v1", "ClusterRoleBinding", OWN) is None


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_another_operator_put_over_ours_is_not_deleted(
    api: Cluster, plane: ControlPlane, connection: t.Any, state: str
) -> None:
    """An earlier release made them, and kube-prometheus was applied later: its operator has its rights by them."""
    converge(connection, *desired(OPERATOR))
    for obj in (role(OPERATOR), binding(OPERATOR)):
        kubectl(plane, "apply", given=obj)
    wait_until_it_may(api, THEIRS)
    with polled(api, THEIRS, [LIST]) as found:
        done = converge(connection, *(desired() if state == "present" else ()))
    assert found.denied == []
    released = sorted(str(change.key) for change in done.changes if change.action == "released")
    assert released == [f"ClusterRole {OPERATOR}", f"ClusterRoleBinding {OPERATOR}"]
    reasons = [
        f"{kind} {OPERATOR} stays: this set made it, but another manager changed whom or what it grants since "
        "(kubectl-client-side-apply). Delete it if nothing needs it"
        for kind in ("ClusterRole", "ClusterRoleBinding")
    ]
    assert [warning for warning in done.warnings if OPERATOR in warning] == reasons
    assert api.get(f"{RBAC}/v1", "ClusterRoleBinding", OPERATOR)["subjects"] == binding(OPERATOR)["subjects"]
    converge(connection)
    assert may(api, THEIRS, LIST)


def test_our_names_are_in_no_way_upstreams() -> None:
    names = {
        key_of(obj).name for obj in desired() if not obj["metadata"].get("namespace") and obj["kind"] != "Namespace"
    }
    assert names == {"promfleet-prometheus-operator"}
