"""A source that is queried: its sidecar on the worker, and the Thanos Query on the central side."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
    Federated,
    desired_exposed,
    desired_federated,
    handed_over_as_given,
    parse_exposed,
    parse_federated,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import endpoint_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.queried import (
    live_sources,
    too_many,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import (
    desired as desired_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import (
    parse as parse_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

SIDECAR: JsonObject = {"certificate": {"secret": "sidecar"}, "client_ca": {"config_map": "queries-ca"}}
SOURCE: JsonObject = {
    "transport": "thanos",
    "expose": "NodePort",
    "address": "192.0.2.7",
    "node_port": 30901,
    "sidecar": SIDECAR,
    "tls_config": {"ca": {"secret": "workers-ca"}, "cert": {"secret": "query"}, "server_name": "edge.example"},
}
FLEET: JsonObject = {
    "cluster": "edge",
    "clusters": ["hub", "edge", "far"],
    "teams": [
        {"name": "payments", "namespaces": ["payments"]},
        {"name": "agents", "prometheus": {"mode": "agent"}, "alertmanager": {"enabled": False}},
    ],
}


def exposed(*sources: JsonObject, **options: t.Any) -> tuple[t.Any, list[str]]:
    """The model of a worker with these sources, and what is wrong."""
    errors = Errors()
    params = validate_mapping({**FLEET, "sources": list(sources), **options}, FEDERATION_SOURCE.options, path="")
    return parse_exposed(params, errors), [str(problem) for problem in errors.sorted()]


def federated(*sources: JsonObject, **options: t.Any) -> Federated:
    """The model of the central cluster for sources as workers hand them over; without an error."""
    errors = Errors()
    raw = {**FLEET, "cluster": "hub", "sources": list(sources), **options}
    model = parse_federated(validate_mapping(raw, FEDERATION.options, path=""), errors)
    assert [str(problem) for problem in errors.sorted()] == []
    return model


def handed(*sources: JsonObject, cluster: str = "edge") -> list[JsonObject]:
    """What a worker with these sources hands over."""
    model, problems = exposed(*sources, cluster=cluster)
    assert problems == []
    errors = Errors()
    found = handed_over_as_given(model, errors)
    assert [str(problem) for problem in errors.sorted()] == []
    return found


def of_kind(objects: t.Iterable[JsonObject], kind: str, name: str = "") -> JsonObject:
    """The only object of a kind, or the one that is called so."""
    [found] = [obj for obj in objects if obj["kind"] == kind and name in ("", obj["metadata"]["name"])]
    return found


# -- the worker ---------------------------------------------------------------------------------------------------


def test_the_sidecar_of_each_replica_is_exposed() -> None:
    model, problems = exposed({**SOURCE, "address": None, "node_port": None, "allowed_sources": ["192.0.2.0/24"]})
    assert problems == []
    service, policy = desired_exposed(model)
    assert service["spec"]["ports"] == [{"name": "grpc", "port": 10901, "protocol": "TCP", "targetPort": "grpc"}]
    # The same name as with another transport: a balancer keeps its address.
    assert service["metadata"]["name"] == "prometheus-platform-federation-0"
    assert policy["spec"]["ingress"] == [
        {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 10901, "protocol": "TCP"}]}
    ]


def test_prometheus_gets_a_sidecar_with_the_given_certificate() -> None:
    model, _problems = exposed(SOURCE)
    errors = Errors()
    writes = [{"team": team, "sidecar": given} for team, given in model.sidecars.items()]
    params = validate_mapping({**FLEET, "writes": writes}, TEAMS.options, path="")
    teams = desired_teams(parse_teams(params, errors))
    assert not errors.sorted()
    spec = of_kind(teams, "Prometheus", "platform")["spec"]
    assert spec["thanos"]["grpcServerTlsConfig"] == {
        "certFile": "/etc/thanos/serving/thanos-certificate/tls.crt",
        "keyFile": "/etc/thanos/serving/thanos-certificate/tls.key",
        "caFile": "/etc/thanos/serving/thanos-client-ca/ca.crt",
    }
    assert "objectStorageConfig" not in spec["thanos"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    assert volumes["thanos-certificate"]["secret"]["secretName"] == "sidecar"
    assert volumes["thanos-client-ca"]["configMap"]["name"] == "queries-ca"
    # Without the certificate the sidecar alone waits for it, and Prometheus goes on.
    assert all((one.get("secret") or one["configMap"])["optional"] for one in spec["volumes"])
    mounted = {one["name"]: one["mountPath"] for one in spec["thanos"]["volumeMounts"]}
    assert mounted.keys() == volumes.keys()
    assert spec["externalLabels"] == {"cluster": "edge", "team": "platform"}
    assert "thanos" not in of_kind(teams, "Prometheus", "payments")["spec"]


def test_a_sidecar_of_the_team_keeps_what_the_team_says() -> None:
    own = {"object_storage": {"secret": "bucket"}, "resources": {"memory": "1Gi"}}
    platform = {"prometheus": {"thanos": own}}
    writes = [{"team": "platform", "sidecar": SIDECAR}]
    params = validate_mapping({**FLEET, "platform": platform, "writes": writes}, TEAMS.options, path="")
    spec = of_kind(desired_teams(parse_teams(params, Errors())), "Prometheus", "platform")["spec"]["thanos"]
    assert spec["objectStorageConfig"] == {"name": "bucket", "key": "thanos.yaml"}
    assert spec["resources"]["limits"]["memory"] == "1Gi"
    assert "grpcServerTlsConfig" in spec


_NOTHING = "Query asks for what somebody looks at, when that happens"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"match": ["up"]},
            f"sources[0].match: cannot be given with transport: thanos: nothing is selected: {_NOTHING}",
        ),
        ({"match_presets": ["up"]}, "sources[0].match_presets: cannot be given with transport: thanos"),
        ({"match_everything": True}, "sources[0].match_everything: cannot be given with transport: thanos"),
        (
            {"interval": "10s", "timeout": "5s"},
            f"sources[0].interval: cannot be given with transport: thanos: {_NOTHING}",
        ),
        ({"limits": {"samples": 5}}, "sources[0].limits: cannot be given with transport: thanos"),
        (
            {"labels": {"site": "a"}},
            "sources[0].labels: cannot be given with transport: thanos: series have the external",
        ),
        ({"normalize": {"drop": ["pod"]}}, "sources[0].normalize: cannot be given with transport: thanos"),
        (
            {"path_prefix": "/p"},
            "sources[0].path_prefix: cannot be given with transport: thanos: a sidecar speaks gRPC",
        ),
        ({"basic_auth": {"secret": "a"}}, "sources[0].basic_auth: cannot be given with transport: thanos"),
        ({"bearer_token": {"secret": "a"}}, "sources[0].bearer_token: cannot be given with transport: thanos"),
        (
            {"proxy": {**SIDECAR, "clients": ["hub"]}},
            "sources[0].proxy: cannot be given with transport: thanos: the sidecar itself serves TLS",
        ),
        ({"sidecar": None}, "sources[0].sidecar: is required with transport: thanos"),
        ({"tls_config": None}, "sources[0].tls_config: needs cert with transport: thanos"),
        ({"tls_config": {"cert": {"secret": "a"}}}, "sources[0].tls_config: needs ca with transport: thanos"),
        ({"sidecar": {**SIDECAR, "client_ca": {}}}, "sources[0].sidecar.client_ca: needs either secret or config_map"),
        ({"transport": "federate"}, "sources[0].sidecar: needs transport to be thanos, found 'federate'"),
        ({"team": "agents"}, "sources[0].transport: must be remote_write: 'agents' has a PrometheusAgent"),
    ],
)
def test_what_has_no_meaning_is_refused(change: JsonObject, problem: str) -> None:
    _model, problems = exposed({**SOURCE, **change})
    assert any(one.startswith(problem) for one in problems), problems


def test_a_cluster_that_federates_others_is_not_queried() -> None:
    # The sidecar's external labels replace those of the series: they would be shown as this cluster's.
    _model, problems = exposed(SOURCE, below=["far"])
    assert [one.partition(":")[0] for one in problems] == ["sources[0].transport"]


# -- the central side ---------------------------------------------------------------------------------------------


def endpoints(objects: t.Sequence[JsonObject], name: str = "thanos-query-platform") -> list[JsonObject]:
    """The list of a Query."""
    template = of_kind(objects, "Deployment", name)["spec"]["template"]["metadata"]
    found = json.loads(template["annotations"]["promfleet.monitoring/query-endpoints"])
    return [{"client_config": found["default_client_config"], **one} for one in found["endpoints"]]


def test_query_asks_each_sidecar_with_its_own_certificate_and_name() -> None:
    far = {
        **SOURCE,
        "address": "far.example",
        "tls_config": {"ca": {"config_map": "far-ca"}, "cert": {"secret": "query"}},
    }
    objects = desired_federated(federated(*handed(SOURCE), *handed(far, cluster="far")))
    deployment = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    found = {one["address"]: one["client_config"] for one in endpoints(objects)}
    assert found.keys() == {"192.0.2.7:30901", "far.example:30901"}
    assert found["192.0.2.7:30901"]["server_name"] == "edge.example"
    assert "server_name" not in found["far.example:30901"]
    assert found["192.0.2.7:30901"]["tls_config"]["enabled"] is True
    # Every file that it names is one of a volume that is mounted.
    mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    for config in found.values():
        for name in ("ca_file", "cert_file", "key_file"):
            folder, _slash, file = config["tls_config"][name].rpartition("/")
            volume = volumes[mounts[folder]]
            items = (volume.get("secret") or volume["configMap"])["items"]
            assert file in [one["path"] for one in items]
    named = {str((one.get("secret") or {}).get("secretName")) for one in volumes.values()}
    assert {"workers-ca", "query"} <= named


def test_query_is_confined() -> None:
    objects = desired_federated(federated(*handed(SOURCE)))
    pod = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
    # gRPC of its own is not for others.
    assert "--grpc-address=localhost:10901" in container["args"]
    assert "--query.replica-label=prometheus_replica" in container["args"]
    policy = of_kind(objects, "NetworkPolicy", "thanos-query-platform-sources")
    to_sources = [rule for rule in policy["spec"]["egress"] if "to" in rule]
    assert to_sources == [
        {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 30901, "protocol": "TCP"}]}
    ]


def test_several_replicas_are_spread_and_lose_one_at_a_time() -> None:
    platform = {"prometheus": {"replicas": 2}}
    objects = desired_federated(federated(*handed(SOURCE), platform=platform))
    assert of_kind(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    spec = of_kind(objects, "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert len(spec["template"]["spec"]["topologySpreadConstraints"]) == 1


def test_what_is_queried_is_not_scraped_nor_watched_nor_reached_by_prometheus() -> None:
    read = {"cluster": "far", "team": "platform", "targets": [{"address": "192.0.2.9", "port": 9090}]}
    both = desired_federated(federated(*handed(SOURCE), read, rules=[{"name": "a", "rules": []}]))
    alone = desired_federated(federated(read, rules=[{"name": "a", "rules": []}]))
    of_query = [obj for obj in both if obj["metadata"]["name"].startswith("thanos-query-")]
    assert [obj for obj in both if obj not in of_query] == alone
    assert sorted(obj["kind"] for obj in of_query) == ["Deployment", "NetworkPolicy", "Service"]


def test_each_team_that_is_named_has_a_query_of_its_own() -> None:
    payments = {**SOURCE, "team": "payments", "node_port": 30902, "into": ["payments"]}
    objects = desired_federated(federated(*handed(SOURCE, payments)))
    queries = {obj["metadata"]["namespace"]: obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"}
    assert queries == {
        "monitoring-platform": "thanos-query-platform",
        "monitoring-payments": "thanos-query-payments",
    }
    assert [one["team"] for one in endpoints(objects, "thanos-query-payments")] == ["payments"]


def many(count: int, access: t.Callable[[int], JsonObject]) -> list[JsonObject]:
    """Sources of so many clusters, each met as *access* says."""
    return [
        {
            "cluster": f"cluster-{number:04}",
            "team": "platform",
            "targets": [{"address": f"10.20.{number // 250}.{number % 250}", "port": 10901}],
            "transport": "thanos",
            "scheme": "https",
            "tls_config": access(number),
        }
        for number in range(count)
    ]


def test_a_thousand_sources_are_one_list() -> None:
    model = federated(*many(1000, lambda _number: SOURCE["tls_config"]))
    assert too_many([one for one, _team in model.read]) is None
    assert len(endpoints(desired_federated(model))) == 1000


def test_a_list_that_no_annotation_holds_is_refused() -> None:
    sources = many(1500, lambda number: {**SOURCE["tls_config"], "server_name": f"edge-{number}.example"})
    errors = Errors()
    params = validate_mapping({**FLEET, "cluster": "hub", "sources": sources}, FEDERATION.options, path="")
    parse_federated(params, errors)
    assert [str(one).partition(" make")[0] for one in errors.sorted()] == [
        "sources: team platform: 1500 sources with transport: thanos"
    ]


class Live:
    """A cluster with one object."""

    def __init__(self, obj: JsonObject | None) -> None:
        self.obj = obj

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource of Deployments."""
        return Resource(api_version=api_version, kind=kind, plural="deployments", namespaced=True, verbs=frozenset())

    def find(self, path: str) -> JsonObject | None:
        """The object, whatever is asked."""
        assert path.endswith("/thanos-query-platform")
        return self.obj


