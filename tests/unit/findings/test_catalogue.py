"""The catalogue is the one place: what is documented, shipped and explained comes from it."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import (
    CODES,
    RETIRED,
    SEVERITIES,
    WHEN,
    Code,
    code_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.modules import findings_info, monitoring_verify

from tests.tools.findings import files

CHECKOUT = Path(__file__).resolve().parents[3]
ENTRIES = list(CODES.values())
OBJECT = {"cluster", "kind", "namespace", "name"}


def braces(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", text))


def test_codes_are_unique_and_none_is_used_again() -> None:
    source = (CHECKOUT / "plugins/module_utils/_findings/catalogue.py").read_text()
    written = re.findall(r'code="(PF\d{3})"', source)
    assert len(written) == len(set(written)) == len(CODES)
    assert not CODES.keys() & RETIRED.keys()
    assert list(CODES) == sorted(CODES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_an_entry_is_whole(entry: Code) -> None:
    assert entry.severity in SEVERITIES
    assert set(entry.when) <= set(WHEN)
    assert entry.when
    assert entry.title
    assert entry.meaning.endswith(".")
    assert entry.fix
    assert entry.reference.startswith("https://")
    assert braces(entry.fix) <= entry.fields | OBJECT
    assert set(entry.identity) <= entry.fields
    assert set(entry.explained_by) <= CODES.keys() - {entry.code}
    # What was not observed names the checks that nobody made.
    assert entry.observed == ("checks" not in entry.fields)
    # What is merely not known yet is no fault.
    assert entry.observed or entry.severity == "error" or entry.when == ("before",)


def test_causes_have_no_cycles() -> None:
    def above(code: str, path: tuple[str, ...]) -> None:
        assert code not in path, path
        for cause in CODES[code].explained_by:
            above(cause, (*path, code))

    for code in CODES:
        above(code, ())


def test_every_code_is_made_somewhere() -> None:
    utils = CHECKOUT / "plugins/module_utils"
    text = "".join(
        path.read_text() for path in utils.rglob("*.py") if path.name != "catalogue.py" and "_base" not in path.parts
    )
    assert {code for code in CODES if f'"{code}"' not in text} == set()
    assert set(re.findall(r'"(PF\d{3})"', text)) <= CODES.keys()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_a_finding_has_exactly_the_evidence_of_its_sentence(entry: Code) -> None:
    evidence: dict[str, t.Any] = dict.fromkeys(entry.fields, "x")
    obj = Subject(cluster="hub", kind="Prometheus", namespace="n", name="p")
    finding = found(entry.code, obj, **evidence)
    assert "{" not in finding.message + finding.fix
    with pytest.raises(ValueError, match=entry.code):
        found(entry.code, obj, **evidence, more=1)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_shipped_files_are_the_generated_ones(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run make findings"


def explained(code: str | None) -> t.Any:
    return findings_info.work(Run(params={"code": code}, check=False))["codes"]


def test_explain() -> None:
    assert [entry["code"] for entry in explained(None)] == list(CODES)
    assert [entry["title"] for entry in explained(" pf304 ")] == ["A federated target is down"]
    with pytest.raises(InputError, match=r"code: 'PF9O1' is not a code of a finding; did you mean 'PF901'\?"):
        explained("PF9O1")


def test_a_retired_code_says_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETIRED, "PF998", "it was merged into PF304")
    with pytest.raises(InputError, match="PF998 is retired: it was merged into PF304"):
        code_named("PF998", path="code")


def test_module_documentation_names_what_is_returned() -> None:
    documented = yaml.safe_load(monitoring_verify.RETURN)["findings"]["contains"]
    obj = Subject(cluster="hub", kind="Prometheus", namespace="n", name="p")
    result = found("PF102", obj).result()
    assert documented.keys() == result.keys()
    assert yaml.safe_load(findings_info.RETURN)["codes"]["contains"].keys() == CODES["PF102"].result().keys()
    sample = documented["code"]["sample"]
    assert documented["title"]["sample"] == CODES[sample].title
    assert documented["cause"]["sample"] == CODES[sample].meaning
    assert documented["fix"]["sample"] == CODES[sample].fix
