"""What is said of a module's arguments."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.arguments import ITEMS, without_long


@pytest.mark.parametrize("number", [0, 1, ITEMS])
def test_what_is_short_is_told_as_it_is(number: int) -> None:
    given = {"teams": [{"name": f"team-{index}"} for index in range(number)], "cluster": "hub", "prune": None}
    assert without_long(given) == given


def test_of_what_is_long_only_the_length_is_told() -> None:
    given = {"teams": [{"name": "a"}] * (ITEMS + 1), "platform": dict.fromkeys(range(1000)), "name": "x" * 99}
    assert without_long(given) == {"teams": "51 items", "platform": "1000 items", "name": "x" * 99}
    assert len(given["teams"]) == ITEMS + 1
