"""Generates the dashboards of the role monitoring_grafana from the catalogue's panels; `make workloads` writes them.

The same catalogue gives the same bytes. A test holds what is shipped against what this gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.catalogue import Entry
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import selectors_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.reads import without_variables
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, QueryVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from tests.tools.workloads import CHECKOUT, catalogue

FOLDER = CHECKOUT / "roles/monitoring_grafana/files/dashboards"
OVERVIEWS = CHECKOUT / "roles/monitoring_grafana/files/overviews.yml"
# Grafana's grid has 24 columns.
WIDTH, HEIGHT, COLUMNS = 12, 8, 2
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
JOB = re.compile(r'job=(~?)"([^"]*)"')


def scope(variables: Sequence[str]) -> str:
    """The matchers by which a selector follows the variables of its dashboard."""
    return ",".join(f'{name}=~"${name}"' for name in variables)


def scoped(query: str, entry: Entry) -> str:
    """A panel's query with the variables of the dashboard in every selector."""
    found = JOB.sub(lambda match: f"{match[0]},{scope(['cluster', 'namespace'])}", query)
    for rule in entry.rules:
        # What is recorded has no job; a workload of the whole cluster no namespace of its own.
        found = re.sub(rf"{re.escape(rule['record'])}(?![\w:{{])", f"{rule['record']}{{{scope(['cluster'])}}}", found)
    return found


def extra_variables(entry: Entry) -> list[str]:
    """Labels of the entry's series that its panels are filtered by."""
    text = " ".join(entry.expressions)
    names = {label for part in entry.parts for label in part.labels}
    return sorted(name for name in names if f"${name}" in text)


def definitions() -> dict[str, dict[str, Any]]:
    """Each dashboard by its id: its title, its variables, what finds their values, and its panels."""
    found: dict[str, dict[str, Any]] = {}
    for one in yaml.safe_load(OVERVIEWS.read_text(encoding="utf-8")):
        names = scope(one["variables"])
        panels = [
            {
                **panel,
                "queries": [{**query, "expr": query["expr"].replace("<scope>", names)} for query in panel["queries"]],
            }
            for panel in one["panels"]
        ]
        found[one["id"]] = {**one, "panels": panels}
    for entry in catalogue().values():
        panels = [
            {**panel, "queries": [{**query, "expr": scoped(query["expr"], entry)} for query in panel["queries"]]}
            for panel in entry.panels
        ]
        extra = extra_variables(entry)
        found[entry.id] = {
            "title": entry.title,
            "variables": ["cluster", "namespace", *extra],
            "found_by": _found_by(entry),
            "panels": panels,
        }
    return found


def _found_by(entry: Entry) -> str:
    """What has the values of an entry's variables: its targets; of kubelets, which are in no namespace, a series."""
    if all(part.is_of_nodes for part in entry.parts):
        (first, *_others) = selectors_in(without_variables(entry.panels[0]["queries"][0]["expr"]))
        named = {matcher.label: matcher.value for matcher in first.matchers}
        return f'{named["__name__"]}{{job="{named["job"]}"}}'
    jobs = "|".join(part.job for part in entry.parts)
    return f'up{{job=~"{jobs}"}}'


def dashboard(name: str, definition: Mapping[str, Any]) -> str:
    """The dashboard as Grafana reads it."""
    board = (
        Dashboard(definition["title"])
        .uid(f"promfleet-{name}")
        .tags(["promfleet"])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in definition["variables"]:
        board = board.with_variable(
            QueryVariable(variable)
            .label(variable.replace("_", " ").capitalize())
            .datasource(SOURCE)
            .query(f"label_values({definition['found_by']}, {variable})")
            .multi(multi=True)
            .include_all(include_all=True)
            # Also series that do not have the label: an instance does not set it on what it answers itself.
            .all_value(".*")
        )
    for number, panel in enumerate(definition["panels"]):
        board = board.with_panel(_panel(panel, number))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _panel(panel: Mapping[str, Any], number: int) -> Panel:
    made = (
        Panel()
        .id(number + 1)
        .title(panel["title"])
        .description(panel["description"])
        .unit(panel["unit"])
        .datasource(SOURCE)
        # Four scrapes at the interval by default.
        .interval("2m")
        .height(HEIGHT)
        .span(WIDTH)
    )
    for index, query in enumerate(panel["queries"]):
        target = Dataquery().expr(query["expr"]).legend_format(query["legend"]).ref_id(chr(ord("A") + index))
        made = made.with_target(target.datasource(SOURCE))
    return made


def shipped() -> dict[str, str]:
    """The text of each dashboard by the name of its file."""
    return {f"{name}.json": dashboard(name, definition) for name, definition in definitions().items()}


def write() -> None:
    """Write all dashboards, and delete those that there are no more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = shipped()
    for path in FOLDER.glob("*.json"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        Path(FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
