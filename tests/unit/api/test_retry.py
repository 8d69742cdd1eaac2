"""Which answers ask for the same request again, and how long a request may take."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import (
    FIRST_CONTACT,
    MAX_PAUSE,
    MAX_RETRY_AFTER,
    PATIENT,
    is_transient,
    pause_before,
)

JsonObject = dict[str, t.Any]
SOMETHING: JsonObject = {"kind": "Status"}
MANAGERS: JsonObject = {"details": {"causes": [{"reason": "FieldManagerConflict"}]}}


@pytest.mark.parametrize(
    ("verb", "status", "body", "again"),
    [
        ("GET", 200, SOMETHING, False),
        ("GET", 200, None, True),  # cut off on its way
        ("apply", 201, None, True),
        ("GET", 404, None, False),
        ("GET", 410, SOMETHING, False),  # the whole LIST begins again, not this page
        ("GET", 429, None, True),
        ("GET", 500, SOMETHING, True),
        ("GET", 502, None, True),
        ("DELETE", 503, SOMETHING, True),
        ("PATCH", 504, SOMETHING, True),
        ("apply", 409, SOMETHING, True),
        ("apply", 409, None, True),
        ("apply", 409, MANAGERS, False),
        ("PATCH", 409, SOMETHING, False),  # a takeover names the version that it read
        ("PUT", 409, SOMETHING, False),  # the version that was seen is gone: whoever wrote it decides anew
        ("POST", 409, SOMETHING, False),
        ("DELETE", 409, SOMETHING, False),
        ("apply", 400, SOMETHING, False),
        ("apply", 403, SOMETHING, False),
        ("apply", 422, SOMETHING, False),
    ],
)
def test_only_what_may_pass_is_asked_again(verb: str, status: int, body: JsonObject | None, again: bool) -> None:
    assert is_transient(verb, status, body) is again


def test_pauses_grow_up_to_a_bound() -> None:
    pauses = [pause_before(attempt, patience=PATIENT) for attempt in range(1, PATIENT.attempts)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_PAUSE
    # A control plane that restarts is away for some seconds; a run does not outlast more than that.
    assert 10 < sum(pauses) < 30


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("9999", MAX_RETRY_AFTER), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.25), (None, 0.25)],
)
def test_the_server_says_when_to_come_back(header: str | None, seconds: float) -> None:
    assert pause_before(1, patience=PATIENT, retry_after=header) == seconds
    assert pause_before(1, patience=PATIENT, retry_after="3", spread=0.5) == 3.0


def test_a_server_that_never_answers_is_left_out_soon() -> None:
    assert FIRST_CONTACT.total <= 15
    assert FIRST_CONTACT.connect <= FIRST_CONTACT.read <= 15
