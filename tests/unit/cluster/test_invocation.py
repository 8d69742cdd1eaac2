"""What a result repeats of a module's arguments."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._module import ARGUMENT_ITEMS, invocation


@pytest.mark.parametrize("number", [0, 1, ARGUMENT_ITEMS])
def test_what_is_short_is_told_as_it_is(number: int) -> None:
    params = {"teams": [{"name": f"team-{index}"} for index in range(number)], "cluster": "hub", "prune": None}
    assert invocation(params) == {"module_args": params}


def test_of_what_is_long_only_the_length_is_told() -> None:
    params = {"teams": [{"name": "a"}] * (ARGUMENT_ITEMS + 1), "platform": dict.fromkeys(range(1000)), "name": "x" * 99}
    told = {"teams": "51 items", "platform": "1000 items", "name": "x" * 99}
    assert invocation(params) == {"module_args": told}
    assert len(params["teams"]) == ARGUMENT_ITEMS + 1
