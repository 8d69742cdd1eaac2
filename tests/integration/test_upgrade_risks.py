"""Each risk of an upgrade, with objects that are exposed to it and such that are not, on a real API server."""

from __future__ import annotations

import copy
import json
import subprocess
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    BY_PROGRAM,
    BY_SERVER,
    EXPOSED,
    INSTANCES,
    NOT_EXPOSED,
    OPERATOR,
    UNKNOWN,
    Change,
    Live,
    Risk,
    Verdict,
    judge,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.observe import observe
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import READS, RISKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version

from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program
from tests.integration.support.releases import crds_of
from tests.integration.support.upgrade_cases import CASES, NEW, OLD, Case

JsonObject = dict[str, t.Any]

BY_ID = {risk.id: risk for risk in RISKS}
# What the upgrades of the cases go from and to, where the row does not say something narrower.
FROM = {OPERATOR: "0.72.0", "prometheus": "2.50.0", "alertmanager": "0.26.0"}
TO = {OPERATOR: NEW, "prometheus": "3.13.5", "alertmanager": "0.33.1"}
# Rows whose matter no object shows.
NEVER_CERTAIN = {"prom-content-type", "prom-raw-configuration"}
OPERATOR_KEY = Key("apps", "Deployment", "prometheus-operator", "prometheus-operator")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A cluster with the objects of all cases: as it was before the CRDs were upgraded, and after it."""

    api: Cluster
    seen: dict[str, Live]


def namespace_of(case: Case, *, exposed: bool) -> str:
    return f"{'exposed' if exposed else 'spared'}-{case.id}"


def objects_of(case: Case, *, exposed: bool) -> list[JsonObject]:
    """The objects of a case in their namespace; several of a kind have names of their own."""
    objects = copy.deepcopy([*(case.exposed if exposed else case.spared)])
    for obj in objects:
        obj["metadata"]["namespace"] = namespace_of(case, exposed=exposed)
    return objects


def install(api: Cluster, release: str, *, only: tuple[str, ...] = ()) -> None:
    """Bring the CRDs to those of a release, and wait until the server serves them."""
    crds = crds_of(release, only=only)
    for crd in crds.values():
        api.apply(crd, force=True)

    def served() -> bool:
        live = [api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name) for name in crds]
        conditions = [one for crd in live for one in crd.get("status", {}).get("conditions", ())]
        established = [one for one in conditions if (one["type"], one["status"]) == ("Established", "True")]
        return len(established) == len(crds)

    api.wait_until(served, f"the CRDs of {release} are established")


def make(api: Cluster, cases: t.Iterable[Case]) -> None:
    for case in cases:
        for exposed in (True, False):
            api.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(case, exposed=exposed)}}
            )
            made: dict[tuple[str, str], str] = {}
            for obj in objects_of(case, exposed=exposed):
                for owner in obj["metadata"].get("ownerReferences", ()):
                    owner["uid"] = made[owner["kind"], owner["name"]]
                made[obj["kind"], obj["metadata"]["name"]] = api.apply(obj)["metadata"]["uid"]


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """One API server, on which first the CRDs of an old release are, and later those of the new one."""
    with started(request, "test-upgrade-risks") as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        cluster = connect({"kubeconfig": str(plane.kubeconfig), "context": plane.context})
        install(api, OLD)
        make(api, (case for case in CASES.values() if case.crds == OLD))
        seen = {OLD: observe(cluster, READS)}
        install(api, NEW)
        make(api, (case for case in CASES.values() if case.crds == NEW))
        seen[NEW] = observe(cluster, READS)
        assert [live.unread for live in seen.values()] == [{}, {}]
        yield Stage(api=api, seen=seen)


def within(live: Live, namespace: str) -> Live:
    """What was read of one namespace."""
    return Live(
        objects={
            kind: tuple(one for one in found if one["metadata"].get("namespace", one["metadata"]["name"]) == namespace)
            for kind, found in live.objects.items()
        }
    )


def verdict_of(risk: Risk, live: Live) -> Verdict:
    """What the table says about an upgrade of the operator and of all instances that are there."""
    to = next((text for text in ("0.88.0", TO[risk.component]) if parse_version(text) in risk.after), "")
    changes = [
        Change(component=OPERATOR, subject=OPERATOR_KEY, before=parse_version(FROM[OPERATOR]), after=parse_version(to))
    ]
    for component, kinds in INSTANCES.items():
        before, after = parse_version(FROM[component]), parse_version(TO[component])
        changes += [
            Change(component=component, subject=key_of(obj), before=before, after=after) for obj in live.of(*kinds)
        ]
    # Alertmanager's API is about a Prometheus that stays what it is.
    if risk.id == "am-api-v1":
        changes = [one for one in changes if one.component == risk.component]
    (verdict,) = judge([risk], changes=tuple(changes), live=live)
    return verdict


def test_every_risk_has_a_case() -> None:
    assert [*BY_ID] == sorted(BY_ID, key=[*BY_ID].index)
    assert CASES.keys() == BY_ID.keys()
    assert len(RISKS) == len(BY_ID) >= 15


@pytest.mark.parametrize("id_", BY_ID)
def test_exposed_objects_are_found_and_others_are_not(stage: Stage, id_: str) -> None:
    risk, case = BY_ID[id_], CASES[id_]
    live = stage.seen[case.crds]
    verdict = verdict_of(risk, within(live, namespace_of(case, exposed=True)))
    assert verdict.exposure == (UNKNOWN if id_ in NEVER_CERTAIN else EXPOSED)
    assert any(one.path == case.path and case.value in one.value for one in verdict.evidence), verdict.evidence
    assert {one.object.namespace for one in verdict.evidence} == {namespace_of(case, exposed=True)}
    spared = verdict_of(risk, within(live, namespace_of(case, exposed=False)))
    assert (spared.exposure, spared.evidence) == (NOT_EXPOSED, ())


def refusal(api: Cluster, obj: JsonObject) -> str:
    """Why the server would not let *obj* be created again, under another name; empty if it would."""
    again = copy.deepcopy(obj)
    again["metadata"] = {"name": "again", "namespace": obj["metadata"]["namespace"]}
    path = api.kind(obj["apiVersion"], obj["kind"]).path(obj["metadata"]["namespace"])
    try:
        api.request("POST", path, query={"dryRun": "All", "fieldValidation": "Strict"}, body=again)
    except ApiError as error:
        if error.status in (400, 422):
            return str(error)
        raise
    return ""


REFUSED = [risk.id for risk in RISKS if risk.proof == BY_SERVER]


def test_the_new_crds_refuse_what_rows_say_that_they_refuse(stage: Stage) -> None:
    """And nothing that is said to be spared: so each of these rows is what the server does."""
    targets = sorted({CASES[id_].target for id_ in REFUSED})
    assert targets == ["0.88.0", NEW]
    for target in targets:
        if target != NEW:
            install(stage.api, target, only=("alertmanagerconfigs",))
        for id_ in REFUSED:
            case = CASES[id_]
            if case.target != target:
                continue
            assert any(refusal(stage.api, obj) for obj in objects_of(case, exposed=True)), f"{id_} is not refused"
            assert not [text for obj in objects_of(case, exposed=False) if (text := refusal(stage.api, obj))], id_
        install(stage.api, NEW, only=("alertmanagerconfigs",))


def test_the_old_crds_took_all_of_it(stage: Stage) -> None:
    """What is stored stays when the CRDs change, as rows say."""
    for id_ in REFUSED:
        for obj in objects_of(CASES[id_], exposed=True):
            assert stage.api.find(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], obj["metadata"]["namespace"])


# -- what the newer programs do ------------------------------------------------------------------------------------

ALERTS = {
    "alerting": {"alertmanagers": [{"api_version": "v1", "static_configs": [{"targets": ["one:1"]}]}]},
}
CLASSIC = {"scrape_configs": [{"job_name": "one", "scrape_classic_histograms": True}]}
HOLT_WINTERS = {"groups": [{"name": "one", "rules": [{"record": "a:b", "expr": "holt_winters(x[5m], 0.5, 0.5)"}]}]}
SERIES = {
    "x": "0+1x40",
    'prometheus_notifications_queue_length{alertmanager="one"}': "100x40",
    "prometheus_notifications_queue_capacity": "10x40",
}
# Expressions that find nothing, and such that do: with a range twice as long, and aggregated.
EMPTY = (
    "rate(x[1m:1m])",
    "prometheus_notifications_queue_length > prometheus_notifications_queue_capacity",
)
FULL = (
    "rate(x[2m:1m])",
    "max without (alertmanager) (prometheus_notifications_queue_length) > prometheus_notifications_queue_capacity",
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The programs of the pinned releases, and a folder for their files."""

    find: t.Callable[[str], Path]
    folder: Path

    def run(self, name: str, *arguments: str, **files: JsonObject) -> str:
        """What a program says that fails; *files* are written first."""
        for stem, content in files.items():
            (self.folder / f"{stem}.yml").write_text(json.dumps(content), encoding="utf-8")
        command = [str(self.find(name)), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout + done.stderr if done.returncode else ""


def queries(*entries: JsonObject) -> JsonObject:
    """A file of tests for promtool."""
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    test = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [{**one, "eval_time": "5m"} for one in entries],
    }
    return {"rule_files": [], "evaluation_interval": "1m", "tests": [test]}


