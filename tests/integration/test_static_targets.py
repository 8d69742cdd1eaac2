"""A source changes between its two forms while it is read: the series go on, and no sample is lost.

A Prometheus loads the jobs of one form, then those of both, as between the first write of a run and its last, then
those of the other form alone.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import FEDERATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.prometheus_process import PrometheusProcess, application, jobs_of, lab_program

JsonObject = dict[str, t.Any]

KINDS = {"discovered": "serviceMonitor", "static": "scrapeConfig"}
SOURCE: JsonObject = {
    "cluster": "edge",
    "team": "payments",
    "targets": [{"address": "192.0.2.1", "port": 9090}],
    "match": ['{__name__=~"team:.+"}', "ALERTS"],
    "interval": "200ms",
    "timeout": "200ms",
    "labels": {"region": "eu"},
}
RULES = [
    {"record": "team:now:seconds", "expr": "time()"},
    {"alert": "Always", "expr": "vector(1)"},
]
# Each of them means that a sample was refused. While both forms are read each sample comes twice, and the slower answer
# may bring an older sample than the one that is there: it is dropped as out of order, and nothing is lost by it.
REFUSED = ("duplicate_timestamp", "out_of_bounds")
REFUSED_OF_ONE_FORM = ("out_of_order", *REFUSED)


def jobs(form: str, address: str) -> list[JsonObject]:
    given = {"cluster": "hub", "clusters": ["hub", "edge"], "sources": [SOURCE], "target_form": form}
    params = validate_mapping(given, FEDERATION.options, path="")
    return jobs_of(objects_of(FEDERATION, params), addresses=[address])


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A source and the Prometheus that reads it."""

    source: PrometheusProcess
    central: PrometheusProcess

    def targets(self) -> dict[str, set[tuple[tuple[str, str], ...]]]:
        """The labels of what is scraped, by the kind of the job."""
        found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
        for target in self.central.get("targets")["activeTargets"]:
            kind = target["scrapePool"].partition("/")[0]
            found.setdefault(kind, set()).add(tuple(sorted(target["labels"].items())))
        return found

    def samples(self) -> float:
        """How many samples of the source's record are there."""
        found = self.central.query("count_over_time(team:now:seconds[1h])")
        return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    program = lab_program(request, "prometheus")
    source = PrometheusProcess(program=program, folder=tmp_path / "source", external_labels={"cluster": "edge"})
    central = PrometheusProcess(program=program, folder=tmp_path / "central")
    with application("any 1\n") as shown:
        source.configure(
            [{"job_name": "any", "static_configs": [{"targets": [shown.address]}]}],
            groups=[{"name": "team", "rules": RULES}],
        )
        source.start()
        central.configure()
        central.start()
        try:
            yield Pair(source=source, central=central)
        finally:
            central.stop()
            source.stop()


def refused(pair: Pair, names: t.Iterable[str]) -> dict[str, float]:
    """How many samples the central Prometheus refused, by the reason."""
    return {name: pair.central.counter(f"prometheus_target_scrapes_sample_{name}_total") for name in names}


def _read(pair: Pair, loaded: list[JsonObject], kinds: set[str]) -> set[tuple[tuple[str, str], ...]]:
    """Let the central Prometheus read with these jobs for a while; the labels of its targets, which are of *kinds*."""
    pair.central.configure(loaded)
    pair.central.until(lambda: pair.targets().keys() == kinds, f"targets of {kinds}")
    found = list(pair.targets().values())
    assert all(one == found[0] for one in found)
    have = pair.samples()
    pair.central.until(lambda: pair.samples() >= have + 15, "samples come in")
    return found[0]


