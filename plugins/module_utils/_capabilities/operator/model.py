# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator: its options, and what becomes of them. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADMISSION_WEBHOOK_NAME,
    NAMESPACE_PREFIX,
    OPERATOR_NAME,
    PLATFORM_TEAM,
    cluster_wide_name,
    operator_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    PROMETHEUS_OPERATOR,
    UPSTREAM_REGISTRY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import (
    HAS_CRYPTOGRAPHY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    image_registry,
    team_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    require_each,
    validate_mapping,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import deployment_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
    checked_weight,
    controller_id,
    operator_parts,
)

# The highest priority that a pod can have outside of a node's own.
CRITICAL = "system-cluster-critical"
MOVED_AFTER_MAX = 3600
FAIL, IGNORE = "Fail", "Ignore"
# Seconds; what Kubernetes allows.
TIMEOUT_MAX = 30
WEBHOOK_REPLICAS_MAX = 10
# Before a certificate expires an alert fires so early, and a run must have renewed it by then.
ALERT_DAYS = 14
RENEW_DAYS_MAX = 300
ADMISSION_WEBHOOK_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "default": {},
    "options": {
        "enabled": {"type": "bool", "default": False},
        "replicas": {"type": "int", "default": 2},
        "failure_policy": {"type": "str", "choices": [IGNORE, FAIL], "default": IGNORE},
        "timeout_seconds": {"type": "int", "default": 5},
        "resources": {
            "type": "dict",
            "default": {},
            "options": {
                "cpu": {"type": "str", "default": "50m"},
                "memory": {"type": "str", "default": "200Mi"},
            },
        },
        "renew_days": {"type": "int", "default": 60},
        "secret": {"type": "str", "no_log": False},
        "ca_bundle": {"type": "str"},
    },
}

OPERATOR_OPTIONS: dict[str, dict[str, t.Any]] = {
    "namespace": {"type": "str", "default": OPERATOR_NAME},
    "version": {"type": "str", "default": PROMETHEUS_OPERATOR},
    "image_registry": {"type": "str", "default": UPSTREAM_REGISTRY},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "resources": {
        "type": "dict",
        "default": {},
        "options": {
            "cpu": {"type": "str", "default": "200m"},
            "memory": {"type": "str", "default": "200Mi"},
        },
    },
    "log_level": {"type": "str", "choices": ["debug", "info", "warn", "error"], "default": "info"},
    "monitor": {"type": "bool", "default": True},
    "alert_rules": {"type": "bool", "default": True},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "platform_namespace": {"type": "str"},
    "replaces": {"type": "list", "elements": "str", "default": []},
    **OPERATORS_OPTION,
    "weights": {"type": "dict", "default": {}},
    "allow_restarts": {"type": "bool", "default": False},
    "priority_class": {"type": "str", "default": CRITICAL},
    "moved_after": {"type": "int"},
    "region": {"type": "str"},
    "regions": {"type": "dict", "default": {}},
    "admission_webhook": ADMISSION_WEBHOOK_OPTION,
}
# What is different in a region; what it leaves out is as everywhere.
_REGION: dict[str, dict[str, t.Any]] = {
    "operators": {"type": "int", "default": 0},
    "image_registry": {"type": "str"},
    "log_level": {"type": "str", "choices": OPERATOR_OPTIONS["log_level"]["choices"]},
    "resources": {"type": "dict", "options": OPERATOR_OPTIONS["resources"]["options"]},
}

_PEM = "-----BEGIN CERTIFICATE-----"
# The first release whose monitors have serviceDiscoveryRole, and that knows all flags that we set.
_VERSION = grammar.version_from("0.86.0", who="this collection")
_DEFAULT_RESOURCES = Resources(cpu="200m", memory="200Mi")
# Measured: 33 MiB at rest, 172 MiB with ten rules of 3,000 expressions (350 kB) at once.
_WEBHOOK_RESOURCES = Resources(cpu="50m", memory="200Mi")