def removed_flags(programs: Programs) -> None:
    for flag in ("alertmanager.timeout=10s", "storage.tsdb.retention=1d", "storage.tsdb.allow-overlapping-blocks"):
        assert "unknown long flag" in programs.run("prometheus", f"--{flag}", "--config.file=none.yml")


def holt_winters(programs: Programs) -> None:
    found = programs.run("promtool", "check", "rules", "rules.yml", rules=HOLT_WINTERS)
    assert 'unknown function with name "holt_winters"' in found


def nothing_is_found(programs: Programs) -> None:
    tests = queries(*({"expr": one, "exp_samples": []} for one in EMPTY))
    assert programs.run("promtool", "test", "rules", "tests.yml", tests=tests) == ""
    # The same with what the rows say to write: something is found, so that expecting nothing fails.
    for expression in FULL:
        tests = queries({"expr": expression, "exp_samples": []})
        assert "got:" in programs.run("promtool", "test", "rules", "tests.yml", tests=tests)


def raw_configuration(programs: Programs) -> None:
    check = ("check", "config", "--syntax-only", "prometheus.yml")
    assert "expected Alertmanager api version to be one of [v2]" in programs.run("promtool", *check, prometheus=ALERTS)
    assert "field scrape_classic_histograms not found" in programs.run("promtool", *check, prometheus=CLASSIC)


def gone_feature(programs: Programs) -> None:
    found = programs.run("alertmanager", "--enable-feature=auto-gomaxprocs", "--config.file=none.yml")
    assert "unknown option 'auto-gomaxprocs' for --enable-feature" in found


BY_PROGRAMS: dict[str, t.Callable[[Programs], None]] = {
    "prom-removed-flags": removed_flags,
    "prom-holt-winters": holt_winters,
    "prom-short-subqueries": nothing_is_found,
    "prom-queue-length": nothing_is_found,
    "prom-raw-configuration": raw_configuration,
    "am-gomaxprocs": gone_feature,
}


def test_every_row_that_names_a_program_has_a_test() -> None:
    assert BY_PROGRAMS.keys() == {risk.id for risk in RISKS if risk.proof == BY_PROGRAM}


@pytest.mark.parametrize("id_", BY_PROGRAMS)
def test_the_newer_programs_do_what_rows_say(id_: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    BY_PROGRAMS[id_](Programs(find=partial(lab_program, request), folder=tmp_path))
