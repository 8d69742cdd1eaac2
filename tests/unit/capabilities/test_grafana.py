"""Dashboards and data sources for Grafana: what is provisioned, and the lint of what is shipped."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import selectors_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.reads import without_variables

from tests.tools import dashboards
from tests.unit.capabilities.builders import JsonObject, objects_of_grafana
from tests.unit.capabilities.test_workloads import UNITS

FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(dashboards.FOLDER.glob("*.json"))}
BOARDS: dict[str, JsonObject] = {name: json.loads(text) for name, text in FILES.items()}


def provisioned(**given: t.Any) -> list[JsonObject]:
    """What a Grafana in the namespace grafana gets."""
    return objects_of_grafana(**{"namespace": "grafana", "shipped": FILES, **given})


# -- what is shipped ----------------------------------------------------------------------------------------------


def test_the_files_are_what_the_catalogue_gives() -> None:
    assert dashboards.shipped() == FILES, "make workloads writes them again"


@pytest.mark.parametrize("name", FILES)
def test_each_panel_has_a_title_a_description_a_unit_and_a_query(name: str) -> None:
    board = BOARDS[name]
    assert board["title"]
    assert board["uid"] == f"promfleet-{name.removesuffix('.json')}"
    ids = [panel["id"] for panel in board["panels"]]
    assert ids == sorted(set(ids))
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("name", FILES)
def test_each_selector_follows_the_variables_of_its_dashboard(name: str) -> None:
    board = BOARDS[name]
    variables = {one["name"] for one in board["templating"]["list"]} - {"datasource"}
    assert "cluster" in variables
    for panel in board["panels"]:
        for target in panel["targets"]:
            for selector in selectors_in(without_variables(target["expr"])):
                used = {one.value.strip("$") for one in selector.matchers if one.value.startswith("$")}
                assert "cluster" in used, target["expr"]
                assert used <= variables, target["expr"]


@pytest.mark.parametrize("name", FILES)
def test_a_range_is_grafanas_own_or_longer_than_four_scrapes(name: str) -> None:
    """Of 30 seconds each."""
    for panel in BOARDS[name]["panels"]:
        for target in panel["targets"]:
            assert set(re.findall(r"\[(.*?)\]", target["expr"])) <= {"$__rate_interval", "1h"}


# -- what is provisioned ------------------------------------------------------------------------------------------


def test_a_dashboard_is_a_config_map_with_the_labels_of_the_sidecar() -> None:
    objects = provisioned(dashboards=["coredns"], folder="Team", dashboard_label="boards")
    (board,) = [obj for obj in objects if obj["metadata"]["name"] == "promfleet-dashboard-coredns"]
    assert board["metadata"]["labels"]["boards"] == "1"
    assert board["metadata"]["annotations"] == {"grafana_folder": "Team"}
    assert board["data"] == {"promfleet-coredns.json": FILES["coredns.json"]}
    assert len(objects) == 2


def test_the_platform_alone_is_a_data_source_by_default() -> None:
    (sources,) = provisioned(shipped={}, teams=[{"name": "pay"}])
    (source,) = json.loads(sources["data"]["promfleet.yaml"])["datasources"]
    assert source["url"] == "http://prometheus-platform.monitoring-platform.svc:9090"


def test_a_named_team_is_a_data_source_at_its_own_path() -> None:
    teams = [{"name": "pay", "prometheus": {"web": {"external_url": "https://a.example/pay", "route_prefix": "/pay"}}}]
    (sources,) = provisioned(shipped={}, teams=teams, source_teams=["pay"])
    (source,) = json.loads(sources["data"]["promfleet.yaml"])["datasources"]
    assert source["url"] == "http://prometheus-pay.monitoring-pay.svc:9090/pay"


def test_without_a_namespace_nothing_is_made() -> None:
    assert provisioned(namespace=None) == []


def test_all_dashboards_fit_into_a_config_map() -> None:
    assert all(len(text) < 500_000 for text in FILES.values())


def test_unknown_names_are_errors_with_their_places() -> None:
    with pytest.raises(InputError) as raised:
        provisioned(dashboards=["cordns"], source_teams=["pya"], teams=[{"name": "pay"}])
    assert [str(error) for error in raised.value.errors] == [
        "dashboards[0]: unknown dashboard 'cordns'; did you mean 'coredns'?",
        "source_teams[0]: unknown team 'pya'; did you mean 'pay'?",
    ]
