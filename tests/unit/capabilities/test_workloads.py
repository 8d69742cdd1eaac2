"""Workloads: the catalogue and its check, what becomes of an entry, and profiles that are computed."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.catalogue import Entry
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import selectors_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.reads import (
    reads,
    without_variables,
)

from tests.tools import workloads as pages
from tests.unit.capabilities.builders import (
    JsonObject,
    keys,
    objects_of_platform,
    objects_of_team,
    objects_of_workloads,
    only,
)

CATALOGUE = pages.catalogue()
ENTRIES = sorted(CATALOGUE)
# Units as Grafana names them.
UNITS = {"Bps", "bytes", "ops", "percent", "percentunit", "reqps", "s", "short", "wps"}

SHOP: JsonObject = {
    "id": "shop",
    "title": "Shop",
    "reference": "https://wiki.example.com/shop",
    "namespaces": ["shop"],
    "not_proved": "an example",
    "monitors": [
        {
            "job": "shop",
            "selector": {"matchLabels": {"app": "shop"}},
            "port": "metrics",
            "expected": ["shop_orders_total"],
            "budget": 500,
            "labels": {"shop_region": "example.com/region"},
        }
    ],
    "rules": [{"record": "job:shop_orders:rate5m", "expr": 'sum by (job) (rate(shop_orders_total{job="shop"}[5m]))'}],
    "alerts": [
        {
            "alert": "ShopNoOrders",
            "expr": 'job:shop_orders:rate5m{job="shop"} == 0 and on () shop_open{job="shop"} == 1',
            "for": "15m",
            "severity": "warning",
            "summary": "There are no orders.",
            "description": "None for 15 minutes.",
            "runbook": {"meaning": "a", "impact": "b", "diagnosis": "c", "mitigation": "d"},
        }
    ],
    "panels": [
        {
            "title": "Baskets",
            "description": "Open baskets.",
            "unit": "short",
            "queries": [{"expr": 'sum(rate(shop_baskets{job="shop"}[$__rate_interval]))'}],
        }
    ],
}


def shop(**changes: t.Any) -> dict[str, str]:
    """The files of a user with one entry."""
    return {"/inventory/workloads/shop.yml": yaml.safe_dump({**SHOP, **changes})}


def errors_of(*workloads: JsonObject, **given: t.Any) -> list[str]:
    """What is wrong with the input, as users read it."""
    with pytest.raises(InputError) as raised:
        objects_of_workloads(*workloads, **given)
    return [str(error) for error in raised.value.errors]


def somewhere(name: str) -> JsonObject:
    """Namespaces for an entry that has none by default; nodes are in none."""
    return {} if all(part.is_of_nodes for part in CATALOGUE[name].parts) else {"namespaces": ["any"]}


# -- the shipped entries ------------------------------------------------------------------------------------------


def test_an_entry_is_called_after_its_file() -> None:
    assert {f"{name}.yml" for name in CATALOGUE} == pages.shipped_files().keys()


@pytest.mark.parametrize("name", ENTRIES)
def test_each_selector_names_one_of_the_entrys_jobs(name: str) -> None:
    """Or what the entry's own rules record, or a job of an entry that reads the metric too and so always keeps it."""
    entry = CATALOGUE[name]
    jobs = {part.job for part in entry.parts}
    owners = {part.job: one for one in CATALOGUE.values() for part in one.parts}
    recorded = {rule["record"] for rule in entry.rules}
    for text in entry.expressions:
        for selector in selectors_in(without_variables(text)):
            named = {matcher.label: matcher for matcher in selector.matchers}
            if named["__name__"].value in recorded:
                continue
            assert "job" in named, text
            assert named["job"].operator in ("=", "=~"), text
            others = set(named["job"].value.split("|")) - jobs
            assert all(owners[job].read().has(named["__name__"].value) for job in others), text