def test_sources_of_a_cluster_that_gave_no_answer_stay_in_the_list() -> None:
    far = {**SOURCE, "address": "far.example"}
    model = federated(*handed(SOURCE), *handed(far, cluster="far"))
    live = of_kind(desired_federated(model), "Deployment")
    team = model.read[0][1]
    kept = live_sources(t.cast("t.Any", Live(live)), team, stale={"far"})
    one = model.read[1][0]
    assert kept == [{**endpoint_of(one), **one.scrape.access.given}]
    # As if it had answered.
    assert desired_federated(federated(*handed(SOURCE), *kept)) == desired_federated(model)
    assert live_sources(t.cast("t.Any", Live(None)), team, stale={"far"}) == []


@pytest.mark.parametrize("text", ["{", "[1]", '[{"access": {}}]', '{"a": 1}'])
def test_a_list_that_somebody_changed_is_not_taken_for_an_empty_one(text: str) -> None:
    model = federated(*handed(SOURCE))
    live = of_kind(desired_federated(model), "Deployment")
    live["metadata"]["annotations"]["promfleet.monitoring/query-sources"] = text
    with pytest.raises(Refused, match="query-sources of Deployment monitoring-platform/thanos-query-platform"):
        live_sources(t.cast("t.Any", Live(live)), model.read[0][1], stale={"edge"})


