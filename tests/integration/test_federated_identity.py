"""Who a federated series is from: no application of a worker can decide that, whatever it does.

A Prometheus with an application, rules and the external labels that the operator gives it; another one federates it
with the jobs of our objects. Each forgery is tried against jobs without the identity, too: there it must succeed.
"""

from __future__ import annotations

import copy
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.prometheus_process import (
    JsonObject,
    PrometheusProcess,
    application,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import objects_of_endpoint

OWN = {"cluster": "edge", "team": "payments"}
OTHER = {"cluster": "core", "team": "search"}
EXTERNAL = {**OWN, "prometheus": "monitoring-payments/payments", "prometheus_replica": "prometheus-payments-0"}
LABELS = ",".join(f'{name}="{value}"' for name, value in OTHER.items())
# What a container can show by itself.
METRICS = f"""\
team:honest:metric 1
team:forged:metric{{{LABELS}}} 2
team:cluster_alone:metric{{cluster="core"}} 3
team:team_alone:metric{{team="search"}} 4
team:hidden:metric{{claimed_cluster="core",claimed_team="search",{LABELS}}} 5
team:twin:metric 6
team:twin:metric{{{LABELS}}} 7
"""
# What a team can write into its PrometheusRules.
RULES = [
    {"record": "team:ruled:metric", "expr": "vector(8)", "labels": OTHER},
    {"record": "team:target:metric", "expr": "vector(9)", "labels": {"job": "federation/core/search"}},
    {"record": "team:own_target:metric", "expr": "vector(10)", "labels": {"job": "federation/edge/payments"}},
    {"record": "team:jobless:metric", "expr": "vector(11)"},
    {"alert": "Forged", "expr": "vector(1)", "labels": OTHER},
]
# By the name of the series: what is claimed and not true.
BOTH = {f"claimed_{name}": value for name, value in OTHER.items()}
CLAIMS = {
    "team:honest:metric": {},
    "team:forged:metric": BOTH,
    "team:cluster_alone:metric": {"claimed_cluster": "core"},
    "team:team_alone:metric": {"claimed_team": "search"},
    "team:hidden:metric": BOTH,
    "team:relabeled:metric": BOTH,
    "team:ruled:metric": BOTH,
    "team:target:metric": {},
    "team:own_target:metric": {},
    "team:jobless:metric": {},
    "ALERTS": BOTH,
}


def relabeled(address: str) -> JsonObject:
    """A job like that of a ServiceMonitor with relabelings of a team's own."""
    labels = [{"target_label": name, "replacement": value} for name, value in OTHER.items()]
    renamed = {"source_labels": ["__name__"], "regex": "team:honest:metric", "replacement": "team:relabeled:metric"}
    return {
        "job_name": "relabeled",
        "static_configs": [{"targets": [address]}],
        "relabel_configs": labels,
        "metric_relabel_configs": [
            {**renamed, "target_label": "__name__"},
            {"source_labels": ["__name__"], "regex": "team:relabeled:metric", "action": "keep"},
        ],
    }


@pytest.fixture(scope="module")
def prometheus(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "prometheus")


@pytest.fixture(scope="module")
def worker(prometheus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusProcess]:
    """A worker's instance with everything that a team can do to it."""
    source = PrometheusProcess(program=prometheus, folder=tmp_path_factory.mktemp("worker"), external_labels=EXTERNAL)
    with application(METRICS) as shown:
        plain = {"job_name": "application", "static_configs": [{"targets": [shown.address]}]}
        source.configure([plain, relabeled(shown.address)], groups=[{"name": "team", "rules": RULES}])
        source.start()
        try:
            source.until(lambda: names(source) >= CLAIMS.keys(), "everything is forged")
            yield source
        finally:
            source.stop()


def names(server: PrometheusProcess, matchers: str = "") -> set[str]:
    """The names of all series."""
    return {found["__name__"] for found in server.label_sets(f'{{__name__=~".+"{matchers}}}')}


def central_objects(*, form: str) -> list[JsonObject]:
    """Our objects for the worker's instance, in one of their two forms."""
    address = "192.0.2.1" if form == "ServiceMonitor" else "edge.example.com"
    return objects_of_endpoint(
        {
            **OWN,
            "targets": [{"address": address, "port": 9090}],
            "match": ['{__name__=~"team:.+"}', "ALERTS"],
            "interval": "200ms",
            "timeout": "200ms",
            "labels": {"region": "eu"},
        }
    )


@pytest.fixture(params=["ServiceMonitor", "ScrapeConfig"])
def central(
    request: pytest.FixtureRequest, prometheus: Path, worker: PrometheusProcess, tmp_path: Path
) -> Iterator[tuple[PrometheusProcess, list[JsonObject]]]:
    """A Prometheus without jobs yet, and the jobs of our objects."""
    objects = central_objects(form=request.param)
    server = PrometheusProcess(program=prometheus, folder=tmp_path / "central")
    server.configure()
    server.start()
    try:
        yield server, jobs_of(objects, addresses=[worker.address])
    finally:
        server.stop()


def without_identity(jobs: list[JsonObject]) -> list[JsonObject]:
    """The same jobs, with no word about cluster and team."""
    jobs = copy.deepcopy(jobs)
    for job in jobs:
        job["metric_relabel_configs"] = [
            step for step in job["metric_relabel_configs"] if not step.get("target_label", "").endswith(tuple(OWN))
        ]
    return jobs


def test_no_series_is_from_where_its_application_says(
    central: tuple[PrometheusProcess, list[JsonObject]],
) -> None:
    server, jobs = central
    server.configure(jobs)
    server.until(lambda: names(server) >= CLAIMS.keys(), "all series are federated")
    found = server.label_sets('{__name__=~"team:.+|ALERTS"}')
    assert {
        name: labels for name, labels in [(one["__name__"], one) for one in found] if OWN.items() - labels.items()
    } == {}
    for labels in found:
        assert labels["prometheus_replica"] == EXTERNAL["prometheus_replica"]
        assert labels["region"] == "eu"
        assert not labels.get("job", "").startswith("federation/"), "none passes for a target"
        if labels["__name__"] in CLAIMS:
            claims = {name: value for name, value in labels.items() if name.startswith("claimed_")}
            assert claims == CLAIMS[labels["__name__"]], labels
    # Two series that differed in their claims alone are two series still.
    assert sorted(result["value"][1] for result in server.query("team:twin:metric")) == ["6", "7"]
    assert server.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total") == 0


def test_the_scrapes_own_series_say_the_same(central: tuple[PrometheusProcess, list[JsonObject]]) -> None:
    server, jobs = central
    server.configure(jobs)
    server.until(lambda: bool(server.query("up == 1")), "the worker is scraped")
    for labels in server.label_sets('{__name__=~"up|scrape_.+"}'):
        del labels["__name__"], labels["instance"]
        assert labels.pop("job").startswith("federation/edge/payments")
        assert labels == {**OWN, "region": "eu"}


def test_without_the_identity_every_forgery_succeeds(
    central: tuple[PrometheusProcess, list[JsonObject]],
) -> None:
    """The counter-proof: the attacks are real."""
    server, jobs = central
    server.configure(without_identity(jobs))
    server.until(lambda: names(server) >= CLAIMS.keys(), "all series are federated")
    for name, claims in CLAIMS.items():
        (labels,) = server.label_sets(name)
        expected: t.Any = {**OWN, **{label.removeprefix("claimed_"): value for label, value in claims.items()}}
        assert {label: labels[label] for label in OWN} == expected


def test_a_region_speaks_for_its_own_clusters_alone(
    prometheus: Path, worker: PrometheusProcess, tmp_path: Path
) -> None:
    """From worker to region to the global instance: what was constant stays, and no other cluster gets through."""
    external = {"cluster": "eu", "team": "platform", "prometheus_replica": "prometheus-platform-0"}
    region = PrometheusProcess(program=prometheus, folder=tmp_path / "region", external_labels=external)
    world = PrometheusProcess(program=prometheus, folder=tmp_path / "world")
    source = {
        "cluster": "eu",
        "team": "platform",
        "targets": [{"address": "192.0.2.2", "port": 9090}],
        "match": ['{__name__=~"team:.+"}', "ALERTS"],
        "interval": "200ms",
        "timeout": "200ms",
        "region": {"clusters": ["edge"], "all_teams": True},
    }
    with application(f"team:local:metric 1\nteam:foreign:metric{{{LABELS}}} 2\n") as shown:
        local = {"job_name": "application", "static_configs": [{"targets": [shown.address]}]}
        region.configure([local, *jobs_of(central_objects(form="ServiceMonitor"), addresses=[worker.address])])
        world.configure(jobs_of(objects_of_endpoint(source), addresses=[region.address]))
        try:
            region.start()
            region.until(lambda: names(region) >= {*CLAIMS, "team:foreign:metric"}, "the region has all series")
            world.start()
            world.until(lambda: names(world) >= {*CLAIMS, "team:local:metric"}, "they are federated")
            found = world.label_sets('{__name__=~"team:.+|ALERTS"}')
        finally:
            world.stop()
            region.stop()
    assert {labels["cluster"] for labels in found} == {"edge", "eu"}
    assert "team:foreign:metric" not in {labels["__name__"] for labels in found}
    for labels in found:
        if labels["cluster"] == "edge":
            assert labels["team"] == OWN["team"]
            assert labels["prometheus_replica"] == EXTERNAL["prometheus_replica"]
            if labels["__name__"] in CLAIMS:
                claims = {name: value for name, value in labels.items() if name.startswith("claimed_")}
                assert claims == CLAIMS[labels["__name__"]]
        else:
            assert (labels["team"], labels["prometheus_replica"]) == ("platform", external["prometheus_replica"])
