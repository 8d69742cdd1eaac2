"""The order in which kinds are applied."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import PHASES, phase_of


@pytest.mark.parametrize("kind", [*(kind for kinds in PHASES for kind in sorted(kinds)), "PodMonitor", "Anything"])
def test_a_quota_comes_after_all_that_it_can_count(kind: str) -> None:
    assert phase_of(kind) < phase_of("ResourceQuota")


def test_kinds_without_a_phase_of_their_own_come_after_those_with_one() -> None:
    assert {phase_of("PodMonitor"), phase_of("Anything")} == {len(PHASES)}
