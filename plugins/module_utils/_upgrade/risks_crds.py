# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the CRDs of releases 0.73 to 0.93 of the Prometheus Operator refuse. Pure.

Each row was read in the CRDs of the releases before and after it, and is compared with an API server that has both.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.fields import values_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    BY_SERVER,
    Case,
    Check,
    Evidence,
    Risk,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.rows import (
    LIMITS,
    MONITORS,
    OPERATOR_PULL,
    SERVERS,
    enforced,
    row,
    shown,
)

_REFUSED = (
    "The new CRD refuses such an object: it cannot be created again (in another cluster, from Git, from a backup), and "
    "neither can the field be changed to a value of the same sort. What is stored stays."
)
Wrong = t.Callable[[t.Any], bool]


def _at_fields(fields: Mapping[str, tuple[str, ...]], wrong: Wrong) -> Check:
    """A check of the values of some fields by kind: those that are *wrong* are evidence."""

    def check(case: Case) -> Iterator[Evidence]:
        for kind, paths in fields.items():
            for obj in case.live.of(kind):
                for path in paths:
                    for place, value in values_at(obj, path):
                        if wrong(value):
                            yield Evidence(object=key_of(obj), path=place, value=shown(value))

    return check


def _unlike(pattern: str) -> Wrong:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and not compiled.search(value)


def _one_of(*values: str) -> Wrong:
    return lambda value: any(value == one for one in values)


def _is_empty(value: t.Any) -> bool:
    return bool(value == "")


def _repeats(value: t.Any) -> bool:
    return isinstance(value, list) and len({str(one) for one in value}) < len(value)


def _is_negative(value: t.Any) -> bool:
    return isinstance(value, int) and value < 0


def _are_objects(value: t.Any) -> bool:
    return isinstance(value, dict)


def _is_no_duration(value: t.Any) -> bool:
    return isinstance(value, str) and (not value or not re.search(_DURATION, value))


_HTTP = r"^(http|https)://.+"
_PROXIES = r"^(http|https|socks5)://.+"
_HAS_OAUTH = (*SERVERS, *MONITORS, "Alertmanager", "AlertmanagerConfig", "ThanosRuler")
_SD = ("consulSDConfigs[]", "digitalOceanSDConfigs[]", "httpSDConfigs[]", "kubernetesSDConfigs[]")
_RECEIVERS = "spec.receivers[]"
_DURATION = r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"