@pytest.mark.parametrize("name", ENTRIES)
def test_alerts_keep_the_conventions(name: str) -> None:
    for alert in (*CATALOGUE[name].alerts, *pages.common_alerts()):
        assert alert["for"] in {"5m", "10m", "15m", "30m", "1h"}, alert["alert"]
        assert alert["severity"] != "critical" or alert["for"] in {"5m", "10m", "15m"}, alert["alert"]
        assert alert["summary"].strip().endswith("."), alert["alert"]
        assert alert["description"].strip().endswith("."), alert["alert"]
        # promtool's proofs fill in labels only.
        assert "$value" not in alert["description"], alert["alert"]
        assert set(re.findall(r"{{(.*?)}}", alert["description"])) <= {
            f" $labels.{label} " for label in re.findall(r"\$labels\.(\w+)", alert["description"])
        }, alert["alert"]


def test_names_of_alerts_are_unique_over_the_catalogue() -> None:
    names = [alert["alert"] for entry in CATALOGUE.values() for alert in entry.alerts]
    names += [alert["alert"] for alert in pages.common_alerts()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", ENTRIES)
def test_panels_have_what_people_need(name: str) -> None:
    entry = CATALOGUE[name]
    assert entry.panels
    for panel in entry.panels:
        assert panel["unit"] in UNITS, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        for query in panel["queries"]:
            # A fixed range would show nothing where the interval of the scrapes is longer.
            assert "[5m]" not in query["expr"], panel["title"]
            assert query["legend"], panel["title"]


def test_the_pages_are_those_of_the_catalogue() -> None:
    text = pages.GUIDE.read_text(encoding="utf-8")
    assert text == pages.guide(text), "make workloads writes it again"
    assert pages.RUNBOOKS.read_text(encoding="utf-8") == pages.runbooks(), "make workloads writes it again"


def test_every_alert_has_a_section_where_its_runbook_leads() -> None:
    sections = {title.lower() for title in re.findall(r"^### (\w+)$", pages.runbooks(), flags=re.MULTILINE)}
    rules = [
        rule
        for entry in ENTRIES
        for group in only(objects_of_workloads({"id": entry, **somewhere(entry)}), "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    led = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in rules}
    assert led == sections


# -- what becomes of an entry -------------------------------------------------------------------------------------


def test_the_platform_watches_from_its_own_namespace_with_rights_where_the_targets_are() -> None:
    objects = objects_of_workloads({"id": "coredns"})
    assert keys(objects) == {
        ("PodMonitor", "monitoring-platform", "workload-coredns"),
        ("PrometheusRule", "monitoring-platform", "workload-coredns"),
        ("Role", "kube-system", "prometheus-platform-workloads"),
        ("RoleBinding", "kube-system", "prometheus-platform-workloads"),
    }
    spec = only(objects, "PodMonitor")["spec"]
    assert spec["namespaceSelector"] == {"matchNames": ["kube-system"]}
    (endpoint,) = spec["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("30s", "10s")
    assert endpoint["relabelings"] == [{"action": "replace", "replacement": "coredns", "targetLabel": "job"}]
    assert "metricRelabelings" not in endpoint


def test_a_team_watches_its_own_namespaces_by_monitors_in_them() -> None:
    teams = [{"name": "ml", "namespaces": ["ml-a", "ml-b"]}]
    objects = objects_of_workloads(
        {"id": "kuberay", "team": "ml", "parts": {"operator": {"enabled": False}}}, teams=teams
    )
    assert keys(objects) == {
        ("PrometheusRule", "monitoring-ml", "workload-kuberay"),
        *(("PodMonitor", f"ml-{one}", f"workload-kuberay-{part}") for one in "ab" for part in ("head", "worker")),
    }
    assert all("namespaceSelector" not in obj["spec"] for obj in objects)


def test_ray_pods_are_found_once_and_say_their_cluster() -> None:
    """Two Services lead to the head of a RayService: Services would double each series."""
    objects = objects_of_workloads({"id": "kuberay", "namespaces": ["ml"]})
    assert "ServiceMonitor" not in {obj["kind"] for obj in objects}
    steps = only(objects, "PodMonitor", name="workload-kuberay-head")["spec"]["podMetricsEndpoints"][0]["relabelings"]
    assert {
        "action": "replace",
        "sourceLabels": ["__meta_kubernetes_pod_label_ray_io_cluster"],
        "targetLabel": "ray_io_cluster",
    } in steps


def test_kubelets_are_found_by_the_platforms_instance_itself() -> None:
    objects = objects_of_workloads({"id": "kubelet", "tls_config": {"insecure_skip_verify": True}})
    names = {f"workload-kubelet-{part}": part for part in ("kubelet", "cadvisor", "probes")}
    assert keys(objects) == {
        ("PrometheusRule", "monitoring-platform", "workload-kubelet"),
        *(("ScrapeConfig", "monitoring-platform", name) for name in names),
    }
    (instance,) = [obj for obj in objects_of_platform() if obj["kind"] == "Prometheus"]
    (scrape_class,) = instance["spec"]["scrapeClasses"]
    paths = {}
    for name in names:
        spec = only(objects, "ScrapeConfig", name=name)["spec"]
        assert spec["kubernetesSDConfigs"] == [{"role": "Node"}]
        assert spec["scheme"] == "HTTPS"
        assert spec["tlsConfig"] == {"insecureSkipVerify": True}
        assert spec["scrapeClass"] == scrape_class["name"]
        assert "authorization" not in spec
        paths[spec["jobName"]] = spec["metricsPath"]
    assert paths == {"kubelet": "/metrics", "cadvisor": "/metrics/cadvisor", "kubelet-probes": "/metrics/probes"}


def test_the_profile_of_kubelets_is_computed_too() -> None:
    objects = objects_of_workloads({"id": "kubelet", "profile": "minimal", "reads": ["container_threads"]})
    spec = only(objects, "ScrapeConfig", name="workload-kubelet-cadvisor")["spec"]
    keep = spec["metricRelabelings"][-1]
    assert (keep["action"], keep["sourceLabels"]) == ("keep", ["__name__"])
    assert {"container_threads", "container_memory_working_set_bytes"} <= set(keep["regex"].split("|"))
    assert [step["action"] for step in spec["metricRelabelings"][:-1]] == ["drop"] * 5


def test_nodes_are_chosen_by_labels() -> None:
    selector = {
        "matchLabels": {"pool": "a"},
        "matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["x", "y"]},
            {"key": "gone", "operator": "DoesNotExist"},
        ],
    }
    objects = objects_of_workloads({"id": "kubelet", "parts": {"probes": {"selector": selector}}})
    (found,) = only(objects, "ScrapeConfig", name="workload-kubelet-probes")["spec"]["kubernetesSDConfigs"]
    assert found["selectors"] == [{"role": "Node", "label": "pool=a,zone in (x,y),!gone"}]


def test_no_instance_but_the_platforms_sends_a_token() -> None:
    for obj in (*objects_of_team({}), *objects_of_team({"prometheus": {"enforce_tenancy": False}})):
        assert "scrapeClasses" not in obj.get("spec", {})
    for obj in objects_of_platform({"prometheus": {"enforce_tenancy": True}}):
        assert "scrapeClasses" not in obj.get("spec", {})


def test_what_is_scraped_already_gets_rules_only() -> None:
    objects = objects_of_workloads({"id": "prometheus"}, {"id": "alertmanager"})
    assert {obj["kind"] for obj in objects} == {"PrometheusRule"}


def test_what_is_not_enabled_has_no_objects() -> None:
    assert objects_of_workloads({"id": "coredns", "enabled": False}) == []


def test_an_agent_has_no_rules() -> None:
    sends = [{"name": "hub", "url": "https://hub.example.com/api/v1/write"}]
    platform = {"prometheus": {"mode": "agent", "remote_write": sends}, "alertmanager": {"enabled": False}}
    objects = objects_of_workloads({"id": "coredns"}, platform=platform)
    assert {obj["kind"] for obj in objects} == {"PodMonitor", "Role", "RoleBinding"}


def test_all_that_can_be_changed_is_in_the_objects() -> None:
    objects = objects_of_workloads(
        {
            "id": "coredns",
            "namespaces": ["dns"],
            "interval": "1m",
            "scrape_timeout": "20s",
            "labels": {"release": "monitoring"},
            "drop": [".*_bucket"],
            "sample_limit": 900,
            "rules": False,
            "alerts": False,
            "tls_config": {"ca": {"config_map": "ca"}, "server_name": "dns"},
            "bearer_token": {"secret": "reader"},
            "parts": {"coredns": {"selector": {"matchLabels": {"app": "dns"}}, "port": "web", "scheme": "https"}},
        }
    )
    assert "PrometheusRule" not in {obj["kind"] for obj in objects}
    monitor = only(objects, "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "monitoring"
    assert monitor["spec"]["selector"] == {"matchLabels": {"app": "dns"}}
    assert monitor["spec"]["sampleLimit"] == 900
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["metricRelabelings"] == [{"action": "drop", "regex": ".*_bucket", "sourceLabels": ["__name__"]}]
    assert endpoint["authorization"]["credentials"] == {"name": "reader", "key": "token"}
    assert endpoint["tlsConfig"]["serverName"] == "dns"
    assert (endpoint["port"], endpoint["scheme"], endpoint["interval"]) == ("web", "https", "1m")


def test_an_alert_of_a_users_entry_has_its_runbook_with_it() -> None:
    objects = objects_of_workloads({"id": "shop"}, entries=shop())
    alert = only(objects, "PrometheusRule")["spec"]["groups"][1]["rules"][0]
    assert alert["annotations"]["runbook"] == "meaning: a\nimpact: b\ndiagnosis: c\nmitigation: d"


# -- profiles -----------------------------------------------------------------------------------------------------


def kept(objects: t.Iterable[JsonObject]) -> str:
    """The regular expression of the one monitor's step that keeps metrics."""
    (endpoint,) = only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    (step,) = endpoint["metricRelabelings"]
    assert (step["action"], step["sourceLabels"]) == ("keep", ["__name__"])
    regex: str = step["regex"]
    return regex


def test_minimal_keeps_what_rules_alerts_panels_and_the_user_read() -> None:
    workload = {"id": "shop", "profile": "minimal", "reads": ["max(shop_mine) > 0", '{__name__=~"shop_sold_.*"}']}
    assert kept(objects_of_workloads(workload, entries=shop())) == (
        "shop_baskets|shop_mine|shop_open|shop_orders_total|shop_sold_.*"
    )


def test_a_change_of_a_panel_changes_the_profile() -> None:
    panels = [{**SHOP["panels"][0], "queries": [{"expr": 'shop_other{job="shop"}'}]}]
    objects = objects_of_workloads({"id": "shop", "profile": "minimal"}, entries=shop(panels=panels))
    assert kept(objects) == "shop_open|shop_orders_total|shop_other"


def test_minimal_is_refused_where_a_selector_reads_every_metric() -> None:
    workload = {"id": "shop", "profile": "minimal", "reads": ['count({job="shop"})']}
    (error,) = errors_of(workload, entries=shop())
    assert error.startswith('workloads[0].profile: cannot be minimal: {job="shop"} reads every metric')


def test_what_every_target_has_and_what_is_recorded_is_not_in_the_profile() -> None:
    found = reads(
        ['up{job="a"} * a:b:sum + on () group_left () max_over_time(c[5m:1m] offset 1h)'], recorded={"a:b:sum"}
    )
    assert found.names == {"c"}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_can_be_minimal(name: str) -> None:
    entry: Entry = CATALOGUE[name]
    found = entry.read()
    assert not found.any
    assert all(found.has(one) for one in found.names)


# -- wrong input --------------------------------------------------------------------------------------------------


def test_five_mistakes_in_a_users_entry_are_five_errors_with_their_places() -> None:
    wrong = shop(
        monitors=[{**SHOP["monitors"][0], "kind": "Pod", "budget": 0}],
        rules=[{"record": "orders", "expr": "1"}],
        alerts=[{**SHOP["alerts"][0], "for": "15", "expr": "sum(shop_orders_total"}],
    )
    errors = errors_of({"id": "shop"}, entries=wrong)
    assert [error.partition(": ")[0] for error in errors] == [
        "entries[shop.yml].monitors[0].kind",
        "entries[shop.yml].monitors[0].budget",
        "entries[shop.yml].rules[0].record",
        "entries[shop.yml].alerts[0].for",
        "entries[shop.yml].alerts[0].expr",
    ]


@pytest.mark.parametrize(
    ("workload", "given", "expected"),
    [
        ({"id": "cordns"}, {}, "workloads[0].id: unknown workload 'cordns'; did you mean 'coredns'?"),
        ({"id": "kuberay"}, {}, "workloads[0].namespaces: is required: the namespaces of KubeRay, which has none"),
        ({"id": "coredns", "interval": "5"}, {}, "workloads[0].interval: '5' is not a duration"),
        ({"id": "coredns", "scrape_timeout": "1m"}, {}, "workloads[0].scrape_timeout: must not be longer than"),
        ({"id": "coredns", "parts": {"pods": {}}}, {}, "workloads[0].parts.pods: unknown part"),
        (
            {"id": "prometheus", "parts": {"prometheus": {"port": "a"}}},
            {},
            "workloads[0].parts.prometheus: its monitor",
        ),
        ({"id": "coredns", "team": "pay"}, {}, "workloads[0].team: unknown team 'pay'"),
        (
            {"id": "coredns", "team": "pay", "namespaces": ["kube-system"]},
            {"teams": [{"name": "pay", "namespaces": ["pay"]}]},
            "workloads[0].namespaces[0]: 'kube-system' is not one of the own namespaces of 'pay'",
        ),
        (
            {"id": "kubelet", "team": "pay"},
            {"teams": [{"name": "pay", "namespaces": ["pay"]}]},
            "workloads[0].team: 'pay' cannot watch nodes: only the Prometheus of 'platform' can",
        ),
        (
            {"id": "kubelet"},
            {"platform": {"prometheus": {"enforce_tenancy": True}}},
            "workloads[0].team: 'platform' cannot watch nodes: only the Prometheus of 'platform' can, with enforce_",
        ),
        (
            {"id": "kubelet", "namespaces": ["a"]},
            {},
            "workloads[0].namespaces: cannot be given: the targets of Kubelet",
        ),
        ({"id": "kubelet", "parts": {"probes": {"port": "10255"}}}, {}, "workloads[0].parts.probes.port: cannot be"),
        (
            {"id": "coredns", "parts": {"coredns": {"selector": {"matchExpressions": [{"key": "a"}]}}}},
            {},
            "workloads[0].parts.coredns.selector.matchExpressions[0].operator: is required",
        ),
        ({"id": "coredns", "reads": ["sum("]}, {}, "workloads[0].reads[0]: 'sum('"),
        ({"id": "coredns", "drop": ["("]}, {}, "workloads[0].drop[0]: '(' is not a regular expression"),
        ({"id": "coredns"}, {"entries": shop(id="coredns")}, "entries[shop.yml].id: 'coredns' is the id of a shipped"),
        (
            {"id": "coredns"},
            {
                "entries": {
                    "a.yml": "a: [",
                }
            },
            "entries[a.yml]: ",
        ),
        ({"id": "coredns"}, {"entries": {"a.yml": "1\n---\n2\n"}}, "entries[a.yml]: must be one YAML document"),
    ],
)
def test_wrong_input_is_one_error_at_its_place(workload: JsonObject, given: JsonObject, expected: str) -> None:
    (error,) = errors_of(workload, **given)
    assert error.startswith(expected)


def test_a_workload_is_watched_once_by_a_team() -> None:
    (error,) = errors_of({"id": "coredns"}, {"id": "coredns"})
    assert error == "workloads[1]: team 'platform' watches 'coredns' by workloads[0] too"
