"""Selectors of match[] that find alerts."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.alerts import split_alerts
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector


@pytest.mark.parametrize(
    ("selector", "rest", "alerts"),
    [
        ("ALERTS", False, "ALERTS"),
        ('ALERTS{alertstate="firing"}', False, 'ALERTS{alertstate="firing"}'),
        ('{__name__="ALERTS",alertname=~"a.*"}', False, '{__name__="ALERTS",alertname=~"a.*"}'),
        ("up", True, None),
        ("ALERTS_FOR_STATE", True, None),
        (DEFAULT_MATCH[0], True, None),
        ('{__name__!="ALERTS",job="a"}', True, None),
        ('{__name__!~"ALERTS.*",job="a"}', True, None),
        ('{__name__="up",job!="a"}', True, None),
        ('{job="a"}', True, '{__name__="ALERTS",job="a"}'),
        ('{__name__=~"ALERTS|up"}', True, '{__name__="ALERTS",__name__=~"ALERTS|up"}'),
        ("{job='it\\'s \"a\"\\n'}", True, '{__name__="ALERTS",job="it\'s \\"a\\"\\n"}'),
        # In these Go may see what Python does not.
        ('{__name__=~"(?i)alerts"}', True, '{__name__="ALERTS",__name__=~"(?i)alerts"}'),
        ('{__name__=~"[[:upper:]]+"}', True, '{__name__="ALERTS",__name__=~"[[:upper:]]+"}'),
    ],
)
def test_alerts_are_told_from_the_rest(selector: str, rest: bool, alerts: str | None) -> None:
    assert check_selector(selector) is None
    found = split_alerts([selector])
    assert found == ((selector,) if rest else (), () if alerts is None else (alerts,))
    assert [check_selector(text) for text in found[1]] in ([], [None])