def _receiver(sort: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{_RECEIVERS}.{sort}Configs[].{name}" for name in names)


_API_ADDRESSES = (
    *_receiver("pagerduty", "url"),
    *_receiver("opsgenie", "apiURL"),
    *_receiver("telegram", "apiURL"),
    *_receiver("victorops", "apiUrl"),
    *_receiver("wechat", "apiURL"),
)
_TEMPLATED_ADDRESSES = (
    *_receiver("pagerduty", "clientURL", "pagerDutyImageConfigs[].href", "pagerDutyLinkConfigs[].href"),
    *_receiver("pushover", "url"),
    *_receiver("slack", "actions[].url", "iconURL", "imageURL", "thumbURL", "titleLink"),
    *_receiver("webhook", "url"),
)
_TEXTS_088 = (
    *_receiver("pagerduty", "class", "client", "component", "description", "group", "severity", "source"),
    *_receiver("pushover", "device", "message", "priority", "sound", "title", "urlTitle"),
    *_receiver(
        "slack", "callbackId", "channel", "color", "fallback", "footer", "iconEmoji", "pretext", "text", "title"
    ),
    *_receiver("slack", "username", "actions[].name", "actions[].style", "actions[].value"),
    *_receiver("victorops", "entityDisplayName", "messageType", "monitoringTool", "stateMessage"),
)
_TEXTS_089 = (
    *_receiver("email", "authIdentity", "authUsername", "from", "hello", "smarthost", "text", "to"),
    *_receiver("opsgenie", "actions", "description", "entity", "message", "note", "priority", "source", "tags"),
    *_receiver("sns", "message", "phoneNumber", "subject", "targetARN", "topicARN"),
    *_receiver("wechat", "agentID", "corpID", "message", "messageType", "toParty", "toTag", "toUser"),
)
_ENFORCED = tuple(map(enforced, LIMITS))


def _several_credentials(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of("ScrapeConfig"):
        given = [name for name in ("basicAuth", "authorization", "oauth2") if name in (obj.get("spec") or {})]
        if len(given) > 1:
            yield Evidence(object=key_of(obj), path="spec", value=f"has {', '.join(given)}")


def _without_targets(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of("ScrapeConfig"):
        for place, entry in values_at(obj, "spec.staticConfigs[]"):
            if "targets" not in entry:
                yield Evidence(object=key_of(obj), path=f"{place}.targets", value="is not given")


RISKS: tuple[Risk, ...] = (
    row(
        "po-proxy-headers",
        since="0.74.0",
        title="proxyConnectHeader of ScrapeConfigs has another type",
        breaks=f"Each header has a list of Secret keys; it had a single one. {_REFUSED} The operator cannot read it.",
        exposure="A ScrapeConfig whose proxyConnectHeader has an object where a list is expected",
        fix="write a list with that one Secret key; apply it together with the new CRD",
        reference=f"{OPERATOR_PULL}/6541",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_at_fields(
            {"ScrapeConfig": ("spec.proxyConnectHeader{}", *(f"spec.{sd}.proxyConnectHeader{{}}" for sd in _SD))},
            _are_objects,
        ),
    ),
    row(
        "po-repeated-features",
        since="0.74.0",
        title="enableFeatures must not name a feature twice",
        breaks=_REFUSED,
        exposure="A Prometheus or PrometheusAgent that names a feature twice in spec.enableFeatures",
        fix="name it once",
        reference=f"{OPERATOR_PULL}/6471",
        proof=BY_SERVER,
        reads=SERVERS,
        check=_at_fields(dict.fromkeys(SERVERS, ("spec.enableFeatures",)), _repeats),
    ),
    row(
        "po-repeated-secrets",
        since="0.76.0",
        title="spec.secrets must not name a Secret twice",
        breaks=_REFUSED,
        exposure="A Prometheus or PrometheusAgent that names a Secret twice in spec.secrets",
        fix="name it once",
        reference=f"{OPERATOR_PULL}/6762",
        proof=BY_SERVER,
        reads=SERVERS,
        check=_at_fields(dict.fromkeys(SERVERS, ("spec.secrets",)), _repeats),
    ),
    row(
        "po-remote-proxy",
        since="0.75.0",
        title="proxyUrl of remote write and remote read must be an address",
        breaks=_REFUSED,
        exposure="A proxyUrl that does not begin with http://, https:// or (from 0.82) socks5://",
        fix="write the whole address of the proxy",
        reference=f"{OPERATOR_PULL}/6512",
        proof=BY_SERVER,
        reads=SERVERS,
        check=_at_fields(
            {
                "Prometheus": ("spec.remoteWrite[].proxyUrl", "spec.remoteRead[].proxyUrl"),
                "PrometheusAgent": ("spec.remoteWrite[].proxyUrl",),
            },
            _unlike(_PROXIES),
        ),
    ),
    row(
        "po-discovery-roles",
        since="0.76.0",
        title="Roles of kubernetesSDConfigs are written with capitals",
        breaks=_REFUSED,
        exposure="A ScrapeConfig with a role in lower case in kubernetesSDConfigs",
        fix="write Pod, Endpoints, Ingress, Service, Node or EndpointSlice",
        reference=f"{OPERATOR_PULL}/6678",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_at_fields(
            {"ScrapeConfig": ("spec.kubernetesSDConfigs[].role", "spec.kubernetesSDConfigs[].selectors[].role")},
            _one_of("pod", "endpoints", "ingress", "service", "node", "endpointslice"),
        ),
    ),
    row(
        "po-static-targets",
        since="0.78.0",
        title="staticConfigs of ScrapeConfigs need targets",
        breaks=_REFUSED,
        exposure="A ScrapeConfig with an entry of staticConfigs without targets",
        fix="give the targets, or remove the entry",
        reference=f"{OPERATOR_PULL}/6867",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_without_targets,
    ),
    row(
        "po-openstack-roles",
        since="0.81.0",
        title="Roles of openstackSDConfigs are written with capitals",
        breaks=_REFUSED,
        exposure="A ScrapeConfig with the role instance or hypervisor in openstackSDConfigs",
        fix="write Instance or Hypervisor",
        reference=f"{OPERATOR_PULL}/7370",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_at_fields({"ScrapeConfig": ("spec.openstackSDConfigs[].role",)}, _one_of("instance", "hypervisor")),
    ),
    row(
        "po-monitor-proxy",
        since="0.84.0",
        title="proxyUrl of monitors must be an address",
        breaks=_REFUSED,
        exposure=(
            "A ServiceMonitor, PodMonitor or Probe with a proxyUrl that does not begin with http://, https:// or "
            "socks5://, such as a variable that the config reloader replaces"
        ),
        fix="write the whole address of the proxy",
        reference=f"{OPERATOR_PULL}/7647",
        proof=BY_SERVER,
        reads=("PodMonitor", "Probe", "ServiceMonitor"),
        check=_at_fields(
            {
                "PodMonitor": ("spec.podMetricsEndpoints[].proxyUrl",),
                "Probe": ("spec.prober.proxyUrl",),
                "ServiceMonitor": ("spec.endpoints[].proxyUrl",),
            },
            _unlike(_PROXIES),
        ),
    ),
    row(
        "po-templated-addresses",
        since="0.88.0",
        after=">=0.88.0,<0.88.1",
        title="Release 0.88.0 refuses templates where an AlertmanagerConfig has an address",
        breaks=f"{_REFUSED} Release 0.88.1 took that back.",
        exposure="An address of a receiver that does not begin with http:// or https://, such as a template",
        fix="upgrade to 0.88.1 or later",
        reference=f"{OPERATOR_PULL}/8307",
        proof=BY_SERVER,
        reads=("AlertmanagerConfig",),
        check=_at_fields({"AlertmanagerConfig": _TEMPLATED_ADDRESSES}, _unlike(r"^https?://.+")),
    ),
    row(
        "po-receiver-addresses",
        since="0.88.0",
        title="Addresses of receivers' APIs must be addresses",
        breaks=_REFUSED,
        exposure="An address of an API in an AlertmanagerConfig that does not begin with http:// or https://",
        fix="write the whole address",
        reference=f"{OPERATOR_PULL}/8113",
        proof=BY_SERVER,
        reads=("AlertmanagerConfig",),
        check=_at_fields({"AlertmanagerConfig": _API_ADDRESSES}, _unlike(r"^https?://.+")),
    ),
    row(
        "po-receiver-texts",
        since="0.88.0",
        title="Texts of PagerDuty, Pushover, Slack and VictorOps receivers must not be empty",
        breaks=_REFUSED,
        exposure="An empty text in such a receiver of an AlertmanagerConfig",
        fix="remove the field",
        reference=f"{OPERATOR_PULL}/8113",
        proof=BY_SERVER,
        reads=("AlertmanagerConfig",),
        check=_at_fields({"AlertmanagerConfig": _TEXTS_088}, _is_empty),
    ),
    row(
        "po-more-receiver-texts",
        since="0.89.0",
        title="Texts of email, OpsGenie, SNS and WeChat receivers must not be empty",
        breaks=_REFUSED,
        exposure="An empty text in such a receiver of an AlertmanagerConfig",
        fix="remove the field",
        reference=f"{OPERATOR_PULL}/8267",
        proof=BY_SERVER,
        reads=("AlertmanagerConfig",),
        check=_at_fields({"AlertmanagerConfig": _TEXTS_089}, _is_empty),
    ),
    row(
        "po-route-durations",
        since="0.89.0",
        title="Intervals of the first route must be durations",
        breaks=_REFUSED,
        exposure="groupWait, groupInterval or repeatInterval of spec.route in an AlertmanagerConfig is not a duration",
        fix="write a duration such as 30s or 1h30m, or remove the field",
        reference=f"{OPERATOR_PULL}/8126",
        proof=BY_SERVER,
        reads=("AlertmanagerConfig",),
        check=_at_fields(
            {"AlertmanagerConfig": ("spec.route.groupWait", "spec.route.groupInterval", "spec.route.repeatInterval")},
            _is_no_duration,
        ),
    ),
    row(
        "po-remote-write-address",
        since="0.90.0",
        title="The address of remote write must begin with http:// or https://",
        breaks=_REFUSED,
        exposure="A remoteWrite entry with another url, such as a variable that the config reloader replaces",
        fix="write the whole address",
        reference=f"{OPERATOR_PULL}/8455",
        proof=BY_SERVER,
        reads=SERVERS,
        check=_at_fields(dict.fromkeys(SERVERS, ("spec.remoteWrite[].url",)), _unlike(_HTTP)),
    ),
    row(
        "po-one-credential",
        since="0.91.0",
        title="A ScrapeConfig has only one of basicAuth, authorization and oauth2",
        breaks=_REFUSED,
        exposure="A ScrapeConfig with two of them",
        fix="keep the one that the targets take",
        reference=f"{OPERATOR_PULL}/8480",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_several_credentials,
    ),
    row(
        "po-discovery-texts",
        since="0.91.0",
        title="Texts of Nomad, OpenStack and Lightsail discovery must not be empty",
        breaks=_REFUSED,
        exposure="An empty namespace, region, tagSeparator, applicationCredentialId or roleARN in a ScrapeConfig",
        fix="remove the field",
        reference=f"{OPERATOR_PULL}/8479",
        proof=BY_SERVER,
        reads=("ScrapeConfig",),
        check=_at_fields(
            {
                "ScrapeConfig": (
                    *(f"spec.nomadSDConfigs[].{name}" for name in ("namespace", "region", "tagSeparator")),
                    "spec.lightSailSDConfigs[].roleARN",
                    "spec.openstackSDConfigs[].applicationCredentialId",
                )
            },
            _is_empty,
        ),
    ),
    row(
        "po-token-address",
        since="0.92.0",
        title="tokenUrl of oauth2 must begin with http:// or https://",
        breaks=_REFUSED,
        exposure="An oauth2.tokenUrl with another form, in any object of the operator",
        fix="write the whole address",
        reference=f"{OPERATOR_PULL}/8579",
        proof=BY_SERVER,
        reads=_HAS_OAUTH,
        check=_at_fields(dict.fromkeys(_HAS_OAUTH, ("spec.**.oauth2.tokenUrl",)), _unlike(_HTTP)),
    ),
    row(
        "po-remote-read-address",
        since="0.92.0",
        title="The address of remote read must begin with http:// or https://",
        breaks=_REFUSED,
        exposure="A remoteRead entry with another url, such as a variable that the config reloader replaces",
        fix="write the whole address",
        reference=f"{OPERATOR_PULL}/8596",
        proof=BY_SERVER,
        reads=("Prometheus",),
        check=_at_fields({"Prometheus": ("spec.remoteRead[].url",)}, _unlike(_HTTP)),
    ),
    row(
        "po-negative-numbers",
        since="0.93.0",
        title="Limits must not be negative",
        breaks=_REFUSED,
        exposure="A negative limit of an instance or a monitor",
        fix="remove the field, or give 0 for no limit",
        reference=f"{OPERATOR_PULL}/8662",
        proof=BY_SERVER,
        reads=(*SERVERS, *MONITORS),
        check=_at_fields(
            {
                **dict.fromkeys(SERVERS, tuple(f"spec.{name}" for name in (*LIMITS, *_ENFORCED))),
                **dict.fromkeys(MONITORS, tuple(f"spec.{name}" for name in LIMITS)),
            },
            _is_negative,
        ),
    ),
)