def test_the_quota_and_the_policies_of_a_team_leave_room_for_its_query() -> None:
    def objects(**options: t.Any) -> list[JsonObject]:
        raw = {**FLEET, "cluster": "hub", "api_server_sources": [{"cidr": "192.0.2.5/32"}], **options}
        return desired_teams(parse_teams(validate_mapping(raw, TEAMS.options, path=""), Errors()))

    without, with_query = objects(), objects(querying=["platform"])
    pods = [
        int(
            of_kind([o for o in some if o["metadata"].get("namespace") == "monitoring-platform"], "ResourceQuota")[
                "spec"
            ]["hard"]["pods"]
        )
        for some in (without, with_query)
    ]
    # One runs, and one more while the list changes.
    assert pods[1] - pods[0] == 2
    policy = of_kind(with_query, "NetworkPolicy", "thanos-query-platform")
    assert policy["spec"]["ingress"][1]["from"] == [{"ipBlock": {"cidr": "192.0.2.5/32"}}]
    new = [obj for obj in with_query if obj not in without]
    assert sorted(obj["kind"] for obj in new) == ["NetworkPolicy", "ResourceQuota"]


TRANSPORTS = st.lists(st.sampled_from(["federate", "thanos"]), min_size=1, max_size=5)


@given(TRANSPORTS)
def test_each_source_is_either_scraped_or_queried(transports: list[str]) -> None:
    sources = [
        {
            "cluster": f"c{number}",
            "team": "platform",
            "targets": [{"address": f"192.0.2.{number + 1}", "port": 9090}],
            "transport": transport,
        }
        for number, transport in enumerate(transports)
    ]
    objects = desired_federated(federated(*sources))
    scraped = {
        obj["metadata"]["labels"]["promfleet.monitoring/source-cluster"]
        for obj in objects
        if obj["kind"] == "ServiceMonitor"
    }
    queried = {one["cluster"] for one in endpoints(objects)} if "thanos" in transports else set()
    assert scraped | queried == {one["cluster"] for one in sources}
    assert not scraped & queried
