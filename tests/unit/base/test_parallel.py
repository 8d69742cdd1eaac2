"""Many calls at the same time."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side

WORKERS = 4


@pytest.mark.parametrize("count", [0, 1, WORKERS, 50])
def test_results_have_the_order_of_the_items(count: int) -> None:
    assert side_by_side(lambda item: item * 2, iter(range(count)), workers=WORKERS) == [2 * one for one in range(count)]


def test_calls_run_at_the_same_time() -> None:
    together = threading.Barrier(WORKERS, timeout=30)
    assert len({*side_by_side(lambda _item: together.wait(), range(WORKERS), workers=WORKERS)}) == WORKERS


def test_after_a_failure_no_call_begins_and_the_first_failed_item_is_named() -> None:
    together = threading.Barrier(WORKERS, timeout=30)
    begun: list[int] = []

    def fail(item: int) -> None:
        begun.append(item)
        together.wait()
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        side_by_side(fail, range(1000), workers=WORKERS)
    assert sorted(begun) == [*range(WORKERS)]


def test_calls_under_way_are_waited_for() -> None:
    begun, ended = threading.Event(), threading.Event()

    def one(item: int) -> None:
        if item == 0:
            assert begun.wait(30)
            raise ValueError("first")
        begun.set()
        ended.set()

    with pytest.raises(ValueError, match="first"):
        side_by_side(one, range(2), workers=2)
    assert ended.is_set()
