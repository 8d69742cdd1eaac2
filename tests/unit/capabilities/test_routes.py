"""Who is notified of a team's alerts: what becomes of receivers and routes, and what is refused."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.strategy import knows_strategy
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.unit.capabilities.builders import JsonObject, objects_of_team, only, teams

NS = "monitoring-payments"
HOOK: JsonObject = {"name": "hook", "webhook": {"url": "https://alerts.example.com/payments"}}
CHAT: JsonObject = {"name": "chat", "slack": {"api_url": {"secret": "slack"}, "channel": "#payments"}}


def config(**alertmanager: t.Any) -> JsonObject:
    """The spec of the AlertmanagerConfig of a team with these options."""
    spec: JsonObject = only(objects_of_team({"alertmanager": alertmanager}), "AlertmanagerConfig")["spec"]
    return spec


def fleet(**options: t.Any) -> tuple[list[str], dict[str, JsonObject]]:
    """What is wrong with the module's *options*, and by namespace the specs of the AlertmanagerConfigs."""
    errors = Errors()
    raw = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "payments"}, {"name": "search"}], **options}
    model = TEAMS.parse(validate_mapping(raw, TEAMS.options, path="", errors=errors), errors)
    objects = [obj for obj in TEAMS.desired(model) if obj["kind"] == "AlertmanagerConfig"]
    return [str(error) for error in errors.sorted()], {obj["metadata"]["namespace"]: obj["spec"] for obj in objects}


def test_the_route_is_beside_the_alertmanager_which_exempts_its_namespace() -> None:
    objects = objects_of_team({"alertmanager": {"receivers": [HOOK]}})
    found = only(objects, "AlertmanagerConfig")
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == (NS, "payments")
    alertmanager = only(objects, "Alertmanager")
    assert alertmanager["metadata"]["namespace"] == NS
    assert alertmanager["spec"]["alertmanagerConfigMatcherStrategy"] == {
        "type": "OnNamespaceExceptForAlertmanagerNamespace"
    }


def test_the_only_receiver_gets_every_alert() -> None:
    assert config(receivers=[HOOK]) == {
        "receivers": [
            {
                "name": "hook",
                "webhookConfigs": [{"sendResolved": True, "url": "https://alerts.example.com/payments"}],
            }
        ],
        "route": {"receiver": "hook", "groupBy": ["alertname", "namespace"]},
    }


def test_routes_are_tried_before_the_receiver_of_all_others() -> None:
    route = config(
        receivers=[HOOK, CHAT],
        route={
            "receiver": "hook",
            "group_by": ["..."],
            "group_wait": "10s",
            "routes": [
                {"receiver": "chat", "matchers": ['severity = "critical"', "team=~a|b"], "continue": True},
                {"receiver": "chat", "matchers": ['x!~"a\\"b\\\\.c"'], "repeat_interval": "1d"},
            ],
        },
    )["route"]
    assert route == {
        "receiver": "hook",
        "groupBy": ["..."],
        "groupWait": "10s",
        "routes": [
            {
                "receiver": "chat",
                "continue": True,
                "matchers": [
                    {"name": "severity", "matchType": "=", "value": "critical"},
                    {"name": "team", "matchType": "=~", "value": "a|b"},
                ],
            },
            {
                "receiver": "chat",
                "matchers": [{"name": "x", "matchType": "!~", "value": 'a"b\\.c'}],
                "repeatInterval": "1d",
            },
        ],
    }


