"""What a source sends that writes: the same series as /federate gives, with the same labels, to each who reads it."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION_SOURCE,
    Exposed,
    desired_exposed,
    parse_exposed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receiving import (
    FEDERATION_RECEIVER,
    parse_receiving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import series_steps
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import PRESETS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.writes import (
    HEARTBEAT,
    selecting_steps,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import Selector, read_selector
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.capabilities.builders import objects_of_endpoint, only
from tests.unit.capabilities.relabeling import relabeled

JsonObject = dict[str, t.Any]

URL = "http://192.0.2.1:30990/api/v1/write"
SECURE = "https://write.hub.example/prometheus/api/v1/write"
FLEET: JsonObject = {
    "cluster": "edge",
    "clusters": ["hub", "edge", "world"],
    "teams": [
        {"name": "payments", "labels": {"tier": "gold"}},
        {"name": "search", "size": "medium"},
        {"name": "hub-only", "clusters": ["hub"]},
    ],
    "centrals": ["hub"],
}


def parsed(sources: t.Sequence[JsonObject], **options: t.Any) -> tuple[Exposed, list[str]]:
    """The model of a worker, and what is wrong."""
    receivers = options.pop("receivers", {"hub": [{"urls": [URL], "expose": "Existing"}]})
    raw = {**FLEET, "central_receivers": receivers, "sources": sources, **options}
    errors = Errors()
    model = parse_exposed(validate_mapping(raw, FEDERATION_SOURCE.options, path="", errors=errors), errors)
    return model, [str(error) for error in errors.sorted()]


def writes(source: JsonObject, **options: t.Any) -> list[JsonObject]:
    """The remoteWrite of a source's Prometheus."""
    model, errors = parsed([{"transport": "remote_write", **source}], **options)
    assert errors == []
    return list(model.writes[source.get("team", "platform")])


# -- what is sent -------------------------------------------------------------------------------------------------

NAMES = ["up", "a:b", "ALERTS", "job:x:sum", "x_total", "prometheus_build_info"]
VALUES = ["", "a", "b", "a;b", "1", "firing", "0;a", "a.b"]
MATCHERS = st.builds(
    lambda label, sign, value: f'{label}{sign}"{value}"',
    st.sampled_from(["job", "x", "alertstate"]),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["", "a", "a|b", ".+", "a;b", "a[.]b", "(?i:A)", "a.*", ".*"]),
)
SELECTORS = st.one_of(
    st.sampled_from(list(PRESETS.values())),
    st.builds(
        lambda name, matchers: f"{{{','.join([name, *matchers])}}}",
        st.sampled_from(['__name__="up"', '__name__=~"a.*|up"', '__name__!="up", job="a"', '__name__=~".+:.+"']),
        st.lists(MATCHERS, max_size=3),
    ),
)
SERIES = st.fixed_dictionaries(
    {
        "__name__": st.sampled_from(NAMES),
        "job": st.sampled_from(VALUES),
        "x": st.sampled_from(VALUES),
        "alertstate": st.sampled_from(VALUES),
    }
)


def selects(selector: Selector, labels: t.Mapping[str, str]) -> bool:
    """What the documentation of Prometheus says about selectors."""

    def met(label: str, operator: str, value: str) -> bool:
        has = labels.get(label, "")
        if operator in ("=", "!="):
            return (has == value) is (operator == "=")
        return (re.fullmatch(value, has, flags=re.DOTALL) is not None) is (operator == "=~")

    return all(met(matcher.label, matcher.operator, matcher.value) for matcher in selector.matchers)


@given(match=st.lists(SELECTORS, min_size=1, max_size=3), series=SERIES)
def test_what_is_sent_is_what_the_selectors_select(match: list[str], series: dict[str, str]) -> None:
    labels = {name: value for name, value in series.items() if value}
    selectors = [read for read in map(read_selector, match) if isinstance(read, Selector)]
    assert len(selectors) == len(match)
    wanted = any(selects(selector, labels) for selector in selectors)
    # Nothing of the steps is left, whatever the labels were.
    assert relabeled({**labels, "__tmp_promfleet_taken": "1"}, selecting_steps(match)) == (labels if wanted else None)


