"""The table of risks is whole, and the documentation has it."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    ALERTMANAGER,
    BY_PROGRAM,
    BY_SERVER,
    BY_SOURCE,
    OPERATOR,
    PROMETHEUS,
    Risk,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import READS, RISKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version

from tests.tools import upgrades

UPSTREAM = (
    "https://github.com/prometheus-operator/prometheus-operator/pull/",
    "https://github.com/prometheus/prometheus/pull/",
    "https://github.com/prometheus/alertmanager/pull/",
    "https://prometheus.io/docs/prometheus/latest/migration/#",
)
# What the issue is about: 0.72 to 0.93 of the operator, and 2.x to 3.x of Prometheus.
SPANS = {
    OPERATOR: ("0.72.0", "0.93.1"),
    PROMETHEUS: ("2.50.0", "3.13.5"),
    ALERTMANAGER: ("0.26.0", "0.33.1"),
}


def test_ids_are_unique_and_there_are_many() -> None:
    assert len({risk.id for risk in RISKS}) == len(RISKS) >= 15
    assert {risk.component for risk in RISKS} == set(SPANS)
    assert "Secret" not in READS


@pytest.mark.parametrize("risk", RISKS, ids=lambda risk: risk.id)
def test_a_row_is_whole(risk: Risk) -> None:
    assert risk.reference.startswith(UPSTREAM)
    assert risk.proof in (BY_SERVER, BY_PROGRAM, BY_SOURCE)
    assert risk.reads
    assert risk.breaks.endswith(".")
    assert not risk.title.endswith(".")
    assert not risk.fix.endswith(".")
    before, after = map(parse_version, SPANS[risk.component])
    assert before in risk.before
    # Two rows are about one release only, which the next one took back.
    assert (after in risk.after) == ("," not in str(risk.after))


def test_the_documentation_has_the_table() -> None:
    page = upgrades.PAGE.read_text(encoding="utf-8")
    assert page == upgrades.page(page), "make upgrades writes it again"
