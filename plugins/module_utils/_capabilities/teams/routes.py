# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is notified of the alerts of an instance: receivers, and the routes to them. Pure.

They become an AlertmanagerConfig beside the Alertmanager. The operator limits each AlertmanagerConfig to alerts of its
own namespace, apart from those in the Alertmanager's namespace (``OnNamespaceExceptForAlertmanagerNamespace``, since
release 0.84): so only a route there receives alerts of all of the team's namespaces, and those without a namespace.
The operator lets every alert pass on to the next AlertmanagerConfig (``continueToNextRoute`` in
pkg/alertmanager/amcfg.go): those of the team receive their alerts too.

Credentials are references to Secrets in the instance's namespace. Their values are never in the input.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_ALPHA, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import make
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    validate_list,
    validate_mapping,
)

JsonObject = dict[str, t.Any]

# Replaced in any text by the team's name and by that of the cluster, so that one list of receivers serves all teams.
TEAM, CLUSTER = "{team}", "{cluster}"

# The operator has it since release 0.84.
MATCHER_STRATEGY = "OnNamespaceExceptForAlertmanagerNamespace"


def _reference(key: str, *, required: bool = False) -> JsonObject:
    """An option that names a Secret and a key of it; the names are no secrets."""
    options: JsonObject = {
        "secret": {"type": "str", "required": True, "no_log": False},
        "key": {"type": "str", "default": key, "no_log": False},
    }
    return {"type": "dict", "options": options, "no_log": False, **({"required": True} if required else {})}


_TEXT: JsonObject = {"type": "str"}
_REQUIRED: JsonObject = {"type": "str", "required": True}
_BASIC_AUTH: JsonObject = {
    "type": "dict",
    "options": {
        "secret": {"type": "str", "required": True, "no_log": False},
        "username_key": {"type": "str", "default": "username", "no_log": False},
        "password_key": {"type": "str", "default": "password", "no_log": False},
    },
}
INTEGRATIONS: dict[str, dict[str, t.Any]] = {
    "webhook": {
        "url": _TEXT,
        "url_secret": _reference("url"),
        "bearer_token": _reference("token"),
        "basic_auth": _BASIC_AUTH,
        "max_alerts": {"type": "int"},
    },
    "slack": {"api_url": _reference("url", required=True), "channel": _TEXT, "title": _TEXT, "text": _TEXT},
    "pagerduty": {
        "routing_key": _reference("routing-key", required=True),
        "severity": _TEXT,
        "description": _TEXT,
    },
    "opsgenie": {
        "api_key": _reference("api-key", required=True),
        "api_url": _TEXT,
        "title": _TEXT,
        "priority": _TEXT,
    },
    "email": {
        "to": _REQUIRED,
        "from": _REQUIRED,
        "smarthost": _REQUIRED,
        "hello": _TEXT,
        "auth_username": _TEXT,
        "auth_password": _reference("password"),
        "require_tls": {"type": "bool", "default": True},
    },
    "msteams": {"webhook_url": _reference("url", required=True), "title": _TEXT, "text": _TEXT},
}
RECEIVER_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": _REQUIRED,
    "send_resolved": {"type": "bool", "default": True},
    "proxy_url": _TEXT,
    **{name: {"type": "dict", "options": options} for name, options in INTEGRATIONS.items()},
}
_TIMES = {"group_wait": "groupWait", "group_interval": "groupInterval", "repeat_interval": "repeatInterval"}
_GROUPING: dict[str, dict[str, t.Any]] = {
    "group_by": {"type": "list", "elements": "str"},
    **{name: {"type": "str"} for name in _TIMES},
}
_SUB_ROUTE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "receiver": _REQUIRED,
    "matchers": {"type": "list", "elements": "str", "required": True},
    "continue": {"type": "bool", "default": False},
    **_GROUPING,
}
ROUTE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "receiver": _TEXT,
    **_GROUPING,
    "routes": {"type": "list", "elements": "dict", "default": [], "options": _SUB_ROUTE_OPTIONS},
}
ROUTING_OPTIONS: dict[str, dict[str, t.Any]] = {
    "receivers": {"type": "list", "elements": "dict", "options": RECEIVER_OPTIONS},
    "route": {"type": "dict", "options": ROUTE_OPTIONS},
}

# Alerts of one name and one namespace are one notification.
_GROUP_BY = ("alertname", "namespace")

