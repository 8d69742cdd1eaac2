"""Policies on a real API server: applied by the role, enforced for teams, and out of the platform's way."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import ApiError, Cluster, JsonObject
from tests.integration.support.impersonated import acting_as
from tests.integration.support.inventory import LOCAL, single
from tests.integration.support.playbook import Run

MONITORING = "monitoring.coreos.com/v1"
PLATFORM: list[JsonObject] = [{"user": "admin"}]
# A namespace of a team, one of nobody's, and one of the platform's own team.
TEAM, FOREIGN, OWN = "policy-pay", "policy-foreign", "policy-platform"
PERSON = "pay-person"

Apply = Callable[..., Run]


@pytest.fixture(scope="module")
def apply(playbook: Callable[..., Run], plane: ControlPlane, api: Cluster) -> Iterator[Apply]:
    """Runs the playbook policy; afterwards no policy is there."""

    def run(*arguments: str, name: str = "policy", **variables: t.Any) -> Run:
        given = {"promfleet_platform_accounts": PLATFORM, "policy_enforcement": "deny", **variables}
        inventory = single(name="test-plane", kubeconfig=plane.kubeconfig, **given)
        return playbook(name, inventory=inventory, arguments=arguments)

    for name, labels in ((TEAM, {TEAM_LABEL: "pay"}), (FOREIGN, {}), (OWN, {TEAM_LABEL: "platform"})):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, force=True)
    # Rights are not what is tested: whatever is denied is denied by a policy.
    subject = {"kind": "User", "name": PERSON, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    api.apply({**binding, "metadata": {"name": PERSON}, "roleRef": role, "subjects": [subject]}, force=True)
    yield run
    run(name="uninstall").require_success()
    assert policies(api) == []


@pytest.fixture(scope="module")
def enforced(apply: Apply, api: Cluster) -> Apply:
    """The shipped policies, enforced, and known to the API server."""
    apply().require_success()
    labelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "any", "labels": {TEAM_LABEL: "pay"}}}
    # The API server learns of each policy for itself: these two are what the tests ask for.
    api.wait_until(lambda: denied(person(api), monitor(ADDRESS)) is not None, "relabelings counts")
    api.wait_until(lambda: denied(person(api), labelled) is not None, "promfleet-team-label counts")
    return apply


def policies(api: Cluster) -> list[str]:
    kinds = [api.kind("admissionregistration.k8s.io/v1", f"ValidatingAdmissionPolicy{end}") for end in ("", "Binding")]
    return sorted(obj["metadata"]["name"] for kind in kinds for obj in api.list_kind(kind))


def person(api: Cluster) -> Cluster:
    return acting_as(api, PERSON)


def create(cluster: Cluster, obj: JsonObject, *, dry_run: bool = True) -> JsonObject:
    kind = cluster.kind(obj["apiVersion"], obj["kind"])
    query = {"dryRun": "All"} if dry_run else None
    return cluster.request("POST", kind.path(obj["metadata"].get("namespace", "")), query=query, body=obj)


def denied(cluster: Cluster, obj: JsonObject) -> str | None:
    """What the API server says to the creation of an object; None where it takes it."""
    try:
        create(cluster, obj)
    except ApiError as error:
        if error.status not in (403, 422):
            raise
        return str(error)
    return None


ADDRESS: JsonObject = {"targetLabel": "__address__", "replacement": "prometheus-operated.monitoring-other.svc:9090"}


def monitor(*relabelings: JsonObject, namespace: str = TEAM, **endpoint: t.Any) -> JsonObject:
    metadata = {"name": "attack", "namespace": namespace}
    spec = {"selector": {}, "endpoints": [{"port": "web", "relabelings": list(relabelings), **endpoint}]}
    return {"apiVersion": MONITORING, "kind": "ServiceMonitor", "metadata": metadata, "spec": spec}


def test_an_account_that_is_not_the_platforms_is_refused_before_the_first_write(apply: Apply, api: Cluster) -> None:
    run = apply(promfleet_platform_accounts=[{"user": "somebody"}]).require_failure()
    (failure,) = run.failures
    assert "platform_accounts: the account of this run, 'admin', is not in the list" in failure.message
    assert "Add {user: admin}" in failure.message
    assert policies(api) == []


def test_a_site_without_accounts_of_the_platform_has_no_policies(apply: Apply, api: Cluster) -> None:
    run = apply("--tags", "policy", name="site", promfleet_platform_accounts=[]).require_success()
    assert any("No policies are applied" in str(result.data.get("msg")) for result in run.results)
    assert policies(api) == []


def test_check_mode_predicts_and_a_second_run_changes_nothing(enforced: Apply, api: Cluster) -> None:
    there = policies(api)
    assert len(there) >= 60
    assert enforced().require_success().objects() == []
    assert enforced("--check").require_success().objects() == []


def test_every_policy_is_without_a_wildcard(enforced: Apply, api: Cluster) -> None:  # noqa: ARG001
    kind = api.kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
    for obj in api.list_kind(kind):
        for rule in obj["spec"]["matchConstraints"]["resourceRules"]:
            assert "*" not in "".join(rule["apiVersions"] + rule["resources"] + rule["apiGroups"]), rule


@pytest.mark.parametrize(
    ("relabeling", "said"),
    [
        (ADDRESS, "targetLabel"),
        ({"action": "replace", "targetLabel": "__${1}__", "regex": "(address)"}, "targetLabel"),
        ({"action": "lowercase", "targetLabel": "__scheme__", "sourceLabels": ["a"]}, "targetLabel"),
        ({"action": "hashmod", "targetLabel": "__scrape_interval__", "modulus": 2}, "targetLabel"),
        ({"action": "labelmap", "regex": "__meta_kubernetes_pod_annotation_x(.+)"}, "labelmap"),
        ({"action": "LabelMap", "regex": "(.+)", "replacement": "__$1"}, "labelmap"),
        ({"action": "labeldrop", "regex": "__.*"}, "labeldrop"),
        ({"action": "labelkeep", "regex": "a"}, "labelkeep"),
        ({"targetLabel": "team", "replacement": "other"}, "namespace, team or cluster"),
    ],
)
def test_a_relabeling_cannot_lead_elsewhere(
    enforced: Apply,  # noqa: ARG001
    api: Cluster,
    relabeling: JsonObject,
    said: str,
) -> None:
    message = denied(person(api), monitor(relabeling))
    assert message is not None
    assert said in message


def test_what_teams_need_is_taken(enforced: Apply, api: Cluster) -> None:  # noqa: ARG001
    relabelings: list[JsonObject] = [
        {"sourceLabels": ["__meta_kubernetes_pod_label_app"], "targetLabel": "app"},
        {"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)", "replacement": "label_$1"},
        {"action": "labeldrop", "regex": "pod|container.*"},
        {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "__tmp_node"},
    ]
    assert denied(person(api), monitor(*relabelings, interval="30s")) is None


def test_foreign_namespaces_and_the_platform_are_left_alone(enforced: Apply, api: Cluster) -> None:  # noqa: ARG001
    assert denied(person(api), monitor(ADDRESS, namespace=FOREIGN)) is None
    assert denied(person(api), monitor(ADDRESS, namespace=OWN)) is None
    assert denied(api, monitor(ADDRESS)) is None
    assert denied(acting_as(api, "any", group="system:masters"), monitor(ADDRESS)) is not None


def ways_to_label(label: str, value: str | None) -> Iterator[tuple[str, str, JsonObject, str]]:
    """The requests that set or remove a label of a namespace: method, subresource, body, content type."""
    merge = {"metadata": {"labels": {label: value}}}
    for subresource in ("", "/status"):
        yield "PATCH", subresource, merge, "application/merge-patch+json"
        applied = {"apiVersion": "v1", "kind": "Namespace", **merge}
        if value is not None:
            yield "PATCH", f"{subresource}?fieldManager=x&force=true", applied, "application/apply-patch+yaml"
    for subresource in ("", "/status", "/finalize"):
        yield "PUT", subresource, merge, "application/json"


@pytest.mark.parametrize(("namespace", "value"), [(FOREIGN, "pay"), (TEAM, "other"), (TEAM, None)])
def test_no_way_changes_the_label_of_a_namespace(
    enforced: Apply,  # noqa: ARG001
    api: Cluster,
    namespace: str,
    value: str | None,
) -> None:
    live = api.get("v1", "Namespace", namespace)
    tried = 0
    for method, subresource, body, content_type in ways_to_label(TEAM_LABEL, value):
        if method == "PUT":
            labels = {name: text for name, text in live["metadata"]["labels"].items() if name != TEAM_LABEL}
            changed = {**labels, **({} if value is None else {TEAM_LABEL: value})}
            body = {**live, "metadata": {**live["metadata"], "labels": changed}}  # noqa: PLW2901
        body = {**body, "metadata": {**body["metadata"], "name": namespace}}  # noqa: PLW2901
        with pytest.raises(ApiError, match="promfleet-team-label"):
            person(api).request(
                method, f"/api/v1/namespaces/{namespace}{subresource}", body=body, content_type=content_type
            )
        tried += 1
    assert tried >= 5
    assert api.get("v1", "Namespace", namespace)["metadata"]["labels"] == live["metadata"]["labels"]


def test_namespaces_are_otherwise_the_users_own(enforced: Apply, api: Cluster) -> None:  # noqa: ARG001
    namespace: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "policy-new"}}
    assert denied(person(api), namespace) is None
    labels = {"labels": {TEAM_LABEL: "pay"}}
    assert denied(person(api), {**namespace, "metadata": {"name": "policy-new", **labels}}) is not None
    assert denied(api, {**namespace, "metadata": {"name": "policy-new", **labels}}) is None
    other = person(api).edit("v1", "Namespace", TEAM, {"metadata": {"labels": {"mine": "yes"}}})
    assert other["metadata"]["labels"]["mine"] == "yes"
    create(person(api), namespace, dry_run=False)
    person(api).delete_namespaces("policy-new")


def test_what_violated_before_is_not_in_the_way(enforced: Apply, api: Cluster) -> None:  # noqa: ARG001
    old = monitor(ADDRESS)
    old["metadata"] |= {"name": "old", "finalizers": ["example.com/wait"]}
    create(api, old, dry_run=False)
    actor = person(api)
    actor.edit(MONITORING, "ServiceMonitor", "old", {"metadata": {"labels": {"a": "b"}}}, namespace=TEAM)
    with pytest.raises(ApiError, match="promfleet-relabelings"):
        actor.edit(MONITORING, "ServiceMonitor", "old", {"spec": {"jobLabel": "a"}}, namespace=TEAM)
    actor.edit(MONITORING, "ServiceMonitor", "old", {"metadata": {"finalizers": None}}, namespace=TEAM)
    actor.delete(MONITORING, "ServiceMonitor", "old", TEAM)


def test_an_audit_lists_by_team_and_policy_what_would_be_denied(enforced: Apply, api: Cluster) -> None:
    bad = monitor(ADDRESS)
    bad["metadata"]["name"] = "audited"
    create(api, bad, dry_run=False)
    for place in (FOREIGN, OWN):
        create(api, {**bad, "metadata": {"name": "audited", "namespace": place}}, dry_run=False)
    run = enforced(name="policy_audit").require_failure()
    (failure,) = run.failures
    found = {
        (one["evidence"]["policy"], one["object"]["namespace"], one["evidence"]["team"])
        for one in failure.data["findings"]
        if one["code"] == "PF401"
    }
    assert found == {("relabelings", TEAM, "pay")}
    assert failure.data["by_team"]["pay"]["relabelings"] == 1
    api.delete(MONITORING, "ServiceMonitor", "audited", TEAM)
    enforced(name="policy_audit").require_success()


def test_an_exemption_lets_one_object_pass(enforced: Apply, api: Cluster) -> None:
    entry = {"policy": "relabelings", "reason": "test", "owner": "pay", "until": "2099-01-01"}
    exemptions = [{**entry, "object": f"test-plane/ServiceMonitor/{TEAM}/att*"}]
    enforced(policy_exemptions=exemptions).require_success()
    api.wait_until(lambda: denied(person(api), monitor(ADDRESS)) is None, "the exemption counts")
    other = monitor(ADDRESS)
    other["metadata"]["name"] = "other"
    assert denied(person(api), other) is not None
    over = enforced(policy_exemptions=[{**exemptions[0], "until": "2026-01-01"}]).require_success()
    assert any("it no longer holds" in warning for warning in over.warnings)
    api.wait_until(lambda: denied(person(api), monitor(ADDRESS)) is not None, "the exemption is over")


def test_what_the_inventory_has_for_a_team_is_judged_as_if_the_team_wrote_it(apply: Apply) -> None:
    """An account of the platform writes it, which no policy stops: only this check does."""
    led, fine = (
        {"name": name, "spec": monitor(*relabelings)["spec"]}
        for name, relabelings in (("led", [ADDRESS]), ("fine", ()))
    )
    team = {"name": "pay", "namespaces": [TEAM], "monitors": [fine, led]}
    run = apply(name="check_input", team_monitoring_teams=[team]).require_failure()
    (failure,) = run.failures
    assert failure.message.startswith(
        "One error in the input; nothing was written.\n- team_monitoring_teams[0].monitors[1]: the policies of teams "
        "do not allow it (relabelings: relabelings[].targetLabel "
    )
    assert "INVALID_ARGUMENT" not in failure.message, "texts of Ansible are plain texts for CEL"


def test_files_are_judged_without_a_cluster(playbook: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "monitor.json").write_text(json.dumps(monitor(ADDRESS)))
    variables = {
        "policy_lint_files": [str(tmp_path)],
        "policy_lint_namespaces": {TEAM: "pay"},
        "promfleet_result_folder": str(tmp_path / "reports"),
    }
    inventory: JsonObject = {"all": {"vars": {**LOCAL, **variables}}}
    (failure,) = playbook("lint", inventory=inventory).require_failure().failures
    assert "PF401" in failure.message
    assert f"{tmp_path}/monitor.json:1" in failure.message
    assert "relabelings" in (tmp_path / "reports/localhost/findings.junit.xml").read_text()
