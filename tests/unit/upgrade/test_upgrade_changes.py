"""Which versions change, which pods are replaced, and what is judged where not all of that is known."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, Holding
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import Owner
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import EVERYTHING
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change as ObjectChange
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.changes import (
    Instance,
    changes_of,
    instances_of,
    restarts_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    EXPOSED,
    NOT_EXPOSED,
    OPERATOR,
    PROMETHEUS,
    UNKNOWN,
    Change,
    Evidence,
    Live,
    Risk,
    judge,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.plan import (
    Plan,
    Step,
    as_json,
    links_of,
    markdown,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import RISKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.rows import row
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version

JsonObject = dict[str, t.Any]
MONITORING = "monitoring.coreos.com/v1"
PLACE = "prometheus-operator"


def operator(version: str, *flags: str) -> JsonObject:
    container = {
        "name": PLACE,
        "image": f"quay.io/prometheus-operator/prometheus-operator:v{version}",
        "args": [
            f"--prometheus-config-reloader=quay.io/prometheus-operator/prometheus-config-reloader:v{version}",
            *flags,
        ],
    }
    template = {"metadata": {}, "spec": {"containers": [container]}}
    metadata = {"name": PLACE, "namespace": PLACE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


def found(workload: JsonObject) -> FoundOperator:
    holding = Holding(namespaces=None, named=True)
    owner = Owner(tool="other", text="somebody")
    return FoundOperator(workload=workload, scope=EVERYTHING, holding=holding, evidence="rights", owner=owner)


def instance(**spec: t.Any) -> JsonObject:
    metadata = {"name": "one", "namespace": "team"}
    return {"apiVersion": MONITORING, "kind": "Prometheus", "metadata": metadata, "spec": spec}


def pods_of(*images: tuple[str, str]) -> JsonObject:
    containers = [{"name": name, "image": image} for name, image in images]
    metadata = {
        "name": "prometheus-one",
        "namespace": "team",
        "ownerReferences": [{"kind": "Prometheus", "name": "one"}],
    }
    spec = {"template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def planned(
    before: JsonObject, after: JsonObject, *, live: JsonObject, runs: Sequence[JsonObject] = ()
) -> tuple[list[Instance], tuple[Change, ...]]:
    operators = [found(before)]
    seen = Live(objects={"Prometheus": (live,), "StatefulSet": tuple(runs)})
    instances = instances_of(seen, [after], operators)
    return instances, changes_of(instances, operators, [after])


def test_an_instance_without_a_version_follows_the_operator() -> None:
    instances, changes = planned(operator("0.87.1"), operator("0.93.1"), live=instance())
    assert [(one.component, str(one.before), str(one.after)) for one in changes] == [
        (OPERATOR, "0.87.1", "0.93.1"),
        (PROMETHEUS, "3.7.3", "3.13.1"),
    ]
    (restart,) = restarts_of(instances, [])
    assert (restart.rule, restart.certain) == ("images", True)
    assert "config-reloader:v0.87.1 -> " in restart.detail


def test_an_instance_with_a_version_keeps_it_and_is_restarted_for_the_reloader() -> None:
    instances, changes = planned(operator("0.87.1"), operator("0.93.1"), live=instance(version="2.55.1"))
    assert [one.component for one in changes] == [OPERATOR]
    (restart,) = restarts_of(instances, [])
    assert restart.rule == "images"
    assert "prometheus: " not in restart.detail


def test_what_runs_counts_before_what_a_release_would_run() -> None:
    runs = pods_of(("prometheus", "quay.io/prometheus/prometheus:v2.50.0"))
    # The defaults of such an old release are not known.
    _instances, changes = planned(operator("0.72.0"), operator("0.93.1"), live=instance(), runs=[runs])
    assert [(str(one.before), str(one.after)) for one in changes][1] == ("2.50.0", "3.13.1")
    _instances, changes = planned(operator("0.72.0"), operator("0.93.1"), live=instance())
    assert changes[1].before is None


def test_nothing_is_restarted_where_nothing_changes() -> None:
    same = operator("0.93.1")
    instances, changes = planned(same, same, live=instance(version="3.13.5"))
    assert (changes, restarts_of(instances, [])) == ((), [])


@pytest.mark.parametrize(
    ("fields", "certain"),
    [
        ({"ruleSelector": {"a": "b"}, "externalLabels": {"a": "b"}, "scrapeInterval": "15s", "sampleLimit": 5}, None),
        ({"retention": "5d"}, False),
        ({"nodeSelector": {"a": "b"}}, False),
    ],
)
def test_fields_that_are_configuration_restart_nothing(fields: JsonObject, certain: bool | None) -> None:
    same = operator("0.93.1")
    live = instance(version="3.13.5")
    instances, _changes = planned(same, same, live=live)
    change = ObjectChange(action="updated", key=key_of(live), before={"spec": {}}, after={"spec": fields})
    restarts = restarts_of(instances, [change])
    assert [one.certain for one in restarts] == ([] if certain is None else [certain])


def test_flags_that_go_into_pods_restart_them() -> None:
    before, after = operator("0.93.1"), operator("0.93.1", "--config-reloader-memory-limit=90Mi", "--log-level=debug")
    instances, _changes = planned(before, after, live=instance(version="3.13.5"))
    (restart,) = restarts_of(instances, [])
    assert (restart.rule, restart.detail, restart.certain) == (
        "flags of the operator",
        "--config-reloader-memory-limit",
        True,
    )


def test_a_pod_template_that_changes_restarts_its_pods() -> None:
    key = Key("apps", "Deployment", PLACE, PLACE)
    before, after = operator("0.92.1"), operator("0.93.1")
    template = ObjectChange(action="updated", key=key, before=before, after=after)
    label = ObjectChange(action="updated", key=key, before={"metadata": {}}, after={"metadata": {"labels": {"a": "b"}}})
    (restart,) = restarts_of([], [template])
    assert restart.rule == "pod template"
    assert restarts_of([], [label]) == []


# -- what is not known ---------------------------------------------------------------------------------------------


def risk(*, exposed: bool, certain: bool = True) -> Risk:
    evidence = Evidence(object=Key("", "Prometheus", "team", "one"), path="spec.a", value="b", certain=certain)
    texts = dict.fromkeys(("title", "breaks", "exposure", "fix", "reference", "proof"), "x")
    check = lambda _case: [evidence] if exposed else []  # noqa: E731 - a row has it as a value
    return row("any", since="1.0.0", check=check, reads=("Prometheus",), **texts)


def change(before: str | None, after: str | None) -> Change:
    versions = [None if text is None else parse_version(text) for text in (before, after)]
    key = Key("apps", "Deployment", PLACE, PLACE)
    return Change(component=OPERATOR, subject=key, before=versions[0], after=versions[1])


@pytest.mark.parametrize(
    ("changes", "one", "unread", "wanted"),
    [
        ([change("0.9.0", "1.0.0")], risk(exposed=True), {}, EXPOSED),
        ([change("0.9.0", "1.0.0")], risk(exposed=True), {"Prometheus": "forbidden"}, EXPOSED),
        ([change("0.9.0", "1.0.0")], risk(exposed=True, certain=False), {}, UNKNOWN),
        ([change("0.9.0", "1.0.0")], risk(exposed=False), {}, NOT_EXPOSED),
        ([change("0.9.0", "1.0.0")], risk(exposed=False), {"Prometheus": "forbidden"}, UNKNOWN),
        ([change("0.9.0", "1.0.0")], risk(exposed=False), {"Probe": "forbidden"}, NOT_EXPOSED),
        ([change(None, "1.0.0")], risk(exposed=True), {}, UNKNOWN),
        ([change("0.9.0", None)], risk(exposed=True), {}, UNKNOWN),
        ([change(None, None)], risk(exposed=False), {}, NOT_EXPOSED),
        ([change(None, "0.9.9")], risk(exposed=True), {}, None),
        ([change("1.0.0", "1.1.0")], risk(exposed=True), {}, None),
        ([change("1.0.0", "0.9.0")], risk(exposed=True), {}, None),
        ([change(None, "1.0.0"), change("0.9.0", "1.0.0")], risk(exposed=True), {}, EXPOSED),
        ([], risk(exposed=True), {}, None),
    ],
)
def test_a_verdict_never_calls_safe_what_is_not_known(
    changes: list[Change], one: Risk, unread: dict[str, str], wanted: str | None
) -> None:
    verdicts = judge([one], changes=tuple(changes), live=Live(unread=unread))
    assert [verdict.exposure for verdict in verdicts] == ([] if wanted is None else [wanted])


def test_what_could_not_be_read_is_no_upgrade_without_risks() -> None:
    """An account that may list nothing gets no clean plan."""
    unread = dict.fromkeys({kind for one in RISKS for kind in one.reads}, "forbidden")
    changes = changes_of([], None, [operator("0.93.1")], unread=unread)
    verdicts = judge(RISKS, changes=changes, live=Live(unread=unread))
    assert {verdict.exposure for verdict in verdicts} == {UNKNOWN}
    # All but the rows about one release only.
    assert {one.id for one in RISKS} - {verdict.risk.id for verdict in verdicts} == {
        "po-aws-discovery",
        "po-templated-addresses",
    }


def plan_of(*, exposed: bool, certain: bool, steps: tuple[Step, ...] = ()) -> Plan:
    changes = (change("0.9.0", "1.0.0"),)
    verdicts = judge([risk(exposed=exposed, certain=certain)], changes=changes, live=Live())
    return Plan(cluster="hub", versions=changes, steps=steps, images=("a/b:c",), restarts=(), verdicts=tuple(verdicts))


@pytest.mark.parametrize(
    ("plan", "allow", "codes"),
    [
        (plan_of(exposed=True, certain=True), True, ["PF701"]),
        (plan_of(exposed=True, certain=False), False, ["PF702"]),
        (plan_of(exposed=True, certain=False), True, ["PF703"]),
        (plan_of(exposed=False, certain=True), False, []),
        (plan_of(exposed=False, certain=True, steps=(Step(name="crds", refused="why"),)), False, ["PF704"]),
        (plan_of(exposed=False, certain=True, steps=(Step(name="crds", unknown="why"),)), True, ["PF705"]),
    ],
)
def test_findings_of_a_plan(plan: Plan, allow: bool, codes: list[str]) -> None:
    links = links_of(plan, allow_unknown=allow)
    findings = [link.finding for link in links if link.finding is not None]
    assert [one.code for one in findings] == codes
    assert len(links) == len(plan.verdicts) + len(plan.steps)
    text = markdown(plan, findings, blocked=bool(findings))
    assert text.startswith(f"# Upgrade of hub\n\n**{'Blocked' if findings else 'Not blocked'}**")
    assert '"blocked": true' in as_json(plan, blocked=True)


def test_a_table_survives_bars_and_line_breaks() -> None:
    key = Key("apps", "Deployment", "a|b", "c")
    versions = (Change(component="x|y", subject=key, before=None, after=parse_version("1.0.0")),)
    plan = Plan(cluster="hub", versions=versions, steps=(), images=(), restarts=(), verdicts=())
    assert "| x\\|y | Deployment a\\|b/c | not known | 1.0.0 |" in markdown(plan, [], blocked=False)