_MATCHER = re.compile(
    r'\s*(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>"(?:[^"\\]|\\.)*"|[^"\s]*)\s*'
)
# What Alertmanager's regular expressions have and Python's have not.
_MORE_THAN_PYTHON = re.compile(r"\\[pPzQE]|\(\?")
_PLACEHOLDER = re.compile(re.escape(TEAM) + "|" + re.escape(CLUSTER))

# How the CRD calls what the options of each integration say as they are.
_FIELDS: dict[str, dict[str, str]] = {
    "webhook": {"url": "url", "max_alerts": "maxAlerts"},
    "slack": {"channel": "channel", "title": "title", "text": "text"},
    "pagerduty": {"severity": "severity", "description": "description"},
    "opsgenie": {"api_url": "apiURL", "title": "message", "priority": "priority"},
    "email": {
        "to": "to",
        "from": "from",
        "smarthost": "smarthost",
        "hello": "hello",
        "auth_username": "authUsername",
        "require_tls": "requireTLS",
    },
    "msteams": {"title": "title", "text": "text"},
}
# And what they say of a Secret.
_REFERENCES: dict[str, dict[str, str]] = {
    "webhook": {"url_secret": "urlSecret"},
    "slack": {"api_url": "apiURL"},
    "pagerduty": {"routing_key": "routingKey"},
    "opsgenie": {"api_key": "apiKey"},
    "email": {"auth_password": "authPassword"},
    "msteams": {"webhook_url": "webhookURL"},
}
_LISTS = {
    "webhook": "webhookConfigs",
    "slack": "slackConfigs",
    "pagerduty": "pagerdutyConfigs",
    "opsgenie": "opsgenieConfigs",
    "email": "emailConfigs",
    "msteams": "msteamsv2Configs",
}
# Alertmanager reaches its mail server without a proxy.
_WITHOUT_HTTP = frozenset({"email"})


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Receivers and the routes to them, as the JSON *text* of an AlertmanagerConfig's spec; empty for none.

    The text may have the placeholders TEAM and CLUSTER.
    """

    text: str = ""

    def __bool__(self) -> bool:
        """Whether there is a receiver."""
        return bool(self.text)

    def spec(self, *, team: str, cluster: str) -> JsonObject:
        """The spec for one *team* in one *cluster*."""
        found: JsonObject = json.loads(self.text.replace(TEAM, team).replace(CLUSTER, cluster))
        return found


NO_ROUTING = Routing()


def routing_object(routing: Routing, *, team: str, cluster: str, namespace: str) -> JsonObject:
    """The AlertmanagerConfig that gives all alerts of a team's instance to its receivers."""
    return make(
        MONITORING_ALPHA,
        "AlertmanagerConfig",
        team,
        namespace=namespace,
        labels=common_labels("alertmanager", team=team),
        spec=routing.spec(team=team, cluster=cluster),
    )


def parse_routing(values: Values, *, path: str, errors: Errors, prefix: str = "") -> Routing | None:
    """The part of validated *values* that ROUTING_OPTIONS describes; None if no receivers are given, not even none.

    *prefix*: what the names of the options begin with at *path*.
    """
    receivers, route = values["receivers"], values["route"]
    places = (_at(path, f"{prefix}receivers"), _at(path, f"{prefix}route"))
    if not receivers:
        if _is_given(route) and errors.is_good(places[0]):
            errors.add(places[1], "needs receivers")
        return None if receivers is None else NO_ROUTING
    rendered: list[JsonObject] = []
    names: dict[str, str] = {}
    for index, one in enumerate(receivers):
        place = f"{places[0]}[{index}]"
        name = require(_receiver_name, one["name"], path=f"{place}.name", errors=errors)
        if name in names:
            errors.add(f"{place}.name", f"{name!r} is the name of ", Place(names[name]), " too")
        names.setdefault(name, place)
        rendered.append({"name": name, **_integrations(one, path=place, errors=errors)})
    top = _route(route or {}, names=names, path=places[1], errors=errors)
    return Routing(text=json.dumps({"receivers": rendered, "route": top}, sort_keys=True))


def parse_default_routing(receivers: object, route: object, *, path: str, errors: Errors) -> Routing:
    """The routing of teams that give none, from the options default_receivers and default_route."""
    given: Values = {
        "receivers": validate_list(receivers, RECEIVER_OPTIONS, path=f"{path}receivers", errors=errors),
        "route": None if not route else validate_mapping(route, ROUTE_OPTIONS, path=f"{path}route", errors=errors),
    }
    return parse_routing(given, path="", prefix=path, errors=errors) or NO_ROUTING


