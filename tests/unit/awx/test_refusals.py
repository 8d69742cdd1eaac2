"""What is refused before AWX is asked: never less than AWX refuses, as its own libraries and sources say."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import notices, refusals, starts
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.support.awx_rules import NOTIFICATION_DEFAULTS, NOTIFICATION_FIELDS, NOTIFICATION_TYPES

GOOD = (
    "DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1",
    "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=9",
    "DTSTART:20260101T030000Z RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=MO;BYSETPOS=-1;UNTIL=20270101T000000Z",
    "DTSTART:20260101T030000Z RRULE:FREQ=HOURLY;INTERVAL=1 EXRULE:FREQ=HOURLY;INTERVAL=1;BYHOUR=1,2",
)


@pytest.mark.parametrize("text", GOOD)
def test_times_that_awx_takes(text: str) -> None:
    rrulestr(text, forceset=True)
    assert starts.rrule_problems(text) == []


PARTS = st.sampled_from(
    [
        "FREQ=DAILY",
        "FREQ=WEEKLY",
        "FREQ=NIGHTLY",
        "FREQ=",
        "INTERVAL=1",
        "INTERVAL=0",
        "INTERVAL=x",
        "INTERVAL",
        "COUNT=5",
        "COUNT=0",
        "COUNT=-1",
        "COUNT=1.5",
        "COUNT=²",
        "UNTIL=20270101T000000Z",
        "UNTIL=20270101T000000",
        "UNTIL=tomorrow",
        "BYDAY=MO",
        "BYDAY=MO,XX",
        "BYDAY=",
        "BYHOUR=3",
        "BYHOUR=three",
        "BYHOUR=24",
        "BYMINUTE=60",
        "BYMONTHDAY=-1",
        "BYMONTH=1,2",
        "BYMONTH=13",
        "WKST=MO",
        "WKST=today",
        "BYSETPOS=1",
        "BYSETPOS=0",
        "BYFOO=1",
    ]
)
BEGINNINGS = st.sampled_from(
    ["DTSTART:20260101T030000Z", "DTSTART:20261301T030000Z", "DTSTART;TZID=Europe/Berlin:20260101T030000",
     "DTSTART;TZID=Europe/Berlon:20260101T030000", "DTSTART:20260101T250000Z"]
)  # fmt: skip


@given(BEGINNINGS, st.lists(PARTS, max_size=4))
def test_what_is_not_refused_can_be_read_by_awx(beginning: str, parts: list[str]) -> None:
    text = f"{beginning} RRULE:{';'.join(['FREQ=DAILY', 'INTERVAL=1', *parts])}"
    if not starts.rrule_problems(text):
        rrulestr(text, forceset=True)


def test_the_types_of_notifications_are_those_of_awx() -> None:
    assert {
        name: {
            field: notices.Field(
                NOTIFICATION_TYPES[kind], NOTIFICATION_DEFAULTS.get(name, {}).get(field), secret=kind == "password"
            )
            for field, kind in fields.items()
        }
        for name, fields in NOTIFICATION_FIELDS.items()
    } == notices.TYPES


def test_an_empty_password_may_be_seen() -> None:
    """As for a mail server that asks for none; AWX requires the field."""
    configuration = {
        "host": "mail.example.com", "port": 25, "username": "", "password": "", "use_tls": False, "use_ssl": False,
        "sender": "awx@example.com", "recipients": ["team@example.com"],
    }  # fmt: skip
    errors = Errors()
    entry = {"type": "email", "configuration": configuration, "secret_files": {}}
    notices.check(entry, place="notifications[0]", errors=errors)
    errors.require_none()


@pytest.mark.parametrize(
    "text",
    ["https://git.example.com/fleet.git", "git@example.com:fleet.git", "ssh://git@example.com:2222/fleet.git",
     "example.com:team/fleet.git", "file:///srv/fleet.git"],
)  # fmt: skip
def test_addresses_of_repositories(text: str) -> None:
    assert refusals.url_problem(text) is None


@pytest.mark.parametrize(
    "text", ["fleet", "https://git.example.com", "ftp://example.com/x", "https://a:b@c/d", "http://[x"]
)
def test_what_is_no_address_of_a_repository(text: str) -> None:
    assert refusals.url_problem(text)
