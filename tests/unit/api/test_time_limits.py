"""The time limits of a request's attempts, as the connection gets them."""

from __future__ import annotations

import typing as t

import pytest
import urllib3
from ansible_collections.promfleet.monitoring.plugins.module_utils._api import transport
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import FIRST_CONTACT, PATIENT, within
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import Transport


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Pool:
    """A server that takes every request, and gives no answer within its time limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limits: list[tuple[float, float]] = []
        self.answering = False

    def request(self, *_request: t.Any, timeout: urllib3.Timeout, **_more: t.Any) -> t.Any:
        given = t.cast("tuple[float, float]", (timeout.connect_timeout, timeout.read_timeout))
        self.limits.append(given)
        if self.answering:
            return urllib3.HTTPResponse(body=b"{}", status=200, preload_content=True)
        self._clock.now += self.limits[-1][1]
        raise urllib3.exceptions.ReadTimeoutError(t.cast("t.Any", None), "/", "Read timed out.")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(transport, "time", found)
    return found


@pytest.fixture
def pool(clock: Clock) -> Pool:
    return Pool(clock)


@pytest.fixture
def server(pool: Pool) -> Transport:
    class Stub:
        host = "https://192.0.2.1"

        def headers(self) -> dict[str, str]:
            return {}

    stub: t.Any = Stub()
    stub.pool = pool
    return Transport(connection=stub)


def test_a_first_contact_takes_no_longer_than_all_of_the_run(server: Transport, pool: Pool, clock: Clock) -> None:
    server.patience = within(PATIENT, 3)
    with pytest.raises(Unreachable):
        server.request("GET", "/")
    assert pool.limits == [(3, 3)]
    assert clock.now == 3


def test_a_first_contact_is_short_in_a_long_run(server: Transport, pool: Pool) -> None:
    with pytest.raises(Unreachable):
        server.request("GET", "/")
    assert pool.limits == [(FIRST_CONTACT.connect, FIRST_CONTACT.read)]


def test_all_attempts_together_take_what_one_request_may(server: Transport, pool: Pool, clock: Clock) -> None:
    pool.answering = True
    server.request("GET", "/")
    pool.answering, clock.now = False, 0.0
    patience = within(PATIENT, 100)
    with pytest.raises(Unreachable):
        server.request("GET", "/", patience=patience)
    assert len(pool.limits) > 2
    # The last one may begin in the last moment, and gets a second then.
    assert clock.now <= patience.total + 1