@pytest.mark.parametrize(("first", "second"), [("discovered", "static"), ("static", "discovered")])
def test_series_go_on_when_a_source_changes_its_form(pair: Pair, first: str, second: str) -> None:
    before, after = (jobs(form, pair.source.address) for form in (first, second))
    labels = [_read(pair, before, {KINDS[first]})]
    assert refused(pair, REFUSED_OF_ONE_FORM) == dict.fromkeys(REFUSED_OF_ONE_FORM, 0)
    labels.append(_read(pair, [*before, *after], {KINDS[first], KINDS[second]}))
    labels.append(_read(pair, after, {KINDS[second]}))
    # The targets themselves do not differ: their series are the same ones.
    assert labels[0] == labels[1] == labels[2]
    # `up` of both jobs of the source, and each federated series, is one series from the first to the last.
    assert len(pair.central.label_sets("count_over_time(up[1h])")) == 2
    assert len(pair.central.label_sets("count_over_time(team:now:seconds[1h])")) == 1
    assert len(pair.central.label_sets("count_over_time(ALERTS[1h])")) == 1
    assert refused(pair, REFUSED) == dict.fromkeys(REFUSED, 0)
    # No gap: the record has a value at each moment from the first to the last, so no change marked the series as ended.
    (series,) = pair.central.get("query", query="team:now:seconds[1h]")["result"]
    start, end = math.ceil(float(series["values"][0][0])), math.floor(float(series["values"][-1][0]))
    (ranged,) = pair.central.get("query_range", query="team:now:seconds", start=str(start), end=str(end), step="1")[
        "result"
    ]
    assert len(ranged["values"]) == end - start + 1


# -- an instance around the limit ---------------------------------------------------------------------------------

NAMESPACE = "forms-platform"


@pytest.fixture
def namespace(api: Cluster) -> Iterator[str]:
    """The namespace of the instance that reads."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield NAMESPACE
    api.delete_namespaces(NAMESPACE)


def test_an_instance_keeps_its_form_until_it_has_half_as_many_sources(api: Cluster, namespace: str) -> None:
    def forms() -> dict[str, set[str]]:
        """By kind the names of what makes targets of sources."""
        kinds = {"ServiceMonitor": "monitoring.coreos.com/v1", "ScrapeConfig": "monitoring.coreos.com/v1alpha1"}
        return {
            kind: {
                obj["metadata"]["name"]
                for obj in api.list_kind(api.kind(version, kind))
                if obj["metadata"]["namespace"] == namespace
            }
            for kind, version in kinds.items()
        }

    def run(*numbers: int, check: bool = False, **options: t.Any) -> list[str]:
        """Federate these clusters, of eight; what is said about forms."""
        outcome = run_module(
            "federation_endpoints",
            kubeconfig=api.kubeconfig,
            context=api.context,
            check=check,
            cluster="hub",
            clusters=["hub"],
            fleet="forms",
            namespace_prefix="forms-",
            wait=False,
            static_above=4,
            sources=[
                {**SOURCE, "cluster": f"c{n}", "targets": [{"address": f"192.0.2.{n}", "port": 9090}], "match": ["up"]}
                for n in numbers
            ],
            **options,
        )["outcome"]
        return [text.partition(" (")[0] for text in outcome.warnings if "sources change" in text]

    def names(*numbers: int) -> set[str]:
        return {f"federation-c{number}-payments" for number in numbers}

    to_static = [f"{namespace}: sources change from ServiceMonitor to ScrapeConfig"]
    back = [f"{namespace}: sources change from ScrapeConfig to ServiceMonitor"]
    assert run(1, 2, 3, 4) == []
    assert forms() == {"ServiceMonitor": names(1, 2, 3, 4), "ScrapeConfig": set()}
    assert run(1, 2, 3, 4, 5, check=True) == to_static
    assert forms()["ScrapeConfig"] == set()
    assert run(1, 2, 3, 4, 5) == to_static
    assert forms() == {"ServiceMonitor": set(), "ScrapeConfig": names(1, 2, 3, 4, 5)}
    # Around the limit, and in a run that reaches one worker alone.
    assert run(1, 2, 3) == []
    assert forms() == {"ServiceMonitor": set(), "ScrapeConfig": names(1, 2, 3)}
    assert run(1, stale=["c2", "c3"]) == []
    assert forms() == {"ServiceMonitor": set(), "ScrapeConfig": names(1, 2, 3)}
    assert run(1, 2) == back
    assert forms() == {"ServiceMonitor": names(1, 2), "ScrapeConfig": set()}
    run_module(
        "federation_endpoints",
        kubeconfig=api.kubeconfig,
        context=api.context,
        cluster="hub",
        clusters=["hub"],
        fleet="forms",
        state="absent",
    )