SENT: JsonObject = {
    "labels": {"region": "eu"},
    "match": ['{__name__=~"team:.+"}', "ALERTS"],
    "normalize": {"drop": ["pod"]},
}
CLAIMS = {"cluster": "core", "team": "search", "claimed_team": "any"}


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"job": "node", "pod": "p"},
        {"job": "federation/core/search"},
        CLAIMS,
        {"region": "own"},
    ],
)
def test_a_series_has_the_labels_that_it_would_have_if_it_were_read(labels: dict[str, str]) -> None:
    """As Prometheus adds labels: external ones, and with honorLabels those of the target, where a series lacks them."""
    name = {"__name__": "team:any:sum"}
    external = {"cluster": "edge", "team": "platform", "prometheus_replica": "0"}
    (entry,) = writes(SENT)
    sent = relabeled({**external, **labels, **name}, entry["writeRelabelConfigs"])
    read = {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.7", "port": 9090}], **SENT}
    monitor = next(obj for obj in objects_of_endpoint(read) if obj["kind"] == "ServiceMonitor")
    endpoint = monitor["spec"]["endpoints"][0]
    target = relabeled({"job": "federation-edge-platform"}, endpoint["relabelings"])
    assert target is not None
    assert sent == relabeled({**target, **external, **labels, **name}, endpoint["metricRelabelings"])
    assert sent is not None
    assert (sent["cluster"], sent["team"]) == ("edge", "platform")


def test_by_which_the_central_side_sees_that_a_source_writes_is_always_sent() -> None:
    (entry,) = writes({"match": ["up"]})
    for name in ("prometheus_build_info", "team:up:count", "up"):
        assert relabeled({"__name__": name}, entry["writeRelabelConfigs"]) is not None
    assert relabeled({"__name__": "node_load1"}, entry["writeRelabelConfigs"]) is None
    assert isinstance(read_selector(HEARTBEAT), Selector)


def test_a_region_sends_its_workers_series_and_no_others() -> None:
    (entry,) = writes({"match_presets": ["recorded"]}, below=["world"])
    steps = entry["writeRelabelConfigs"]
    for cluster in ("edge", "world"):
        sent = relabeled({"__name__": "a:b", "cluster": cluster, "team": "search"}, steps)
        assert sent == {"__name__": "a:b", "cluster": cluster, "team": "search"}
    assert relabeled({"__name__": "a:b", "cluster": "other"}, steps) is None


# -- to whom ------------------------------------------------------------------------------------------------------


def test_each_replica_of_each_reader_is_written_to() -> None:
    receivers = {
        "hub": [
            {"urls": [URL], "expose": "Existing"},
            {"team": "search", "urls": ["http://192.0.2.2:1/api/v1/write", "http://192.0.2.3:1/api/v1/write"]},
        ]
    }
    found = writes({"team": "payments", "into": ["platform", "search"]}, receivers=receivers)
    assert [(entry["name"], entry["url"]) for entry in found] == [
        ("hub/platform/0", URL),
        ("hub/search/0", "http://192.0.2.2:1/api/v1/write"),
        ("hub/search/1", "http://192.0.2.3:1/api/v1/write"),
    ]


def test_each_central_cluster_is_written_to_and_names_its_own_team() -> None:
    receivers = {
        "hub": [{"urls": [URL], "expose": "Existing"}],
        "world": [{"urls": [SECURE], "expose": "Existing"}],
    }
    found = writes({}, receivers=receivers, centrals=["hub", "world"], central_teams={"world": "payments", "hub": None})
    assert [entry["name"] for entry in found] == ["hub/platform/0", "world/payments/0"]


def test_no_instance_writes_to_itself() -> None:
    assert writes({}, cluster="hub") == []
    assert [entry["name"] for entry in writes({"team": "payments"}, cluster="hub")] == ["hub/platform/0"]


def test_credentials_are_named_as_those_of_a_scrape() -> None:
    access = {
        "tls_config": {"ca": {"config_map": "hub-ca"}, "cert": {"secret": "edge"}},
        "bearer_token": {"secret": "token"},
    }
    (entry,) = writes(access, receivers={"hub": [{"urls": [SECURE], "expose": "Existing"}]})
    assert entry["authorization"] == {"type": "Bearer", "credentials": {"name": "token", "key": "token"}}
    assert entry["tlsConfig"] == {
        "ca": {"configMap": {"name": "hub-ca", "key": "ca.crt"}},
        "cert": {"secret": {"name": "edge", "key": "tls.crt"}},
        "keySecret": {"name": "edge", "key": "tls.key"},
    }


def test_nothing_is_exposed_where_the_instance_writes() -> None:
    model, errors = parsed([{"transport": "remote_write"}, {"team": "payments"}])
    assert errors == []
    assert {obj["metadata"]["namespace"] for obj in desired_exposed(model)} == {"monitoring-payments"}
    assert [source.team for source, _team in model.read] == ["payments"]


def test_the_order_of_the_input_changes_nothing() -> None:
    one = writes({"match": ["up", "a:b"], "labels": {"a": "1", "b": "2"}})
    assert writes({"match": ["a:b", "up"], "labels": {"b": "2", "a": "1"}}) == one


# -- what is refused ----------------------------------------------------------------------------------------------

NOTHING_READ = "cannot be given with transport: remote_write: the instance is not exposed; its receiver is"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"expose": "NodePort"}, f"sources[0].expose: {NOTHING_READ}"),
        ({"address": "192.0.2.1"}, f"sources[0].address: {NOTHING_READ}"),
        ({"allowed_sources": ["10.0.0.0/8"]}, f"sources[0].allowed_sources: {NOTHING_READ}"),
        (
            {"interval": "1m"},
            "sources[0].interval: cannot be given with transport: remote_write: each sample is sent when it is there",
        ),
        (
            {"limits": {"samples": 5}},
            "sources[0].limits: cannot be given with transport: remote_write: a Prometheus that receives has no limit",
        ),
        (
            {"path_prefix": "/a"},
            "sources[0].path_prefix: cannot be given with transport: remote_write: the receiver's urls have it",
        ),
        (
            {"team": "payments", "match": ['up{tier="gold"}']},
            'sources[0].match: up{tier="gold"} asks for tier: every series has this label when remote_write selects, ',
        ),
        (
            {"basic_auth": {"secret": "login"}},
            "sources[0].basic_auth: needs a receiver whose urls begin with https; that of 'platform' has http",
        ),
        (
            {"into": ["hub-only"]},
            "sources[0].transport: needs a receiver of team 'hub-only' on hub; central_receivers has none",
        ),
        ({"transport": "federated"}, "sources[0].transport: must be one of federate, remote_write, thanos"),
    ],
)
def test_what_cannot_be_written_is_refused(source: JsonObject, error: str) -> None:
    _model, errors = parsed([{"transport": "remote_write", **source}])
    assert len(errors) == 1, errors
    assert errors[0].startswith(error)