@dataclass(frozen=True, kw_only=True)
class AdmissionWebhook:
    """The program that the API server asks about rules and routes of teams, beside the operator.

    *renew_days*: how long before its certificate expires a run makes a new one. *secret*: the name of the Secret that
    somebody else keeps instead, with the authorities *ca_bundle* in PEM; both empty where runs make the certificate.
    """

    replicas: int = 2
    failure_policy: str = IGNORE
    timeout_seconds: int = 5
    resources: Resources = _WEBHOOK_RESOURCES
    renew_days: int = 60
    secret: str = ""
    ca_bundle: str = ""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The operator of one cluster, or several that share its instances; the platform's own Prometheus watches them.

    *replaces*: ``namespace/name`` of the Deployments of operators whose place it takes. *operators*: how many share the
    instances by their controller ids; 0 for a single one, which has the instances without an id. *weights*: those of
    the teams, by which they are shared out. *allow_restarts*: whether instances may move to operators that would make
    other pods. *moved_after*: seconds after which its pod leaves a node that is gone; None for Kubernetes' default.
    *pull_secrets*: the names of Secrets in its namespace with the credentials for its registry. *admission_webhook*:
    None for none.
    """

    namespace: str
    version: str
    image_registry: str
    resources: Resources
    log_level: str
    monitor: bool
    alert_rules: bool
    platform_team: str
    platform_namespace: str
    replaces: tuple[str, ...] = ()
    operators: int = 0
    weights: t.Mapping[str, int] = field(default_factory=dict)
    allow_restarts: bool = False
    priority_class: str = CRITICAL
    moved_after: int | None = None
    pull_secrets: tuple[str, ...] = ()
    admission_webhook: AdmissionWebhook | None = None

    @property
    def name(self) -> str:
        """Name of what there is once in its namespace."""
        return operator_name()

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells several operators apart in the names of their objects; a single one has nothing of the kind."""
        return operator_parts(self.operators)

    @property
    def cluster_wide_name(self) -> str:
        """Name of its ClusterRole."""
        return cluster_wide_name(self.name)

    def controller_id(self, team: str, assigned: t.Mapping[str, int]) -> str:
        """The id of the operator that has the instances of *team*, as they are *assigned*; empty for a single one.

        A team that is not assigned is on its way out, and has the first one.
        """
        return controller_id(assigned.get(team, 1)) if self.operators else ""


def parse_operator(raw: object, *, errors: Errors | None = None) -> Operator:
    """The operator from a mapping (OPERATOR_OPTIONS, all optional).

    What is wrong is noted in *errors*, or raised as InputError.
    """
    with Collecting(errors) as found:
        values = validate_mapping({} if raw is None else raw, OPERATOR_OPTIONS, path="", errors=found)
        values = {**values, **_of_region(values["region"], values["regions"], errors=found)}

        def checked(name: str, check: grammar.Check, value: str) -> str:
            return require(check, value, path=name, errors=found)

        platform_team = checked("platform_team", team_name, values["platform_team"])
        platform_namespace = values["platform_namespace"] or f"{NAMESPACE_PREFIX}{platform_team}"
        # A bad name makes a bad namespace, which is not an error of its own.
        if found.is_good("platform_team"):
            checked("platform_namespace", grammar.dns_label, platform_namespace)
        namespace = checked("namespace", grammar.dns_label, values["namespace"])
        if namespace == platform_namespace:
            found.add("namespace", f"{namespace!r} is the namespace of the platform's own instance")
        return Operator(
            namespace=namespace,
            version=grammar.plain_version(checked("version", _VERSION, values["version"])),
            image_registry=checked("image_registry", image_registry, values["image_registry"]),
            resources=resources(values["resources"], default=_DEFAULT_RESOURCES, path="resources", errors=found),
            log_level=values["log_level"],
            monitor=values["monitor"],
            alert_rules=values["alert_rules"],
            platform_team=platform_team,
            platform_namespace=platform_namespace,
            replaces=_replaces(values["replaces"], namespace=namespace, operators=values["operators"], errors=found),
            operators=checked_operators(values["operators"], errors=found),
            weights=_weights(values["weights"], errors=found),
            allow_restarts=values["allow_restarts"],
            priority_class=checked("priority_class", grammar.dns_subdomain, values["priority_class"]),
            moved_after=_moved_after(values["moved_after"], errors=found),
            pull_secrets=tuple(sorted(_pull_secrets(values["image_pull_secrets"], errors=found))),
            admission_webhook=_admission_webhook(values["admission_webhook"], errors=found),
        )


