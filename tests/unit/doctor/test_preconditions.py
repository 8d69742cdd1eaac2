"""What a run needs before it writes, as findings."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.preconditions import (
    CertificateFacts,
    Denial,
    PathFacts,
    RunFacts,
    SchemaFacts,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import known_later


def run(denial: t.Any) -> RunFacts:
    return RunFacts(cluster="hub", capability="teams", denial=denial)


def schema(unknown: t.Any) -> SchemaFacts:
    return SchemaFacts(cluster="hub", crd="servicemonitors.monitoring.coreos.com", unknown=unknown)


def certificate(names: t.Any, *, fits: bool) -> CertificateFacts:
    return CertificateFacts(cluster="edge", namespace="n", team="pay", wanted="a.example", names=names, fits=fits)


# Facts, the code of the finding, and words of its message.
CASES: tuple[tuple[Facts, str, str], ...] = (
    (run(Denial(missing=("create services",))), "PF120", "the run of teams needs rights"),
    (run(Denial(reason="another operator")), "PF121", "refused before its first write: another operator"),
    (schema(("spec.x",)), "PF122", "does not know fields of the objects to come: spec.x"),
    (certificate(("b.example",), fits=False), "PF123", "reads it as a.example, and the certificate has the names b.ex"),
)
CODES = {code for _facts, code, _words in CASES}


@pytest.mark.parametrize(("facts", "code", "words"), CASES, ids=sorted(CODES))
def test_a_reason_against_a_run_is_a_finding(facts: Facts, code: str, words: str) -> None:
    (finding,) = judge_all([facts])[1]
    assert finding.code == code
    assert words in finding.message


def test_where_nothing_is_against_it_all_is_well() -> None:
    links, findings = judge_all([run(None), schema(()), certificate(("a.example",), fits=True)])
    assert findings == []
    assert {link.check for link in links} == {"run_rights", "run_allowed", "crd_fields", "certificate_name"}


def test_rights_that_are_missing_leave_open_whether_the_run_would_be_refused() -> None:
    links, _findings = judge_all([run(Denial(missing=("create services",)))])
    assert [link.check for link in links] == ["run_rights"]


def test_what_cannot_be_known_yet_is_said_once_and_is_not_well() -> None:
    later = known_later("hub")
    facts = [PathFacts(cluster="hub", reached=later), certificate(later, fits=True)]
    links, (finding,) = judge_all(facts)
    assert finding.code == "PF009"
    assert finding.evidence["checks"] == ("path_to_source", "certificate_name")
    assert all(link.finding is finding for link in links)
