"""Short ways to the objects of one input, and the files of rules as the roles hand them on."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of, objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.capability import EXPORTERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import (
    endpoint_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.capability import GATEWAY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import Gateways
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import gateway_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.capability import GRAFANA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    operator_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    Team,
    parse_fleet_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.capability import WORKLOADS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector

from tests.tools.workloads import common_alerts, shipped_files

JsonObject = dict[str, t.Any]

ROLES = Path(__file__).resolve().parents[3] / "roles"
CLUSTERS = ["hub", "edge"]


def rule_groups(path: str) -> list[JsonObject]:
    """A file of rules of a role."""
    groups: list[JsonObject] = yaml.safe_load((ROLES / path).read_text(encoding="utf-8"))
    return groups


BASE_RULES = rule_groups("team_monitoring/files/base_rules.yml")
ALERT_RULES = rule_groups("prometheus_operator/files/alert_rules.yml")
FEDERATION_RULES = rule_groups("prometheus_federation/files/federation_rules.yml")


def teams(*raw: JsonObject, platform: JsonObject | None = None) -> tuple[Team, ...]:
    """The platform's team and those of *raw*."""
    return parse_fleet_teams(list(raw), platform, clusters=CLUSTERS)


def objects_of_team(raw: JsonObject, *, cluster: str = "hub") -> list[JsonObject]:
    """What one team gets."""
    return team_objects(teams({"name": "payments", **raw})[1], cluster=cluster, base_rules=BASE_RULES)


def objects_of_platform(raw: JsonObject | None = None) -> list[JsonObject]:
    """What the platform's own team gets."""
    return team_objects(teams(platform=raw)[0], cluster="hub", base_rules=BASE_RULES)


def objects_of_operator(raw: JsonObject | None = None) -> list[JsonObject]:
    """What the operator gets."""
    return operator_objects(parse_operator(raw), alert_rules=ALERT_RULES)


def objects_of_source(raw: JsonObject, *, replicas: int = 1, isolated: bool = True) -> list[JsonObject]:
    """What exposes one instance."""
    (source,) = parse_sources([raw], check_match=check_selector)
    return source_objects(
        source, cluster="edge", namespace=f"monitoring-{source.team}", replicas=replicas, isolated=isolated
    )


def objects_of_endpoint(raw: JsonObject, *, check: bool = False) -> list[JsonObject]:
    """What federates one instance."""
    (targets,) = parse_endpoints([raw], check_match=check_selector, check=check)
    return endpoint_objects(targets, namespace="monitoring-platform", team="platform")


def workload_params(*workloads: JsonObject, **given: t.Any) -> JsonObject:
    """The parameters of the module that watches *workloads* in the cluster hub; *given* are other options."""
    raw = {
        "cluster": "hub",
        "clusters": CLUSTERS,
        "shipped": shipped_files(),
        "common_alerts": common_alerts(),
        "workloads": list(workloads),
        **given,
    }
    return validate_mapping(raw, WORKLOADS.options, path="")


def objects_of_workloads(*workloads: JsonObject, **given: t.Any) -> list[JsonObject]:
    """What watches *workloads* in the cluster hub; *given* are other options of the module."""
    return objects_of(WORKLOADS, workload_params(*workloads, **given))


def objects_of_exporters(raw: JsonObject) -> list[JsonObject]:
    """What the exporters of a cluster get."""
    return objects_of(EXPORTERS, validate_mapping(raw, EXPORTERS.options, path=""))


def gateways(*grants: JsonObject, **given: t.Any) -> Gateways:
    """The gateways of the cluster hub; *given* are other options of the module."""
    raw = {"cluster": "hub", "clusters": CLUSTERS, "grants": list(grants), **given}
    return model_of(GATEWAY, validate_mapping(raw, GATEWAY.options, path=""))


def objects_of_gateways(*grants: JsonObject, **given: t.Any) -> list[JsonObject]:
    """What gives teams their series in the cluster hub; *given* are other options of the module."""
    return gateway_objects(gateways(*grants, **given))


def objects_of_grafana(**given: t.Any) -> list[JsonObject]:
    """What the Grafanas of the cluster hub get; without dashboards, unless some are given."""
    raw = {"cluster": "hub", "clusters": CLUSTERS, **given}
    return objects_of(GRAFANA, validate_mapping(raw, GRAFANA.options, path=""))


def only(objects: t.Iterable[JsonObject], kind: str, *, name: str | None = None) -> JsonObject:
    """The one object of this kind (and name)."""
    (found,) = [obj for obj in objects if obj["kind"] == kind and name in (None, obj["metadata"]["name"])]
    return found


def keys(objects: t.Iterable[JsonObject]) -> set[tuple[str, str | None, str]]:
    """Kind, namespace and name of each object."""
    return {(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects}