KEY: JsonObject = {"secret": "any", "key": "some"}
SELECTOR: JsonObject = {"name": "any", "key": "some"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"webhook": {"url_secret": KEY, "max_alerts": 5}},
            {"webhookConfigs": {"urlSecret": SELECTOR, "maxAlerts": 5}},
        ),
        (
            {"webhook": {"url": "http://a.example.com", "bearer_token": {"secret": "any"}}},
            {
                "webhookConfigs": {
                    "url": "http://a.example.com",
                    "httpConfig": {"authorization": {"type": "Bearer", "credentials": {"name": "any", "key": "token"}}},
                }
            },
        ),
        (
            {"webhook": {"url": "http://a.example.com", "basic_auth": {"secret": "any"}}, "proxy_url": "http://p:3128"},
            {
                "webhookConfigs": {
                    "url": "http://a.example.com",
                    "httpConfig": {
                        "basicAuth": {
                            "username": {"name": "any", "key": "username"},
                            "password": {"name": "any", "key": "password"},
                        },
                        "proxyURL": "http://p:3128",
                    },
                }
            },
        ),
        (
            {"slack": {"api_url": KEY, "channel": "#a", "title": "b", "text": "c"}},
            {"slackConfigs": {"apiURL": SELECTOR, "channel": "#a", "title": "b", "text": "c"}},
        ),
        (
            {"pagerduty": {"routing_key": KEY, "severity": "critical", "description": "b"}},
            {"pagerdutyConfigs": {"routingKey": SELECTOR, "severity": "critical", "description": "b"}},
        ),
        (
            {"opsgenie": {"api_key": KEY, "api_url": "https://api.eu.opsgenie.com/", "title": "a", "priority": "P1"}},
            {
                "opsgenieConfigs": {
                    "apiKey": SELECTOR,
                    "apiURL": "https://api.eu.opsgenie.com/",
                    "message": "a",
                    "priority": "P1",
                }
            },
        ),
        (
            {
                "email": {
                    "to": "a@example.com",
                    "from": "b@example.com",
                    "smarthost": "mail.example.com:587",
                    "hello": "c",
                    "auth_username": "d",
                    "auth_password": KEY,
                    "require_tls": False,
                }
            },
            {
                "emailConfigs": {
                    "to": "a@example.com",
                    "from": "b@example.com",
                    "smarthost": "mail.example.com:587",
                    "hello": "c",
                    "authUsername": "d",
                    "authPassword": SELECTOR,
                    "requireTLS": False,
                }
            },
        ),
        (
            {"msteams": {"webhook_url": KEY, "title": "a", "text": "b"}},
            {"msteamsv2Configs": {"webhookURL": SELECTOR, "title": "a", "text": "b"}},
        ),
    ],
)
def test_each_integration(given: JsonObject, expected: JsonObject) -> None:
    (receiver,) = config(receivers=[{"name": "any", "send_resolved": False, **given}])["receivers"]
    wanted = {name: [{"sendResolved": False, **entry}] for name, entry in expected.items()}
    assert receiver == {"name": "any", **wanted}


def test_one_receiver_may_notify_in_several_ways() -> None:
    (receiver,) = config(receivers=[{**HOOK, "slack": CHAT["slack"]}])["receivers"]
    assert sorted(receiver) == ["name", "slackConfigs", "webhookConfigs"]


def test_the_default_is_for_teams_that_give_no_receivers() -> None:
    own = {"name": "own", "alertmanager": {"receivers": [HOOK]}}
    none = {"name": "none", "alertmanager": {"receivers": []}}
    off = {"name": "off", "alertmanager": {"enabled": False}}
    default = {"name": "all", "slack": {"api_url": {"secret": "slack-{team}"}, "channel": "#{team}-{cluster}"}}
    errors, found = fleet(
        teams=[own, none, off, {"name": "search"}],
        default_receivers=[default],
        default_route={"group_wait": "1m"},
    )
    assert errors == []
    assert sorted(found) == ["monitoring-own", "monitoring-platform", "monitoring-search"]
    assert found["monitoring-own"]["receivers"][0]["name"] == "hook"
    assert found["monitoring-search"] == {
        "receivers": [
            {
                "name": "all",
                "slackConfigs": [
                    {
                        "sendResolved": True,
                        "apiURL": {"name": "slack-search", "key": "url"},
                        "channel": "#search-hub",
                    }
                ],
            }
        ],
        "route": {"receiver": "all", "groupBy": ["alertname", "namespace"], "groupWait": "1m"},
    }


def test_without_receivers_there_is_no_route() -> None:
    assert fleet() == ([], {})


