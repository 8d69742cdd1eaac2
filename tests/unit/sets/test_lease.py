"""What a Lease says, and who is told to hold it."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.lease import Seen, identity

JsonObject = dict[str, t.Any]


def seen(**spec: t.Any) -> Seen:
    return Seen(live={"metadata": {"name": "x", "resourceVersion": "7"}, "spec": spec})


def test_a_run_tells_who_and_where_it_is_and_no_two_say_the_same() -> None:
    first, second = identity({}), identity({})
    assert first != second
    assert f", pid {os.getpid()} (" in first
    assert "@" in first
    assert f", pid {os.getpid()}, job 4711 (" in identity({"JOB_ID": "4711"})


@pytest.mark.parametrize(
    ("before", "holder", "transitions", "same_start"),
    [
        (Seen(live=None), "me", 1, False),
        (seen(holderIdentity="", leaseTransitions=3), "me", 4, False),
        (seen(holderIdentity="other", leaseTransitions=3), "me", 4, False),
        (seen(holderIdentity="me", leaseTransitions=3, acquireTime="then"), "me", 3, True),  # renewed
        (seen(holderIdentity="me", leaseTransitions=3, acquireTime="then"), "", 3, False),  # released
    ],
)
def test_a_lease_counts_its_holders(before: Seen, holder: str, transitions: int, same_start: bool) -> None:
    body = lease._body(lease.Lock(namespace="kube-system", name="x"), seen=before, holder=holder)
    assert body["spec"]["holderIdentity"] == holder
    assert body["spec"]["leaseTransitions"] == transitions
    assert (body["spec"]["acquireTime"] == "then") is same_start
    assert body["metadata"].get("resourceVersion", "") == before.version


def test_without_a_word_of_the_holder_the_usual_duration_counts() -> None:
    assert seen(holderIdentity="other", leaseDurationSeconds=4).duration == 4
    assert seen(holderIdentity="other").duration == lease.DURATION
