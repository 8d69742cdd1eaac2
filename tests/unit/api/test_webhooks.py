"""A webhook that cannot be called: what the API server says of it, whose it is, and how long a run waits for it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import (
    LONGEST_GAP,
    PATIENCE,
    FailingWebhook,
    Outages,
    advice,
    failing_webhook,
    registrations_of,
    rule_matches,
)

JsonObject = dict[str, t.Any]

CALLED = 'Internal error occurred: failed calling webhook "rules.example.com": failed to call webhook: '
POST = 'Post "https://hooks.tools.svc:443/check?timeout=10s": '
RULE: JsonObject = {
    "apiGroups": ["monitoring.coreos.com"],
    "apiVersions": ["*"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["prometheusrules"],
}


def body(message: str) -> JsonObject:
    return {"kind": "Status", "reason": "InternalError", "message": message}


# As kube-apiserver 1.36 words them.
REASONS = [
    (POST + 'service "hooks" not found', True),
    (POST + 'no service port 443 found for service "hooks"', True),
    (POST + 'cannot route to service with ClusterIP "None"', True),
    (POST + 'unsupported service type ""', True),
    ("could not get REST client: unable to load root certificates: unable to parse bytes as PEM block", True),
    (POST + 'no endpoints available for service "hooks"', False),
    (POST + "dial tcp 10.96.4.2:443: connect: connection refused", False),
    (POST + "context deadline exceeded", False),
    (POST + "tls: failed to verify certificate: x509: certificate signed by unknown authority", False),
    (POST + "EOF", False),
    ("the server could not find the requested resource", False),
]


@pytest.mark.parametrize(("reason", "lasting"), REASONS, ids=lambda value: str(value)[-40:])
def test_what_the_api_server_says(reason: str, lasting: bool) -> None:
    found = failing_webhook(500, body(CALLED + reason))
    assert found is not None
    assert found.name == "rules.example.com"
    assert found.reason.endswith(reason)
    assert found.service == ("tools/hooks" if reason.startswith("Post") else "")
    assert found.is_lasting is lasting


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, 'admission webhook "rules.example.com" denied the request: no'),
        (400, 'admission webhook "rules.example.com" does not support dry run'),
        (422, 'ValidatingAdmissionPolicy "p" with binding "b" denied request: no'),
        # An object whose values have such words.
        (422, CALLED + "x"),
        (500, "etcdserver: leader changed"),
        (500, 'conversion webhook for example.com/v1, Kind=Widget failed: Post "https://a.b.svc:443/": EOF'),
        (503, ""),
    ],
)
def test_other_refusals_are_not_meant(status: int, message: str) -> None:
    assert failing_webhook(status, body(message)) is None
    assert failing_webhook(status, None) is None


def webhook(name: str, *, service: str = "hooks", **fields: t.Any) -> JsonObject:
    client = {"service": {"namespace": "tools", "name": service}} if service else {"url": "https://192.0.2.1/"}
    return {"name": name, "clientConfig": client, "failurePolicy": "Fail", "rules": [RULE], **fields}


def configuration(name: str, *webhooks: JsonObject, kind: str = "Validating", **metadata: t.Any) -> JsonObject:
    return {
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name, **metadata},
        "webhooks": list(webhooks),
    }


FAILING = FailingWebhook(name="rules.example.com", reason='service "hooks" not found', service="tools/hooks")


def test_the_configuration_is_found_by_name_and_service() -> None:
    own = configuration("own", webhook("other.example.com"), webhook("rules.example.com"))
    found = registrations_of(
        FAILING,
        [
            configuration("ignores", webhook("rules.example.com", failurePolicy="Ignore")),
            configuration("elsewhere", webhook("rules.example.com", service="others")),
            configuration("different", webhook("x.example.com")),
            configuration("empty"),
            own,
        ],
    )
    assert [(str(one), one.more, one.selective) for one in found] == [("ValidatingWebhookConfiguration own", 1, False)]
    by_url = FailingWebhook(name="rules.example.com", reason="EOF", service="")
    (only,) = registrations_of(
        by_url, [configuration("url", webhook("rules.example.com", service=""), kind="Mutating")]
    )
    assert only.command == "mutatingwebhookconfiguration url"


@pytest.mark.parametrize(
    ("fields", "refuses"),
    [({}, True), ({"namespaceSelector": {}}, True), ({"namespaceSelector": {"matchLabels": {"a": "b"}}}, False)],
)
def test_which_other_objects_it_refuses(fields: JsonObject, refuses: bool) -> None:
    (found,) = registrations_of(FAILING, [configuration("own", webhook("rules.example.com", **fields))])
    failing = FailingWebhook(name="n", reason="r", service="", registrations=(found,))
    assert failing.refuses("monitoring.coreos.com", "prometheusrules", operation="CREATE") is refuses
    assert not failing.refuses("monitoring.coreos.com", "prometheusrules", operation="DELETE")
    assert not failing.refuses("monitoring.coreos.com", "prometheuses", operation="CREATE")


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({}, True),
        ({"apiGroups": ["*"], "resources": ["*"], "operations": ["*"]}, True),
        ({"resources": ["*/*"]}, True),
        ({"resources": ["prometheusrules/*"]}, True),
        ({"resources": ["prometheusrules/status"]}, False),
        ({"resources": ["*/status"]}, False),
        ({"apiGroups": [""]}, False),
        ({"operations": ["DELETE"]}, False),
        ({"operations": None, "resources": None}, False),
    ],
    ids=str,
)
def test_rules(rule: JsonObject, matches: bool) -> None:
    given = {**RULE, **rule}
    assert rule_matches(given, "monitoring.coreos.com", "prometheusrules", operations=("CREATE",)) is matches


def test_what_to_do_names_the_object_and_its_owner() -> None:
    helm = {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "monitoring"}
    known = registrations_of(FAILING, [configuration("own", webhook("rules.example.com"), annotations=helm)])
    failing = FailingWebhook(name=FAILING.name, reason=FAILING.reason, service="tools/hooks", registrations=known)
    text = advice(failing)
    for part in (
        "ValidatingWebhookConfiguration own (of the Helm release monitoring/kps)",
        "Service tools/hooks",
        "kubectl get validatingwebhookconfiguration own -o yaml",
        "kubectl delete validatingwebhookconfiguration own.",
        "It belongs to the Helm release monitoring/kps: ask its owner before you delete it",
    ):
        assert part in text
    unknown = advice(FAILING)
    assert "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations" in unknown
    assert "grep -F rules.example.com" in unknown
    error = ApiError(method="PATCH", path="/x", status=500, body=body("words"), text="", attempts=3, webhook=failing)
    assert error.server_message == f"words (HTTP 500, tried 3 times){text}"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


RESTARTING = FailingWebhook(name="rules.example.com", reason='no endpoints available for service "h"', service="")


def test_a_webhook_that_leads_nowhere_is_never_asked_again() -> None:
    assert Outages(clock=Clock()).follow()(FAILING) is False


def test_the_time_to_wait_for_a_webhook_is_that_of_the_run() -> None:
    clock = Clock()
    outages = Outages(clock=clock)
    first, second = outages.follow(), outages.follow()
    assert first(RESTARTING)
    clock.now += PATIENCE * 0.75
    assert second(RESTARTING)
    clock.now += PATIENCE * 0.5
    assert not first(RESTARTING)
    # What comes later does not get a time of its own.
    assert not outages.follow()(RESTARTING)
    assert outages.follow()(FailingWebhook(name="another", reason="EOF", service=""))


def test_a_webhook_that_came_back_may_restart_again_until_the_time_is_over() -> None:
    clock = Clock()
    outages = Outages(clock=clock)
    request = outages.follow()
    assert request(RESTARTING)
    clock.now += PATIENCE / 2
    assert request(None)
    clock.now += 1000
    request = outages.follow()
    assert request(RESTARTING)
    clock.now += PATIENCE / 4
    assert request(RESTARTING)
    clock.now += PATIENCE / 2
    assert not request(RESTARTING)


def test_an_outage_whose_end_nobody_saw_does_not_count_for_ever() -> None:
    clock = Clock()
    outages = Outages(clock=clock)
    assert outages.follow()(RESTARTING)
    clock.now += LONGEST_GAP * 5
    assert outages.follow()(RESTARTING)
