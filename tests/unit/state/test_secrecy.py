"""No value of a secret is shown, whatever carries it: a diff, a result, or the server's own message."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.write import refusal
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import (
    HIDDEN,
    HIDDEN_CHANGED,
    hidden,
    safe_text,
    without_secrets,
)
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
CANARY = "canary-8c1f0d7e"
ENCODED = "Y2FuYXJ5LThjMWYwZDdl"


def prometheus(spec: JsonObject) -> JsonObject:
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "p"}, "spec": spec}


SECRET: JsonObject = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": ENCODED}}
CARRIERS: dict[str, JsonObject] = {
    "data of a Secret": SECRET,
    "string data of a Secret": {**SECRET, "data": {}, "stringData": {"k": CANARY}},
    "the annotation of client-side apply": {
        **SECRET,
        "data": {},
        "metadata": {"name": "s", "annotations": {LAST_APPLIED: json.dumps({"data": {"k": ENCODED}})}},
    },
    "a field named like a secret": prometheus({"remoteWrite": [{"basicAuth": {"password": CANARY}}]}),
    "a header": prometheus({"remoteWrite": [{"headers": {"X-Api-Key": CANARY}}]}),
    "a variable of the environment": prometheus({"containers": [{"env": [{"name": "DB_PASSWORD", "value": CANARY}]}]}),
    "an argument": prometheus({"additionalArgs": [{"name": "remote.api-key", "value": CANARY}]}),
    "a password in a URL": prometheus({"remoteWrite": [{"url": f"https://user:{CANARY}@example.com/write"}]}),
}


@pytest.mark.parametrize("obj", CARRIERS.values(), ids=CARRIERS.keys())
def test_a_secret_is_hidden_in_both_states(obj: JsonObject) -> None:
    for before, after in ((obj, obj), ({}, obj), (obj, {})):
        shown = json.dumps(hidden(obj["kind"], before, after))
        assert CANARY not in shown
        assert ENCODED not in shown


@pytest.mark.parametrize("obj", CARRIERS.values(), ids=CARRIERS.keys())
def test_a_server_that_quotes_a_secret_is_not_quoted(obj: JsonObject) -> None:
    body = {"message": f'Invalid value: "{CANARY}" ({ENCODED})', "reason": "Invalid"}
    if ENCODED not in json.dumps(obj):
        body["message"] = f'spec: Invalid value: "https://user:{CANARY}@example.com"'
    error = ApiError(method="PATCH", path="/", status=422, body=body, text="")
    message = refusal(Write(desired=obj, live=None), error).message
    assert CANARY not in message
    assert ENCODED not in message


def test_a_change_shows_that_it_is_one() -> None:
    old, new = (prometheus({"url": f"https://u:{word}@h", "token": word}) for word in ("old-word", "new-word"))
    before, after = hidden("Prometheus", old, new)
    assert before["spec"] == {"url": f"https://{HIDDEN}@h", "token": HIDDEN}
    assert after["spec"] == {"url": f"https://{HIDDEN_CHANGED}@h", "token": HIDDEN_CHANGED}


def test_references_and_other_values_stay_readable() -> None:
    spec = {
        "basicAuth": {"password": {"name": "s", "key": "password"}}, "secrets": ["a"], "passwordFile": "/etc/p",
        "additionalArgs": [{"name": "web.token-file", "value": "/etc/token"}, {"name": "log.level", "value": "debug"}],
    }  # fmt: skip
    assert hidden("Prometheus", prometheus(spec), prometheus(spec))[1] == prometheus(spec)


def test_a_message_without_secrets_stays_as_it_is() -> None:
    message = 'spec.replicas: Invalid value: "x": must be of type integer'
    assert without_secrets(message, prometheus({"replicas": "x", "token": "another-word"})) == message


def test_a_value_too_short_to_cut_out_hides_the_message() -> None:
    assert "abc" not in without_secrets('Invalid value: "abc"', prometheus({"token": "abc"}))


def test_conflicts_name_field_and_manager() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "field": f,
            "message": f'conflict with "{m}" using v1 at 2026-01-01T00:00:00Z',
        }
        for f, m in ((".spec.replicas", "hpa"), (".data.a", "kubectl-edit"))
    ]
    error = ApiError(method="PATCH", path="/", status=409, body={"details": {"causes": causes}}, text="")
    failure = refusal(Write(desired=prometheus({}), live=None), error)
    assert failure.result()["conflicts"] == [
        {"field": ".data.a", "manager": "kubectl-edit"},
        {"field": ".spec.replicas", "manager": "hpa"},
    ]
    assert '.spec.replicas (owned by "hpa")' in str(failure)
    assert "force_conflicts" in str(failure)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Get "http://u:canary@192.0.2.1:9090/federate?match%5B%5D=up": refused',
            f'Get "http://{HIDDEN}@192.0.2.1:9090/federate?match%5B%5D=up": refused',
        ),
        ("https://canary@h/x", f"https://{HIDDEN}@h/x"),
        ("http://a:canary@canary@h/", f"http://{HIDDEN}@h/"),
        ("http://h/x?token=canary&match[]=up", f"http://h/x?token={HIDDEN}&match[]=up"),
        ("password: canary, next", f"password: {HIDDEN}, next"),
        ("Authorization: Bearer canary-8c1f0d7e", f"Authorization: Bearer {HIDDEN}"),
        ('{"apiKey":"canary canary"}', f'{{"apiKey":"{HIDDEN}"}}'),
        ("token eyJhbGciOi.eyJzdWIi.canary", f"token {HIDDEN}"),
    ],
)
def test_secrets_in_texts_of_others_are_cut_out(text: str, expected: str) -> None:
    assert safe_text(text) == expected
    assert safe_text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        'secrets "x" is forbidden: User "y" cannot list resource "secrets" in API group ""',
        "basic authentication failed",
        'HTTP 404: /api/v1/pods?labelSelector=a%3Db&limit=500: unknown field "spec.token"',
        "http://192.0.2.7:31090/federate?match%5B%5D=%7B__name__%3D~%22x%22%7D: context deadline exceeded",
        'spec.endpoints[0].path is "/x", not "/federate"',
    ],
)
def test_texts_without_secrets_stay_as_they_are(text: str) -> None:
    assert safe_text(text) == text


@given(st.text())
def test_what_was_cut_out_once_stays_so(text: str) -> None:
    once = safe_text(text)
    assert safe_text(once) == once