@pytest.mark.parametrize("options", [{"centrals": []}, {"receivers": {}}, {"receivers": {"hub": None}}])
def test_without_a_receiver_nothing_can_be_written(options: JsonObject) -> None:
    _model, errors = parsed([{"transport": "remote_write"}], **options)
    assert len(errors) == 1
    assert errors[0].startswith("sources[0].transport: needs ")


def test_receivers_that_are_wrong_are_reported_once() -> None:
    receivers = {"hub": [{"urls": ["ftp://x"]}]}
    _model, errors = parsed(
        [{"transport": "remote_write"}, {"team": "payments", "transport": "remote_write"}], receivers=receivers
    )
    assert errors == ["central_receivers.hub[0].urls[0]: must begin with http:// or https://"]
    # Without a source that writes they do not matter.
    assert parsed([{}], receivers=receivers)[1] == []


def test_a_source_that_writes_has_writers_and_no_targets() -> None:
    whole = {"cluster": "edge", "team": "platform", "transport": "remote_write", "targets": [], "writers": 2}
    (found,) = parse_endpoints([whole], check_match=lambda _text: None)
    assert (found.is_written, found.writers, found.targets) == (True, 2, ())
    assert objects_of_endpoint(whole) == []
    assert series_steps(found) != []
    for wrong in (
        {"writers": 0},
        {"targets": [{"address": "192.0.2.1", "port": 9090}]},
        {"transport": "federate", "targets": [{"address": "192.0.2.1", "port": 9090}]},
    ):
        with pytest.raises(ValueError, match="transport: remote_write"):
            parse_endpoints([{**whole, **wrong}], check_match=lambda _text: None)


# -- the instances ------------------------------------------------------------------------------------------------


def test_an_instance_that_receives_has_room_for_a_proxy_more() -> None:
    (team,) = parse_teams([{"name": "payments", "size": "medium"}], clusters=["hub"])

    def pods(*, receives: bool) -> int:
        objects = team_objects(team, cluster="hub", base_rules=[], receives=receives)
        return int(only(objects, "ResourceQuota")["spec"]["hard"]["pods"])

    assert pods(receives=True) == pods(receives=False) + 2