REFUSED: list[tuple[JsonObject, str, str]] = [
    ({"receivers": [{"name": "a"}]}, "receivers[0]", "notifies nothing; give one of webhook, "),
    ({"receivers": [{**HOOK, "name": " "}]}, "receivers[0].name", "must not be empty"),
    ({"receivers": [HOOK, HOOK]}, "receivers[1].name", "'hook' is the name of "),
    ({"receivers": [HOOK, CHAT]}, "route.receiver", "is required: there are several receivers (chat, hook)"),
    ({"receivers": [HOOK, CHAT], "route": {"receiver": "hook"}}, "receivers[1]", "receiver 'chat' is in no route"),
    ({"receivers": [HOOK], "route": {"receiver": "hok"}}, "route.receiver", "unknown receiver 'hok'; did you mean"),
    ({"route": {"receiver": "hook"}}, "route", "needs receivers"),
    (
        {"receivers": [HOOK], "route": {"routes": [{"receiver": "x", "matchers": ["a=b"]}]}},
        "route.routes[0].receiver",
        "unknown receiver 'x'",
    ),
    (
        {"receivers": [HOOK], "route": {"routes": [{"receiver": "hook", "matchers": []}]}},
        "route.routes[0].matchers",
        "must not be empty",
    ),
    *(
        (
            {"receivers": [HOOK], "route": {"routes": [{"receiver": "hook", "matchers": [text]}]}},
            "route.routes[0].matchers[0]",
            "is not a matcher",
        )
        for text in ("severity", "9a=b", 'a="b', "a=~(", "{a=b}", "a=b,c=d e")
    ),
    ({"receivers": [HOOK], "route": {"group_by": ["...", "a"]}}, "route.group_by", "must be alone"),
    ({"receivers": [HOOK], "route": {"group_by": ["a-b"]}}, "route.group_by[0]", "is not a label name"),
    ({"receivers": [HOOK], "route": {"group_wait": "soon"}}, "route.group_wait", "is not a duration"),
    ({"receivers": [{"name": "a", "webhook": {}}]}, "receivers[0].webhook", "needs either url or url_secret"),
    *(
        ({"receivers": [{"name": "a", "webhook": {"url": url}}]}, "receivers[0].webhook.url", reason)
        for url, reason in (
            ("alerts.example.com", "must begin with http:// or https://"),
            ("https://me:geheim@a.example.com", "must not hold a user name or a password"),
            ("https://a.example.com/?token=geheim", "must not have a query or a fragment"),
            ("http://169.254.169.254/latest", "cannot be reached"),
            ("http://127.0.0.1:9093/", "cannot be reached"),
            ("http://[::1", "is not a URL"),
        )
    ),
    (
        {"receivers": [{"name": "a", "webhook": {"url": "http://a", "url_secret": KEY}}]},
        "receivers[0].webhook",
        "needs either url or url_secret",
    ),
    (
        {"receivers": [{"name": "a", "slack": {"api_url": {"secret": "https://hooks/geheim"}}}]},
        "receivers[0].slack.api_url.secret",
        "is not the name of a Secret",
    ),
    (
        {"receivers": [{"name": "a", "slack": {"api_url": {"secret": "a", "key": "geheim/1"}}}]},
        "receivers[0].slack.api_url.key",
        "is not the name of a key",
    ),
    ({"receivers": [{"name": "a", "slack": {}}]}, "receivers[0].slack.api_url", "is required"),
    (
        {"receivers": [{"name": "a", "email": {"to": "a", "from": "b", "smarthost": "mail"}}]},
        "receivers[0].email.smarthost",
        "needs a port",
    ),
    (
        {"receivers": [{"name": "a", "email": {"to": "a", "from": "b", "smarthost": "m:25", "auth_username": "c"}}]},
        "receivers[0].email.auth_password",
        "is required",
    ),
    (
        {
            "receivers": [
                {"name": "a", "email": {"to": "a", "from": "b", "smarthost": "m:25"}, "proxy_url": "http://p:1"}
            ]
        },
        "receivers[0].proxy_url",
        "cannot be given for email",
    ),
    (
        {
            "receivers": [
                {"name": "a", "webhook": {"url": "http://a", "bearer_token": KEY, "basic_auth": {"secret": "b"}}}
            ]
        },
        "receivers[0].webhook.basic_auth",
        "cannot be given together with bearer_token",
    ),
]


@pytest.mark.parametrize(("given", "path", "reason"), REFUSED)
def test_what_is_refused_has_its_path(given: JsonObject, path: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        teams({"name": "payments", "alertmanager": given})
    assert f"teams[0].alertmanager.{path}: " in str(caught.value)
    assert reason in str(caught.value)
    # What may be a secret is not repeated.
    assert "geheim" not in str(caught.value)


def test_errors_of_the_default_name_its_options() -> None:
    errors, _found = fleet(default_receivers=[HOOK, CHAT], default_route={"receiver": "hok"})
    assert any(text.startswith("default_route.receiver: unknown receiver 'hok'") for text in errors)
    errors, _found = fleet(default_route={"receiver": "hook"})
    assert errors == ["default_route: needs receivers"]


def crd(*values: str) -> JsonObject:
    """The CRD of Alertmanager with these values of the strategy."""
    strategy = {"properties": {"type": {"type": "string", "enum": list(values)}}}
    spec = {"properties": {"alertmanagerConfigMatcherStrategy": strategy}}
    schema = {"openAPIV3Schema": {"properties": {"spec": spec}}}
    return {"spec": {"versions": [{"name": "v1", "served": True, "schema": schema}]}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (crd("OnNamespace", "OnNamespaceExceptForAlertmanagerNamespace", "None"), True),
        (crd("OnNamespace", "None"), False),
        ({"spec": {"versions": [{"name": "v1", "served": True}]}}, False),
        # What may not be read is left to the server.
        (None, True),
    ],
)
def test_an_older_crd_does_not_know_the_strategy(found: JsonObject | None, expected: bool) -> None:
    assert knows_strategy(found) is expected