def _is_given(route: Values | None) -> bool:
    return any(value not in (None, []) for value in (route or {}).values())


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# -- receivers ----------------------------------------------------------------------------------------------------


def _integrations(values: Values, *, path: str, errors: Errors) -> JsonObject:
    """What a receiver notifies, as the CRD's lists of one entry each."""
    found = {
        _LISTS[name]: [_entry(values, name, path=f"{path}.{name}", errors=errors)]
        for name in INTEGRATIONS
        if values[name] is not None
    }
    if not found:
        errors.add(path, f"notifies nothing; give one of {', '.join(INTEGRATIONS)}")
    if values["proxy_url"] is not None:
        require(_plain_url, values["proxy_url"], path=f"{path}.proxy_url", errors=errors)
        if found and not set(found) - {_LISTS[name] for name in _WITHOUT_HTTP}:
            errors.add(f"{path}.proxy_url", "cannot be given for email: Alertmanager uses proxies for HTTP only")
    return found


def _entry(values: Values, name: str, *, path: str, errors: Errors) -> JsonObject:
    """One integration of a receiver: its options are good, and called as the CRD calls them."""
    given = values[name]
    check = _CHECKS.get(name)
    if check is not None:
        check(given, path=path, errors=errors)
    entry: JsonObject = {"sendResolved": values["send_resolved"]}
    for option, field in _FIELDS[name].items():
        if given[option] is not None:
            entry[field] = given[option]
    for option, field in _REFERENCES[name].items():
        if given[option] is not None:
            entry[field] = _selector(given[option], path=f"{path}.{option}", errors=errors)
    http = {} if name in _WITHOUT_HTTP else _http(values, given, path=path, errors=errors)
    return {**entry, "httpConfig": http} if http else entry


def _http(receiver: Values, given: Values, *, path: str, errors: Errors) -> JsonObject:
    fields: JsonObject = {}
    token, basic = given.get("bearer_token"), given.get("basic_auth")
    if token is not None and basic is not None:
        errors.add(f"{path}.basic_auth", "cannot be given together with bearer_token")
    if token is not None:
        credentials = _selector(token, path=f"{path}.bearer_token", errors=errors)
        fields["authorization"] = {"type": "Bearer", "credentials": credentials}
    if basic is not None:
        fields["basicAuth"] = {
            part: _selector(
                {"secret": basic["secret"], "key": basic[f"{part}_key"]},
                path=f"{path}.basic_auth",
                key_option=f"{part}_key",
                errors=errors,
            )
            for part in ("username", "password")
        }
    if receiver["proxy_url"] is not None:
        fields["proxyURL"] = receiver["proxy_url"]
    return fields


def _selector(given: Values, *, path: str, errors: Errors, key_option: str = "key") -> JsonObject:
    """A reference to a key of a Secret. Messages do not repeat what was given: it can be the secret itself."""
    if grammar.dns_subdomain(_filled(given["secret"])) is not None and errors.is_good(f"{path}.secret"):
        errors.add(f"{path}.secret", "is not the name of a Secret, which has lower case letters, digits, '-' and '.'")
    if grammar.data_key(_filled(given["key"])) is not None:
        errors.add(f"{path}.{key_option}", "is not the name of a key, which has letters, digits, '-', '_' and '.'")
    return {"name": given["secret"], "key": given["key"]}


def _check_webhook(values: Values, *, path: str, errors: Errors) -> None:
    url, secret = values["url"], values["url_secret"]
    if (url is None) == (secret is None):
        errors.add(path, "needs either url or url_secret, which names the Secret that holds the URL")
    if url is not None:
        require(_plain_url, url, path=f"{path}.url", errors=errors)
    if values["max_alerts"] is not None and values["max_alerts"] < 1:
        errors.add(f"{path}.max_alerts", f"must be at least 1, found {values['max_alerts']}")


def _check_email(values: Values, *, path: str, errors: Errors) -> None:
    if errors.is_good(f"{path}.smarthost"):
        require(_host_and_port, values["smarthost"], path=f"{path}.smarthost", errors=errors)
    if (values["auth_username"] is None) != (values["auth_password"] is None):
        missing = "auth_username" if values["auth_username"] is None else "auth_password"
        errors.add(f"{path}.{missing}", "is required: a mail server takes a user name and a password, or neither")


def _check_opsgenie(values: Values, *, path: str, errors: Errors) -> None:
    if values["api_url"] is not None:
        require(_plain_url, values["api_url"], path=f"{path}.api_url", errors=errors)


