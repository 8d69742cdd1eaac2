"""A source that writes, from the inventory to the central Prometheus: the same series as if it were read.

The modules make the objects on an API server, the operator writes the configurations, and two real Prometheus run with
them. Both clusters are one control plane here: their instances are in namespaces with other prefixes. A third
Prometheus reads the same source by /federate, and is what the first two are compared with.
"""

from __future__ import annotations

import itertools
import json
import sys
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import FEDERATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import selected
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import (
    WRITTEN,
    rows_of,
    series_query,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.modules import federation_writes

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import configuration, operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run as PlaybookRun
from tests.integration.support.playbook import run_playbook
from tests.integration.support.prometheus_process import (
    PrometheusProcess,
    application,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import FEDERATION_RULES

JsonObject = dict[str, t.Any]

CLUSTERS = ["hub", "edge"]
# A documentation address, which the processes replace by their own.
URL = "http://192.0.2.1:30990/api/v1/write"
HUB, EDGE = "hub-platform", "edge-platform"
RECEIVER: JsonObject = {"urls": [URL], "expose": "NodePort", "node_port": 30990}
# Everything that a selection can have: presets, a name, what only excludes, and what looks like two labels.
SOURCE: JsonObject = {
    "match_presets": ["recorded", "alerts", "up"],
    "match": ['app_total{path!~"/internal.*"}', '{__name__="app_info",version=~"(?i)V1.*"}'],
    "labels": {"region": "eu"},
    "normalize": {"drop": ["noise"], "rename": {"dc": "datacenter"}},
}
METRICS = """\
app_total{path="/a",noise="1",dc="fra"} 1
app_total{path="/internal/x"} 2
app_total{path="a;/internal"} 3
app_info{version="v1.2"} 1
app_info{version="v2"} 1
app_secret 5
team:forged:metric{cluster="core",team="search"} 2
team:honest:metric 3
"""
RULES = [
    {"record": "team:up:count", "expr": "count(up)"},
    {"record": "team:target:metric", "expr": "vector(9)", "labels": {"job": "federation/core/search"}},
    {"alert": "Always", "expr": "vector(1)"},
]
OWN = '{__name__=~"app_.+|team:.+|ALERTS",cluster!=""}'
# A sample is sent after at most 5 s (batch_send_deadline), and a change of the configuration takes a moment.
MOST_SECONDS = 15.0


def fleet(cluster: str) -> JsonObject:
    """One of the two clusters, as modules see it."""
    return {
        "cluster": cluster,
        "clusters": CLUSTERS,
        "fleet": cluster,
        "namespace_prefix": f"{cluster}-",
        "wait": False,
    }


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The control plane, and what the operator made of both sides."""

    plane: ControlPlane
    api: Cluster

    def run(self, module: str, cluster: str, *, check: bool = False, **options: t.Any) -> JsonObject:
        return run_module(
            module,
            kubeconfig=self.plane.kubeconfig,
            context=self.plane.context,
            check=check,
            **fleet(cluster),
            **options,
        )

    def writes(self, **source: t.Any) -> list[JsonObject]:
        """What the edge must write."""
        given = {
            "cluster": "edge",
            "clusters": CLUSTERS,
            "namespace_prefix": "edge-",
            "sources": [{"transport": "remote_write", **SOURCE, **source}],
            "centrals": ["hub"],
            "central_receivers": {"hub": [RECEIVER]},
        }
        params = validate_mapping(given, federation_writes.DEFINITION.options, path="")
        found: list[JsonObject] = federation_writes.DEFINITION.work(Run(params=params, check=False))["writes"]
        return found

    def live(self, cluster: str) -> JsonObject:
        """The Prometheus of a cluster."""
        spec: JsonObject = self.api.get("monitoring.coreos.com/v1", "Prometheus", "platform", f"{cluster}-platform")[
            "spec"
        ]
        return spec

    def arguments(self, namespace: str) -> list[str]:
        """The flags that the operator gives to a Prometheus."""
        found = self.api.find("apps/v1", "StatefulSet", "prometheus-platform", namespace) or {}
        containers = (((found.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ()
        return [text for one in containers if one["name"] == "prometheus" for text in one["args"]]


@pytest.fixture(scope="module")
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    program = lab_program(request, "operator")
    with started(request, "written", controllers=False) as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(api)
        for namespace in (HUB, EDGE):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        with operator(plane, program):
            yield Sides(plane=plane, api=api)


@pytest.fixture(scope="module")
def written(sides: Sides) -> tuple[JsonObject, list[str]]:
    """What the operator writes for the edge, and the flags of the hub."""
    sides.run("team_monitoring", "edge", writes=sides.writes())
    sides.run("team_monitoring", "hub", receiving=["platform"])
    found: JsonObject = {}

    def is_whole() -> bool:
        found.update(configuration(sides.api, namespace=EDGE, name="platform"))
        return "remote_write" in found and bool(sides.arguments(HUB))

    sides.api.wait_until(is_whole, "the operator wrote both sides")
    return found, sides.arguments(HUB)


def test_both_sides_are_told(written: tuple[JsonObject, list[str]]) -> None:
    loaded, flags = written
    (entry,) = loaded["remote_write"]
    assert (entry["name"], entry["url"]) == ("hub/platform/0", URL)
    assert entry["send_native_histograms"] is True
    assert "--web.enable-remote-write-receiver" in flags


@dataclass(frozen=True, kw_only=True)
class Three:
    """The source, the one that it writes to, and one that reads it."""

    source: PrometheusProcess
    central: PrometheusProcess
    reader: PrometheusProcess
    jobs: list[JsonObject]
    entry: JsonObject
    shown: t.Any

    def configure_source(self, *, writes: bool) -> None:
        application_job = {"job_name": "application", "static_configs": [{"targets": [self.shown.address]}]}
        self.source.configure(
            [application_job],
            groups=[{"name": "team", "rules": RULES}],
            writes=[self.entry] if writes else [],
        )


@pytest.fixture
def three(request: pytest.FixtureRequest, written: tuple[JsonObject, list[str]], tmp_path: Path) -> Iterator[Three]:
    program = lab_program(request, "prometheus")
    loaded, _flags = written
    external = {**loaded["global"]["external_labels"], "prometheus_replica": "prometheus-platform-0"}
    source = PrometheusProcess(program=program, folder=tmp_path / "source", external_labels=external)
    central = PrometheusProcess(
        program=program, folder=tmp_path / "central", flags=["--web.enable-remote-write-receiver"]
    )
    reader = PrometheusProcess(program=program, folder=tmp_path / "reader")
    entry = json.loads(json.dumps(loaded["remote_write"][0]).replace("192.0.2.1:30990", central.address))
    with application(METRICS) as shown:
        jobs = jobs_of(central_objects("federate"), addresses=[source.address])
        found = Three(source=source, central=central, reader=reader, jobs=jobs, entry=entry, shown=shown)
        central.configure()
        found.configure_source(writes=True)
        reader.configure(jobs)
        try:
            for one in (central, source, reader):
                one.start()
            yield found
        finally:
            for one in (reader, source, central):
                one.stop()


def central_objects(transport: str) -> list[JsonObject]:
    """The objects of the hub for the edge's instance."""
    match = selected({"match": SOURCE["match"], "match_presets": SOURCE["match_presets"]})
    source = {
        "cluster": "edge",
        "team": "platform",
        "match": match,
        "labels": SOURCE["labels"],
        "normalize": SOURCE["normalize"],
    }
    read = {"targets": [{"address": "192.0.2.9", "port": 9090}], "interval": "200ms", "timeout": "200ms"}
    own = read if transport == "federate" else {"targets": [], "transport": "remote_write", "writers": 1}
    given = {"cluster": "hub", "clusters": CLUSTERS, "sources": [{**source, **own}], "rules": FEDERATION_RULES}
    return objects_of(FEDERATION, validate_mapping(given, FEDERATION.options, path=""))


def label_sets(server: PrometheusProcess, selector: str = OWN) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(labels.items()) for labels in server.label_sets(selector)}


def test_what_is_written_is_what_would_be_read(three: Three) -> None:
    three.central.until(lambda: len(label_sets(three.central)) >= 8, "series are written")
    three.reader.until(lambda: len(label_sets(three.reader)) >= 8, "series are read")
    wanted = label_sets(three.reader)
    three.central.until(lambda: label_sets(three.central) == wanted, "both have the same series")
    names = {dict(labels)["__name__"] for labels in wanted}
    assert names == {
        "ALERTS",
        "app_info",
        "app_total",
        "team:forged:metric",
        "team:honest:metric",
        "team:target:metric",
        "team:up:count",
    }
    (forged,) = three.central.label_sets("team:forged:metric")
    assert (forged["cluster"], forged["claimed_cluster"]) == ("edge", "core")
    assert (forged["team"], forged["claimed_team"]) == ("platform", "search")
    (info,) = three.central.label_sets("app_info")
    assert info["version"] == "v1.2"
    totals = {labels["path"]: labels for labels in three.central.label_sets("app_total")}
    assert totals.keys() == {"/a", "a;/internal"}
    assert totals["/a"]["datacenter"] == "fra"
    assert "noise" not in totals["/a"]
    # `up` of the application, and nothing of what nobody asked for.
    assert {labels["job"] for labels in three.central.label_sets("up")} == {"application"}
    assert three.central.label_sets("app_secret") == []
    assert not [name for labels in three.central.label_sets('{__name__!=""}') for name in labels if "__tmp" in name]


def test_a_resolved_alert_ends_at_once(three: Three) -> None:
    three.central.until(lambda: bool(three.central.query("ALERTS")), "the alert is written")
    three.source.configure([], groups=[{"name": "team", "rules": RULES[:1]}], writes=[three.entry])
    three.central.until(lambda: three.central.query("ALERTS") == [], "the alert is gone", timeout=20)


def test_a_source_may_change_its_transport_while_it_is_read(three: Three) -> None:
    """Read, then both, then written alone, and back: no series is there twice, and none has a gap."""
    three.configure_source(writes=False)
    three.central.configure(three.jobs)

    def more() -> None:
        have = count(three.central)
        three.central.until(lambda: count(three.central) > have + 10, "samples come in", timeout=60)

    def failed() -> float:
        return three.source.counter("prometheus_remote_storage_samples_failed_total")

    more()
    three.configure_source(writes=True)
    more()
    # What is written while it is read, too, may be older than what was read: a request with such a sample is refused.
    three.central.configure()
    more()
    before = failed()
    more()
    assert failed() == before, "what is written alone is taken"
    three.central.configure(three.jobs)
    more()
    three.configure_source(writes=False)
    more()
    wanted = label_sets(three.reader)
    three.central.until(lambda: label_sets(three.central) == wanted, "the series are those that are read")
    # A duplicate is a sample of the same moment with another value: there is none of these.
    assert three.central.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total") == 0
    # All of it is one series of each.
    for name in ("team:up:count", "ALERTS"):
        (one,) = three.central.query(f"{name}[1h]")
        moments = [moment for moment, _value in one["values"]]
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert max(gaps) < MOST_SECONDS, (name, sorted(gaps)[-3:])


def count(server: PrometheusProcess) -> float:
    found = server.query("count_over_time(team:up:count[1h])")
    return float(found[0]["value"][1]) if found else 0.0


def test_the_central_side_sees_that_a_source_stops_to_write(three: Three) -> None:
    objects = central_objects("remote_write")
    assert {obj["kind"] for obj in objects} == {"PrometheusRule"}
    groups = [
        {**group, "rules": [{name: rule[name] for name in rule if name != "for"} for rule in group["rules"]]}
        for obj in objects
        for group in obj["spec"]["groups"]
    ]
    three.central.configure(groups=groups)

    def firing() -> set[str]:
        return {one["labels"]["alertname"] for one in three.central.get("alerts")["alerts"] if one["state"] == "firing"}

    seen = "cluster_team:federation_writers:seen"
    three.central.until(lambda: bool(three.central.query(seen)), "it is seen")
    three.central.until(lambda: firing() == set(), "all is well")
    # So does the doctor: by the same two series.
    rows = rows_of(three.central.query(series_query(90)), WRITTEN)
    assert [(labels["cluster"], labels["team"], number) for labels, number in rows] == [("edge", "platform", 1.0)]
    # A source that ends ends its series, and does not wait until they are too old.
    three.source.configure([], groups=[], writes=[three.entry])
    three.central.until(lambda: firing() == {"FederationWriterSilent"}, "it is silent")
    three.configure_source(writes=True)
    three.central.until(lambda: firing() == set(), "it is seen again")


# -- the objects --------------------------------------------------------------------------------------------------


def test_a_source_is_not_taken_from_who_reads_it_before_it_writes(sides: Sides) -> None:
    sides.run("team_monitoring", "edge")
    reading: JsonObject = {"sources": [{"expose": "LoadBalancer"}], "centrals": ["hub"]}
    writing: JsonObject = {
        "sources": [{"transport": "remote_write"}],
        "centrals": ["hub"],
        "central_receivers": {"hub": [RECEIVER]},
    }
    place = ("v1", "Service", "prometheus-platform-federation-0", EDGE)
    # It is made, and nothing here gives it an address.
    with pytest.raises(ClusterError, match="has no load-balancer address"):
        sides.run("federation_source", "edge", **reading)
    assert sides.api.find(*place) is not None
    with pytest.raises(
        Refused, match=r"does not write to http://192\.0\.2\.1:30990/api/v1/write yet; run team_monitoring"
    ):
        sides.run("federation_source", "edge", **writing)
    assert sides.api.find(*place) is not None
    with pytest.raises(Refused, match="does not write to"):
        sides.run("federation_source", "edge", check=True, **writing)
    # In check mode the same run may let it write first.
    predicted = sides.run("federation_source", "edge", check=True, writes_to_come=True, **writing)["outcome"]
    gone = {change.key.name for change in predicted.changes if change.key.namespace == EDGE}
    assert gone == {"prometheus-platform-federation", "prometheus-platform-federation-0"}
    sides.run("team_monitoring", "edge", writes=sides.writes())
    result = sides.run("federation_source", "edge", **writing)
    assert sides.api.find(*place) is None
    (source,) = result["sources"]
    assert (source["transport"], source["targets"], source["writers"]) == ("remote_write", [], 1)
    # The central side has read it, and no longer does.
    read = {**source, "transport": "federate", "writers": 0, "targets": [{"address": "192.0.2.9", "port": 9090}]}
    sides.run("federation_endpoints", "hub", sources=[read], rules=FEDERATION_RULES)
    monitor = ("monitoring.coreos.com/v1", "ServiceMonitor", "federation-edge-platform", HUB)
    assert sides.api.find(*monitor) is not None
    outcome = sides.run("federation_endpoints", "hub", sources=[source], rules=FEDERATION_RULES)["outcome"]
    assert sides.api.find(*monitor) is None
    # The two objects of the slice, the monitor, and the policy by which the central instance reached the source.
    assert (outcome.counts()["deleted"], outcome.counts()["updated"]) == (4, 1)
    assert not sides.run("federation_endpoints", "hub", sources=[source], rules=FEDERATION_RULES)["outcome"].changes
    # Back again: what the edge no longer writes is taken from its Prometheus.
    sides.run("team_monitoring", "edge")
    assert "remoteWrite" not in sides.live("edge")


def test_a_receiver_is_exposed_and_taken_away(sides: Sides) -> None:
    guarded = {
        "urls": ["https://192.0.2.1:30990/api/v1/write"],
        "expose": "NodePort",
        "node_port": 30990,
        "proxy": {"certificate": {"secret": "hub"}, "client_ca": {"secret": "ca"}, "clients": ["edge"]},
    }
    told = sides.run("federation_receiver", "hub", receivers=[RECEIVER])["outcome"].warnings
    assert [text for text in told if "can write any series" in text]
    service = ("v1", "Service", "prometheus-platform-receiver-0", HUB)
    assert sides.api.get(*service)["spec"]["ports"][0]["nodePort"] == 30990
    told = sides.run("federation_receiver", "hub", receivers=[guarded])["outcome"].warnings
    assert not [text for text in told if "can write any series" in text]
    proxy = sides.api.get("apps/v1", "Deployment", "prometheus-platform-receiver-0", HUB)
    (container,) = proxy["spec"]["template"]["spec"]["containers"]
    assert "--allow-paths=/api/v1/write,/-/healthy,/-/ready" in container["args"]
    assert not sides.run("federation_receiver", "hub", receivers=[guarded])["outcome"].changes
    sides.run("federation_receiver", "hub", state="absent")
    assert sides.api.find(*service) is None


# -- the roles ----------------------------------------------------------------------------------------------------


@pytest.fixture
def inventory(api: Cluster) -> Iterator[JsonObject]:
    """One cluster that is both sides: a team's instance writes to the platform's, which receives."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "promfleet_kubeconfig": str(api.kubeconfig),
        "promfleet_context": api.context,
        "promfleet_wait": False,
        "promfleet_fleet": "writing",
        "promfleet_platform_team": "wcentral",
        "team_monitoring_teams": [{"name": "wpay"}],
        "prometheus_federation_sources": [{"team": "wpay", "transport": "remote_write"}],
        "prometheus_federation_receivers": [RECEIVER],
    }
    hosts: JsonObject = {"hosts": {"hub": {}}}
    yield {"all": {"vars": variables, "children": {"promfleet_central": hosts, "promfleet_workers": hosts}}}
    api.delete_namespaces("monitoring-wpay", "monitoring-wcentral")


def test_the_playbooks_let_a_source_write(api: Cluster, inventory: JsonObject, tmp_path: Path) -> None:
    variables = inventory["all"]["vars"]

    def run(name: str, *arguments: str) -> PlaybookRun:
        return run_playbook(name, inventory=inventory, folder=tmp_path, arguments=arguments)

    def spec(team: str) -> JsonObject:
        found = api.get("monitoring.coreos.com/v1", "Prometheus", team, f"monitoring-{team}")
        return dict(found["spec"])

    # Without the receiver the input is refused, before anything is written.
    variables["prometheus_federation_receivers"] = []
    refused = run("federation").require_failure().output
    assert "prometheus_federation_sources[0].transport: needs a receiver of team 'wcentral' on hub" in refused
    variables["prometheus_federation_receivers"] = [RECEIVER]
    # In check mode, too: the playbook federation lets nothing write, and site does.
    untold = run("federation", "--check").require_failure().output
    assert "does not write to http://192.0.2.1:30990/api/v1/write yet" in untold
    run("teams").require_success()
    assert [entry["url"] for entry in spec("wpay")["remoteWrite"]] == [URL]
    assert spec("wcentral")["enableRemoteWriteReceiver"] is True
    assert "remoteWrite" not in spec("wcentral")
    assert "enableRemoteWriteReceiver" not in spec("wpay")
    run("federation").require_success()
    services = {obj["metadata"]["name"] for obj in api.list_kind(api.kind("v1", "Service"))}
    assert "prometheus-wcentral-receiver-0" in services
    assert not [name for name in services if "wpay-federation" in name or "federation-hub-wpay" in name]
    rules = api.get("monitoring.coreos.com/v1", "PrometheusRule", "federation-hub-wpay", "monitoring-wcentral")
    assert "writers:expected" in rules["spec"]["groups"][0]["rules"][0]["record"]
    assert run("teams").require_success().changed() == {"hub": 0}
    assert run("federation").require_success().changed() == {"hub": 0}
    # Read again: what lets it write goes, and what lets it be read comes.
    address = {"team": "wpay", "expose": "Existing", "address": "prometheus.example.com", "port": 9090}
    variables["prometheus_federation_sources"] = [address]
    variables["prometheus_federation_receivers"] = []
    run("teams").require_success()
    run("federation").require_success()
    assert "remoteWrite" not in spec("wpay")
    assert "enableRemoteWriteReceiver" not in spec("wcentral")
    config = ("monitoring.coreos.com/v1alpha1", "ScrapeConfig", "federation-hub-wpay", "monitoring-wcentral")
    assert api.find(*config) is not None
    assert api.find("v1", "Service", "prometheus-wcentral-receiver-0", "monitoring-wcentral") is None
