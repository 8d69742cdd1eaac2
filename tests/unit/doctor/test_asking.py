"""A question that never ends keeps neither the other questions nor the time limit from being kept."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor import asking
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Asking, Late, Limit


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What a question waits for that hangs; set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that tests can wait for."""
    monkeypatch.setattr(asking, "GRACE", 0.05)
    monkeypatch.setattr(asking, "LEAST_SECONDS", 0.05)


def hang(never: threading.Event) -> t.Callable[[Limit], str]:
    def question(_limit: Limit) -> str:
        never.wait()
        return "at last"

    return question


def test_all_answers_come_back_by_their_keys() -> None:
    counted: list[None] = []
    questions: dict[t.Hashable, t.Any] = {number: lambda _limit, number=number: number * 2 for number in range(100)}
    answers = Asking().all(questions, limit=Limit(60), at_once=7, counted=lambda: counted.append(None))
    assert answers == {number: number * 2 for number in range(100)}
    assert len(counted) == 100


def test_no_more_than_so_many_are_under_way() -> None:
    under_way: list[int] = []
    gate = threading.Semaphore(3)

    def question(_limit: Limit) -> bool:
        free = gate.acquire(blocking=False)
        if free:
            gate.release()
        under_way.append(1)
        return free

    answers = Asking().all(dict.fromkeys(range(30), question), limit=Limit(60), at_once=3)
    assert all(answers.values())
    assert len(under_way) == 30


def test_the_healthy_are_asked_however_many_hang(never: threading.Event) -> None:
    questions: dict[t.Hashable, t.Callable[[Limit], str]] = dict.fromkeys(range(40), hang(never))
    questions["healthy"] = lambda _limit: "well"
    answers = Asking().all(questions, limit=Limit(2), at_once=8)
    assert answers.pop("healthy") == "well"
    assert len(answers) == 40
    assert all(isinstance(answer, Late) and answer.seconds for answer in answers.values())


def test_each_question_gets_its_share_of_the_time() -> None:
    clock = Clock()
    shares: list[float] = []
    questions: dict[t.Hashable, t.Any] = dict.fromkeys(range(4), lambda limit: shares.append(limit.seconds))
    Asking().all(questions, limit=Limit(20, clock=clock), at_once=1)
    # Who is quick leaves more to the others.
    assert shares == [5, pytest.approx(20 / 3), 10, 20]
    shares.clear()
    Asking().all(questions, limit=Limit(20, clock=clock), at_once=1, most=6)
    assert shares == [5, 6, 6, 6]


def test_what_is_not_asked_in_time_is_told_as_that(never: threading.Event) -> None:
    clock = Clock()

    def slow(limit: Limit) -> str:
        clock.now += limit.seconds + 1
        return "slow"

    answers = Asking().all({"a": slow, "b": slow, "c": slow}, limit=Limit(0.1, clock=clock), at_once=1)
    assert answers == {"a": "slow", "b": Late(), "c": Late()}
    assert Asking().all({"a": hang(never)}, limit=Limit(0), at_once=1) == {"a": Late()}


def test_a_question_that_hangs_is_not_asked_twice(never: threading.Event) -> None:
    begun: list[int] = []

    def question(_limit: Limit) -> str:
        begun.append(1)
        never.wait()
        return "at last"

    asking_ = Asking()
    for _look in range(3):
        answers = asking_.all({"a": question}, limit=Limit(0.1), at_once=1)
        assert isinstance(answers["a"], Late)
    assert len(begun) == 1
    never.set()
    assert asking_.all({"a": question}, limit=Limit(60), at_once=1) == {"a": "at last"}


def test_an_exception_of_a_question_is_raised() -> None:
    def question(_limit: Limit) -> None:
        raise AssertionError("a fault of ours")

    with pytest.raises(AssertionError, match="a fault of ours"):
        Asking().all({"a": question}, limit=Limit(60), at_once=1)


@pytest.mark.parametrize(("share", "most", "seconds"), [(0.5, 99, 10), (0.5, 4, 4), (0.0001, 99, 0.05), (1, 99, 20)])
def test_a_part_of_the_time(share: float, most: float, seconds: float) -> None:
    assert Limit(20, clock=Clock()).part(share, most=most).seconds == seconds


def test_a_part_of_nothing_is_nothing() -> None:
    clock = Clock()
    limit = Limit(20, clock=clock)
    clock.now = 21
    assert limit.part(0.5).left == 0