_CHECKS: dict[str, t.Callable[..., None]] = {
    "webhook": _check_webhook,
    "email": _check_email,
    "opsgenie": _check_opsgenie,
}


def _filled(text: str) -> str:
    """*text* with its placeholders filled, to be checked."""
    return _PLACEHOLDER.sub("x", text)


def _receiver_name(text: str) -> str | None:
    return None if text.strip() else "must not be empty: routes name it"


def _plain_url(text: str) -> str | None:
    """Check a URL of an HTTP server. The message does not repeat it: it may hold a password or a token."""
    return grammar.server_url(_filled(text), instead="put such a URL into a Secret and give url_secret")


def _host_and_port(text: str) -> str | None:
    host, colon, port = _filled(text).rpartition(":")
    if not colon or not port.isdigit():
        return f"{text!r} needs a port, as in mail.example.com:587"
    return grammar.host(host.strip("[]")) or grammar.port(int(port))


# -- routes -------------------------------------------------------------------------------------------------------


def _route(values: Values, *, names: t.Mapping[str, str], path: str, errors: Errors) -> JsonObject:
    """The route that takes every alert, with those below it. Every receiver must be in use."""
    receiver = values.get("receiver")
    if receiver is None and len(names) > 1:
        errors.add(f"{path}.receiver", f"is required: there are several receivers ({', '.join(sorted(names))})")
    default = receiver if receiver is not None else next(iter(names))
    used = {default}
    if receiver is not None:
        _check_receiver(receiver, names=names, path=f"{path}.receiver", errors=errors)
    found: JsonObject = {"receiver": default, **_grouping(values, path=path, errors=errors)}
    found.setdefault("groupBy", list(_GROUP_BY))
    below = []
    for index, one in enumerate(values.get("routes") or ()):
        place = f"{path}.routes[{index}]"
        if errors.is_good(f"{place}.receiver"):
            _check_receiver(one["receiver"], names=names, path=f"{place}.receiver", errors=errors)
        used.add(one["receiver"])
        below.append(_sub_route(one, path=place, errors=errors))
    if below:
        found["routes"] = below
    for name, place in names.items():
        if name not in used and errors.is_good(path) and not (receiver is None and len(names) > 1):
            errors.add(place, f"receiver {name!r} is in no route; name it in {path.rpartition('.')[2]}, or remove it")
    return found


def _sub_route(values: Values, *, path: str, errors: Errors) -> JsonObject:
    matchers = []
    for index, text in enumerate(values["matchers"]):
        found = _matcher(text)
        if found is None:
            errors.add(f"{path}.matchers[{index}]", f'{text!r} is not a matcher; write it as severity="critical"')
        else:
            matchers.append(found)
    if not values["matchers"] and errors.is_good(f"{path}.matchers"):
        errors.add(f"{path}.matchers", "must not be empty: the route would take every alert")
    route: JsonObject = {
        "receiver": values["receiver"],
        "matchers": matchers,
        **_grouping(values, path=path, errors=errors),
    }
    return {**route, "continue": True} if values["continue"] else route


def _grouping(values: Values, *, path: str, errors: Errors) -> JsonObject:
    found: JsonObject = {}
    if values.get("group_by") is not None:
        names = require_each(_group_label, values["group_by"], path=f"{path}.group_by", errors=errors)
        if "..." in names and len(names) > 1:
            errors.add(f"{path}.group_by", "'...' means all labels and must be alone")
        found["groupBy"] = list(names)
    for option, field in _TIMES.items():
        if values.get(option) is not None:
            found[field] = require(grammar.duration, values[option], path=f"{path}.{option}", errors=errors)
    return found


def _group_label(text: str) -> str | None:
    return None if text == "..." else grammar.prometheus_label(text)


def _check_receiver(name: str, *, names: t.Mapping[str, str], path: str, errors: Errors) -> None:
    if name not in names:
        errors.add(path, f"unknown receiver {name!r}; {nearest(name, names)}")


@functools.cache
def _matcher(text: str) -> t.Mapping[str, str] | None:
    """A matcher in Alertmanager's classic form, as the CRD has it; None if *text* is none."""
    match = _MATCHER.fullmatch(text)
    if match is None:
        return None
    value = match["value"]
    if value.startswith('"'):
        value = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value[1:-1])
    if match["how"] in ("=~", "!~") and not _MORE_THAN_PYTHON.search(value):
        try:
            re.compile(value)
        except re.error:
            return None
    return {"name": match["name"], "matchType": match["how"], "value": value}