def test_what_an_instance_writes_is_of_its_team_alone() -> None:
    raw: JsonObject = {
        "cluster": "edge",
        "clusters": ["edge"],
        "teams": [{"name": "payments"}],
        "writes": [{"team": "payments", "remote_write": [{"url": URL}]}],
        "receiving": ["platform"],
    }

    def found(**changed: t.Any) -> tuple[list[str], dict[str, JsonObject]]:
        errors = Errors()
        params = validate_mapping({**raw, **changed}, TEAMS.options, path="", errors=errors)
        model = TEAMS.parse(params, errors)
        objects = TEAMS.desired(model)
        specs = {obj["metadata"]["name"]: obj["spec"] for obj in objects if obj["kind"] == "Prometheus"}
        return [str(error) for error in errors.sorted()], specs

    errors, specs = found()
    assert errors == []
    assert specs["payments"]["remoteWrite"] == [{"url": URL}]
    assert "remoteWrite" not in specs["platform"]
    assert specs["platform"]["enableRemoteWriteReceiver"] is True
    assert "enableRemoteWriteReceiver" not in specs["payments"]
    wrong, _specs = found(
        writes=[{"team": "paymnts", "remote_write": []}, *raw["writes"], *raw["writes"]], receiving=["other"]
    )
    assert wrong == [
        "writes[0].team: unknown team 'paymnts'; did you mean 'payments'?",
        "writes[2].team: 'payments' is in the list already",
        "receiving[0]: unknown team 'other'; known: payments, platform",
    ]


# -- receivers ----------------------------------------------------------------------------------------------------

PROXY: JsonObject = {"certificate": {"secret": "a"}, "client_ca": {"secret": "b"}, "clients": ["edge"]}


@pytest.mark.parametrize(
    ("receiver", "error"),
    [
        ({"urls": []}, "receivers[0].urls: must not be empty: it says where others write to"),
        ({"urls": ["https://u:p@hub.example/api/v1/write"]}, "receivers[0].urls[0]: must not hold a user name or"),
        ({"urls": ["http://hub.example/api/v1/write?a=b"]}, "receivers[0].urls[0]: must not have a query"),
        ({"urls": ["http://hub.example"]}, "receivers[0].urls[0]: needs a path"),
        ({"urls": ["http://hub.example:99999/a"]}, "receivers[0].urls[0]: is not a URL"),
        ({"urls": ["http://127.0.0.1/api/v1/write"]}, "receivers[0].urls[0]: '127.0.0.1' cannot be reached"),
        ({"urls": ["http://hub.example/write"]}, "receivers[0].urls[0]: must have the path /api/v1/write"),
        ({"urls": [SECURE.replace("/prometheus", "")]}, "receivers[0].urls[0]: must begin with http: without proxy"),
        ({"urls": [URL], "proxy": PROXY}, "receivers[0].urls[0]: must begin with https: the proxy serves"),
        (
            {"urls": [URL, f"{URL}/b"], "expose": "Existing"},
            "receivers[0].urls: needs one for each replica of 'platform', which are 1; found 2",
        ),
        ({"urls": [URL], "expose": "NodePort"}, "receivers[0].node_port: is required where expose is NodePort"),
        ({"urls": [URL], "team": "paymnts"}, "receivers[0].team: unknown team 'paymnts'; did you mean 'payments'?"),
        ({"urls": [URL], "node_port": 30990}, "receivers[0].node_port: needs expose to be NodePort"),
    ],
)
def test_a_receiver_that_cannot_work_is_refused(receiver: JsonObject, error: str) -> None:
    errors = Errors()
    raw = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "payments"}], "receivers": [receiver]}
    parse_receiving(validate_mapping(raw, FEDERATION_RECEIVER.options, path="", errors=errors), errors)
    (found,) = [str(one) for one in errors.sorted()]
    assert found.startswith(error)
    assert "u:p" not in found


def test_a_team_receives_once() -> None:
    errors = Errors()
    one = {"urls": [URL], "expose": "Existing"}
    raw = {"cluster": "hub", "clusters": ["hub"], "receivers": [one, {**one, "team": "platform"}]}
    parse_receiving(validate_mapping(raw, FEDERATION_RECEIVER.options, path="", errors=errors), errors)
    assert [str(found) for found in errors.sorted()] == [
        "receivers[1].team: 'platform' is the team of receivers[0] too"
    ]