def _pull_secrets(values: t.Sequence[str], *, errors: Errors) -> tuple[str, ...]:
    return require_each(grammar.dns_subdomain, values, path="image_pull_secrets", errors=errors)


def _admission_webhook(values: t.Mapping[str, t.Any], *, errors: Errors) -> AdmissionWebhook | None:
    path = "admission_webhook"
    limits = (
        ("replicas", 1, WEBHOOK_REPLICAS_MAX, ""),
        ("timeout_seconds", 1, TIMEOUT_MAX, " seconds"),
        ("renew_days", ALERT_DAYS + 1, RENEW_DAYS_MAX, " days"),
    )
    for name, least, most, unit in limits:
        if not least <= values[name] <= most:
            errors.add(f"{path}.{name}", f"must be from {least} to {most}{unit}, found {values[name]}")
    wanted = resources(values["resources"], default=_WEBHOOK_RESOURCES, path=f"{path}.resources", errors=errors)
    secret, ca_bundle = values["secret"] or "", (values["ca_bundle"] or "").strip()
    if secret and grammar.dns_subdomain(secret) is not None:
        errors.add(f"{path}.secret", "must be the name of a Secret in the operator's namespace")
    if secret == ADMISSION_WEBHOOK_NAME:
        errors.add(f"{path}.secret", f"{secret!r} is the Secret that runs make; give this one another name")
    if bool(secret) != bool(ca_bundle):
        errors.add(f"{path}.ca_bundle", "must be given together with secret: the authorities that signed its tls.crt")
    if ca_bundle and not ca_bundle.startswith(_PEM):
        errors.add(f"{path}.ca_bundle", f"must be certificates in PEM, which begin with {_PEM}")
    if not values["enabled"]:
        return None
    if not secret and not HAS_CRYPTOGRAPHY:
        errors.add(path, "needs the Python library cryptography where the module runs, or secret and ca_bundle")
    return AdmissionWebhook(
        replicas=values["replicas"],
        failure_policy=values["failure_policy"],
        timeout_seconds=values["timeout_seconds"],
        resources=wanted,
        renew_days=values["renew_days"],
        secret=secret,
        ca_bundle=f"{ca_bundle}\n" if ca_bundle else "",
    )


def _of_region(region: str | None, regions: t.Mapping[str, t.Any], *, errors: Errors) -> dict[str, t.Any]:
    """What is different in the *region* of this cluster; nothing where none is named. All *regions* are checked."""
    found: dict[str, dict[str, t.Any]] = {}
    for name, raw in regions.items():
        path = f"regions.{name}"
        checked = validate_mapping(raw, _REGION, path=path, errors=errors)
        checked_operators(checked["operators"], errors=errors, path=f"{path}.operators")
        if checked["image_registry"] is not None:
            require(image_registry, checked["image_registry"], path=f"{path}.image_registry", errors=errors)
        resources(checked["resources"] or {}, default=_DEFAULT_RESOURCES, path=f"{path}.resources", errors=errors)
        found[str(name)] = {key: value for key, value in checked.items() if value is not None}
    if region is None:
        return {}
    if region not in found:
        errors.add("region", f"unknown region {region!r}; {nearest(region, found)}")
    # What is wrong in it was noted with its own place.
    return found.get(region, {}) if errors.is_good("regions") else {}


def _weights(raw: t.Mapping[str, t.Any], *, errors: Errors) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in raw.items():
        require(team_name, str(name), path=f"weights.{name}", errors=errors)
        found[str(name)] = checked_weight(value, path=f"weights.{name}", errors=errors)
    return found


def _moved_after(value: int | None, *, errors: Errors) -> int | None:
    if value is not None and not 0 <= value <= MOVED_AFTER_MAX:
        errors.add("moved_after", f"must be from 0 to {MOVED_AFTER_MAX} seconds, found {value}")
    return value


def _replaces(values: t.Sequence[str], *, namespace: str, operators: int, errors: Errors) -> tuple[str, ...]:
    own = {f"{namespace}/{operator_name(part)}" for part in operator_parts(operators)}
    for number, text in enumerate(values):
        path = f"replaces[{number}]"
        require(deployment_name, text, path=path, errors=errors)
        if text in values[:number]:
            errors.add(path, f"{text!r} is listed twice")
        if text in own:
            errors.add(path, f"{text!r} is the Deployment that this makes; give this operator another namespace")
    return tuple(values)
