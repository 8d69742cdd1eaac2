"""What becomes of federated alerts when they end, and when their source stops, hangs or restarts.

Two Prometheus processes: a source whose alert an application switches, and one that federates it with the jobs of our
objects. Time is counted in scrapes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.support.prometheus_process import (
    Application,
    JsonObject,
    PrometheusProcess,
    application,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import objects_of_endpoint

OWN = {"cluster": "edge", "team": "payments"}
ALERTS_JOB, SERIES_JOB = "federation/edge/payments/alerts", "federation/edge/payments"
INTERVAL = "500ms"
RULES = [
    {"alert": "Broken", "expr": "broken == 1"},
    {"alert": "Watchdog", "expr": "vector(1)"},
    {"record": "team:broken:sum", "expr": "sum(broken)"},
]
# What Prometheus counts where it refuses a sample.
REFUSED = tuple(
    f"prometheus_target_scrapes_sample_{reason}_total"
    for reason in ("out_of_order", "duplicate_timestamp", "out_of_bounds")
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A source with its application, and the Prometheus that federates it."""

    shown: Application
    source: PrometheusProcess
    central: PrometheusProcess
    jobs: list[JsonObject]

    def fire(self) -> None:
        """Let the alert fire, until the central side shows it."""
        self.shown.text = "broken 1\n"
        self.central.until(lambda: "Broken" in self.alerts(), "the alert is federated")

    def resolve(self) -> None:
        """Let the alert end, until the source itself says so."""
        self.shown.text = "broken 0\n"
        self.source.until(lambda: not self.source.query('ALERTS{alertname="Broken"}'), "the alert resolves")

    def alerts(self) -> set[str]:
        """The names of the alerts that the central side shows now."""
        return {labels["alertname"] for labels in self.central.label_sets("ALERTS")}

    def scrapes(self, job: str) -> int:
        """How many scrapes of a job there were."""
        return sum(int(one["value"][1]) for one in self.central.query(f'count_over_time(up{{job="{job}"}}[1h])'))

    def after_scrapes(self, number: int, *, job: str = ALERTS_JOB) -> None:
        """Let this many more scrapes begin and end. The first may have begun before."""
        wanted = self.scrapes(job) + number + 1
        self.central.until(lambda: self.scrapes(job) >= wanted, f"{wanted} scrapes")

    def refused(self) -> dict[str, float]:
        """The samples that the central side refused, by the reason."""
        return {name: self.central.counter(name) for name in REFUSED}


@pytest.fixture(scope="module")
def prometheus(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "prometheus")


@pytest.fixture
def pair(prometheus: Path, tmp_path: Path) -> Iterator[Pair]:
    source = PrometheusProcess(
        program=prometheus,
        folder=tmp_path / "source",
        external_labels={**OWN, "prometheus_replica": "prometheus-payments-0"},
    )
    central = PrometheusProcess(program=prometheus, folder=tmp_path / "central")
    endpoint = {
        **OWN,
        "targets": [{"address": "192.0.2.1", "port": 9090}],
        "match": ['{__name__=~"team:.+"}', "ALERTS"],
        "interval": INTERVAL,
        "timeout": INTERVAL,
    }
    jobs = jobs_of(objects_of_endpoint(endpoint), addresses=[source.address])
    with application("broken 0\n") as shown:
        scraped = {"job_name": "application", "static_configs": [{"targets": [shown.address]}]}
        source.configure([scraped], groups=[{"name": "team", "rules": RULES}])
        central.configure(jobs)
        try:
            source.start()
            central.start()
            found = Pair(shown=shown, source=source, central=central, jobs=jobs)
            central.until(lambda: found.alerts() == {"Watchdog"}, "the source is federated")
            yield found
        finally:
            central.stop()
            source.stop()


def test_a_resolved_alert_is_gone_after_two_scrapes(pair: Pair) -> None:
    pair.fire()
    pair.resolve()
    pair.after_scrapes(2)
    assert pair.alerts() == {"Watchdog"}
    assert pair.refused() == dict.fromkeys(REFUSED, 0)


def test_without_a_job_of_its_own_it_stays(pair: Pair) -> None:
    """The counter-proof: this is what honorTimestamps does to a series that ends."""
    jobs = copy.deepcopy(pair.jobs)
    for job in jobs:
        job.pop("track_timestamps_staleness", None)
    pair.central.configure(jobs)
    pair.fire()
    pair.resolve()
    pair.after_scrapes(10)
    assert pair.alerts() == {"Broken", "Watchdog"}


def test_an_alert_that_flaps_loses_no_sample(pair: Pair) -> None:
    for _time in range(5):
        pair.fire()
        pair.resolve()
        pair.central.until(lambda: pair.alerts() == {"Watchdog"}, "it is gone")
    assert pair.refused() == dict.fromkeys(REFUSED, 0)


def test_a_source_that_hangs_loses_its_alerts_for_that_time(pair: Pair) -> None:
    pair.fire()
    pair.source.pause()
    pair.central.until(lambda: pair.alerts() == set(), "what is not known is not shown")
    # A recorded series stays until its last sample is too old.
    assert pair.central.query("team:broken:sum")
    pair.source.resume()
    pair.central.until(lambda: pair.alerts() == {"Broken", "Watchdog"}, "it fires again")


def test_a_restart_with_the_volume_refuses_no_recorded_series(pair: Pair) -> None:
    """Samples of alerts that are older than the marker are refused; the next evaluation gives newer ones."""
    pair.fire()
    pair.source.stop()
    pair.central.until(lambda: pair.alerts() == set(), "the source is down")
    pair.source.start()
    pair.central.until(lambda: pair.alerts() == {"Broken", "Watchdog"}, "it fires again")
    assert pair.refused()[REFUSED[1]] == pair.refused()[REFUSED[2]] == 0
